"""Which labels a model knows: BIO tags, relation classes, and which types take which role."""

from __future__ import annotations

from dataclasses import dataclass, field

from jnrf_ext.errors import InputError
from jnrf_ext.shown import shown

OUTSIDE = "O"
#: Entity types and relation types at most: what is allowed between them is a table of all.
MOST_TYPES = 500


@dataclass(slots=True)
class Schema:
    """The label sets of a model, in the order of its output units.

    ``tags`` holds the BIO labels with ``"O"`` somewhere among them, ``relations`` the relation
    classes with ``no_relation`` somewhere among them. ``arguments`` maps each relation type to the
    (head type, tail type) pairs it may join. Nothing about any corpus is built in: readers learn a
    schema from their documents (``jnrf.corpora.schema``) or take one as given.
    """

    tags: list[str]
    relations: list[str]
    arguments: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    no_relation: str = "none"

    @classmethod
    def from_types(
        cls, entity_types: list[str], arguments: dict[str, list[tuple[str, str]]]
    ) -> Schema:
        """The schema of a corpus: "O", then B- and I- of each type; "none", then the relations."""
        tags = [OUTSIDE] + [f"{p}-{t}" for t in sorted(entity_types) for p in "BI"]
        allowed = {
            r: sorted((head, tail) for head, tail in arguments[r]) for r in sorted(arguments)
        }
        return cls(tags, ["none", *sorted(arguments)], allowed)

    @property
    def entity_types(self) -> list[str]:
        """Entity types in the order of their first tag."""
        return list(dict.fromkeys(tag[2:] for tag in self.tags if tag != OUTSIDE))

    @property
    def head_types(self) -> set[str]:
        """Types that may be the head (Arg1) of some relation."""
        return {head for pairs in self.arguments.values() for head, _ in pairs}

    @property
    def tail_types(self) -> set[str]:
        """Types that may be the tail (Arg2) of some relation."""
        return {tail for pairs in self.arguments.values() for _, tail in pairs}

    def to_dict(self) -> dict:
        """Plain JSON types; :meth:`from_dict` is the inverse."""
        return {
            "tags": self.tags,
            "relations": self.relations,
            "arguments": {r: [list(p) for p in pairs] for r, pairs in self.arguments.items()},
            "no_relation": self.no_relation,
        }

    @classmethod
    def from_dict(cls, data: dict) -> Schema:
        """Inverse of :meth:`to_dict`; :class:`InputError` for what is no schema (:meth:`check`)."""
        parts = {"tags": list, "relations": list, "arguments": dict, "no_relation": str}
        for name, kind in parts.items():
            if not isinstance(data, dict) or not isinstance(data.get(name), kind):
                raise InputError(f"schema: {name} is missing or is no {kind.__name__}")
        if not all(map(_are_pairs, data["arguments"].values())):
            raise InputError("schema: arguments must be lists of [head type, tail type]")
        arguments = {r: [tuple(p) for p in pairs] for r, pairs in data["arguments"].items()}
        schema = cls(data["tags"], data["relations"], arguments, data["no_relation"])
        schema.check()
        return schema

    def check(self) -> None:
        """:class:`InputError` where parts do not go together, or are too many.

        Tags are distinct, one is "O" and the others are B- or I- of a type; relations are distinct
        and ``no_relation`` is one of them; arguments are of known relations and types.
        """
        _check_names("tags", self.tags)
        _check_names("relations", self.relations)
        if OUTSIDE not in self.tags:
            raise InputError(f"schema: the tags have no {OUTSIDE!r}")
        for tag in self.tags:
            if tag != OUTSIDE and (tag[:2] not in ("B-", "I-") or len(tag) < 3):
                raise InputError(
                    f"schema: tag {shown(tag)!r} is neither 'O' nor B- or I- of a type"
                )
        if self.no_relation not in self.relations:
            raise InputError(f"schema: the relations have no {shown(self.no_relation)!r}")
        types, known = set(self.entity_types), set(self.relations) - {self.no_relation}
        for what, count in (("entity", len(types)), ("relation", len(known))):
            if count > MOST_TYPES:
                raise InputError(f"schema: {count:,} {what} types, at most {MOST_TYPES} can be had")
        for relation, pairs in self.arguments.items():
            if relation not in known:
                raise InputError(f"schema: arguments of {shown(relation)!r}, which is no relation")
            for head, tail in pairs:
                for type in (head, tail):
                    if type not in types:
                        raise InputError(
                            f"schema: {shown(relation)!r} joins {shown(type)!r}, which no tag is of"
                        )


def _are_pairs(pairs: object) -> bool:
    return isinstance(pairs, list) and all(
        isinstance(p, list | tuple) and len(p) == 2 and all(isinstance(n, str) for n in p)
        for p in pairs
    )


def _check_names(what: str, names: list[str]) -> None:
    if not all(isinstance(n, str) and n for n in names):
        raise InputError(f"schema: {what} must be names")
    if len(set(names)) != len(names):
        raise InputError(f"schema: of the {what} one stands twice")
    try:
        "".join(names).encode()
    except UnicodeEncodeError:
        raise InputError(f"schema: {what} hold half a surrogate pair") from None
