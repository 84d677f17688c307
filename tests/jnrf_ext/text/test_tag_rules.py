"""Which tags may follow each other in BIO and IOBES."""

from __future__ import annotations

import itertools

import pytest

from jnrf_ext.errors import InputError
from jnrf_ext.text.tag_rules import allowed_tags

BIO = ["O", "B-A", "I-A", "B-C", "I-C"]
IOBES = ["O", "B-A", "I-A", "E-A", "S-A", "B-C", "I-C", "E-C", "S-C"]


def spells_mentions(tags: list[str], scheme: str) -> bool:
    """Whether a tag sequence is one that some mentions are written as."""
    open_type = None
    for tag in tags:
        part, _, kind = tag.partition("-")
        if part in ("O", "B", "S"):
            if open_type and scheme == "IOBES":
                return False
            open_type = kind if part == "B" else None
        else:
            if kind != open_type:
                return False
            open_type = None if part == "E" else kind
    return scheme == "BIO" or open_type is None


@pytest.mark.parametrize(("labels", "scheme"), [(BIO, "BIO"), (IOBES, "IOBES")])
@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_just_the_sequences_that_spell_mentions_are_allowed(labels, scheme, length):
    transitions, first, last = allowed_tags(labels, scheme)
    for path in itertools.product(range(len(labels)), repeat=length):
        allowed = first[path[0]] and last[path[-1]]
        allowed = allowed and all(transitions[a, b] for a, b in itertools.pairwise(path))
        assert allowed == spells_mentions([labels[i] for i in path], scheme), path


@pytest.mark.parametrize("tag", ["E-A", "B", "B-", "X-A", "BI-A", ""])
def test_tags_of_another_scheme_are_named(tag):
    with pytest.raises(InputError, match=f"tag '{tag}' is neither 'O' nor B-, I- of a type"):
        allowed_tags(["O", tag])


def test_unknown_schemes_are_named():
    with pytest.raises(InputError, match="tagging scheme 'BILOU' is none of BIO, IOBES"):
        allowed_tags(BIO, "BILOU")
