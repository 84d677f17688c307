"""brat standoff in and out: ``NAME.txt`` with ``NAME.ann`` beside it.

The format is that of https://brat.nlplab.org/standoff.html, all line kinds included. Offsets count
code points. Two questions that the format leaves open are settled for each document by looking at
what the mentions say: whether ``\\r\\n`` counts as one character, and whether a byte order mark
counts. ``Document.text`` is the text in the reading that was chosen, so that offsets are right.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from jnrf.corpora.brat_lines import AnnotationFile
from jnrf.corpora.encodings import how_to_convert, wide_encoding
from jnrf_ext.document import Document
from jnrf_ext.errors import InputError
from jnrf_ext.files import write_atomically
from jnrf_ext.shown import shown
from jnrf_ext.standoff import to_brat

_BOM = "\ufeff"
#: Bytes of an id that becomes a file name: 255 less what is put behind it.
_MOST_NAME = 250
_TRANSLATED = "offsets count each line end as one character (text read so)"
_WITHOUT_BOM = "offsets do not count the byte order mark (text read without it)"


def read_folder(
    path: str | Path,
    on_error: str = "raise",
    newlines: str = "auto",
    on_mismatch: str = "count",
) -> list[Document]:
    """All documents of a folder, sorted by id (the file name without its suffix).

    A .txt without an .ann is a document without annotations; an .ann without a .txt is an error.
    Subfolders are not entered. The settings are those of :func:`read_document`.
    """
    folder = Path(path)
    try:
        names = sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))
    except FileNotFoundError:
        raise InputError(f"no folder {folder}; check the path") from None
    except NotADirectoryError:
        raise InputError(f"{folder} is a file; give the folder that holds the .txt files") from None
    except OSError as error:
        raise InputError(f"cannot read {folder}: {error.strerror}; check its permissions") from None
    texts = {name[:-4] for name in names if name.endswith(".txt")}
    annotations = {name[:-4] for name in names if name.endswith(".ann")}
    if lonely := sorted(annotations - texts):
        more = f" (and {len(lonely) - 1} more such files)" if len(lonely) > 1 else ""
        raise InputError(
            f"{folder / lonely[0]}.ann has no {lonely[0]}.txt beside it{more}; "
            "put the texts there, for offsets mean nothing without them"
        )
    if not texts:
        below = [name for name in names if any((folder / name).glob("*.txt"))]
        hint = f"; did you mean {folder / below[0]}?" if below else "; give a brat folder"
        raise InputError(f"no .txt files in {folder}{hint}")
    return [
        read_document(
            folder / f"{id}.txt",
            folder / f"{id}.ann" if id in annotations else None,
            on_error,
            newlines,
            on_mismatch,
        )
        for id in sorted(texts)
    ]


def read_document(
    txt_path: str | Path,
    ann_path: str | Path | None,
    on_error: str = "raise",
    newlines: str = "auto",
    on_mismatch: str = "count",
) -> Document:
    """One document; ``ann_path=None`` for a text without annotations.

    ``on_error``: what to do about a line that is malformed, repeats an id, refers to an unknown
    id or has offsets outside the text: "raise" :class:`InputError` ("path:line: what; remedy"), or
    "count" it by kind in ``Document.warnings`` and go on without it.
    ``newlines``: "raw" offsets count ``\\r\\n`` as two characters, "translated" as one; "auto"
    takes the reading that agrees with most mention texts, "raw" if they agree with both.
    ``on_mismatch``: "count" or "raise" when a mention's text is not what the text has at its
    offsets. ``Mention.text`` always is what the text has there.

    Relations whose arguments are events join the events' triggers; what the line said stays in
    ``head_ref`` and ``tail_ref``. Fragments come out sorted.
    """
    _check_choice("on_error", on_error, ("raise", "count"))
    _check_choice("newlines", newlines, ("auto", "raw", "translated"))
    _check_choice("on_mismatch", on_mismatch, ("raise", "count"))
    txt_path = Path(txt_path)
    id = txt_path.name.removesuffix(".txt")
    if not _is_unicode(id):
        raise InputError(f"{shown(txt_path)}: its name is not UTF-8; rename the file")
    document = Document(id, read_text(txt_path))
    path = None if ann_path is None else Path(ann_path)
    return _annotated(document, path, txt_path, on_error, newlines, on_mismatch)


def annotate(id: str, text: str, ann_path: str | Path) -> Document:
    """The document of a text in memory and an .ann file, read as :func:`read_document` does."""
    path = Path(ann_path)
    return _annotated(Document(id, text), path, path, "raise", "auto", "count")


def _annotated(
    document: Document,
    ann_path: Path | None,
    named: Path,
    on_error: str,
    newlines: str,
    on_mismatch: str,
) -> Document:
    content = "" if ann_path is None else read_text(ann_path).removeprefix(_BOM)
    file = AnnotationFile(content, ann_path or named, document, on_error)
    _choose_reading(document, file, newlines)
    file.fill(on_mismatch)
    return document


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"{name} is {value!r}; choose one of {', '.join(choices)}")


def read_text(path: Path) -> str:
    """The text of a UTF-8 file as it is, line ends included; else :class:`InputError`."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"no file {path}; check the path") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder; a file is needed there") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check its permissions") from None
    if wide := wide_encoding(data):
        raise InputError(f"{path}: not UTF-8 but {wide}; {how_to_convert(data, path.name)}")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}:{line}: not UTF-8: byte 0x{data[error.start]:02x} at position {error.start}; "
            f"{how_to_convert(data, path.name)}"
        ) from None


