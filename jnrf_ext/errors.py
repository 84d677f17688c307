"""The one error type a user can cause, so that a command line can tell it from a defect."""

from __future__ import annotations


class InputError(ValueError):
    """Something the caller gave is wrong: a path, a file's content, a setting.

    The message is one line: what happened, where (file and line, or setting), and what to do.
    """
