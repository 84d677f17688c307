"""What a folder of standoff holds: texts, the annotation files of each, and what is not read.

One table decides by the ends of names: ``.ann`` is brat's, ``.a1`` and ``.a2`` are those of the
BioNLP shared tasks, which have one document's annotations in two files. Capitals do not matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jnrf.corpora.notices import some, tell
from jnrf_ext.documents.document import Document
from jnrf_ext.errors import InputError
from jnrf_ext.shown import shown

TEXT = ".txt"
BRAT = (".ann",)
#: Mentions that were given to the participants, and what they were to find.
BIONLP = (".a1", ".a2")
#: What a text without annotations lacks, for messages.
EXPECTED = ".ann, .a1 or .a2"

#: Files that lie about in corpora and hold no annotations: brat's settings, and pages to read.
_KNOWN_OTHERS = (".conf", ".md", ".rst")
#: What `jnrf predict` writes beside its predictions where its own mark is.
_OWN_LISTS, _OWN_MARK = ("errors.jsonl", "kept.jsonl"), ".jnrf-predict.json"
#: Kinds of other files that a notice names, and the longest ending that is one.
_KINDS, _LONGEST = 5, 12


@dataclass(slots=True)
class StandoffFolder:
    """The files of a folder, by document id (the name without its ending), sorted by id."""

    path: Path
    texts: dict[str, Path] = field(default_factory=dict)
    #: The files that make up a document's annotations: .ann, or .a1 and .a2
    annotations: dict[str, tuple[Path, ...]] = field(default_factory=dict)
    #: What is not read, by the end of its name
    others: Counter[str] = field(default_factory=Counter)

    def tell_others(self) -> None:
        """Give a notice of the files that are not read."""
        if self.others:
            tell(
                f"{self.path}: not read: {named_others(self.others)}; texts and annotations are "
                "NAME.txt with NAME.ann, or with NAME.a1 and NAME.a2"
            )


def look(path: str | Path) -> StandoffFolder:
    """List a folder; nothing is read. Hidden files are passed over, subfolders not entered.

    Raises :class:`InputError` for a folder that cannot be listed, for one whose files share a
    name but for capitals, and for annotations without a text.
    """
    found = list_files(path)
    if lonely := sorted(found.annotations.keys() - found.texts.keys()):
        more = f" (and {len(lonely) - 1} more such files)" if len(lonely) > 1 else ""
        raise InputError(
            f"{found.annotations[lonely[0]][0]} has no {lonely[0]}{TEXT} beside it{more}; "
            "put the texts there, for offsets mean nothing without them"
        )
    if not found.texts:
        held = f" (it holds {named_others(found.others)})" if found.others else ""
        raise InputError(f"no {TEXT} files in {found.path}{held}{_hint(found.path)}")
    return found


def list_files(path: str | Path) -> StandoffFolder:
    """List a folder as :func:`look` does, whether or not its annotations have their texts."""
    folder = Path(path)
    try:
        entries = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    except FileNotFoundError:
        raise InputError(f"no folder {folder}; check the path") from None
    except NotADirectoryError:
        raise InputError(f"{folder} is a file; give the folder that holds the .txt files") from None
    except OSError as error:
        raise InputError(f"cannot read {folder}: {error.strerror}; check its permissions") from None
    found = StandoffFolder(folder)
    by_ending: dict[str, dict[str, Path]] = {end: {} for end in (TEXT, *BRAT, *BIONLP)}
    for entry in entries:
        id, ending = split_name(entry.name)
        if ending is None:
            found.others.update(_kinds(entry))
        elif (first := by_ending[ending].setdefault(id, entry)) != entry:
            raise InputError(
                f"{folder}: {shown(first.name)} and {shown(entry.name)} differ in capitals alone; "
                "rename one of them"
            )
    found.texts = dict(sorted(by_ending[TEXT].items()))
    for id in sorted({id for ending in (*BRAT, *BIONLP) for id in by_ending[ending]}):
        files = {e: by_ending[e][id] for e in (*BRAT, *BIONLP) if id in by_ending[e]}
        found.annotations[id] = _chosen(files)
        passed_over = [e for e in files if files[e] not in found.annotations[id]]
        found.others.update(f"{ending} beside {BRAT[0]}" for ending in passed_over)
    return found


def split_name(name: str) -> tuple[str, str | None]:
    """A document's id and the kind of one of its files (".txt", ...); None for other files."""
    for ending in (TEXT, *BRAT, *BIONLP):
        if name.lower().endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)], ending
    return name, None


