"""A study file says what is meant, or is refused with file and key."""

from __future__ import annotations

import pytest

from jnrf.study import definition, plan
from jnrf.study.metrics import parse
from jnrf_ext.errors import InputError


def test_what_is_not_said_has_a_default(data, read):
    del data["seeds"]
    study = read(data)
    assert (study.name, study.baseline, study.seeds) == ("mine", "ours", (1,))
    assert [m.name for m in study.metrics] == [
        "mentions_strict", "mentions_lenient", "relations_strict", "relations_lenient",
    ]  # fmt: skip
    assert study.reduced == ""


def test_settings_may_be_nested_and_a_systems_own_go_before_the_studys(data, read):
    data["settings"] = {"run": {"epochs": 2, "max_tokens": 9}}
    data["systems"]["ours"]["settings"] = {"run.epochs": 3}
    study = read(data)
    corpus = study.corpora["notes"]
    assert study.settings_of(study.systems["ours"], corpus) == {
        "run.epochs": 3,
        "run.max_tokens": 9,
    }


def test_variables_come_from_the_command_or_the_environment(data, read, corpus, monkeypatch):
    data["corpora"]["notes"]["train"] = "${HERE}/notes"
    monkeypatch.setenv("HERE", "/nowhere")
    study = read(data, HERE=str(corpus.parent))
    assert study.corpora["notes"].given["train"] == f"{corpus.parent}/notes"
    with pytest.raises(InputError, match="no file or folder /nowhere/notes"):
        read(data)


def test_reduced_applies_unless_the_study_is_run_in_full(data, read):
    data["reduced"] = {
        "seeds": [7],
        "limits": {"train_documents": 2},
        "settings": {"run.epochs": 1},
        "note": "for two cores",
    }
    small, full = read(data), read(data, full=True)
    assert small.reduced == (
        "at most 2 train documents a corpus; seeds 7; run.epochs 1; for two cores"
    )
    assert small.seeds == (7,)
    assert small.corpora["notes"].limits == {"train": 2}
    assert small.settings_of(small.systems["ours"], small.corpora["notes"])["run.epochs"] == 1
    assert (full.reduced, full.seeds, full.corpora["notes"].limits) == ("", (1, 2), {})


def test_reduced_may_leave_out_systems_and_corpora_and_says_so(data, read):
    data["systems"] |= {"another": {"system": "jnrf"}}
    data["baseline"] = "ours"
    data["reduced"] = {"systems": ["ours"], "corpora": ["notes"]}
    small = read(data)
    assert list(small.systems) == ["ours"]
    assert "systems ours" in small.reduced
    assert {"ours", "another"} <= set(read(data, full=True).systems)


