"""Bulk extraction: notes or the texts of a corpus in, annotations under the same names out."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jnrf.corpora import corpus_files, open_corpus
from jnrf.corpora.brat import check_file_name, read_document
from jnrf.corpora.columns import is_columns, write_columns
from jnrf.corpora.json import is_json, write_json
from jnrf.corpora.tokens import write_tokens
from jnrf_ext import JNRF
from jnrf_ext.document import Document
from jnrf_ext.errors import InputError
from jnrf_ext.extract import encode_texts, extract_encoded
from jnrf_ext.files import write_atomically
from jnrf_ext.standoff import to_brat

#: Says that files of a folder are predictions and may be written over; readers skip it.
MARK = ".jnrf-predict.json"
_SUFFIX_OF = {"brat": ".ann", "json": ".json", "tokens": ".json", "columns": ".tsv"}
#: Characters of clinical text a wordpiece, roughly: how much is read ahead for a batch.
_CHARACTERS_A_WORDPIECE = 4


@dataclass
class Outcome:
    """What a bulk extraction did, and how fast."""

    documents: int = 0
    wordpieces: int = 0
    seconds: float = 0.0
    #: Why each file that could not be read was left out
    unreadable: list[str] = field(default_factory=list)
    #: What the format written cannot hold, by kind
    lost: Counter[str] = field(default_factory=Counter)

    @property
    def documents_per_second(self) -> float:
        """Reading and writing included."""
        return self.documents / max(self.seconds, 1e-9)

    @property
    def wordpieces_per_second(self) -> float:
        """Reading and writing included."""
        return self.wordpieces / max(self.seconds, 1e-9)


def find_texts(source: str | Path) -> list[Path]:
    """The files whose texts are to be annotated, sorted by name; subfolders are not entered.

    Of a folder its .txt files, or, where there are none, those that make it a corpus of another
    format (:func:`jnrf.corpora.corpus_files`); a single file of either kind is taken by itself.
    """
    source = Path(source)
    if source.is_file() and (source.suffix == ".txt" or is_json(source) or is_columns(source)):
        return [source]
    if not source.exists():
        raise InputError(f"no file or folder {source}; check the path")
    if not source.is_dir():
        raise InputError(
            f"{source} is not a .txt file, nor one of JSON or columns; give one, or a folder of "
            "them"
        )
    files = corpus_files(source)
    texts = [path for path in files if path.suffix != ".ann"]
    if not texts:
        raise InputError(
            f"no .txt files in {source}, nor JSON or columns; give the folder that holds the notes"
        )
    return texts


def claim_folder(
    out: str | Path,
    model: str,
    overwrite: bool,
    texts: Sequence[Path] = (),
    to: str = "brat",
) -> Path:
    """Make the folder for predictions; files there that are someone else's work are refused.

    ``texts`` are the files that will be read, which are never written over. Raises
    :class:`InputError` too where two of them would have one output.
    """
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; give a folder as --out")
    suffixes = [_SUFFIX_OF[to]]
    if any(path.suffix != ".txt" for path in texts):
        if to == "brat":
            suffixes.append(".txt")
        _check_names(texts, out, to)
    ours = _claimed(out)
    for suffix in suffixes:
        free = overwrite or suffix in ours or not out.is_dir()
        if not free and any(path.suffix == suffix for path in out.iterdir()):
            raise InputError(
                f"{out} holds {suffix} files that jnrf predict did not write, perhaps annotations "
                "made by hand; give another --out, or --overwrite to lose them"
            )
    mark = {"made_by": "jnrf predict", "model": model, "writes": sorted({*ours, *suffixes})}
    write_atomically(out / MARK, json.dumps(mark) + "\n")
    return out


def _claimed(out: Path) -> list[str]:
    """The endings of the files that earlier predictions into the folder may have written."""
    try:
        mark = json.loads((out / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return mark.get("writes", [".ann"])


def _check_names(texts: Sequence[Path], out: Path, to: str) -> None:
    stems: dict[str, Path] = {}
    for path in texts:
        if stems.setdefault(path.stem, path) != path:
            raise InputError(
                f"{stems[path.stem].name} and {path.name} would have one output, {path.stem}; "
                "rename one of them"
            )
        written = out / f"{path.stem}{_SUFFIX_OF[to]}"
        if written.exists() and written.samefile(path):
            raise InputError(f"predictions for {path} would be written over it; give another --out")


def predict_files(
    model: JNRF,
    texts: list[Path],
    out: Path,
    batch_tokens: int = 16_384,
    strict: bool = False,
    told: Callable[[int, Outcome], None] = lambda files, outcome: None,
    to: str = "brat",
) -> Outcome:
    """Annotate the texts of files, what is annotated there aside; files written are whole.

    As brat: ``out/ID.ann`` for each document, with ``out/ID.txt`` where its text did not come from
    such a file. In another format (one of ``jnrf.corpora.FORMATS``): ``out/NAME.json`` or .tsv for
    each file read. Each is put in place atomically, but none is waited for.

    About ``batch_tokens`` wordpieces go through the model at once. A file that cannot be read is
    left out and its reason kept, or raised at once where ``strict``. ``told`` hears after each
    batch how many files were opened for it, and the outcome so far.
    """
    outcome = Outcome()
    output = _Output(out, to, outcome.lost)
    start = time.monotonic()
    for files, batch in _batches(texts, batch_tokens, strict, outcome.unreadable, to):
        names = [document.id for _, document in batch]
        contents = [document.text for _, document in batch]
        encoded = encode_texts(model, contents)
        found = extract_encoded(model, contents, names, encoded, batch_tokens)
        for (source, _), predicted in zip(batch, found, strict=True):
            output.add(source, predicted)
        outcome.documents += len(batch)
        outcome.wordpieces += sum(map(len, encoded))
        outcome.seconds = time.monotonic() - start
        told(files, outcome)
    output.close()
    return outcome


class _Output:
    """Where predictions go: brat at once, other formats when all of a file's texts are done."""

    def __init__(self, out: Path, to: str, lost: Counter[str]) -> None:
        self.out = out
        self.to = to
        self.lost = lost
        self.source: Path | None = None
        self.pending: list[Document] = []

    def add(self, source: Path, document: Document) -> None:
        """Take the prediction for a text of the file ``source``; texts come file by file."""
        if self.to == "brat":
            if source.suffix != ".txt":
                write_atomically(self.out / f"{document.id}.txt", document.text, durable=False)
            write_atomically(self.out / f"{document.id}.ann", to_brat(document), durable=False)
            return
        if source != self.source:
            self.close()
            self.source = source
        self.pending.append(document)

    def close(self) -> None:
        """Write what is pending."""
        if self.source is None:
            return
        path = self.out / f"{self.source.stem}{_SUFFIX_OF[self.to]}"
        if self.to == "json":
            write_json(self.pending, path, durable=False)
        else:
            write = write_tokens if self.to == "tokens" else write_columns
            self.lost.update(write(self.pending, path, durable=False))
        self.source, self.pending = None, []


