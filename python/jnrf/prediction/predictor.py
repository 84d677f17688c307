"""A model made ready for prediction, and notes put through it."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch

from jnrf.device import choose_device
from jnrf.prediction.notes import Fault, Note
from jnrf_ext import JNRF
from jnrf_ext.documents.document import Document
from jnrf_ext.errors import InputError
from jnrf_ext.inference.extract import Pass, documents_of, encode_texts, pass_through
from jnrf_ext.shown import reason_of
from jnrf_ext.text.tokenizer import Encoded

T = TypeVar("T")


@dataclass(frozen=True)
class PredictorSettings:
    """Which model, and in which numbers it calculates."""

    model: str
    device: str = "auto"
    #: int8 weights, on a CPU
    int8: bool = False
    #: bfloat16 products: always, never, or auto, which is on CUDA
    bf16: str = "auto"
    #: CPU threads; 0 is torch's own choice
    threads: int = 0

    def load(self) -> Predictor:
        """Raises :class:`InputError` for what cannot be loaded, and for settings at odds."""
        device = choose_device(self.device)
        if self.threads:
            torch.set_num_threads(self.threads)
        if self.int8 and device.type != "cpu":
            raise InputError("--int8 is for CPUs; leave it out on CUDA, or give --device cpu")
        if self.int8 and self.bf16 == "always":
            raise InputError("--int8 and --bf16 always exclude each other; give one of them")
        model = JNRF.from_pretrained(self.model, device=device)
        bf16 = self.bf16 == "always" or (self.bf16 == "auto" and device.type == "cuda")
        return Predictor(model, bf16, int8=self.int8)


class Predictor:
    """A model in evaluation mode, and how to calculate with it."""

    def __init__(self, model: JNRF, bf16: bool = False, int8: bool = False) -> None:
        if model.tokenizer is None:
            raise InputError(
                "the model has no tokenizer.json, so it cannot read text; copy it into its folder"
            )
        self._tokenizer = model.tokenizer
        self._weights: str | None = None
        if int8:
            from jnrf_ext.int8 import quantize

            self._weights = _hash_of_weights(model)  # while they are there to be read
            model = quantize(model)
        self.model = model.eval()
        self.bf16 = bf16
        self.int8 = int8
        #: Passes given to the device before the documents of one are made: on CUDA both go on at
        #: the same time; a CPU has nothing to gain.
        self.passes_ahead = int(model.device.type == "cuda")

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.device

    @property
    def numbers(self) -> str:
        """The type that matrix products take their operands in."""
        return "int8" if self.int8 else "bfloat16" if self.bf16 else "float32"

    def fingerprint(self) -> str:
        """A hash of all that decides its predictions, but the machine."""
        digest = hashlib.sha256(repr((self.model.config.to_dict(), self.numbers)).encode())
        digest.update(self._tokenizer.to_json().encode())
        digest.update((self._weights or _hash_of_weights(self.model)).encode())
        return digest.hexdigest()

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """The wordpieces of texts."""
        return encode_texts(self.model, list(texts))

    def pass_through(self, texts: list[str], ids: list[str], encoded: list[Encoded]) -> Pass:
        """One pass of the model; on CUDA it may still be under way."""
        with self._numbers():
            return pass_through(self.model, texts, ids, encoded)

    def documents_of(self, passed: Pass) -> list[Document]:
        """What is found in the documents of a pass."""
        with self._numbers():
            return documents_of(self.model, passed)

    def extract(self, texts: list[str], ids: list[str], encoded: list[Encoded]) -> list[Document]:
        """Both."""
        return self.documents_of(self.pass_through(texts, ids, encoded))

    def _numbers(self) -> AbstractContextManager:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)


def _hash_of_weights(model: JNRF) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def bucket(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Documents of like length together, up to ``batch_tokens`` wordpieces or one document.

    Yields their places in ``lengths``. It follows from the lengths alone, so that documents meet
    the same neighbours in every run, and get the same result to the last bit.
    """
    group: list[int] = []
    total = 0
    for place in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        if group and total + lengths[place] > batch_tokens:
            yield group
            group, total = [], 0
        group.append(place)
        total += lengths[place]
    if group:
        yield group


#: What a model may raise at a note; others (an interrupt, an exit) are not the note's fault.
_FAILURES = (RuntimeError, ValueError, ArithmeticError, LookupError, MemoryError, OSError)


def predict_notes(
    predictor: Predictor, notes: Sequence[Note], encoded: Sequence[Encoded], batch_tokens: int
) -> list[Document | Fault]:
    """The documents of notes in their order, with a fault for each that the model fails on.

    A batch that fails is tried again note by note. Where all of several notes fail it is not the
    notes, and what the model raised first is raised.
    """
    results: dict[int, Document | Fault] = {}
    first: Exception | None = None
    batches = bucket([len(e) for e in encoded], batch_tokens)
    for places, found in _extracted(predictor, notes, encoded, batches):
        if isinstance(found, Exception):
            first = first or found
            made: Sequence[Document | Fault] = _singly(predictor, notes, encoded, places, found)
        else:
            made = found
        results.update(zip(places, made, strict=True))
    faults = (isinstance(result, Fault) for result in results.values())
    if first is not None and len(notes) > 1 and all(faults):
        raise first
    return [results[place] for place in range(len(notes))]


def _extracted(
    predictor: Predictor,
    notes: Sequence[Note],
    encoded: Sequence[Encoded],
    batches: Iterable[list[int]],
) -> Iterator[tuple[list[int], list[Document] | Exception]]:
    """The documents of each batch of places, or what the model raised."""
    under_way: deque[tuple[list[int], Pass | Exception]] = deque()

    def finished() -> tuple[list[int], list[Document] | Exception]:
        places, passed = under_way.popleft()
        if isinstance(passed, Exception):
            return places, passed
        return places, _attempt(lambda: predictor.documents_of(passed))

    for places in batches:
        chosen = [notes[p] for p in places]
        texts, ids = [n.text for n in chosen], [n.id for n in chosen]
        pieces = [encoded[p] for p in places]
        passed = _attempt(partial(predictor.pass_through, texts, ids, pieces))
        under_way.append((places, passed))
        while len(under_way) > predictor.passes_ahead:
            yield finished()
    while under_way:
        yield finished()


def _attempt(work: Callable[[], T]) -> T | Exception:
    try:
        return work()
    except _FAILURES as error:
        return error


def _singly(
    predictor: Predictor,
    notes: Sequence[Note],
    encoded: Sequence[Encoded],
    places: list[int],
    error: Exception,
) -> list[Document | Fault]:
    """Each note of a batch that failed by itself; a note that was alone there failed by itself."""
    if len(places) == 1:
        return [_fault(notes[places[0]], error)]
    results: list[Document | Fault] = []
    for (place,), found in _extracted(predictor, notes, encoded, [[p] for p in places]):
        results += [_fault(notes[place], found)] if isinstance(found, Exception) else found
    return results


def _fault(note: Note, error: Exception) -> Fault:
    # Only messages that are about tensors and memory: another might quote the note.
    told = isinstance(error, (RuntimeError, MemoryError, OSError))
    said = f": {reason_of(error)}" if told else ""
    reason = f"the model failed on it ({type(error).__name__}{said})"
    return Fault(note.place, reason, note.id, by_model=True)
