"""JSON documents of other tools, made into ours; those that are not read are refused by name.

Read are a text and spans of it, each ``[start, end, type]`` or an object: doccano's exports (with
its relations), spaCy's ``Doc.to_json()`` and training examples ``[text, {"entities": [...]}]``,
Prodigy's spans. Offsets count code points, as Python's tools write them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeGuard

from jnrf_ext.documents.unread import told_names
from jnrf_ext.errors import InputError
from jnrf_ext.shown import kind_of

#: Fields that hold spans, and what these name their parts
_SPANS = ("label", "labels", "entities", "ents", "spans")
_START = ("start", "start_offset")
_END = ("end", "end_offset")
_TYPE = ("label", "type")
#: doccano's older exports have the text under "data".
_TEXT = ("text", "data")

#: Forms that are not read: fields that tell them, and what to do
_REFUSED = (
    (("data", "annotations"), "Label Studio's JSON", "export CONLL2003 from it"),
    (("data", "predictions"), "Label Studio's JSON", "export CONLL2003 from it"),
    (("text", "denotations"), "PubAnnotation's JSON", ""),
    (("passages",), "BioC", ""),
    (("documents",), "BioC", ""),
    (("sentences", "ner"), "the JSON of DyGIE++, SciERC and PURE", ""),
    (
        ("%FEATURE_STRUCTURES",),
        "UIMA's CAS",
        "export CoNLL 2002 columns",
    ),
)
EXPECTED = (
    'a document is {"id", "text", "mentions": [{"id", "type", "fragments": [[start, end]]}], ...}, '
    'a sentence {"tokens": [...], "entities": [[start, end, type]]} or "ner_tags"; exports of '
    "doccano and spaCy and PHEE's files are read too"
)


def is_foreign(item: object) -> bool:
    """Whether a parsed JSON value is a text and spans of it, in another tool's form."""
    return _example(item) is not None or _has_spans(item)


def _has_spans(item: object) -> TypeGuard[dict]:
    return (
        isinstance(item, dict)
        and "mentions" not in item
        and _first(item, _TEXT, str) is not None
        and any(_may_be_spans(item.get(name)) for name in _SPANS)
    )


def _may_be_spans(value: object) -> bool:
    # Not labels of the text as a whole, which are strings.
    return isinstance(value, list) and not any(isinstance(item, str) for item in value)


def check_known(item: object, where: str) -> None:
    """Raise :class:`InputError` for a value in a form that is known and not read, by its name."""
    if not isinstance(item, dict) or "mentions" in item:
        return
    for fields, name, advice in _REFUSED:
        if all(isinstance(item.get(field), list | dict | str) for field in fields):
            advice = advice or "convert it first"
            raise InputError(f"{where}: this is {name}, which is not read; {advice}; {EXPECTED}")
    if not item.keys() & {"text", "tokens"}:
        raise InputError(
            f"{where}: not a document nor a sentence: the fields are {told_names(item)}; {EXPECTED}"
        )


def to_dict(item: object, place_id: str) -> dict:
    """The value as :func:`jnrf_ext.documents.dict_reader.document_from_dict` takes it.

    Fields that have no meaning here stay, to be told there. ``place_id`` is the id of a document
    that has none. Raises :class:`InputError` for a value of another form, for spans that are none
    and for relations whose ends are not named by ids.
    """
    example = _example(item)
    if example is not None:
        item = {"text": example[0], **example[1]}
    if not _has_spans(item):
        raise InputError(
            "not a text with a list of spans, as those before it; write all in one form"
        )
    text_field = _first(item, _TEXT, str)
    fields = [name for name in _SPANS if _may_be_spans(item.get(name))]
    filled = [name for name in fields if item[name]]
    if len(filled) > 1:
        raise InputError(f"spans in several fields, {told_names(filled)}; keep one of them")
    field = (filled or fields)[0]
    spans = [_span(span, f"{field}[{n}]") for n, span in enumerate(item[field])]
    done = {"id", text_field, "relations", *fields}
    return {
        **{name: value for name, value in item.items() if name not in done},
        "id": _id(item.get("id"), place_id),
        "text": item[text_field],
        "mentions": [{"id": f"T{n}", **span[0]} for n, span in enumerate(spans, 1)],
        "relations": _relations(item.get("relations", []), [span[1] for span in spans]),
    }


def _example(item: object) -> tuple[str, dict] | None:
    """The text and annotations of a training example of spaCy's."""
    if not isinstance(item, list) or [type(part) for part in item] != [str, dict]:
        return None
    return (item[0], item[1]) if isinstance(item[1].get("entities"), list) else None


def _first(item: Mapping, names: tuple[str, ...], kind: type) -> str | None:
    return next((name for name in names if isinstance(item.get(name), kind)), None)


def _id(given: object, place_id: str) -> object:
    # doccano numbers its texts.
    whole = isinstance(given, int) and not isinstance(given, bool)
    return place_id if given is None else str(given) if whole else given


def _span(span: object, where: str) -> tuple[dict, object]:
    """A mention without its id, and the id that the span had."""
    start, end, type, given, others = None, None, None, None, {}
    if isinstance(span, list) and len(span) == 3:
        start, end, type = span
    elif isinstance(span, dict):
        start, end, type = (
            next((span[name] for name in names if name in span), None)
            for names in (_START, _END, _TYPE)
        )
        given, known = span.get("id"), {"id", *_START, *_END, *_TYPE}
        others = {name: value for name, value in span.items() if name not in known}
    if not all(isinstance(at, int) and not isinstance(at, bool) for at in (start, end)):
        raise InputError(f"{where} is {kind_of(span)}; write [start, end, type]")
    if not isinstance(type, str) or not type:
        raise InputError(f"{where}: its label is {kind_of(type)}; write the label's name")
    return {"type": type, "fragments": [[start, end]], **others}, given


def _relations(relations: object, ids: list[object]) -> list[dict]:
    """doccano's relations, whose ends are ids of spans."""
    if not isinstance(relations, list):
        raise InputError(f"relations must be a list, not {kind_of(relations)}")
    mention_of = {id: f"T{n}" for n, id in enumerate(ids, 1) if isinstance(id, int | str)}
    made = []
    for number, relation in enumerate(relations, 1):
        given = relation if isinstance(relation, dict) else {}
        head, tail = given.get("from_id"), given.get("to_id")
        named = isinstance(given.get("type"), str)
        if not named or not isinstance(head, int | str) or not isinstance(tail, int | str):
            raise InputError(
                f"relation {number} is {kind_of(relation)} that does not name its ends by ids of "
                'spans; write {"from_id", "to_id", "type"}, as doccano does, or "relations": []'
            )
        if unknown := [end for end in (head, tail) if end not in mention_of]:
            raise InputError(
                f"relation {number} names {len(unknown)} spans that are not there; add the spans, "
                "or drop the relation"
            )
        row = {"id": f"R{number}", "type": given["type"]}
        row |= {"head": mention_of[head], "tail": mention_of[tail]}
        done = {"id", "from_id", "to_id", "type"}
        made.append(row | {name: value for name, value in given.items() if name not in done})
    return made
