"""Where predictions go: a file a note, a file for each file read, or one a part."""

from __future__ import annotations

import json
import shutil
import sys
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import groupby
from pathlib import Path

from jnrf.corpora.brat import check_file_name
from jnrf.corpora.columns import write_columns
from jnrf.corpora.json import write_json
from jnrf.corpora.tokens import write_tokens
from jnrf.prediction.notes import Note, Part
from jnrf.prediction.receipts import RECEIPTS, Receipt
from jnrf.prediction.written import STAGE
from jnrf_ext import _text
from jnrf_ext.documents.brat_names import BratNames
from jnrf_ext.documents.dict_writer import document_to_dict
from jnrf_ext.documents.document import Document
from jnrf_ext.documents.standoff import to_brat
from jnrf_ext.errors import InputError

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


@dataclass
class Made:
    """The files of a part, not written yet."""

    #: Files that belong together: their contents by their names below the folder
    units: list[dict[str, bytes]] = field(default_factory=list)
    #: What the format cannot hold, by kind
    lost: dict[str, int] = field(default_factory=dict)


class Output(ABC):
    """Makes files of the documents of parts. It is pickled to the workers of a cluster."""

    #: The name of the format
    to = "jsonl"
    #: Whether a note's id becomes a file name
    needs_file_names = False
    #: Whether each file is put on disk by itself, for they are few; else all of a part together
    durable = False

    @abstractmethod
    def make(self, part: Part, notes: Sequence[Note], found: Sequence[Document]) -> Made:
        """Make the files for the documents of notes."""

    @abstractmethod
    def names(self, part: Part, notes: Sequence[Note]) -> list[str]:
        """List the files of notes, by their names below the folder."""

    def place(self, part: Part) -> str:
        """What of a part's own place, beside its notes, decides where it is written."""
        return ""

    def file(self, part: Part) -> str | None:
        """The name of the part's file; None where each note has its own."""
        return None

    @abstractmethod
    def has(self, part: Part, notes: Sequence[Note], receipt: Receipt) -> bool:
        """Whether what a receipt stands for is there."""

    def is_damaged(self, found: bytes, new: bytes) -> bool:
        """Whether what is found in a file's place, for ``new``, is a file that was cut short."""
        return False


class FolderOutput(Output):
    """Files below a folder."""

    def __init__(self, out: Path) -> None:
        self.out = out

    def has(self, part, notes, receipt) -> bool:
        """See :class:`Output`."""
        failed = {fault.id for fault in receipt.faults}
        wanted = [note for note in notes if note.id not in failed]
        return all((self.out / name).exists() for name in self.names(part, wanted))


class BratOutput(FolderOutput):
    """``OUT/ID.ann`` for each note, and ``OUT/ID.txt`` where its text is not in such a file."""

    to = "brat"
    needs_file_names = True

    def __init__(self, out: Path, with_texts: bool) -> None:
        super().__init__(out)
        self.endings = (".txt", ".ann") if with_texts else (".ann",)

    def names(self, part, notes) -> list[str]:
        """See :class:`Output`."""
        return [f"{note.id}{ending}" for note in notes for ending in self.endings]

    def make(self, part, notes, found) -> Made:
        """See :class:`Output`."""
        made, names = Made(), BratNames()
        for document in found:
            try:
                content = to_brat(document)
            except InputError:  # a label with white space
                content = to_brat(names.fit(document))
            unit = {f"{document.id}.ann": content.encode()}
            if ".txt" in self.endings:
                unit = {f"{document.id}.txt": document.text.encode(), **unit}
            made.units.append(unit)
        made.lost = dict(+names.changed)
        return made


class FileOutput(FolderOutput):
    """``OUT/NAME.json`` or .tsv with the documents of each file ``NAME.*`` of the input."""

    def __init__(self, out: Path, to: str) -> None:
        super().__init__(out)
        self.to = to

    def _groups(self, notes: Sequence[Note]) -> Iterator[tuple[str, list[int]]]:
        for file, numbers in groupby(range(len(notes)), key=lambda n: notes[n].file):
            yield Path(file).with_suffix(ENDINGS[self.to]).as_posix(), list(numbers)

    def names(self, part, notes) -> list[str]:
        """See :class:`Output`."""
        return [name for name, _ in self._groups(notes)]

    def make(self, part, notes, found) -> Made:
        """See :class:`Output`."""
        made = Made()
        lost: Counter[str] = Counter()
        stage = self.out / RECEIPTS / STAGE / str(part.index)
        for name, numbers in self._groups(notes):
            documents = [found[n] for n in numbers]
            path = stage / Path(name).name
            if self.to == "json":
                write_json(documents, path, durable=False)
            else:
                write = write_tokens if self.to == "tokens" else write_columns
                words = notes[numbers[0]].words  # alike in all notes of a file
                lost.update(write(documents, path, durable=False, words=words))
            made.units.append({name: path.read_bytes()})
        shutil.rmtree(stage, ignore_errors=True)
        made.lost = dict(lost)
        return made


class TableOutput(Output):
    """``OUT/part-NUMBER.jsonl`` or .parquet with the documents of a part, a row each."""

    durable = True

    def __init__(self, out: Path, to: str, texts: bool = True) -> None:
        """Without ``texts`` a row has what was found in a note, but not the note."""
        self.out = out
        self.to = to
        self.texts = texts

    def file(self, part: Part) -> str:
        """See :class:`Output`."""
        return f"part-{part.index:06d}{ENDINGS[self.to]}"

    place = file

    def names(self, part, notes) -> list[str]:
        """See :class:`Output`."""
        return [self.file(part)]

    def make(self, part, notes, found) -> Made:
        """See :class:`Output`."""
        make = json_lines if self.to == "jsonl" else parquet_file
        return Made([{self.file(part): make(found, self.texts)}])

    def has(self, part, notes, receipt) -> bool:
        """See :class:`Output`."""
        path = self.out / self.file(part)
        try:
            return path.stat().st_size == receipt.size or path.name in receipt.kept
        except OSError:
            return False

    def is_damaged(self, found, new) -> bool:
        """Whether a file ends within a row: nobody leaves it so, but a disk does."""
        ends = self.to == "jsonl" and (found[-1:] == b"\n" or new[len(found) :][:1] == b"\n")
        return new.startswith(found) and not ends

    def others(self, names: set[str]) -> list[str]:
        """List the parts that an earlier, longer input had."""
        found = sorted(self.out.glob(f"part-{'[0-9]' * 6}*{ENDINGS[self.to]}"))
        return [path.name for path in found if path.name not in names]


class StreamOutput(Output):
    """Rows of JSON lines on standard output, a part at a time."""

    def __init__(self, texts: bool = True) -> None:
        self.texts = texts

    def make(self, part, notes, found) -> Made:
        """See :class:`Output`; there are no files."""
        sys.stdout.buffer.write(json_lines(found, self.texts))
        sys.stdout.buffer.flush()
        return Made()

    def names(self, part, notes) -> list[str]:
        """See :class:`Output`."""
        return []

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
