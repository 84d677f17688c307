"""Prediction on a cluster: Ray Data hands parts to actors, one model each.

What is read, predicted and written, and by what, is as on one machine (:mod:`jnrf.prediction.run`);
Ray Data alone decides which worker takes which part, and gives the part of a worker that died to
another. Input, model and output folder must be at the same paths on all machines.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass

from jnrf.prediction.notes import Fault, Note, Part, Source
from jnrf.prediction.outputs import Output
from jnrf.prediction.predictor import PredictorSettings
from jnrf.prediction.receipts import Receipt, Receipts
from jnrf.prediction.run import Finished, Names, Outcome, PartWorker, checks_names
from jnrf_ext.errors import InputError
from jnrf_ext.shown import reason_of

#: The address that stands for a cluster on this machine alone, started for the run.
LOCAL = "local"
#: How many workers may end while they have a part, before it is taken for the reason.
TRIES = 4
_TRIES = ".tries"
#: A file beside the receipts that says that a worker failed
_STOP = "stop"


@dataclass(frozen=True)
class Job:
    """All that a worker needs to know."""

    predictor: PredictorSettings
    source: Source
    output: Output
    batch_tokens: int | None
    receipts: Receipts
    settings: str

    def worker(self) -> PartWorker:
        """Loads the model."""
        return PartWorker(
            self.predictor.load(),
            self.source,
            self.output,
            self.batch_tokens,
            self.receipts,
            self.settings,
        )


class Actor:
    """A worker of the cluster, as Ray Data calls it: rows in, rows out.

    What goes wrong here is a row too: Ray would wrap it, and tell a story of its own. Then all
    workers end what they are at, and leave the rest, so that the run comes to its end in order.
    """

    def __init__(self, job: bytes) -> None:
        self.failure: Failure | None = None
        try:
            self.worker = pickle.loads(job).worker()
        except Exception as error:
            self.failure = Failure.of(error)

    def __call__(self, rows: dict) -> dict:
        """``part``, pickled, with the reasons against its items -> ``done``: see :meth:`_do`."""
        return {"done": [pickle.dumps(self._do(data)) for data in rows["part"]]}

    def _do(self, data: bytes) -> tuple[Part, Receipt, bool] | Failure | None:
        """The part, its receipt, and whether that was there before; or why not; None: left."""
        if self.failure is not None:
            return self.failure
        part, against = pickle.loads(data)
        stop = self.worker.receipts.folder / _STOP
        try:
            if stop.exists():
                return None
            with self._tried(part):
                prepared = self.worker.prepare(part, lambda items: against)
                if prepared.receipt is not None:
                    return part, prepared.receipt, True
                receipt = self.worker.write(prepared, self.worker.predict(prepared))
                return part, receipt, False
        except Exception as error:
            failure = Failure.of(error)
            with suppress(OSError):  # then all of them are tried
                stop.touch()
            return failure

    @contextmanager
    def _tried(self, part: Part) -> Iterator[None]:
        """Count how often a part was begun and not ended, on disk: whoever does it may die of it.

        Ray gives such a part to others without end. Raises :class:`InputError` once it is enough.
        """
        path = self.worker.receipts.folder / f"{part.index}{_TRIES}"
        with path.open("ab") as file:
            before = file.tell()
            file.write(b".")
        if before >= TRIES:
            notes = self.worker.source.read(part)
            raise InputError(
                f"{before} workers ended while they had the notes from {notes[0].place} to "
                f"{notes[-1].place}; where memory is short, give smaller --part-tokens and "
                "--batch-tokens, or fewer --workers"
            )
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Failure:
    """What a worker raised, as it can travel."""

    said: str
    #: Where: the name of the machine
    machine: str
    #: For the user to mend
    plain: bool

    @classmethod
    def of(cls, error: Exception) -> Failure:
        """Of an exception that is being handled, on this machine."""
        machine = socket.gethostname()
        if isinstance(error, OSError) and error.filename:
            return cls(f"{error.filename}: {error.strerror}; check it", machine, True)
        if isinstance(error, (InputError, OSError)):
            return cls(str(error), machine, True)
        return cls(traceback.format_exc().rstrip(), machine, False)

    def raised(self, address: str) -> Exception:
        """To be raised where the run was started, which is another machine unless it is local."""
        where = "" if address == LOCAL else f" (on {self.machine})"
        if self.plain:
            return InputError(self.said + where)
        return RuntimeError(f"a worker failed{where}:\n{self.said}")


def run_on_ray(
    job: Job,
    address: str = LOCAL,
    workers: int = 0,
    told: Callable[[Outcome, Receipt], None] = lambda outcome, receipt: None,
) -> Outcome:
    """Predict all parts of the job's source on the cluster at ``address``.

    ``workers`` actors, 0 being as many as the cluster has GPUs, or CPUs where it has none. More
    than there are GPUs share them. Raises :class:`InputError` where Ray is missing or cannot be
    reached, and what a worker raised of this kind.
    """
    ray = _import()
    outcome = Outcome()
    finished = Finished(job.receipts, job.output)
    start = time.monotonic()
    rows = [{"part": pickle.dumps(entry)} for entry in _parts(job)]
    folder = job.receipts.folder
    for path in (*folder.glob(f"*{_TRIES}"), folder / _STOP):
        path.unlink(missing_ok=True)  # of a run that ended before
    if not rows:
        finished.close(outcome)
        return outcome
    failure: Failure | None = None
    left = 0
    with _quiet() as end_silence:
        _connect(ray, address)
        try:
            for data in _done(ray, job, rows, workers):
                end_silence()
                entry = pickle.loads(data)
                if isinstance(entry, Failure):
                    failure = failure or entry
                elif entry is None:
                    left += 1
                elif failure is None:
                    part, receipt, skipped = entry
                    outcome.add(part, receipt, skipped)
                    outcome.seconds = time.monotonic() - start
                    finished.add(receipt)
                    told(outcome, receipt)
        finally:
            ray.shutdown()
    if failure is not None:
        (folder / _STOP).unlink(missing_ok=True)
        raise failure.raised(address)
    if left:  # whoever failed ended before it could say why
        raise InputError(
            f"a worker failed, and {left} parts were left; what was written is whole: run the same "
            "command again to go on"
        )
    finished.close(outcome)
    return outcome


def _done(ray, job: Job, rows: list[dict], workers: int) -> Iterator[bytes]:
    """What becomes of each row, in their order."""
    resources = ray.cluster_resources()
    on_gpu = job.predictor.device != "cpu" and resources.get("GPU", 0) > 0
    most = max(1, int(resources.get("GPU" if on_gpu else "CPU", 1)))
    workers = workers or most
    share = {"num_gpus": min(1.0, most / workers)} if on_gpu else {"num_cpus": 1}
    try:
        done = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            Actor,
            fn_constructor_args=(pickle.dumps(job),),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=min(workers, len(rows))),
            **share,
        )
        for row in done.iter_rows():
            yield row["done"]
    except Exception as error:  # Ray Data has more kinds than Ray's own
        raise _lost(error) from error


def _parts(job: Job) -> Iterator[tuple]:
    """The parts, with the reasons against ids that cannot be file names, by their places."""
    if not checks_names(job.source, job.output):
        for part in job.source.parts():
            yield part, {}
        return
    names = Names()  # only one who sees all ids, in their order, can tell which come twice
    for part in job.source.parts():
        items: list[Note | Fault] = job.source.read(part)
        yield part, names.faults(items)


def _import():
    """Ray with Ray Data, or an :class:`InputError` that says how to install it."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.data
    except ImportError:
        raise InputError(
            "--ray needs Ray Data, which is not installed; pip install 'jnrf_ext[ray]'"
        ) from None
    return ray


