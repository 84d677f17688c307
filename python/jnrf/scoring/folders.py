"""Reading a gold and a prediction folder for a scorer: which files, and by which reader."""

from __future__ import annotations

from pathlib import Path

from jnrf.corpora.brat import read_document, read_folder
from jnrf.scoring.columns import Annotations, from_document
from jnrf.scoring.official_files import read_annotations
from jnrf_ext.document import Document
from jnrf_ext.errors import InputError

Sides = tuple[dict[str, Annotations], dict[str, Annotations], tuple[list[str], list[str]]]


def read_official(gold_dir: Path, pred_dir: Path) -> Sides:
    """Annotations by file name (without .ann) for the files of both folders, and the other names.

    As the script does, prints which files it skips, and complains (on stderr) about lines that it
    cannot read.
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
    gold = {document.id: document for document in read_folder(gold_dir)}
    files = _files(pred_dir)
    _require(gold.keys() & files.keys(), gold_dir, pred_dir, gold, files)
    predicted = {
        name: _read_with_text_of(gold_dir, gold[name], path)
        for name, path in files.items()
        if name in gold
    }
    return (
        {name: from_document(document, unique_ids=True) for name, document in gold.items()},
        {name: from_document(document, unique_ids=True) for name, document in predicted.items()},
        ([], sorted(files.keys() - gold.keys())),
    )


def _read_with_text_of(gold_dir: Path, gold: Document, path: Path) -> Document:
    document = read_document(gold_dir / f"{gold.id}.txt", path)
    if document.mentions and document.text != gold.text:
        raise InputError(
            f"{path}: its offsets count line ends or the byte order mark otherwise than the gold's "
            f"do; convert the gold texts to plain line feeds without a mark, and predict again"
        )
    return document


def _files(folder: Path) -> dict[str, Path]:
    """The .ann files of a folder by their names without the ending; hidden ones are no data."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; give a folder of .ann files")
    files = {p.stem: p for p in folder.glob("*.ann") if not p.name.startswith(".")}
    if not files:
        raise InputError(f"{folder} has no .ann files; give a folder of brat annotations")
    return files


def _require(common: set[str], gold_dir: Path, pred_dir: Path, gold: dict, predicted: dict) -> None:
    if not common:
        raise InputError(
            f"none of the {len(predicted)} .ann files of {pred_dir} has the name of one of the "
            f"{len(gold)} gold documents of {gold_dir}; name each as its gold file"
        )