@pytest.mark.parametrize(
    ("reduced", "message"),
    [
        ({"systems": ["our"]}, "reduced.systems: no 'our'; did you mean ours?"),
        ({"corpora": ["note"]}, "reduced.corpora: no 'note'; did you mean notes?"),
        ({"systems": ["another"]}, "reduced.systems: lacks the baseline, ours"),
    ],
)
def test_reduced_names_what_is_there_and_keeps_the_baseline(data, read, reduced, message):
    data["systems"] |= {"another": {"system": "jnrf"}}
    with pytest.raises(InputError, match=message):
        read(data | {"baseline": "ours", "reduced": reduced})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sistems": {}}, "mine.yaml: sistems: unknown key; did you mean systems?"),
        ({"systems": {}}, "systems: is missing or empty"),
        ({"systems": {"a/b": {}}}, "systems.a/b: names make folders"),
        ({"systems": {"a": {"setting": {}}}}, "systems.a.setting: unknown key; did you mean"),
        ({"systems": {"a": {"system": 3}}}, "systems.a.system: 3 is not text"),
        ({"baseline": "our"}, "baseline: no system 'our'; did you mean ours?"),
        ({"metrics": ["mentions"]}, "metrics: unknown metric 'mentions'"),
        ({"metrics": ["mentions_strict"] * 2}, "metrics: one is named twice"),
        ({"seeds": [1, 1]}, "seeds: .* each once"),
        ({"seeds": "one"}, "seeds: 'one' is no list of whole numbers"),
        ({"settings": {"run.seed": 3}}, "settings.run.seed: is what the study gives each run"),
        ({"settings": {"epochs": 3}}, "settings.epochs: settings have a section"),
        ({"settings": ["run.epochs"]}, "settings: must be a mapping"),
        ({"limits": {"train": 3}}, "limits.train: unknown key; did you mean train_documents?"),
        ({"limits": {"train_documents": 0}}, "limits.train_documents: 0 is not a whole number"),
        ({"reduced": {"epochs": 3}}, "reduced.epochs: unknown key"),
        ({"corpora": {"x": {}}}, "corpora.x: has neither train nor documents"),
        ({"corpora": {"x": {"train": "a"}}}, "corpora.x: has nothing to score"),
        ({"corpora": {"x": {"train": "/no", "dev": "/no"}}}, "x.train: no file or folder /no"),
        (
            {"corpora": {"x": {"train": "a{fold}", "dev": "b"}}},
            "corpora.x.train: .* go together",
        ),
        ({"corpora": {"x": {"documents": "a"}}}, "corpora.x: documents need either split"),
        (
            {"corpora": {"x": {"documents": "a", "split": {"train": 1, "dev": 1}}}},
            "corpora.x.split: needs train, dev and test",
        ),
        ({"corpora": {"x": {"documents": "a", "k_folds": 2}}}, "k_folds: 2 is not .* at least 3"),
        (
            {"corpora": {"x": {"documents": "a", "k_folds": 3, "dev": "b"}}},
            "corpora.x.dev: unknown key",
        ),
        ({"about": "${NOT_SET_ANYWHERE}"}, r"about: \${NOT_SET_ANYWHERE} is not set; give --set"),
    ],
)
def test_a_mistake_names_file_and_key(data, read, change, message):
    with pytest.raises(InputError, match=message) as error:
        read(data | change)
    assert "mine.yaml: " in str(error.value)
    assert "\n" not in str(error.value)


def test_a_study_is_found_by_path_or_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.yaml").write_text("systems: {}\n")
    assert definition.find("own.yaml").name == "own.yaml"
    assert definition.find("jnrf-comparison").name == "jnrf-comparison.yaml"
    with pytest.raises(InputError, match="did you mean jnrf-comparison"):
        definition.find("jnrf-comparisn")


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("name", sorted(definition.shipped()))
def test_the_studies_that_come_with_the_package_can_be_planned(name, full, shared_data, tmp_path):
    study = definition.read(definition.find(name), {"DATA": str(shared_data)}, full)
    assert bool(study.reduced) is not full
    for key in ("reproduces", "published", "relation to the published numbers"):
        assert study.about[key]
    systems, corpora = len(study.systems), len(study.corpora)
    assert len(plan.plan(study, tmp_path)) >= systems * corpora


def test_metrics_have_figures_and_names_for_people():
    assert parse("mentions_lenient").figures == ("precision", "recall", "f1")
    assert parse("official.relations_strict.f1").figures == ("f1",)
    assert parse("official.relations_strict.f1").mode == "official"
    assert parse("relations_strict.micro.f1").path == ("relations_strict", "micro")
    assert parse("labels.accuracy").headline == "accuracy"
    assert "tokens, not spans" in parse("labels.macro.f1").label
    assert parse("entities.micro.f1").counted
    assert not parse("entities.macro.f1").counted
    assert not parse("labels.accuracy").counted


@pytest.mark.parametrize(
    "name",
    ["", "f1", "entities", "entities.f1", "entities.micro.f2", "labels.micro", "labels.accuracy.f1",
     "official.entities.micro", "official", "mentions_strict.f1.f1", "entities.micro.f1.x"],
)  # fmt: skip
def test_what_is_no_metric_is_refused(name):
    with pytest.raises(InputError, match="unknown metric"):
        parse(name)
