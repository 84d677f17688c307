"""brat standoff in and out: ``NAME.txt`` with ``NAME.ann`` beside it.

The format is that of https://brat.nlplab.org/standoff.html, all line kinds included. The BioNLP
shared tasks have it in two files, ``NAME.a1`` and ``NAME.a2``, which are read as one. Offsets count
code points. Two questions that the format leaves open are settled for each document by looking at
what the mentions say: whether ``\\r\\n`` counts as one character, and whether a byte order mark
counts. ``Document.text`` is the text in the reading that was chosen, so that offsets are right.
Which argument of a relation is its head is settled for each folder (:mod:`jnrf.corpora.roles`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from jnrf.corpora import roles
from jnrf.corpora.brat_lines import AnnotationFile
from jnrf.corpora.listing import look, split_name, unannotated, unannotated_in
from jnrf.corpora.notices import UnannotatedWarning, tell
from jnrf.corpora.texts import read_text
from jnrf_ext.documents.document import Document
from jnrf_ext.documents.standoff import to_brat
from jnrf_ext.errors import InputError
from jnrf_ext.files import write_atomically
from jnrf_ext.shown import shown

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

    A .txt without an .ann (or an .a1 or .a2) is a document without annotations; annotations
    without a .txt are an error. Subfolders are not entered. Such texts, and files that are not
    read, are told in a :class:`jnrf.corpora.notices.CorpusWarning`. The settings are those of
    :func:`read_document`.
    """
    folder = look(path)
    folder.tell_others()
    documents = [
        _read(text, folder.annotations.get(id, ()), on_error, newlines, on_mismatch)
        for id, text in folder.texts.items()
    ]
    roles.orient_by_folder(documents, folder.path)
    tell_unannotated(folder.path, documents)
    return documents


def tell_unannotated(path: Path, documents: Sequence[Document]) -> None:
    """Give a notice of the documents read from ``path`` that have no annotation file."""
    if lonely := unannotated(path, documents):
        tell(unannotated_in(path, lonely, len(documents)), UnannotatedWarning)


def read_document(
    txt_path: str | Path,
    ann_path: str | Path | Sequence[str | Path] | None,
    on_error: str = "raise",
    newlines: str = "auto",
    on_mismatch: str = "count",
) -> Document:
    """One document; ``ann_path`` is an .ann, the .a1 and .a2 of a text, or None for neither.

    ``on_error``: what to do about a line that is malformed, repeats an id, refers to an unknown
    id or has offsets outside the text: "raise" :class:`InputError` ("path:line: what; remedy"), or
    "count" it by kind in ``Document.warnings`` and go on without it.
    ``newlines``: "raw" offsets count ``\\r\\n`` as two characters, "translated" as one; "auto"
    takes the reading that agrees with most mention texts, "raw" if they agree with both.
    ``on_mismatch``: "count" or "raise" when a mention's text is not what the text has at its
    offsets. ``Mention.text`` always is what the text has there.

    Relations whose arguments are events join the events' triggers; what the line said stays in
    ``head_ref`` and ``tail_ref``. The other files of the folder are asked where role names do not
    say which argument is the head. Fragments come out sorted.
    """
    txt_path, files = Path(txt_path), _paths(ann_path)
    document = _read(txt_path, files, on_error, newlines, on_mismatch)
    if files:
        roles.orient_by_folder([document], files[0].parent)
    return document


def _paths(given: str | Path | Sequence[str | Path] | None) -> tuple[Path, ...]:
    if given is None:
        return ()
    return (Path(given),) if isinstance(given, str | Path) else tuple(map(Path, given))


def _read(
    txt_path: Path,
    ann_paths: Sequence[Path],
    on_error: str,
    newlines: str,
    on_mismatch: str,
) -> Document:
    """A document whose relations have the arguments in the order of their lines."""
    _check_choice("on_error", on_error, ("raise", "count"))
    _check_choice("newlines", newlines, ("auto", "raw", "translated"))
    _check_choice("on_mismatch", on_mismatch, ("raise", "count"))
    id, _ = split_name(txt_path.name)
    if not _is_unicode(id):
        raise InputError(f"{shown(txt_path)}: its name is not UTF-8; rename the file")
    document = Document(id, read_text(txt_path))
    _annotate(document, ann_paths, on_error, newlines, on_mismatch)
    return document


def annotate(
    id: str,
    text: str,
    ann_path: str | Path | Sequence[str | Path],
    heads: roles.HeadRoles | None = None,
    on_error: str = "raise",
    newlines: str = "auto",
) -> Document:
    """The document of a text in memory and its annotations, read as :func:`read_document` does.

    ``heads``: which roles are heads, in place of what the folder of the annotations says.
    """
    document, files = Document(id, text), _paths(ann_path)
    _annotate(document, files, on_error, newlines, "count")
    if heads is not None:
        roles.orient([document], heads)
    elif files:
        roles.orient_by_folder([document], files[0].parent)
    return document


def _annotate(
    document: Document, paths: Sequence[Path], on_error: str, newlines: str, on_mismatch: str
) -> None:
    contents = [(path, read_text(path).removeprefix(_BOM)) for path in paths]
    file = AnnotationFile(contents, document, on_error)
    _choose_reading(document, file, newlines)
    file.fill(on_mismatch)


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InputError(f"{name} is {value!r}; choose one of {', '.join(choices)}")


def _choose_reading(document: Document, file: AnnotationFile, newlines: str) -> None:
    """Set ``document.text`` to the reading of it that the mentions agree with most."""
    raw = document.text
    readings: list[tuple[str, tuple[str, ...]]] = [(raw, ())]
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


def check_file_name(id: str, written: Collection[str]) -> None:
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
