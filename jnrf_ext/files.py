"""Writing files: neither a crash nor a full disk leaves half a file in a good one's place."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from jnrf_ext.errors import InputError, system_reason

#: The names of files that are not whole yet, as a pattern for globs: a kill may leave some behind.
UNFINISHED = ".jnrf-????????.part"


def write_atomically(path: str | Path, content: str | bytes, durable: bool = True) -> None:
    """Write ``content`` beside ``path`` and rename it into place once it is on disk.

    Text is written as UTF-8 with its line ends as they are. Missing parent folders are made.
    Raises :class:`InputError` naming the path when the file cannot be written (disk full, no
    permission); what stood at ``path`` before is then untouched. ``durable=False`` does not wait
    for the disk, milliseconds a file: whole after a crash of the program, not of the machine.
    """
    path = Path(path)
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        handle, temporary = _open_beside(path)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:  # an interrupt too leaves nothing behind
            with suppress(FileNotFoundError):  # it may be in its place already
                os.unlink(temporary)
            raise
    except OSError as error:
        reason = system_reason(error, "check the path")
        raise InputError(f"cannot write {path}: {reason} or choose another folder") from error


def _open_beside(path: Path) -> tuple[int, str]:
    """A new file in the folder of ``path``, which is made where it is missing, and its name."""
    # With the mode that open() would give; tempfile's are private, and the mode to give them
    # afterwards cannot be learnt without changing that of other threads for a moment.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    temporary = os.path.join(path.parent, f".jnrf-{os.urandom(4).hex()}.part")
    try:
        return os.open(temporary, flags, 0o666), temporary
    except (FileNotFoundError, NotADirectoryError):
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(temporary, flags, 0o666), temporary