def _choose_reading(document: Document, file: AnnotationFile, newlines: str) -> None:
    """Set ``document.text`` to the reading of it that the mentions agree with most."""
    raw = document.text
    readings = [(raw, ())]
    if raw.startswith(_BOM):
        readings.append((raw[1:], (_WITHOUT_BOM,)))
    if "\r" in raw and newlines != "raw":
        translated = [
            (text.replace("\r\n", "\n").replace("\r", "\n"), (*said, _TRANSLATED))
            for text, said in readings
        ]
        readings = translated if newlines == "translated" else readings + translated
    if len(readings) > 1:
        # max() takes the first of equals: the raw text, where nothing speaks against it.
        document.text, said = max(readings, key=lambda reading: file.agreement(reading[0]))
        document.warnings.update(said)
    else:
        document.text = readings[0][0]


def write_folder(documents: Iterable[Document], folder: str | Path) -> int:
    """Write ``ID.txt`` and ``ID.ann`` for each document; returns how many documents there were.

    Each file is put in place whole or not at all. Text is written as it is, line ends included.
    Raises :class:`InputError` for an id that cannot be a file name or comes twice.
    """
    folder = Path(folder)
    if folder.is_file():
        raise InputError(f"{folder} is a file; give a folder to write into")
    written: set[str] = set()
    for document in documents:
        check_file_name(document.id, written)
        written.add(document.id)
        write_atomically(folder / f"{document.id}.txt", document.text)
        write_atomically(folder / f"{document.id}.ann", to_brat(document))
    return len(written)


def check_file_name(id: str, written: set[str]) -> None:
    """:class:`InputError` unless ``id`` can name a new file among those ``written``.

    An id may come from anyone. It is one name: no separators of folders of any system, no leading
    dot, no control characters, valid Unicode, at most 250 bytes (with what is put behind
    it file systems have room for). Names that only other systems have a meaning for (``CON``), and
    those that differ in case or in how accents are composed, are different files here; where a file
    system takes them for one, the later replaces the earlier.
    """
    if id in written:
        raise InputError(
            f"two documents have the id {shown(id)!r}; ids become file names, make them differ"
        )
    if not id or id.startswith(".") or any(c in "/\\\x7f" or c < " " for c in id):
        why = "it is empty, or has a leading dot, a slash or a control character"
    elif not _is_unicode(id):
        why = "it holds half a surrogate pair"
    elif len(id.encode()) > _MOST_NAME:
        why = f"it is over {_MOST_NAME} bytes long"
    else:
        return
    raise InputError(f"document id {shown(id)!r} cannot be a file name: {why}; rename the document")


def _is_unicode(name: str) -> bool:
    return not any("\ud800" <= c <= "\udfff" for c in name)
