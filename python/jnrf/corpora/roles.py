"""Which argument of a relation is the head: decided by role names, not by their order in a line.

``From:T1 To:T2`` and ``To:T2 From:T1`` say the same. The head is decided by the first of these that
has an answer, for a whole corpus alike:

1. the names themselves: ``Arg1`` of ``Arg1`` and ``Arg2``, and the lower of other numbers behind
   one name; ``From`` of ``From`` and ``To``, and the first of the other pairs in ``NAMED_PAIRS``;
2. for this relation type, the order in ``annotation.conf``, in the corpus' folder or the one above;
3. for this relation type, the order that most lines of the folder's annotation files have (in other
   formats: most relations);
4. the alphabet.

A document that is read alone is read as its folder would be. Corpora that are read for one purpose
(gold and predictions, training and test documents) agree where the later ones follow the first.
Two arguments of one name have nothing to tell them apart and stay in the order of the line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from jnrf.corpora.line_ends import split_lines
from jnrf.corpora.listing import list_files
from jnrf_ext.documents.document import Document, Relation
from jnrf_ext.errors import InputError

#: A relation type and its role names, as a line has them.
Written = tuple[str, str, str]
#: The role of the head, by relation type and (unordered) role names.
HeadRoles = dict[tuple[str, frozenset[str]], str]

#: Pairs of role names that say which is the head: the first. Capitals do not matter.
NAMED_PAIRS = (
    ("from", "to"),
    ("source", "target"),
    ("subject", "object"),
    ("subj", "obj"),
    ("head", "tail"),
    ("cause", "effect"),
    ("agent", "patient"),
    ("agent", "theme"),
    ("agent", "target"),
    ("parent", "child"),
    ("whole", "part"),
)

_CONF = "annotation.conf"
_NUMBERED = re.compile(r"(.*?)(\d{1,9})", re.ASCII | re.DOTALL)
_ROLE = re.compile(r"([^\s:,|<>]+):")


def parse_arguments(words: Sequence[str]) -> list[tuple[str, str]] | None:
    """(role, id) of the arguments ``Role:id`` of a relation; None unless they are two."""
    parts = [word.rpartition(":") for word in words]
    if len(parts) != 2 or not all(role and ref for role, _, ref in parts):
        return None
    return [(role, ref) for role, _, ref in parts]


@lru_cache(1024)
def head_by_name(one: str, other: str) -> str | None:
    """The head's role of two, where the names alone say it."""
    first, second = _NUMBERED.fullmatch(one), _NUMBERED.fullmatch(other)
    if first and second and first[1] == second[1] and int(first[2]) != int(second[2]):
        return one if int(first[2]) < int(second[2]) else other
    pair = (one.lower(), other.lower())
    if pair in NAMED_PAIRS:
        return one
    return other if pair[::-1] in NAMED_PAIRS else None


def of_folder(folder: Path) -> HeadRoles:
    """The head's roles in a folder of standoff; empty for what cannot be listed."""
    try:
        annotations = list_files(folder).annotations
    except InputError:
        return {}
    written = Counter(w for files in annotations.values() for f in files for w in _lines_of(f))
    return _most_written(written) | _of_conf(folder)


def of_documents(documents: Iterable[Document]) -> HeadRoles:
    """The head's roles that most relations of the documents have."""
    return _most_written(Counter(_written(r) for d in documents for r in d.relations))


def orient(documents: Iterable[Document], heads: HeadRoles) -> None:
    """Exchange head and tail of the relations whose tail has the head's role, in place."""
    turned = {
        (type, tail, head) for (type, roles), head in heads.items() for tail in roles - {head}
    }
    if not turned:
        return
    for document in documents:
        for r in document.relations:
            if _written(r) in turned:
                r.head, r.tail = r.tail, r.head
                r.head_role, r.tail_role = r.tail_role, r.head_role
                r.head_ref, r.tail_ref = r.tail_ref, r.head_ref


def has_open_roles(documents: Iterable[Document]) -> bool:
    """Whether some relation has roles whose names alone do not say which is the head."""
    return any(_is_open(_written(r)) for d in documents for r in d.relations)


def orient_by_folder(documents: Sequence[Document], folder: Path) -> None:
    """Orient documents as all of their folder, whose files are read only where that matters."""
    if has_open_roles(documents):
        orient(documents, of_folder(folder))


def agree(*corpora: Sequence[Document]) -> None:
    """Orient the relations of corpora alike, in place: the first that has a pair of roles decides.

    Later corpora decide only on relation types and roles that no earlier one has.
    """
    heads: HeadRoles = {}
    for documents in corpora:
        heads = of_documents(documents) | heads
        orient(documents, heads)


def _written(relation: Relation) -> Written:
    return relation.type, relation.head_role, relation.tail_role


def _is_open(written: Written) -> bool:
    """Whether the names alone leave open which is the head."""
    _, one, other = written
    return one != other and head_by_name(one, other) is None


def _most_written(counts: Counter[Written]) -> HeadRoles:
    heads: HeadRoles = {}
    for type, one, other in counts:
        if one != other:
            first, second = sorted((one, other))
            more = counts[type, second, first] > counts[type, first, second]
            head = head_by_name(one, other) or (second if more else first)
            heads[type, frozenset((one, other))] = head
    return heads


def _lines_of(path: Path) -> Iterator[Written]:
    """Type and roles of the relation lines of a file; none of one that cannot be read."""
    try:
        content = path.read_bytes().decode("utf-8", "replace") if path.is_file() else ""
    except OSError:
        return
    for line in split_lines(content):
        if line.startswith("R"):
            type, *words = line.partition("\t")[2].split() or [""]
            if arguments := parse_arguments(words):
                yield type, arguments[0][0], arguments[1][0]


def _of_conf(folder: Path) -> HeadRoles:
    for place in (folder / _CONF, folder.absolute().parent / _CONF):
        try:
            content = place.read_bytes().decode("utf-8", "replace") if place.is_file() else None
        except OSError:
            continue
        if content is not None:
            return _parse_conf(content)
    return {}


def _parse_conf(content: str) -> HeadRoles:
    """The first two roles of each relation that a brat configuration defines."""
    heads: HeadRoles = {}
    section = ""
    for line in content.splitlines():
        words = line.split("#", 1)[0].split(None, 1)
        if line.lstrip().startswith("["):
            section = line.strip()
        elif section == "[relations]" and len(words) == 2:
            roles = _ROLE.findall(words[1])[:2]
            if len(roles) == 2 and _is_open((words[0], *roles)):
                heads.setdefault((words[0].lstrip("!"), frozenset(roles)), roles[0])
    return heads
