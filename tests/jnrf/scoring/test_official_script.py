"""Our official mode against the organisers' own script, where the environment names a copy of it.

The script is not ours to keep here. Set JNRF_OFFICIAL_SCRIPT to the path of the n2c2 2018 track 2
evaluation script to run these.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys

import pytest
from brat_folders import relation, write

from jnrf.scoring.n2c2 import RELATIONS, TYPES, score_folders

SCRIPT = os.environ.get("JNRF_OFFICIAL_SCRIPT")
pytestmark = pytest.mark.skipif(
    not SCRIPT, reason="JNRF_OFFICIAL_SCRIPT does not name the n2c2 evaluation script"
)


def script_figures(gold, predicted, tmp_path):
    """Rows of six figures: the nine types, micro, macro, then the eight relations, micro, macro."""
    with open(SCRIPT, encoding="utf-8") as file:
        # Python 3.9 dropped the alias of a module that only track 1 needs.
        source = file.read().replace("cElementTree", "ElementTree")
    copy = tmp_path / "script.py"
    copy.write_text(source, encoding="utf-8")
    command = [sys.executable, str(copy), str(gold), str(predicted)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [re.findall(r"\d\.\d{4}", line) for line in out.splitlines()]
    return [row for row in rows if len(row) == 6]


def our_figures(gold, predicted):
    scores = score_folders(gold, predicted, "official")
    rows = []
    for levels, names in ((scores.mentions, TYPES), (scores.relations, RELATIONS)):
        pair = levels["strict"], levels["lenient"]
        rows += [[level.by_type.get(name) for level in pair] for name in names]
        rows += [[level.micro for level in pair], [level.macro for level in pair]]
    return [
        [
            f"{figure:.4f}"
            for rates in row
            for figure in ((rates.precision, rates.recall, rates.f1) if rates else (0.0,) * 3)
        ]
        for row in rows
    ]


def random_lines(rng):
    lines = []
    for number in range(1, rng.randint(2, 40)):
        start = rng.randrange(200)
        type_ = rng.choice([*TYPES, "Other"])
        lines.append(f"T{number}\t{type_} {start} {start + rng.randint(1, 9)}\ttext")
    ids = [line.split("\t")[0] for line in lines]
    for number in range(1, rng.randint(1, 30)):
        lines.append(
            relation(f"R{number}", rng.choice(RELATIONS), rng.choice(ids), rng.choice(ids))
        )
    return lines


def perturbed(lines, rng):
    """Most lines as they are; some gone, repeated under another id, moved or of another type."""
    result = []
    for number, line in enumerate(lines):
        if line.startswith("R"):
            result += [line] if rng.random() < 0.8 else []
            continue
        id, place, text = line.split("\t")
        type_, start, end = place.split(" ")
        if rng.random() < 0.3:
            start = str(max(0, int(start) + rng.randint(-3, 3)))
        if rng.random() < 0.1:
            type_ = rng.choice(TYPES)
        result.append(f"{id}\t{type_} {start} {end}\t{text}")
        if rng.random() < 0.2:
            result.append(f"T{1000 + number}\t{type_} {start} {end}\t{text}")
    return result


@pytest.mark.parametrize("seed", range(5))
def test_random_corpora_get_the_scripts_figures(tmp_path, seed):
    rng = random.Random(seed)
    gold = {f"note{number}": random_lines(rng) for number in range(6)}
    write(tmp_path / "gold", **gold)
    write(tmp_path / "pred", **{name: perturbed(lines, rng) for name, lines in gold.items()})
    folders = tmp_path / "gold", tmp_path / "pred"
    assert our_figures(*folders) == script_figures(*folders, tmp_path)


@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_real_corpus_against_itself_gets_the_scripts_figures(shared_data, tmp_path, split):
    folder = shared_data / "phee-n2c2" / split
    assert our_figures(folder, folder) == script_figures(folder, folder, tmp_path)
