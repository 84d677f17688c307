"""Which labels a model knows: BIO tags, relation classes, and which types take which role."""

from __future__ import annotations

from dataclasses import dataclass, field

OUTSIDE = "O"


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
        allowed = {r: sorted(map(tuple, arguments[r])) for r in sorted(arguments)}
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
        """Inverse of :meth:`to_dict`."""
        arguments = {r: [tuple(p) for p in pairs] for r, pairs in data["arguments"].items()}
        return cls(data["tags"], data["relations"], arguments, data["no_relation"])
