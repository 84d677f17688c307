"""A prediction run: parts are read ahead, put through the model, and written behind it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from jnrf.data.prefetch import Prefetcher
from jnrf.prediction.folder import write_errors, write_kept
from jnrf.prediction.heap import frozen_heap
from jnrf.prediction.labels import check_labels
from jnrf.prediction.notes import Fault, Note, Part, Source
from jnrf.prediction.outputs import Output, TableOutput, file_name_fault
from jnrf.prediction.predictor import Predictor, predict_notes
from jnrf.prediction.receipts import Receipt, Receipts, part_key
from jnrf.prediction.written import Written
from jnrf_ext import __version__
from jnrf_ext.documents.document import Document
from jnrf_ext.errors import InputError
from jnrf_ext.files import UNFINISHED
from jnrf_ext.inference.extract import BATCH_TOKENS
from jnrf_ext.text.tokenizer import Encoded

#: Faults that are told at the end
SHOWN = 5


@dataclass
class Outcome:
    """What a run has done so far, and how fast."""

    #: Annotated by this run, and found annotated
    documents: int = 0
    skipped: int = 0
    wordpieces: int = 0
    seconds: float = 0.0
    #: Of :meth:`Source.measure`: what is done, and of that what this run has done
    size: int = 0
    own_size: int = 0
    #: Notes without a prediction: how many, and the first of them
    faults: int = 0
    first_faults: list[Fault] = field(default_factory=list)
    #: What the format written cannot hold, by kind
    lost: Counter[str] = field(default_factory=Counter)
    #: Files that someone has changed, and that are kept: how many, and the first of them
    kept: int = 0
    first_kept: list[str] = field(default_factory=list)

    @property
    def documents_per_second(self) -> float:
        """Reading and writing included."""
        return self.documents / max(self.seconds, 1e-9)

    @property
    def wordpieces_per_second(self) -> float:
        """Reading and writing included."""
        return self.wordpieces / max(self.seconds, 1e-9)

    def seconds_left(self, total: int | None) -> float | None:
        """At the rate so far; None where that is not known."""
        if total is None or not self.own_size:
            return None
        return max(total - self.size, 0) * self.seconds / self.own_size

    def add(self, part: Part, receipt: Receipt, skipped: bool) -> None:
        """Book a part."""
        self.size += part.size
        if skipped:
            self.skipped += receipt.documents
        else:
            self.own_size += part.size
            self.documents += receipt.documents
            self.wordpieces += receipt.wordpieces
        self.faults += len(receipt.faults)
        self.first_faults += receipt.faults[: max(0, SHOWN - len(self.first_faults))]
        self.lost.update(receipt.lost)
        self.add_kept(receipt.kept)

    def add_kept(self, names: Collection[str]) -> None:
        """Book files that are kept."""
        self.kept += len(names)
        self.first_kept += list(names)[: max(0, SHOWN - len(self.first_kept))]


@dataclass
class Prepared:
    """A part that was read: what the model is to do, or the receipt of its being done."""

    part: Part
    key: str
    notes: list[Note]
    #: What could not be read
    faults: list[Fault]
    receipt: Receipt | None = None
    encoded: list[Encoded] = field(default_factory=list)


class Names:
    """Finds ids that cannot be file names, or name a file that another note has, in order."""

    def __init__(self) -> None:
        self._taken: set[bytes] = set()

    def faults(self, items: list[Note | Fault]) -> dict[int, str]:
        """The reasons against those of ``items`` that cannot have a file, by their places."""
        found = {}
        for place, item in enumerate(items):
            if isinstance(item, Note):
                reason = file_name_fault(item.id, self._taken)
                if reason is not None:
                    found[place] = reason
        return found


def checks_names(source: Source, output: Output) -> bool:
    """Whether ids become file names that the source does not vouch for."""
    return output.needs_file_names and not source.names_files


class PartWorker:
    """Reads parts, puts them through the model, and writes them."""

    def __init__(
        self,
        predictor: Predictor,
        source: Source,
        output: Output,
        batch_tokens: int | None = None,
        receipts: Receipts | None = None,
        settings: str = "",
    ) -> None:
        """``settings`` are those that files differ by; only standard output needs no ``receipts``.

        ``batch_tokens`` is by default what suits the device. Raises :class:`InputError` where the
        output cannot hold the model's labels.
        """
        check_labels(predictor.model.config.schema, output.to)
        self.predictor = predictor
        self.source = source
        self.output = output
        self.batch_tokens = batch_tokens or BATCH_TOKENS[predictor.device.type]
        self.receipts = receipts
        self._run_key = ""
        if receipts is not None:
            fingerprint = predictor.fingerprint()
            self._run_key = repr((__version__, fingerprint, self.batch_tokens, settings))

    def prepare(
        self, part: Part, names: Callable[[list], dict[int, str]] | None = None
    ) -> Prepared:
        """Read a part; its wordpieces too, unless it has been done.

        ``names`` gives the reasons against items whose ids cannot be file names, by their places.
        """
        items = self.source.read(part)
        against = names(items) if names is not None else {}
        for place, reason in against.items():
            note = items[place]
            items[place] = Fault(note.place, reason, note.id)
        notes = [item for item in items if isinstance(item, Note)]
        faults = [item for item in items if isinstance(item, Fault)]
        key = part_key(self._run_key + self.output.place(part), items)
        prepared = Prepared(part, key, notes, faults)
        if self.receipts is not None:
            receipt = self.receipts.find(prepared.key)
            if (
                receipt is not None
                and receipt.final
                and self.output.has(part, notes, receipt)
                and not self._to_write_anew(prepared, receipt, self.receipts.written)
            ):
                prepared.receipt = receipt
                return prepared
        prepared.encoded = self.predictor.encode([note.text for note in notes])
        return prepared

    def _to_write_anew(self, prepared: Prepared, receipt: Receipt, written: Written) -> bool:
        """Whether a part that is done has files with something else that is to be written over."""
        if receipt.kept and (written.replace.changed or written.replace.foreign):
            return True
        names = self.output.names(prepared.part, prepared.notes)
        if written.begun_by_another(prepared.key, names):
            return True
        return written.replace.changed and written.changed(names)

    def predict(self, prepared: Prepared) -> list[Document | Fault]:
        """The documents of its notes, with a fault for each that the model fails on."""
        return predict_notes(self.predictor, prepared.notes, prepared.encoded, self.batch_tokens)

    def write(self, prepared: Prepared, found: list[Document | Fault]) -> Receipt:
        """Write the documents of a part, then its receipt."""
        pairs = list(zip(prepared.notes, found, strict=True))
        kept = [(note, d) for note, d in pairs if isinstance(d, Document)]
        part, output = prepared.part, self.output
        made = output.make(part, [n for n, _ in kept], [d for _, d in kept])
        receipt = Receipt(prepared.key, output.file(part), lost=made.lost)
        if receipt.file is not None:
            receipt.size = len(made.units[0][receipt.file])
        if self.receipts is not None:
            receipt.kept = self.receipts.written.write(
                prepared.key, made.units, output.durable, output.is_damaged
            )
        receipt.documents = len(kept)
        receipt.wordpieces = sum(map(len, prepared.encoded))
        receipt.faults = [*prepared.faults, *(f for _, f in pairs if isinstance(f, Fault))]
        if self.receipts is not None:
            self.receipts.add(receipt)
        return receipt


def run(
    worker: PartWorker,
    strict: bool = False,
    told: Callable[[Outcome, Receipt], None] = lambda outcome, receipt: None,
) -> Outcome:
    """Predict all parts of the worker's source; ``told`` hears of each and the outcome so far.

    While a part is with the model, the next is read and cut into wordpieces, and the one before is
    written, each in a thread of its own. ``strict`` raises :class:`InputError` at the first note
    that cannot be read.
    """
    outcome = Outcome()
    finished = Finished(worker.receipts, worker.output)
    start = time.monotonic()

    def book(prepared: Prepared, receipt: Receipt) -> None:
        outcome.add(prepared.part, receipt, skipped=prepared.receipt is not None)
        outcome.seconds = time.monotonic() - start
        finished.add(receipt)
        told(outcome, receipt)

    with (
        frozen_heap(),
        ThreadPoolExecutor(1, "writer") as writer,
        Prefetcher(_prepared(worker, strict)) as stream,
    ):
        writing: tuple[Prepared, Future[Receipt]] | None = None
        for prepared in stream:
            receipt = prepared.receipt
            found = worker.predict(prepared) if receipt is None else []
            if writing is not None:
                book(writing[0], writing[1].result())
                writing = None
            if receipt is not None:
                book(prepared, receipt)
            else:
                writing = prepared, writer.submit(worker.write, prepared, found)
        if writing is not None:
            book(writing[0], writing[1].result())
    finished.close(outcome)
    return outcome


def _prepared(worker: PartWorker, strict: bool) -> Iterator[Prepared]:
    names = Names().faults if checks_names(worker.source, worker.output) else None
    for part in worker.source.parts():
        prepared = worker.prepare(part, names)
        if strict and prepared.faults:
            raise InputError(str(prepared.faults[0]))
        yield prepared


class Finished:
    """What is to be done once all parts are there: lists, and what an earlier run left."""

    def __init__(self, receipts: Receipts | None, output: Output) -> None:
        self.receipts = receipts
        self.output = output
        self._keys: set[str] = set()
        #: Of the parts that lists tell of, which may be too many to keep themselves, in order
        self._told: list[str] = []
        self._files: set[str] = set()

    def add(self, receipt: Receipt) -> None:
        """A part is there; parts come in their order."""
        self._keys.add(receipt.key)
        if receipt.faults or receipt.kept:
            self._told.append(receipt.key)
        if receipt.file:
            self._files.add(receipt.file)

    def _found(self, receipts: Receipts) -> Iterator[Receipt]:
        yield from filter(None, map(receipts.find, self._told))

    def close(self, outcome: Outcome) -> None:
        """All parts are there."""
        if self.receipts is None:
            return
        receipts, out, written = self.receipts, self.receipts.out, self.receipts.written
        write_errors(out, (fault for receipt in self._found(receipts) for fault in receipt.faults))
        receipts.keep_only(self._keys)
        others = self.output.others(self._files) if isinstance(self.output, TableOutput) else []
        against = {name: written.may_remove(name) for name in others}
        left = {name: reason for name, reason in against.items() if reason is not None}
        for name in others:
            if name not in left:
                (out / name).unlink(missing_ok=True)
        outcome.add_kept(left)
        kept = (pair for receipt in self._found(receipts) for pair in receipt.kept.items())
        write_kept(out, (*kept, *left.items()))
        written.close(self._keys, set(others) - set(left))
        for path in out.rglob(UNFINISHED):
            path.unlink(missing_ok=True)  # of a run that was killed