def _batches(
    texts: list[Path], batch_tokens: int, strict: bool, unreadable: list[str], to: str
) -> Iterator[tuple[int, list[tuple[Path, Document]]]]:
    """Texts for a batch at a time, with their files, and how many files were opened for it."""
    files, characters, batch = 0, 0, []
    names: set[str] | None = set() if to == "brat" else None
    for path in texts:
        files += 1
        try:
            documents = _read_texts(path, names)
        except (InputError, OSError) as error:
            if strict:
                raise
            unreadable.append(str(error))
            continue
        for document in documents:
            batch.append((path, document))
            characters += len(document.text)
            if characters >= batch_tokens * _CHARACTERS_A_WORDPIECE:
                yield files, batch
                files, characters, batch = 0, 0, []
    if files or batch:
        yield files, batch


def _read_texts(path: Path, names: set[str] | None) -> list[Document]:
    """The texts of a file; ``names`` are file names used so far, if ids become such."""
    if path.suffix == ".txt":
        return [read_document(path, None)]
    documents = [Document(document.id, document.text) for document in open_corpus(path)]
    if names is not None:
        for document in documents:
            try:
                check_file_name(document.id, names)
            except InputError as error:
                raise InputError(f"{path}: {error}") from None
            names.add(document.id)
    return documents
