"""The processes that train one model together: how they agree, and how they end together."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor

from jnrf.training.distributed.launch import Launch, read_launch
from jnrf_ext.errors import InputError

T = TypeVar("T")
#: Keys in the store of the launcher: what went wrong first, and that process 0 has said its last
_FAILED, _SAID = "failed", "said"
#: Seconds between two looks whether another process failed
_LOOK = 0.5
#: Seconds that a process waits for process 0 to say what there is to say; torchrun kills after 30
_PATIENCE = 20
#: The same where a process was lost, which may have been process 0
_IMPATIENCE = 5


class Team:
    """This process among those of a run; alone, every method is trivial and costs nothing.

    Process 0 leads: it alone writes files and talks. All others compute the same, and take from it
    what only it knows.
    """

    def __init__(self, launch: Launch | None = None):
        launch = launch or Launch()
        self.rank, self.size, self.local_rank = launch.rank, launch.size, launch.local_rank
        #: The launcher's, once :func:`join` has it
        self._store: dist.Store | None = None

    @property
    def is_main_process(self) -> bool:
        """Whether this process writes and talks."""
        return self.rank == 0

    @property
    def alone(self) -> bool:
        """Whether there is no other process."""
        return self.size == 1

    def connect(self, device: torch.device) -> None:
        """Connect the processes: by gloo on the CPU, and by NCCL between CUDA devices besides."""
        if self.alone or dist.is_initialized():
            return
        backend = "gloo"
        if device.type == "cuda":
            torch.cuda.set_device(device)
            backend = "cpu:gloo,cuda:nccl"
        assert self._store is not None  # teams of several come from join()
        store = dist.PrefixStore("group", self._store)
        place = device if device.type == "cuda" else None
        dist.init_process_group(
            backend, store=store, rank=self.rank, world_size=self.size, device_id=place
        )

    def add_up(self, values: Tensor) -> None:
        """Replace ``values`` by their sum over all processes; on CUDA no host waits for it."""
        if not self.alone:
            dist.all_reduce(values)

    def gather(self, value: T) -> list[T]:
        """What each process has, by rank. Needs :meth:`connect`."""
        if self.alone:
            return [value]
        values: list[T | None] = [None] * self.size
        dist.all_gather_object(values, value)
        return cast("list[T]", values)

    def of_leader(self, make: Callable[[], T]) -> T:
        """What ``make`` gives process 0, which alone calls it. Needs :meth:`connect`."""
        if self.alone:
            return make()
        values = [make() if self.is_main_process else None]
        dist.broadcast_object_list(values, src=0)
        return cast("T", values[0])

    def wait(self) -> None:
        """Return once all processes are here."""
        self.gather(None)

    def agree(self, value: object, what: str) -> None:
        """Raise an :class:`InputError` in all processes unless all have the same value."""
        values = self.gather(value)
        for rank, other in enumerate(values):
            if other != values[0]:
                raise InputError(
                    f"process {rank} sees other {what} than process 0; all processes must be "
                    "started with the same options and see the same files"
                )


ALONE = Team()


@contextmanager
def join(
    launch: Launch | None = None,
    tell: Callable[[str], None] = lambda text: print(f"error: {text}", file=sys.stderr),
    traceback: bool = False,
) -> Iterator[Team]:
    """The team of this process, which ends as a whole: an error in one ends all of them.

    ``tell`` is given the one line that says what went wrong, once, in process 0; what the user can
    mend then ends each process with status 2, by :class:`SystemExit` (with ``traceback`` by the
    error itself), and anything else with status 1. Alone, errors are simply raised.
    """
    launch = launch or read_launch()
    team = Team(launch)
    if team.alone:
        yield team
        return
    try:
        store, *_ = next(iter(dist.rendezvous("env://")))
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"cannot reach the launcher at {os.environ['MASTER_ADDR']}:"
            f"{os.environ['MASTER_PORT']} ({' '.join(str(error).split())[:200]}); "
            "start with torchrun"
        ) from error
    team._store = store
    end = _End(team, store, tell)
    try:
        yield team
    except Exception as error:
        status = end.with_error(error)
        if traceback or not (isinstance(error, (InputError, OSError)) or _is_lost(error)):
            raise
        raise SystemExit(status) from None
    except BaseException:
        end.in_peace()
        raise
    end.in_peace()
    if dist.is_initialized():
        dist.destroy_process_group()


class _End:
    """Sees to it that the processes of a team end together, and that one line says why.

    A launcher ends all processes as soon as one ends. So those that have nothing to say wait for
    process 0 to have said it. A process that waits for another one in a collective operation cannot
    hear of an error there: a thread looks for it in the launcher's store, and ends the process.
    """

    def __init__(self, team: Team, store: dist.Store, tell: Callable[[str], None]):
        self._team, self._tell = team, tell
        self._store = dist.PrefixStore("jnrf", store.clone())
        self._closing = threading.Event()
        self._watch = threading.Thread(target=self._look, name="jnrf watch", daemon=True)
        self._watch.start()

    def with_error(self, error: Exception) -> int:
        """End with an error of this process, or with the one that came first; the exit status."""
        self._stop_looking()
        # A launcher that noticed the end of another process sends this to all that are left.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        mended = isinstance(error, (InputError, OSError))
        text = str(error) if mended else f"{type(error).__name__}: {_one_line(error)}"
        lost = _is_lost(error)
        if lost:
            text = (
                "another process of the run ended, killed for want of memory for instance, or the "
                f"connection to it is lost ({_one_line(error, 120)}); --resume goes on"
            )
        mine = {"rank": self._team.rank, "text": text, "status": 2 if mended else 1}
        try:
            first = json.loads(self._store.compare_set(_FAILED, "", json.dumps(mine)))
        except (RuntimeError, ValueError):  # the launcher is gone
            first = mine
        if first["text"] == text:
            first["rank"] = 0  # it is everyone's
        self._say(first, _IMPATIENCE if lost else _PATIENCE)
        return first["status"]

    def in_peace(self) -> None:
        """End after process 0 has said all it had to say."""
        self._stop_looking()
        with suppress(RuntimeError):
            if self._team.is_main_process:
                self._store.set(_SAID, "")
            else:
                self._store.wait([_SAID], timedelta(seconds=_PATIENCE))

    def _say(self, failure: dict, patience: float = _PATIENCE) -> None:
        if not self._team.is_main_process:
            with suppress(RuntimeError):
                self._store.wait([_SAID], timedelta(seconds=patience))
                return
        rank = failure["rank"]
        self._tell(f"process {rank}: {failure['text']}" if rank else failure["text"])
        sys.stdout.flush()
        sys.stderr.flush()
        with suppress(RuntimeError):
            self._store.set(_SAID, "")

    def _stop_looking(self) -> None:
        self._closing.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._closing.wait(_LOOK):
            try:
                failed = self._store.check([_FAILED])
                failure = json.loads(self._store.get(_FAILED)) if failed else None
            except RuntimeError:
                # Without a launcher nobody would end this process: let it save, and end.
                os.kill(os.getpid(), signal.SIGTERM)
                return
            if failure:
                # The main thread may wait for the failed process forever. Nothing is lost: files
                # and folders are replaced as a whole.
                self._say(failure)
                os._exit(failure["status"])


def _is_lost(error: Exception) -> bool:
    """Whether a collective operation failed because another process is gone."""
    text = str(error).lower()
    signs = ("gloo", "nccl", "connection closed", "connection reset", "timed out")
    return isinstance(error, RuntimeError) and any(sign in text for sign in signs)


def _one_line(error: Exception, most: int = 300) -> str:
    return " ".join(str(error).split())[:most]


def partition(sizes: Sequence[int], shares: int, most: int | None = None) -> list[list[int]]:
    """Partition items into ``shares`` of about equal size: for each the items' indices, in order.

    The largest first, each to the smallest share that has fewer than ``most`` items; of equals the
    earlier one. The same sizes are always partitioned the same.
    """
    if most is not None and most * shares < len(sizes):
        raise ValueError(f"{len(sizes)} items are more than {shares} shares of {most}")
    dealt: list[list[int]] = [[] for _ in range(shares)]
    loads = [0] * shares
    for index in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        free = [s for s in range(shares) if most is None or len(dealt[s]) < most]
        share = min(free, key=lambda s: (loads[s], len(dealt[s]), s))
        dealt[share].append(index)
        loads[share] += sizes[index]
    return [sorted(items) for items in dealt]
