"""Properties of matching on random small corpora."""

from __future__ import annotations

from itertools import permutations

import naive_official as naive
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jnrf.scoring.n2c2 import score
from jnrf.scoring.scores import Counts
from jnrf_ext.document import Document, Mention, Relation

spans = st.tuples(st.sampled_from(["Drug", "ADE", "Other"]), st.integers(0, 12), st.integers(0, 5))
sizes = st.lists(spans.map(lambda s: (s[0], s[1], s[1] + s[2])), max_size=6)


@st.composite
def documents(draw):
    """(mentions, relations) as plain tuples: few types and offsets, so that much coincides."""
    mentions = draw(sizes)
    if not mentions:
        return [], []
    argument = st.sampled_from(mentions)
    links = draw(st.lists(st.tuples(st.sampled_from(["A", "B"]), argument, argument), max_size=5))
    return mentions, links


corpora = st.lists(st.tuples(documents(), documents()), min_size=1, max_size=3)


def built(id, content):
    """The :class:`Document` of such tuples; arguments point at the first mention of that span."""
    mentions, links = content
    return Document(
        id,
        "",
        [Mention(f"T{n}", t, ((s, e),)) for n, (t, s, e) in enumerate(mentions)],
        [
            Relation(f"R{n}", t, f"T{mentions.index(a)}", f"T{mentions.index(b)}")
            for n, (t, a, b) in enumerate(links)
        ],
    )


def scored(corpus, mode):
    gold = [built(str(n), content) for n, (content, _) in enumerate(corpus)]
    predicted = [built(str(n), content) for n, (_, content) in enumerate(corpus)]
    return score(gold, predicted, mode)


def triple(counts):
    return counts.tp, counts.fp, counts.fn


def rates(result):
    return result.precision, result.recall, result.f1


@given(corpora)
def test_official_mode_counts_as_the_rules_restated_naively(corpus):
    scores = scored(corpus, "official")
    for kind, same, levels in (
        (0, naive.same, scores.mentions),
        (1, naive.same_link, scores.relations),
    ):
        for mode, level in levels.items():

            def matches(g, s, same=same, lenient=mode == "lenient"):
                return same(g, s, lenient)

            by_document = [naive.count(g[kind], s[kind], matches) for g, s in corpus]
            micro = tuple(map(sum, zip(*by_document, strict=True)))
            assert triple(level.micro) == micro
            assert rates(level.micro) == pytest.approx(naive.rates(*micro))
            means = zip(*(naive.rates(*counts) for counts in by_document), strict=True)
            assert rates(level.macro) == pytest.approx([sum(m) / len(corpus) for m in means])
            for name, counts in level.by_type.items():
                only = [
                    naive.count(
                        [item for item in g[kind] if item[0] == name],
                        [item for item in s[kind] if item[0] == name],
                        matches,
                    )
                    for g, s in corpus
                ]
                assert triple(counts) == tuple(map(sum, zip(*only, strict=True)))


def most_pairs(gold, system, matches):
    """The size of a largest one-to-one pairing, by trying every order."""
    if len(gold) > len(system):
        return most_pairs(system, gold, lambda a, b: matches(b, a))
    return max(
        sum(matches(g, s) for g, s in zip(gold, order, strict=False))
        for order in permutations(system)
    )


@given(st.tuples(documents(), documents()))
def test_corrected_mode_finds_a_largest_pairing(pair):
    (gold, gold_links), (system, system_links) = pair
    scores = scored([pair], "corrected")
    for level, wanted, found, same in (
        ("mentions", gold, system, naive.same),
        ("relations", gold_links, system_links, naive.same_link),
    ):
        for mode in ("strict", "lenient"):

            def matches(g, s, same=same, lenient=mode == "lenient"):
                return same(g, s, lenient)

            tp = most_pairs(wanted, found, matches)
            counts = getattr(scores, level)[mode].micro
            assert triple(counts) == (tp, len(found) - tp, len(wanted) - tp)


@given(corpora)
def test_corrected_counts_add_up_and_swap_with_the_sides(corpus):
    scores = scored(corpus, "corrected")
    swapped = scored([(s, g) for g, s in corpus], "corrected")
    for levels, others in (
        (scores.mentions, swapped.mentions),
        (scores.relations, swapped.relations),
    ):
        for mode, level in levels.items():
            assert triple(others[mode].micro) == (level.micro.tp, level.micro.fn, level.micro.fp)
            assert level.micro == sum(level.by_type.values(), Counts())


@given(corpora)
def test_a_perfect_copy_scores_one_in_corrected_strict(corpus):
    scores = scored([(g, g) for g, _ in corpus], "corrected")
    for level in (scores.mentions["strict"], scores.relations["strict"]):
        assert (level.micro.fp, level.micro.fn) == (0, 0)


def test_long_chains_of_overlaps_pair_completely():
    # Each system span bridges two gold spans: a greedy choice forces a long rearrangement.
    n = 3000
    gold = [("Drug", 10 * k, 10 * k + 6) for k in range(n)]
    system = [*[("Drug", 10 * k + 4, 10 * k + 12) for k in range(n - 1)][::-1], ("Drug", 0, 1)]
    scores = scored([((gold, []), (system, []))], "corrected")
    assert triple(scores.mentions["lenient"].micro) == (n, 0, 0)
