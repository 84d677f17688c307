"""The one error type a user can cause, so that a command line can tell it from a defect."""

from __future__ import annotations

import errno
import os


class InputError(ValueError):
    """Something the caller gave is wrong: a path, a file's content, a setting.

    The message is one line: what happened, where (file and line, or setting), and what to do.
    """


#: What to do about what a system refuses, by its number.
_REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "free space"),
    **dict.fromkeys((errno.EACCES, errno.EPERM), "check its permissions"),
    errno.EROFS: "mount it for writing",
}


def system_reason(error: OSError, otherwise: str | None = None) -> str:
    """Why the system refused something, and what to do: "Permission denied; check ...".

    ``otherwise`` is what to do where the reason is not one of permissions or space.
    """
    number = error.errno or 0
    remedy = _REMEDIES.get(number, otherwise)
    # By its number: libraries put words of their own into strerror.
    reason = os.strerror(number) if number > 0 else error.strerror or str(error)
    return f"{reason}; {remedy}" if remedy else reason
