"""One thread owns the model; notes that come while it works are packed together for the next pass.

Documents are packed without padding, so that a pass over many short notes costs little more than
one over a single note, and each note gets what :meth:`jnrf_ext.JNRF.extract` gives for it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jnrf.serve.http_error import busy
from jnrf.serve.metrics import Metrics

if TYPE_CHECKING:
    from jnrf.prediction.predictor import Predictor
    from jnrf_ext.documents.document import Document
    from jnrf_ext.text.tokenizer import Encoded

log = logging.getLogger("jnrf.serve")


class ModelFailed(Exception):
    """The model failed on a note, alone."""


class NotServed(Exception):
    """The service stopped before it came to a note."""


@dataclass(frozen=True)
class Note:
    """What a client wants extracted from."""

    id: str
    text: str


@dataclass(eq=False)
class Job:
    """A note on its way through the queue; ``future`` gets its :class:`Document`."""

    note: Note
    future: Future[Document] = field(default_factory=Future)
    encoded: Encoded | None = None


class Batcher:
    """A queue of notes before a model, and the thread that empties it.

    At most ``queue`` notes wait. A pass takes those that have come, in order, up to
    ``batch_tokens`` wordpieces (a longer note goes alone), after a wait of at most ``wait`` seconds
    for more of them. A pass that fails is repeated note by note, so that only the note at fault
    does.
    """

    def __init__(
        self, predictor: Predictor, batch_tokens: int, queue: int, wait: float, metrics: Metrics
    ) -> None:
        self.predictor = predictor
        self.batch_tokens = batch_tokens
        self.queue = queue
        self.wait = wait
        self.metrics = metrics
        self._waiting: deque[Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="jnrf-model", daemon=True)
        metrics.watch_queue(lambda: self.waiting)

    @property
    def waiting(self) -> int:
        """Notes that the model has not begun."""
        return len(self._waiting)

    @property
    def alive(self) -> bool:
        """Whether notes are taken, and will be worked on."""
        return self._thread.is_alive() and not self._closed

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def submit(self, notes: Sequence[Note]) -> list[Job]:
        """Queue notes, all or none; raises a 503 :class:`HttpError` where there is no room."""
        jobs = [Job(note) for note in notes]
        with self._changed:
            if not self.alive:
                raise busy("the service is stopping; send the request again later")
            if len(self._waiting) + len(jobs) > self.queue:
                raise busy("too many notes are waiting; send the request again later")
            self._waiting.extend(jobs)
            self._changed.notify()
        return jobs

    def drop(self, jobs: Sequence[Job]) -> None:
        """Forget notes that nobody waits for any more, unless the model has begun them."""
        cancelled = {job for job in jobs if not job.future.done() and job.future.cancel()}
        if not cancelled:
            return
        self.metrics.documents.labels("dropped").inc(len(cancelled))
        with self._changed:
            kept = [job for job in self._waiting if job not in cancelled]
            self._waiting.clear()
            self._waiting.extend(kept)

    def close(self) -> None:
        """Take no more notes, finish those that came, and stop."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join()

    def _work(self) -> None:
        try:
            while (batch := self._next_batch()) is not None:
                self._run(batch)
        except BaseException as error:
            log.critical("the model's thread broke: %s", where_raised(error))
        finally:
            # After close() there is nothing left; a thread that broke leaves no one waiting.
            with self._changed:
                self._closed = True
                left = list(self._waiting)
                self._waiting.clear()
            for job in left:
                if job.future.set_running_or_notify_cancel():
                    job.future.set_exception(NotServed())

    def _next_batch(self) -> list[Job] | None:
        """The notes of the next pass, tokenised; None when closed and done."""
        batch: list[Job] = []
        total, until = 0, None
        while total < self.batch_tokens and (job := self._take(until)) is not None:
            encoded = self._encode(job) if job.encoded is None else job.encoded
            if encoded is None:
                continue
            if batch and total + len(encoded) > self.batch_tokens:
                self._put_back(job)
                break
            batch.append(job)
            total += len(encoded)
            until = until or time.monotonic() + self.wait
        return batch if batch or not self._closed else None

    def _take(self, until: float | None) -> Job | None:
        """The next note; waits for one until a time of the monotonic clock, or for ever."""
        with self._changed:
            while not self._waiting and not self._closed:
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    return None
                self._changed.wait(left)
            return self._waiting.popleft() if self._waiting else None

    def _put_back(self, job: Job) -> None:
        with self._changed:
            self._waiting.appendleft(job)

    def _encode(self, job: Job) -> Encoded | None:
        """Tokenise a note; where that fails, the note does, and None is returned."""
        if job.future.cancelled():
            return None
        try:
            [job.encoded] = self.predictor.encode([job.note.text])
        except Exception as error:
            if job.future.set_running_or_notify_cancel():
                self._fail(job, error)
            return None
        return job.encoded

    def _run(self, batch: list[Job]) -> None:
        begun = [job for job in batch if job.future.set_running_or_notify_cancel()]
        try:
            if begun:
                self._extract(begun)
        except BaseException:
            # Before anyone has an answer: the next question may be whether the service is healthy.
            with self._changed:
                self._closed = True
            raise
        finally:
            for job in begun:
                if not job.future.done():
                    job.future.set_exception(NotServed())

    def _extract(self, jobs: list[Job]) -> None:
        # Only notes that were tokenised come into a batch.
        encoded = [job.encoded for job in jobs if job.encoded is not None]
        start = time.perf_counter()
        try:
            found = self.predictor.extract(
                [job.note.text for job in jobs],
                [job.note.id for job in jobs],
                encoded,
            )
        except Exception as error:
            self.metrics.model_seconds.inc(time.perf_counter() - start)
            if len(jobs) == 1:
                self._fail(jobs[0], error)
                return
            log.warning("a pass over %d notes failed; repeating it note by note", len(jobs))
            del error  # holds on to the pass and what it took
            for job in jobs:
                self._extract([job])
            return
        wordpieces = sum(map(len, encoded))
        self.metrics.passed(len(jobs), wordpieces, time.perf_counter() - start)
        for job, document in zip(jobs, found, strict=True):
            job.future.set_result(document)

    def _fail(self, job: Job, error: Exception) -> None:
        self.metrics.documents.labels("failed").inc()
        log.error("the model failed on a note: %s", where_raised(error))
        job.future.set_exception(ModelFailed())


def where_raised(error: BaseException) -> str:
    """What kind of error, and where: all that may be logged of one whose message may quote a note.

    "RuntimeError at linear.py:41".
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    file = trace.tb_frame.f_code.co_filename.rpartition("/")[2]
    return f"{type(error).__name__} at {file}:{trace.tb_lineno}"
