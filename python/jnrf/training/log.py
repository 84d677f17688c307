"""What a run writes down as it goes: metrics.jsonl and, where installed, TensorBoard's files."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jnrf_ext.errors import InputError, system_reason


class MetricsLog:
    """Appends one JSON object a line to ``path``, each on disk as soon as it is written.

    ``keep_bytes`` is the length to keep of an earlier file: a resumed run writes the rest again.
    """

    def __init__(self, path: Path | None, keep_bytes: int = 0):
        """Without ``path`` nothing is written."""
        self.path = path
        self._file = None
        if path is None:
            return
        try:
            self._file = open(path, "ab")  # noqa: SIM115 (kept open for the whole run)
            self._file.truncate(min(keep_bytes, self._file.tell()))
            self._file.seek(0, 2)
        except OSError as error:
            raise InputError(
                f"cannot write {path}: {system_reason(error)}, then --resume"
            ) from error

    def append(self, row: dict) -> None:
        """Write one row."""
        if self._file is None:
            return
        try:
            self._file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise InputError(
                f"cannot write {self.path}: {system_reason(error)}, then --resume"
            ) from error

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return 0 if self._file is None else self._file.tell()

    def close(self) -> None:
        """No more rows."""
        if self._file is not None:
            self._file.close()


def read_rows(path: Path) -> list[dict]:
    """The rows of a metrics.jsonl, in order; none where there is no file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


class Curves:
    """TensorBoard's files, or nothing; ``note`` says which in one line."""

    def __init__(self, folder: Path, wanted: bool, step: int):
        self._writer = None
        self.note = "TensorBoard: off"
        if not wanted:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self.note = "TensorBoard is not installed; for curves: pip install tensorboard"
            return
        self._folder = folder
        self._hook = threading.excepthook
        threading.excepthook = self._thread_ended
        # purge_step hides what an interrupted run wrote after its last checkpoint.
        with self._writing():
            self._writer = SummaryWriter(str(folder), purge_step=step + 1 if step else None)
        self.note = f"TensorBoard: tensorboard --logdir {folder}"

    def add(self, row: dict, step: int) -> None:
        """The numbers of a metrics row, nested ones as ``dev/relations_lenient``."""
        if self._writer is None:
            return
        with self._writing():
            for name, value in row.items():
                if isinstance(value, dict):
                    for inner, number in value.items():
                        self._writer.add_scalar(f"{name}/{inner}", number, step)
                elif isinstance(value, (int, float)):
                    self._writer.add_scalar(f"train/{name}", value, step)

    def close(self) -> None:
        """Write what is pending."""
        if self._writer is not None:
            with self._writing():
                self._writer.close()
            if threading.excepthook == self._thread_ended:
                threading.excepthook = self._hook

    def _thread_ended(self, args: threading.ExceptHookArgs) -> None:
        """What ends TensorBoard's own thread is raised by its next call, and told there, once."""
        of_tensorboard = type(args.thread).__module__.startswith("tensorboard")
        if not (of_tensorboard and isinstance(args.exc_value, OSError)):
            self._hook(args)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:  # of a write some time ago: TensorBoard's come from its own thread
            raise InputError(
                f"cannot write curves into {self._folder}/: {system_reason(error)}, then --resume; "
                "--run.tensorboard false goes on without curves"
            ) from error
