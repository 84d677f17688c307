"""Where predictions go: a file a note, a file for each file read, or one a part."""

from __future__ import annotations

import json
import os
import sys
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import groupby
from pathlib import Path

from jnrf.corpora.brat import check_file_name
from jnrf.corpora.columns import write_columns
from jnrf.corpora.json import write_json
from jnrf.corpora.tokens import write_tokens
from jnrf.prediction.notes import Note, Part
from jnrf.prediction.receipts import Receipt
from jnrf_ext import _text
from jnrf_ext.document import Document
from jnrf_ext.document_dict import document_to_dict
from jnrf_ext.errors import InputError
from jnrf_ext.files import write_atomically
from jnrf_ext.standoff import to_brat

#: Formats of predictions, and the endings of the files written.
ENDINGS = {
    "brat": ".ann",
    "json": ".json",
    "tokens": ".json",
    "columns": ".tsv",
    "jsonl": ".jsonl",
    "parquet": ".parquet",
}
#: What of a document a model never fills, and a table of predictions leaves out.
_NEVER_PREDICTED = (
    "events", "equivalences", "attributes", "normalizations", "notes", "warnings"
)  # fmt: skip


class Output(ABC):
    """Writes the documents of parts. It is pickled to the workers of a cluster."""

    #: Whether a note's id becomes a file name
    needs_file_names = False

    @abstractmethod
    def write(self, part: Part, notes: Sequence[Note], found: Sequence[Document]) -> Receipt:
        """Write the documents of notes; when this returns they are on disk, whole.

        The receipt lacks the key and what else the output does not know.
        """

    def place(self, part: Part) -> str:
        """What of a part's own place, beside its notes, decides where it is written."""
        return ""

    @abstractmethod
    def has(self, part: Part, notes: Sequence[Note], receipt: Receipt) -> bool:
        """Whether what a receipt stands for is there."""


class BratOutput(Output):
    """``OUT/ID.ann`` for each note, and ``OUT/ID.txt`` where its text is not in such a file."""

    needs_file_names = True

    def __init__(self, out: Path, with_texts: bool) -> None:
        self.out = out
        self.endings = (".txt", ".ann") if with_texts else (".ann",)

    def write(self, part, notes, found) -> Receipt:
        """See :class:`Output`."""
        for document in found:
            for ending in self.endings:
                content = document.text if ending == ".txt" else to_brat(document)
                write_atomically(self.out / f"{document.id}{ending}", content, durable=False)
        if found:
            os.sync()  # one wait for all of them
        return Receipt("")

    def has(self, part, notes, receipt) -> bool:
        """See :class:`Output`."""
        failed = {fault.id for fault in receipt.faults}
        wanted = [note.id for note in notes if note.id not in failed]
        return all((self.out / f"{id}{end}").exists() for id in wanted for end in self.endings)


class FileOutput(Output):
    """``OUT/NAME.json`` or .tsv with the documents of each file ``NAME.*`` of the input."""

    def __init__(self, out: Path, to: str) -> None:
        self.out = out
        self.to = to

    def _groups(self, notes: Sequence[Note]) -> Iterator[tuple[Path, list[int]]]:
        for file, numbers in groupby(range(len(notes)), key=lambda n: notes[n].file):
            yield (self.out / file).with_suffix(ENDINGS[self.to]), list(numbers)

    def write(self, part, notes, found) -> Receipt:
        """See :class:`Output`."""
        lost: Counter[str] = Counter()
        for path, numbers in self._groups(notes):
            documents = [found[n] for n in numbers]
            if self.to == "json":
                write_json(documents, path, durable=False)
            else:
                write = write_tokens if self.to == "tokens" else write_columns
                words = notes[numbers[0]].words  # alike in all notes of a file
                lost.update(write(documents, path, durable=False, words=words))
        if found:
            os.sync()
        return Receipt("", lost=dict(lost))

    def has(self, part, notes, receipt) -> bool:
        """See :class:`Output`."""
        return all(path.exists() for path, _ in self._groups(notes))


