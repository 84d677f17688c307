"""Reading a gold and a prediction folder for a scorer: which files, and by which reader."""

from __future__ import annotations

from pathlib import Path

from jnrf.scoring.columns import Annotations, from_document
from jnrf.scoring.official_files import read_annotations
from jnrf_ext.errors import InputError

Sides = tuple[dict[str, Annotations], dict[str, Annotations], tuple[list[str], list[str]]]


def read_official(gold_dir: Path, pred_dir: Path) -> Sides:
    """Annotations by file name (without .ann) for the files of both folders, and the other names.

    As the script does, prints the names of the files that it skips and the lines that it cannot
    read.
    """
    gold, predicted = _files(gold_dir), _files(pred_dir)
    common = gold.keys() & predicted.keys()
    _require(common, gold_dir, pred_dir, gold, predicted)
    skipped = tuple(
        sorted(name for name in files if name not in common) for files in (gold, predicted)
    )
    for folder, names in zip((gold_dir, pred_dir), skipped, strict=True):
        if names:
            print(f"Files skipped in {folder}:")
            print(", ".join(f"{name}.ann" for name in names))
    return (
        {name: read_annotations(gold[name]) for name in common},
        {name: read_annotations(predicted[name]) for name in common},
        skipped,
    )


def read_corrected(gold_dir: Path, pred_dir: Path) -> Sides:
    """Annotations by document id: all gold ones, and the predictions for them.

    Predictions need no .txt of their own: they are read with the gold's.
    """
    from jnrf.corpora.brat import read_document

    gold, predicted = _files(gold_dir), _files(pred_dir)
    _require(gold.keys() & predicted.keys(), gold_dir, pred_dir, gold, predicted)
    texts = {name: path.with_suffix(".txt") for name, path in gold.items()}
    return (
        {n: from_document(read_document(texts[n], p), True) for n, p in gold.items()},
        {
            n: from_document(read_document(texts[n], p), True)
            for n, p in predicted.items()
            if n in gold
        },
        ([], sorted(predicted.keys() - gold.keys())),
    )


def _files(folder: Path) -> dict[str, Path]:
    """The .ann files of a folder by their names without the ending; hidden ones are no data."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; give a folder of .ann files")
    files = {p.stem: p for p in folder.glob("*.ann") if not p.name.startswith(".")}
    if not files:
        raise InputError(f"{folder} has no .ann files; give a folder of brat annotations")
    return files


def _require(common: object, gold_dir: Path, pred_dir: Path, gold: dict, predicted: dict) -> None:
    if not common:
        raise InputError(
            f"no .ann file of {gold_dir} ({len(gold)}) has the name of one of {pred_dir} "
            f"({len(predicted)}); give each prediction the name of its gold file"
        )
