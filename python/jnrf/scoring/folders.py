"""Reading a gold and a prediction corpus for a scorer: which files, and by which reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from jnrf.corpora import corpus_files, open_corpus, read_corpus, roles
from jnrf.corpora.brat import annotate, read_text
from jnrf.corpora.listing import (
    BIONLP,
    StandoffFolder,
    is_annotations,
    list_files,
    named_others,
    split_name,
)
from jnrf.corpora.notices import nothing_in, tell, tell_if_nothing
from jnrf.scoring.columns import Annotations
from jnrf.scoring.official_files import read_annotations
from jnrf.scoring.same_text import with_text_of
from jnrf_ext.documents.document import Document
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
    skipped = (
        sorted(name for name in gold if name not in common),
        sorted(name for name in predicted if name not in common),
    )
    for folder, names in zip((gold_dir, pred_dir), skipped, strict=True):
        if names:
            print(f"Files skipped in {folder}:")
            print(", ".join(f"{name}.ann" for name in names))
    read_gold = {name: read_annotations(gold[name]) for name in common}
    if not any(annotations.span_ids for annotations in read_gold.values()):
        tell(nothing_in(gold_dir, len(common)))
    return read_gold, {name: read_annotations(predicted[name]) for name in common}, skipped


def read_corrected(
    gold_path: Path, pred_path: Path, on_error: str = "raise", newlines: str = "auto"
) -> tuple[str, list[Document], list[Document], list[str]]:
    """Gold documents, the predictions for them by id, and the names of predictions without gold.

    Before these the gold's format (:func:`jnrf.corpora.read_corpus`). Either side may have any
    format. Predicted .ann files need no .txt of their own: they are read with the gold's text.
    A text that comes with predictions may differ from the gold's in white space only; their offsets
    are then made the gold's. ``on_error`` and ``newlines`` are those of
    :func:`jnrf.corpora.brat.read_document`, for both sides. Heads of relations are decided by the
    roles that are heads in the gold (:mod:`jnrf.corpora.roles`). Raises :class:`InputError` for a
    gold without any mention.
    """
    format, gold = read_corpus(gold_path, on_error, newlines)
    if not any(document.mentions for document in gold):
        raise InputError(nothing_in(gold_path, len(gold)))
    by_id = {document.id: document for document in gold}
    heads = roles.of_documents(gold)
    if pred_path.is_dir() and (files := list_files(pred_path)).annotations:
        names = files.annotations.keys()
        _require(by_id.keys() & names, gold_path, pred_path, gold, names)
        texts = list_files(gold_path) if format == "brat" and gold_path.is_dir() else None
        predicted = [
            _read_with_text_of(
                texts, by_id[name], paths, files.texts.get(name), heads, on_error, newlines
            )
            for name, paths in files.annotations.items()
            if name in by_id
        ]
        tell_if_nothing(pred_path, predicted)
        return format, gold, predicted, sorted(names - by_id.keys())
    if pred_path.is_dir() and not corpus_files(pred_path):
        raise InputError(
            f"{pred_path} has no .ann files, nor JSON or columns; give a folder of predictions"
        )
    documents = open_corpus(pred_path, on_error, newlines)
    _require({d.id for d in documents} & by_id.keys(), gold_path, pred_path, gold, documents)
    roles.orient(documents, heads)
    tell_if_nothing(pred_path, documents)
    predicted = [with_text_of(d, by_id[d.id].text) for d in documents if d.id in by_id]
    return format, gold, predicted, sorted(d.id for d in documents if d.id not in by_id)


def _read_with_text_of(
    gold_files: StandoffFolder | None,
    gold: Document,
    paths: Sequence[Path],
    own_text: Path | None,
    heads: roles.HeadRoles,
    on_error: str,
    newlines: str,
) -> Document:
    """Predictions for a gold document; ``own_text`` is the .txt beside them, if any.

    ``gold_files`` are the gold's where these are standoff: the reading of the text is then chosen
    anew, and a BioNLP prediction that is an .a2 alone refers to the mentions of the gold's .a1.
    """
    text = gold.text
    if gold_files is not None:
        text = read_text(gold_files.texts[gold.id])
        if [split_name(path.name)[1] for path in paths] == [BIONLP[1]]:
            given = gold_files.annotations.get(gold.id, ())
            paths = (*(path for path in given if split_name(path.name)[1] == BIONLP[0]), *paths)
    if own_text is not None and (other := read_text(own_text)) != text:
        return with_text_of(annotate(gold.id, other, paths, heads, on_error, newlines), gold.text)
    document = annotate(gold.id, text, paths, heads, on_error, newlines)
    if document.mentions and document.text != gold.text:
        raise InputError(
            f"{paths[-1]}: its offsets count line ends or the byte order mark otherwise than the "
            "gold's do; convert the gold texts to plain line feeds without a mark, and predict "
            "again"
        )
    return document


def _files(folder: Path) -> dict[str, Path]:
    """The .ann files of a folder by their names without the ending; hidden ones are no data."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; give a folder of .ann files")
    files = {p.stem: p for p in folder.glob("*.ann") if not p.name.startswith(".")}
    if not files:
        raise InputError(f"{folder} has no .ann files; give a folder of brat annotations")
    others = Counter(p.suffix for p in folder.iterdir() if is_annotations(p) and p.suffix != ".ann")
    if others:
        tell(f"{folder}: not read: {named_others(others)}; the official script reads .ann alone")
    return files


def _require(
    common: Collection[str],
    gold_path: Path,
    pred_path: Path,
    gold: Collection,
    predicted: Collection,
) -> None:
    if not common:
        raise InputError(
            f"none of the {len(predicted)} documents of {pred_path} has the name of one of the "
            f"{len(gold)} gold documents of {gold_path}; name each as its gold document (a file of "
            f"sentences as the gold file)"
        )
