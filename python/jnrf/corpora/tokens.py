"""Token JSON in and out, the format of CoNLL04 and ADE: one sentence is one document.

A list of ``{"tokens": [...], "entities": [[start, end, type], ...], "relations": [[head start, head
end, tail start, tail end, type], ...]}``; positions are tokens, ends exclusive. Read as well: the
form of SpERT (github.com/lavis-nlp/spert), ``{"type", "start", "end"}`` for entities and ``{"type",
"head", "tail"}`` for relations, whose arguments are places in the list of entities; and that of
Hugging Face's data sets and of TablERT, BIO or BILOU tags in place of the entities (``TAGS``).

The text is the tokens joined by single spaces. The id is the file's name and the place in it
(``test.CoNLL04-0007``), or what stands under ``"id"``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeGuard

from jnrf.corpora.sentences import files_to_write, place_ids, to_document, to_sentence
from jnrf.corpora.tags import Range, is_tag, ranges_of
from jnrf_ext.documents.document import Document, Relation
from jnrf_ext.documents.unread import count_unread, hold_annotations, told_names
from jnrf_ext.errors import InputError
from jnrf_ext.files import write_atomically
from jnrf_ext.shown import kind_of

SUFFIXES = (".json",)
#: Fields that have a tag for each token; the first one that an item has is read.
TAGS = ("ner_tags", "tags", "labels")
#: SpERT's form has it too: the sentence's number in its source.
_NOT_NEEDED = {"orig_id"}
_ENTITY = ("start", "end", "type")
_RELATION = ("head", "tail", "type")


def holds_tokens(item: object) -> TypeGuard[dict]:
    """Whether a parsed JSON value is a sentence of tokens, rather than a document's text.

    One with a text beside the tokens is a sentence if it has tags and no mentions.
    """
    if not isinstance(item, dict) or "tokens" not in item or "mentions" in item:
        return False
    return "text" not in item or any(isinstance(item.get(name), list) for name in TAGS[:2])


def from_items(items: Sequence[tuple[object, str]], stem: str) -> list[Document]:
    """The documents of parsed JSON values, each with where it stands, which messages begin with.

    Raises :class:`InputError` naming the place and the remedy for an item of another shape and for
    positions outside the sentence.
    """
    ids = place_ids(stem, len(items))
    return [_Item(item, where).document(id) for (item, where), id in zip(items, ids, strict=True)]


class _Item:
    """One sentence of a file; every fault is an error that says where."""

    def __init__(self, data: object, where: str) -> None:
        self.where = where
        if not holds_tokens(data):
            raise self.fault("not a sentence of tokens", 'write {"tokens": [...], ...}')
        self.data = data
        self._check_unicode()
        self.tokens = self._list("tokens")
        for position, token in enumerate(self.tokens):
            if not isinstance(token, str) or not token:
                raise self.fault(
                    f"token {position} is {kind_of(token)}", "tokens are words in quotes"
                )

    def fault(self, what: str, remedy: str) -> InputError:
        return InputError(f"{self.where}: {what}; {remedy}")

    def _check_unicode(self) -> None:
        try:
            json.dumps(self.data, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise self.fault("half a surrogate pair in it", "mend the encoding") from None

    def _list(self, name: str) -> list:
        values = self.data.get(name, [])
        if not isinstance(values, list):
            raise self.fault(f"{name!r} is {kind_of(values)}", "give a list")
        return values

    def document(self, place_id: str) -> Document:
        id = self.data.get("id", place_id)
        if not isinstance(id, str):
            raise self.fault(f"'id' is {kind_of(id)}", "give a name in quotes, or leave it out")
        ranges = self._ranges()
        document = to_document(id, self.tokens, ranges)
        places: dict[tuple[int, int], int] = {}
        for place, (start, end, _) in enumerate(ranges):
            if places.setdefault((start, end), place) != place:
                document.warnings["entities at one place (relations join the first)"] += 1
        for number, relation in enumerate(self._list("relations"), 1):
            head, tail, type = self._relation(number, relation, places, len(ranges))
            mentions = document.mentions
            document.relations.append(
                Relation(f"R{number}", type, mentions[head].id, mentions[tail].id)
            )
        self._tell_unread(document)
        return document

    def _ranges(self) -> list[Range]:
        """The mentions, from the entities or the tags."""
        self.tagged = next((name for name in TAGS if name in self.data), None)
        if "entities" in self.data or self.tagged is None:
            self.tagged = None
            return [self._range(number, e) for number, e in enumerate(self._list("entities"), 1)]
        tags = self._list(self.tagged)
        if len(tags) != len(self.tokens):
            what = f"{len(tags):,} {self.tagged} for {len(self.tokens):,} tokens"
            raise self.fault(what, "give each token one tag")
        for position, tag in enumerate(tags):
            if isinstance(tag, int):
                raise self.fault(
                    f"{self.tagged} are numbers",
                    "write the names that they stand for, such as B-Drug (in Hugging Face's data "
                    f'sets: dataset.features["{self.tagged}"].feature.names)',
                )
            if not isinstance(tag, str) or not is_tag(tag):
                what = f"{self.tagged}[{position}] is {kind_of(tag)}, which is no tag"
                raise self.fault(what, "write O, or B-, I-, E- or S-Type")
        return ranges_of(tags)

    def _tell_unread(self, document: Document) -> None:
        """Count fields that are not read; an error if all annotations are in such fields."""
        known = {"tokens", "id", "entities", "relations", self.tagged, *_NOT_NEEDED}
        others = {name: value for name, value in self.data.items() if name not in known}
        if "entities" not in self.data and self.tagged is None and (n := hold_annotations(others)):
            raise self.fault(
                f"no 'entities' or tags, but fields that are not read: {told_names(n)}",
                f'rename them to entities or {", ".join(TAGS)}, or add "entities": [] to go on '
                "without",
            )
        count_unread(others, document.warnings)
        for name, read in (("entities", _ENTITY), ("relations", _RELATION)):
            for item in self.data.get(name, ()):
                if isinstance(item, dict):
                    count_unread((n for n in item if n not in read), document.warnings, name)

    def _range(self, number: int, entity: object) -> Range:
        if isinstance(entity, dict):
            entity = [entity.get(name) for name in _ENTITY]
        if not _is_row(entity, 2):
            raise self.fault(f"entity {number} is {kind_of(entity)}", "write [start, end, type]")
        start, end, type = entity
        if not 0 <= start < end <= len(self.tokens):
            raise self.fault(
                f"entity {number} covers tokens {start} to {end} of {len(self.tokens)}",
                "positions start at 0, and an end is one past the last token",
            )
        return start, end, type

    def _relation(
        self, number: int, relation: object, places: dict[tuple[int, int], int], entities: int
    ) -> tuple[int, int, str]:
        """The places of head and tail in the list of entities, and the type."""
        if isinstance(relation, dict) and self.tagged is not None:
            what = f"relation {number} names places in a list of entities that is not there"
            raise self.fault(what, "write 'entities', or the positions of head and tail in tokens")
        if isinstance(relation, dict):
            row = [relation.get(name) for name in _RELATION]
            if not _is_row(row, 2):
                what = f"relation {number} is {kind_of(relation)}"
                raise self.fault(what, 'write {"type": ..., "head": place, "tail": place}')
            for argument in row[:2]:
                if not 0 <= argument < entities:
                    raise self.fault(
                        f"relation {number} names entity {argument} of {entities}",
                        "arguments are places in the list of entities, from 0",
                    )
            return tuple(row)
        if not _is_row(relation, 4):
            raise self.fault(
                f"relation {number} is {kind_of(relation)}",
                "write [head start, head end, tail start, tail end, type]",
            )
        spans = (tuple(relation[:2]), tuple(relation[2:4]))
        for start, end in spans:
            if (start, end) not in places:
                raise self.fault(
                    f"relation {number} names tokens {start} to {end}, where no entity is",
                    "add the entity, or drop the relation",
                )
        return places[spans[0]], places[spans[1]], relation[4]


def _is_row(value: object, numbers: int) -> TypeGuard[list | tuple]:
    """Whether that is a list of so many whole numbers, and a name."""
    if not isinstance(value, (list, tuple)) or len(value) != numbers + 1:
        return False
    positions = value[:-1]
    # True and False are ints to Python, not to JSON.
    whole = all(isinstance(p, int) and not isinstance(p, bool) for p in positions)
    return whole and isinstance(value[-1], str) and bool(value[-1])


def write_tokens(
    documents: Iterable[Document],
    path: str | Path,
    durable: bool = True,
    words: str = "split",
) -> Counter[str]:
    """Write documents as token JSON; returns what the format cannot hold, counted by kind.

    All into ``path`` when it ends in .json, else into a folder, one file for each that the ids name
    (:func:`jnrf.corpora.sentences.by_file`). ``words`` are found as
    :data:`jnrf.corpora.sentences.WORDS` says; a mention covers every word that it touches, white
    space becomes single spaces, a discontinuous mention its hull. An id stands in the file where
    its place does not give it. ``durable`` is that of :func:`jnrf_ext.files.write_atomically`.
    """
    lost: Counter[str] = Counter()
    for file, group in files_to_write(list(documents), Path(path), SUFFIXES):
        ids = place_ids(file.stem, len(group))
        items = [
            {} if document.id == id else {"id": document.id}
            for document, id in zip(group, ids, strict=True)
        ]
        for item, document in zip(items, group, strict=True):
            item.update(_to_item(document, lost, words))
        lines = ",\n".join(json.dumps(item, ensure_ascii=False) for item in items)
        write_atomically(file, f"[\n{lines}\n]\n", durable)
    return +lost


def _to_item(document: Document, lost: Counter[str], words: str) -> dict:
    sentence = to_sentence(document, lost, words)
    first_at: dict[tuple[int, int], int] = {}
    for row, (start, end, _) in enumerate(sentence.ranges):
        first_at.setdefault((start, end), row)
    relations: dict[tuple, None] = {}
    for relation in document.relations:
        head, tail = (sentence.row_of.get(id) for id in (relation.head, relation.tail))
        if head is None or tail is None:
            lost["relation on a lost mention"] += 1
            continue
        rows = (head, tail)
        spans = [sentence.ranges[row][:2] for row in rows]
        if any(first_at[span] != row for span, row in zip(spans, rows, strict=True)):
            lost["relation on a mention whose place another type has too (joins that one)"] += 1
        key = (*spans[0], *spans[1], relation.type)
        if key in relations:
            lost["relation equal to another (written once)"] += 1
        relations[key] = None
    return {
        "tokens": sentence.words,
        "entities": [list(entity) for entity in sentence.ranges],
        "relations": [list(key) for key in relations],
    }
