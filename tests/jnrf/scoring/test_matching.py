"""Properties of matching on random small corpora."""

from __future__ import annotations

import tracemalloc
from itertools import permutations

import naive_official as naive
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jnrf.scoring.matching import one_to_one
from jnrf.scoring.n2c2 import score
from jnrf.scoring.scores import Counts
from jnrf_ext.documents.document import Document, Mention, Relation

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


@st.composite
def crowded_sides(draw):
    """Gold and predicted (mentions, relations) of one document: dozens of each, close together."""
    seed, width = draw(st.randoms(use_true_random=False)), draw(st.sampled_from([0, 3, 9]))
    sides = []
    for _ in range(2):
        starts = [seed.randrange(30) for _ in range(draw(st.integers(1, 40)))]
        mentions = [(seed.choice("AB"), start, start + seed.randint(0, width)) for start in starts]
        links = [
            (seed.choice("xy"), seed.choice(mentions), seed.choice(mentions))
            for _ in range(draw(st.integers(0, 60)))
        ]
        sides.append((mentions, links))
    return tuple(sides)


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


@given(corpora | crowded_sides().map(lambda sides: [sides]))
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


def pairs_by_augmenting(neighbours):
    """The size of a largest pairing, one path after the other (Kuhn): slow, and hard to get wrong.

    ``neighbours[left]`` lists right nodes.
    """
    partner = {}

    def augment(left, tried):
        for right in neighbours[left]:
            if right not in tried:
                tried.add(right)
                if right not in partner or augment(partner[right], tried):
                    partner[right] = left
                    return True
        return False

    return sum(augment(left, set()) for left in range(len(neighbours)))


@given(crowded_sides())
def test_corrected_mode_finds_a_largest_pairing_in_a_crowd(pair):
    scores = scored([pair], "corrected")
    for kind, name, same in ((0, "mentions", naive.same), (1, "relations", naive.same_link)):
        wanted, found = pair[0][kind], pair[1][kind]
        for mode in ("strict", "lenient"):
            lenient = mode == "lenient"
            tp = pairs_by_augmenting(
                [[n for n, g in enumerate(wanted) if same(g, s, lenient)] for s in found]
            )
            counts = getattr(scores, name)[mode].micro
            assert triple(counts) == (tp, len(found) - tp, len(wanted) - tp)


@given(st.lists(st.sets(st.integers(0, 12), max_size=5), max_size=14))
def test_one_to_one_pairs_as_many_as_can_be(neighbours):
    adjacency = [sum(1 << right for right in rights) for rights in neighbours]
    lefts = one_to_one(adjacency)
    assert len(lefts) == len(set(lefts)) == pairs_by_augmenting(neighbours)
    assert all(adjacency[left] for left in lefts)


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


N = 3000
HEAD = ("Drug", 0, 4)
DOSES = [("Dose", 5 + 7 * n, 11 + 7 * n) for n in range(N)]
NESTED = [("Dose", n // 60, 60 + n % 60) for n in range(N)]
STAIRS = [("Dose", n % 100, n % 100 + 50) for n in range(N)]

#: Mentions and relations of a document, and the official lenient TP of its relations on itself.
SHAPES = {
    "one head": ([HEAD, *DOSES], [("D", HEAD, dose) for dose in DOSES], N),
    "one tail": ([HEAD, *DOSES], [("D", dose, HEAD) for dose in DOSES], N),
    "one relation again and again": (DOSES[:2], [("D", *DOSES[:2])] * N, 1),
    "all overlap": (NESTED, [("D", a, b) for a, b in zip(NESTED, NESTED[::-1], strict=True)], 1),
    "many duplicates": (DOSES[:8], [("D", DOSES[n % 8], DOSES[n // 8 % 8]) for n in range(N)], 64),
    "stairs": (STAIRS, [("D", STAIRS[n], STAIRS[n * 7 % N]) for n in range(N)], None),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_thousands_of_relations_that_match_each_other_take_little_memory(shape):
    mentions, links, official_tp = SHAPES[shape]
    document = Document(
        "a",
        "",
        [Mention(f"T{n}", t, ((s, e),)) for n, (t, s, e) in enumerate(mentions)],
        [],
    )
    row = {mention: n for n, mention in enumerate(mentions)}
    for n, (type, a, b) in enumerate(links):
        document.relations.append(Relation(f"R{n}", type, f"T{row[a]}", f"T{row[b]}"))
    tracemalloc.start()
    scores = {mode: score([document], [document], mode) for mode in ("official", "corrected")}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert triple(scores["corrected"].relations["lenient"].micro) == (N, 0, 0)
    if official_tp is not None:
        assert scores["official"].relations["lenient"].micro.tp == official_tp
    # Listing the pairs takes some hundred megabytes.
    assert peak < 30e6
