"""Bulk extraction: a folder of .txt files in, .ann files of the same names out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from jnrf.corpora.brat import read_document
from jnrf_ext import JNRF
from jnrf_ext.document import Document
from jnrf_ext.errors import InputError
from jnrf_ext.extract import encode_texts, extract_encoded
from jnrf_ext.files import write_atomically
from jnrf_ext.standoff import to_brat

#: Says that a folder's .ann files are predictions and may be written over; readers skip it.
MARK = ".jnrf-predict.json"
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

    @property
    def documents_per_second(self) -> float:
        """Reading and writing included."""
        return self.documents / max(self.seconds, 1e-9)

    @property
    def wordpieces_per_second(self) -> float:
        """Reading and writing included."""
        return self.wordpieces / max(self.seconds, 1e-9)


def find_texts(source: str | Path) -> list[Path]:
    """The .txt files of a folder, sorted by name (subfolders are not entered), or the one file."""
    source = Path(source)
    if source.is_file() and source.suffix == ".txt":
        return [source]
    if not source.exists():
        raise InputError(f"no file or folder {source}; check the path")
    if not source.is_dir():
        raise InputError(f"{source} is not a .txt file; give one, or a folder of them")
    texts = sorted(p for p in source.iterdir() if p.suffix == ".txt" and not p.name.startswith("."))
    if not texts:
        raise InputError(f"no .txt files in {source}; give the folder that holds the notes")
    return texts


def claim_folder(out: str | Path, model: str, overwrite: bool) -> Path:
    """Make the folder for predictions; one whose .ann files are someone else's work is refused."""
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; give a folder as --out")
    ours = overwrite or not out.is_dir() or (out / MARK).exists()
    if not ours and any(path.suffix == ".ann" for path in out.iterdir()):
        raise InputError(
            f"{out} holds .ann files that jnrf predict did not write, perhaps annotations made "
            "by hand; give another --out, or --overwrite to lose them"
        )
    write_atomically(out / MARK, json.dumps({"made_by": "jnrf predict", "model": model}) + "\n")
    return out


def predict_files(
    model: JNRF,
    texts: list[Path],
    out: Path,
    batch_tokens: int = 16_384,
    strict: bool = False,
    told: Callable[[int, Outcome], None] = lambda files, outcome: None,
) -> Outcome:
    """Write ``out/NAME.ann`` for each ``NAME.txt``, each file atomically but none waited for.

    About ``batch_tokens`` wordpieces go through the model at once. A file that cannot be read is
    left out and its reason kept, or raised at once where ``strict``. ``told`` hears after each
    batch how many files it took, and the outcome so far.
    """
    outcome = Outcome()
    start = time.monotonic()
    for files, documents in _batches(texts, batch_tokens, strict, outcome.unreadable):
        names = [document.id for document in documents]
        contents = [document.text for document in documents]
        encoded = encode_texts(model, contents)
        for predicted in extract_encoded(model, contents, names, encoded, batch_tokens):
            write_atomically(out / f"{predicted.id}.ann", to_brat(predicted), durable=False)
        outcome.documents += len(documents)
        outcome.wordpieces += sum(map(len, encoded))
        outcome.seconds = time.monotonic() - start
        told(files, outcome)
    return outcome


def _batches(
    texts: list[Path], batch_tokens: int, strict: bool, unreadable: list[str]
) -> Iterator[tuple[int, list[Document]]]:
    """Documents for a batch at a time, with the number of files that were opened for it."""
    files, characters, documents = 0, 0, []
    for path in texts:
        files += 1
        try:
            document = read_document(path, None)
        except (InputError, OSError) as error:
            if strict:
                raise
            unreadable.append(str(error))
            continue
        documents.append(document)
        characters += len(document.text)
        if characters >= batch_tokens * _CHARACTERS_A_WORDPIECE:
            yield files, documents
            files, characters, documents = 0, 0, []
    if files:
        yield files, documents