class TableOutput(Output):
    """``OUT/part-NUMBER.jsonl`` or .parquet with the documents of a part, a row each."""

    def __init__(self, out: Path, to: str, texts: bool = True) -> None:
        """Without ``texts`` a row has what was found in a note, but not the note."""
        self.out = out
        self.to = to
        self.texts = texts

    def _path(self, part: Part) -> Path:
        return self.out / f"part-{part.index:06d}{ENDINGS[self.to]}"

    def place(self, part: Part) -> str:
        """See :class:`Output`."""
        return self._path(part).name

    def write(self, part, notes, found) -> Receipt:
        """See :class:`Output`."""
        make = json_lines if self.to == "jsonl" else parquet_file
        data = make(found, self.texts)
        path = self._path(part)
        write_atomically(path, data)
        return Receipt("", file=path.name, size=len(data))

    def has(self, part, notes, receipt) -> bool:
        """See :class:`Output`."""
        path = self._path(part)
        try:
            return path.stat().st_size == receipt.size
        except OSError:
            return False

    def remove_others(self, names: set[str]) -> None:
        """Remove the parts that an earlier, longer input had."""
        for path in self.out.glob(f"part-*{ENDINGS[self.to]}"):
            if path.name not in names:
                path.unlink(missing_ok=True)


class StreamOutput(Output):
    """Rows of JSON lines on standard output, a part at a time."""

    def __init__(self, texts: bool = True) -> None:
        self.texts = texts

    def write(self, part, notes, found) -> Receipt:
        """See :class:`Output`."""
        sys.stdout.buffer.write(json_lines(found, self.texts))
        sys.stdout.buffer.flush()
        return Receipt("")

    def has(self, part, notes, receipt) -> bool:
        """See :class:`Output`."""
        return False


def make_output(out: Path | None, to: str, texts: bool, with_texts: bool) -> Output:
    """The output for a format, ``out`` None being standard output.

    ``with_texts``: brat's .txt files are written too. ``texts``: rows of tables have the texts.
    """
    if out is None:
        if to != "jsonl":
            raise InputError(f"standard output takes JSON lines, not {to}; give --out DIR")
        return StreamOutput(texts)
    if to == "brat":
        return BratOutput(out, with_texts)
    return TableOutput(out, to, texts) if to in ("jsonl", "parquet") else FileOutput(out, to)


def row(document: Document, texts: bool) -> dict:
    """A document as a row of a table: plain types, what models never fill left out."""
    data = document_to_dict(document)
    for name in _NEVER_PREDICTED:
        del data[name]
    if not texts:
        del data["text"]
    return data


def json_lines(documents: Sequence[Document], texts: bool = True) -> bytes:
    """A line a document, its :func:`row` as JSON, UTF-8."""
    return "".join(f"{_json_row(document, texts)}\n" for document in documents).encode()


def _json_row(document: Document, texts: bool) -> str:
    mentions = _text.json_mentions(document.mentions)
    relations = _text.json_relations(document.relations)
    if mentions is None or relations is None:  # of types that only Python's encoder knows
        return json.dumps(row(document, texts), ensure_ascii=False)
    own = {"id": document.id, "text": document.text} if texts else {"id": document.id}
    start = json.dumps(own, ensure_ascii=False)[:-1]
    return f'{start}, "mentions": {mentions}, "relations": {relations}}}'


def parquet_file(documents: Sequence[Document], texts: bool = True) -> bytes:
    """A row a document; mentions and relations are lists of structs."""
    from jnrf.prediction.sources.parquet import pyarrow_parquet

    parquet = pyarrow_parquet()
    import pyarrow as pa

    mention = pa.struct(
        [
            ("id", pa.string()),
            ("type", pa.string()),
            ("fragments", pa.list_(pa.list_(pa.int64()))),
            ("text", pa.string()),
            ("score", pa.float64()),
        ]
    )
    relation = pa.struct([(n, pa.string()) for n in ("id", "type", "head", "tail")])
    relation = pa.struct([*relation, ("score", pa.float64())])
    fields = [("id", pa.string())]
    if texts:
        fields.append(("text", pa.string()))
    fields += [("mentions", pa.list_(mention)), ("relations", pa.list_(relation))]
    rows = [row(document, texts) for document in documents]
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.Table.from_pylist(rows, pa.schema(fields)), sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def file_name_fault(id: str, taken: set[bytes]) -> str | None:
    """Why an id cannot name a new file, or None; ``taken`` learns it then.

    Of the names that are taken, 8-byte hashes are kept, so that there is room for millions.
    """
    try:
        check_file_name(id, ())
    except InputError as error:
        return str(error)
    digest = blake2b(id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    if digest in taken:
        return f"another note has the id {id!r}, and both would be one file; see --to jsonl"
    taken.add(digest)
    return None
