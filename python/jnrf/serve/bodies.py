"""Request bodies: read up to a bound, and understood as notes."""

from __future__ import annotations

import codecs
import json
from collections.abc import AsyncIterator, Mapping
from email.message import Message

from jnrf.serve.batching import Note
from jnrf.serve.http_error import HttpError, busy
from jnrf.serve.limits import Limits

#: Characters of a note's id.
_LONGEST_ID = 1000


class HeldBytes:
    """Bytes of all bodies that are held at the moment, against a bound on them."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.now = 0

    def add(self, count: int) -> None:
        """Raises a 503 :class:`HttpError` where that is more than the bound."""
        if self.now + count > self.most:
            raise busy("too many large requests at once; send the request again later")
        self.now += count


class Body:
    """The body of one request; what it holds is given back at the end of a ``with`` block."""

    def __init__(self, held: HeldBytes, limits: Limits) -> None:
        self.held = held
        self.limits = limits
        self.size = 0

    def __enter__(self) -> Body:
        return self

    def __exit__(self, *error: object) -> None:
        self.held.now -= self.size

    async def read(self, headers: Mapping[str, str], stream: AsyncIterator[bytes]) -> bytearray:
        """All of it; raises a 413 :class:`HttpError` as soon as it shows that it is too large."""
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > self.limits.max_bytes:
            raise self._too_large()
        content = bytearray()
        async for chunk in stream:
            if self.size + len(chunk) > self.limits.max_bytes:
                raise self._too_large()
            self.held.add(len(chunk))
            self.size += len(chunk)
            content += chunk
        return content

    def _too_large(self) -> HttpError:
        return HttpError(
            413, f"the body is larger than {self.limits.max_bytes:,} bytes; send fewer notes"
        )


def check_headers(headers: Mapping[str, str]) -> None:
    """Only JSON in UTF-8 that is not compressed; raises a 415 :class:`HttpError` for any other.

    A page of another site cannot send JSON without our leave (which none has). A compressed body
    is not unpacked: a few bytes may become gigabytes.
    """
    declared = Message()
    declared["content-type"] = headers.get("content-type", "")
    if declared.get_content_type() != "application/json":
        raise HttpError(
            415,
            "send JSON, with the header Content-Type: application/json",
            {"Accept-Post": "application/json"},
        )
    if not _is_utf8(declared.get_content_charset()):
        raise HttpError(415, "send JSON as UTF-8", {"Accept-Post": "application/json"})
    codings = headers.get("content-encoding", "").lower().split(",")
    if not {coding.strip() for coding in codings} <= {"", "identity"}:
        raise HttpError(
            415,
            "send the body as it is, uncompressed: of Content-Encoding only identity is taken",
            {"Accept-Encoding": "identity"},
        )


def _is_utf8(charset: str | None) -> bool:
    try:
        return not charset or codecs.lookup(charset).name in ("utf-8", "ascii")
    except LookupError:
        return False


def parse_note(content: bytes | bytearray, limits: Limits) -> Note:
    """The note of a body ``{"text": ..., "id": ...}``; raises :class:`HttpError` for any other."""
    return _note(_parse(content), "the body", "1", limits)


def parse_notes(content: bytes | bytearray, limits: Limits) -> list[Note]:
    """The notes of a body that lists them; ids are "1", "2", ... where none are given."""
    items = _parse(content)
    if not isinstance(items, list):
        raise HttpError(422, 'the body must be a list of notes, [{"text": "..."}, ...]')
    if len(items) > limits.queue:
        raise HttpError(413, f"{len(items):,} notes are too many; send at most {limits.queue:,}")
    return [_note(x, f"note {n} of the list", str(n), limits) for n, x in enumerate(items, 1)]


def _parse(content: bytes | bytearray) -> object:
    try:
        return json.loads(content.decode("utf-8-sig"))  # some clients begin with a mark
    except UnicodeDecodeError as error:
        raise HttpError(400, f"the body is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise HttpError(400, f"the body is not JSON at {where}") from None
    except (RecursionError, ValueError):
        # Too deeply nested, or a number of thousands of digits.
        raise HttpError(400, "the body is not JSON that can be read") from None


def _note(item: object, where: str, default_id: str, limits: Limits) -> Note:
    if not isinstance(item, dict):
        raise HttpError(422, f'{where} must be an object, {{"text": "..."}}')
    if "text" not in item:
        raise HttpError(422, f'{where} has no "text"')
    text, name = item["text"], item.get("id")
    if not isinstance(text, str):
        raise HttpError(422, f'"text" of {where} must be a string')
    if name is not None and not isinstance(name, str):
        raise HttpError(422, f'"id" of {where} must be a string')
    if len(text) > limits.max_characters:
        raise HttpError(
            413,
            f'"text" of {where} has {len(text):,} characters; at most '
            f"{limits.max_characters:,} are taken",
        )
    if name is not None and len(name) > _LONGEST_ID:
        raise HttpError(413, f'"id" of {where} has more than {_LONGEST_ID:,} characters')
    _check_whole(text, f'"text" of {where}')
    _check_whole(name or "", f'"id" of {where}')
    return Note(default_id if name is None else name, text)


def _check_whole(text: str, where: str) -> None:
    """JSON can say half a surrogate pair, which is no character and cannot be written back."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise HttpError(
            422, f"{where} has half a surrogate pair at character {error.start}; send whole ones"
        ) from None
