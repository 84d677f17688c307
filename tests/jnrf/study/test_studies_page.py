"""docs/studies.md: its example is a study, its table and its commands are right."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from phee_sentences import helped, severe

from jnrf.cli import build_parser, main
from jnrf.corpora import open_corpus
from jnrf.study import definition, plan

PAGE = Path(__file__).resolve().parents[3] / "docs/studies.md"


@pytest.fixture(scope="module")
def text():
    if not PAGE.exists():
        pytest.skip("the package is installed without docs")
    return PAGE.read_text(encoding="utf-8")


def commands(text: str) -> list[list[str]]:
    """The jnrf commands of the page's blocks, without shell loops and comments."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    lines = (
        "\n".join(block for language, block in blocks if not language)
        .replace("\\\n", " ")
        .split("\n")
    )
    return [shlex.split(line, comments=True) for line in lines if line.strip().startswith("jnrf ")]


def test_every_command_is_one_that_the_parser_takes(text):
    found = commands(text)
    assert len(found) == 7
    for words in found:
        build_parser().parse_args(words[1:])


def test_the_example_is_a_study(text, tmp_path):
    [example] = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    for path in re.findall(r"\$\{DATA\}/([\w/-]+)", example):
        (tmp_path / path).mkdir(parents=True, exist_ok=True)
    (tmp_path / "mine.yaml").write_text(example)
    study = definition.read(tmp_path / "mine.yaml", {"DATA": str(tmp_path)}, full=True)
    assert len(plan.plan(study, tmp_path / "out")) == 2 * 3 * (1 + 1 + 5)
    small = definition.read(tmp_path / "mine.yaml", {"DATA": str(tmp_path)})
    assert len(plan.plan(small, tmp_path / "out")) == 2


def test_the_table_names_every_field(text, tmp_path):
    table = text[text.index("| field | meaning |") :]
    named = {name for name in re.findall(r"`([\w.*]+)`", table)}
    for top in ("about", "systems", "corpora", "seeds", "settings", "baseline", "metrics",
                "limits", "reduced"):  # fmt: skip
        assert top in named
        assert f"{top}:" in text or f"`{top}`" in text
    for inner in ("folds", "documents", "split", "k_folds", "limits", "seeds", "settings"):
        assert f"corpora.*.{inner}" in named


def test_the_shipped_studies_have_as_many_runs_as_the_table_says(text, shared_data, tmp_path):
    rows = re.findall(r"\| `([\w-]+)` \| .* \| (\d+) \| (\d+) \|", text)
    assert {name for name, _, _ in rows} == set(definition.shipped())
    for name, *sizes in rows:
        for size, full in zip(sizes, (False, True), strict=True):
            study = definition.read(definition.find(name), {"DATA": str(shared_data)}, full)
            assert len(plan.plan(study, tmp_path)) == int(size)


def test_the_command_for_phee_makes_a_folder_of_documents(text, tmp_path):
    """On sentences of our own in PHEE's form."""
    [words] = [words for words in commands(text) if "--phee-words" in words]
    source, out = tmp_path / "train.json", tmp_path / "phee-n2c2/train"
    source.write_text("\n".join(json.dumps(item) for item in (severe(), helped("901_1"))))
    assert main([words[1], str(source), str(out), *words[4:]]) == 0
    [document] = open_corpus(out)
    assert {m.type for m in document.mentions} >= {"Drug", "ADE", "Reason", "Duration"}