def is_standoff(path: Path) -> bool:
    """Whether the name says that a file is a text or its annotations."""
    return split_name(path.name)[1] is not None


def is_annotations(path: Path) -> bool:
    """Whether the name says that a file holds the annotations of a text."""
    return split_name(path.name)[1] in (*BRAT, *BIONLP)


def beside(path: Path) -> tuple[Path, tuple[Path, ...]]:
    """The text and the annotation files of one document, of which ``path`` is any."""
    id, _ = split_name(path.name)
    files = {
        ending: file
        for ending in (TEXT, *BRAT, *BIONLP)
        for spelled in (ending.title(), ending.upper(), ending)
        if (file := path.with_name(id + spelled)).exists()
    }
    _, own = split_name(path.name)
    if own is not None:
        files[own] = path
    if own in BIONLP:
        files.pop(BRAT[0], None)  # what was asked for goes before what is beside it
    text = files.pop(TEXT, path.with_name(id + TEXT))
    return text, _chosen(files)


def unannotated(path: Path, documents: Sequence[Document]) -> list[str]:
    """The ids of the documents that have a text and no annotation file, in their order.

    ``path`` is the folder of standoff that they were read from, or one of a document's files. A
    text that is empty or white space has nothing to annotate.
    """
    annotated = list_files(path).annotations if path.is_dir() else beside(path)[1]
    if not path.is_dir() and annotated:
        return []
    return [d.id for d in documents if d.id not in annotated and d.text.strip()]


def unannotated_in(path: Path, ids: list[str], count: int) -> str:
    """A line on texts that no annotation file belongs to; ``count`` is the number of texts."""
    return f"{path}: no {EXPECTED} beside {len(ids):,} of {count:,} texts: {some(ids)}"


def _chosen(files: dict[str, Path]) -> tuple[Path, ...]:
    """The files that make up a document's annotations: brat's own before those of a shared task."""
    endings = BRAT if BRAT[0] in files else BIONLP
    return tuple(files[ending] for ending in endings if ending in files)


def count_others(entries: Iterable[Path]) -> Counter[str]:
    """How many files of each kind a folder holds that no reader takes, by what they are called."""
    return Counter(kind for entry in entries for kind in _kinds(entry))


def named_others(others: Counter[str]) -> str:
    """What :func:`count_others` found, for a message: "3 .con, 1 .xml"."""
    kinds = sorted(others.items(), key=lambda item: (-item[1], item[0]))
    named = ", ".join(f"{count:,} {kind}" for kind, count in kinds[:_KINDS])
    rest = sum(count for _, count in kinds[_KINDS:])
    return f"{named} and {rest:,} files of other kinds" if rest else named


def _kinds(entry: Path) -> Iterator[str]:
    """What a file that is not read is called; nothing for those that need not be told."""
    stem, ending = entry.stem, entry.suffix
    if entry.is_dir():
        if _holds_texts(entry):
            yield "folder with texts"
    elif ending.lower() in _KNOWN_OTHERS or (not ending and stem.isupper()):
        pass  # README, LICENSE
    elif entry.name not in _OWN_LISTS or not entry.with_name(_OWN_MARK).exists():
        named = ending and len(ending) <= _LONGEST and ending.isascii() and ending.isprintable()
        yield ending if named else "file without a known ending"


def _holds_texts(folder: Path) -> bool:
    try:
        return any(split_name(p.name)[1] == TEXT for p in folder.iterdir())
    except OSError:
        return False


def _hint(folder: Path) -> str:
    below = sorted(p for p in folder.iterdir() if p.is_dir() and _holds_texts(p))
    if below:
        return f"; did you mean {below[0]}?"
    return "; give a brat folder (NAME.txt with NAME.ann)"