def _connect(ray, address: str) -> None:
    """Connect to a cluster; quietly, and telling no one of its use."""
    _check_address(address)
    try:
        ray.init(
            address=address,
            include_dashboard=False if address == LOCAL else None,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
        )
    except Exception as error:  # of many kinds, most of them not Ray's own
        raise _unreachable(address, reason_of(error)) from None
    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)


@contextmanager
def _quiet() -> Iterator[Callable[[], None]]:
    """While entered, Ray says nothing of its own; what is wrong comes as an exception all the same.

    Python's standard output is closed to it: there it tells of workers that ended. So is standard
    error, below Python too, until the function that is yielded is called: there its library
    complains of how its own Ray Data starts actors.
    """
    sys.stderr.flush()
    kept: int | None = os.dup(2)

    def end_silence() -> None:
        nonlocal kept
        if kept is not None:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            kept = None

    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        os.dup2(nowhere.fileno(), 2)
        try:
            yield end_silence
        finally:
            end_silence()


def _check_address(address: str) -> None:
    """Tell at once that nothing answers there; Ray would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return  # auto, or what Ray has a reason against
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise _unreachable(address, getattr(error, "strerror", None) or str(error)) from None


def _unreachable(address: str, reason: str) -> InputError:
    return InputError(
        f"--ray {address}: no cluster can be reached there ({reason}); check the address, or give "
        "--ray alone for this machine"
    )


def _lost(error: Exception) -> InputError:
    """What Ray raises where workers died more often than parts are tried again, or all are gone."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = lines[-1][:200] if lines else type(error).__name__
    return InputError(
        f"the cluster failed ({reason}); what was written is whole: run the same command again to "
        "go on, with smaller --part-tokens and --batch-tokens if memory was short"
    )
