"""Names and ids that brat cannot hold get others, alike in a corpus, and counted."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from one_of_each import TEXT, a_document

from jnrf.corpora.brat import annotate
from jnrf_ext.documents.brat_names import BratNames, brat_name
from jnrf_ext.documents.document import (
    Attribute,
    Document,
    Equivalence,
    Event,
    Mention,
    Normalization,
    Note,
    Relation,
)
from jnrf_ext.errors import InputError


def test_a_document_that_brat_can_hold_stays_as_it_is():
    names = BratNames()
    document = a_document()
    assert names.fit(document) is document
    assert not +names.changed


@pytest.mark.parametrize(
    ("change", "line", "counted"),
    [
        (
            {"relations": [Relation("R1", "Located in", "T1", "T2")]},
            "R1\tLocated_in Arg1:T1 Arg2:T2",
            {"relation type 'Located in' (written Located_in)": 1},
        ),
        (
            {"relations": [Relation("R1", "X", "T1", "T2", None, "has a")]},
            "R1\tX has_a:T1 Arg2:T2",
            {"role 'has a' (written has_a)": 1},
        ),
        (
            {"attributes": [Attribute("A1", "Is \t negated", "T1")]},
            "A1\tIs_negated T1",
            {r"attribute type 'Is \\t negated' (written Is_negated)": 1},
        ),
        (
            {"events": [Event("E1", "X", "T1", (("by a", "T2"),) * 2)]},
            "E1\tX:T1 by_a:T2 by_a:T2",
            {"role 'by a' (written by_a)": 2},
        ),
        (
            {"normalizations": [Normalization("N1", "X", "T1", "Rx Norm:1")]},
            "N1\tX T1 Rx_Norm:1",
            {"reference with white space (written with _)": 1},
        ),
        (
            {"equivalences": [Equivalence("the same", ("T1", "T2"))]},
            "*\tthe_same T1 T2",
            {"relation type 'the same' (written the_same)": 1},
        ),
        (
            {"notes": [Note("n:1", "A note", "T1", "hm")]},
            "#3\tA_note T1\thm",
            {
                "note type 'A note' (written A_note)": 1,
                "id that brat cannot hold (numbered anew)": 1,
            },
        ),
        (
            {
                "relations": [Relation("rel", "X", "T1", "T2")],
                "attributes": [Attribute("A1", "N", "rel")],
            },
            "A1\tN R3",
            {"id that brat cannot hold (numbered anew)": 1},
        ),
    ],
)
def test_names_and_ids_are_changed_wherever_they_stand(change, line, counted):
    mentions = [Mention("T1", "Drug", ((8, 15),)), Mention("T2", "Start", ((0, 7),))]
    names = BratNames()
    document = names.fit(Document("x", TEXT, mentions, **change))
    assert line in document.to_brat().splitlines()
    assert +names.changed == counted


def test_ids_of_mentions_change_in_all_that_refers_to_them():
    document = Document(
        "x",
        TEXT,
        [Mention("m 1", "Drug", ((8, 15),)), Mention("T:9", "Start", ((0, 7),))],
        [Relation("R1", "X", "m 1", "T:9", head_ref="e1")],
        [Event("e1", "Y", "m 1", (("of", "T:9"),))],
        [Equivalence("Same", ("m 1", "T:9"))],
        [Attribute("A1", "N", "e1")],
        [Normalization("N1", "R", "m 1", "a:b")],
        [Note("#1", "N", "T:9", "m 1")],
    )
    assert BratNames().fit(document).to_brat().splitlines() == [
        "T2\tDrug 8 15\taspirin",
        "T3\tStart 0 7\tStarted",
        "E4\tY:T2 of:T3",
        "R1\tX Arg1:E4 Arg2:T3",
        "*\tSame T2 T3",
        "A1\tN E4",
        "N1\tR T2 a:b",
        "#1\tN T3\tm 1",
    ]
    assert document.mentions[0].id == "m 1"  # it is a copy that was changed


def test_names_of_two_documents_stay_apart():
    names = BratNames()
    names.fit(Document("x", TEXT, [Mention("T1", "a b", ((0, 7),))]))
    names.fit(
        Document("x", TEXT, [Mention("T1", "a b", ((0, 7),))], [Relation("R1", "a_b", "T1", "T1")])
    )
    with pytest.raises(InputError, match="entity types 'a b' and 'a_b' would become one"):
        names.fit(Document("y", TEXT, [Mention("T1", "a_b", ((0, 7),))]))


def test_labels_of_a_model_can_be_checked_before_it_predicts():
    BratNames([("entity type", "a b"), ("relation type", "a_b")])
    with pytest.raises(InputError, match="would become one"):
        BratNames([("entity type", "a b"), ("entity type", "a_b")])


def test_a_reference_which_may_hold_words_of_a_note_is_not_told():
    entries = [Normalization(f"N{n}", "X", "T1", ref) for n, ref in enumerate(("a b", "a_b"))]
    with pytest.raises(InputError, match="two references would become one") as error:
        BratNames().fit(
            Document("x", TEXT, [Mention("T1", "X", ((0, 7),))], normalizations=entries)
        )
    assert "a b" not in str(error.value)


def test_an_empty_name_stays_an_error():
    document = BratNames().fit(Document("x", TEXT, [Mention("T1", "", ((0, 7),))]))
    with pytest.raises(InputError, match=r"the name ''; names there are not empty .*; name it"):
        document.to_brat()


_NAMES = st.text("ab _\t\n\u2028\x1f:", min_size=1, max_size=4)
_IDS = st.text("TR1: \n", max_size=4)
_NAMED = st.lists(st.tuples(_IDS, _NAMES), min_size=1, max_size=4, unique_by=lambda pair: pair[0])


@given(_NAMED, _NAMES, st.data())
def test_what_was_fitted_is_written_and_read_back(tmp_path_factory, named, name, data):
    types = {type for _, type in named}
    assume(len({brat_name(type) for type in types}) == len(types))
    mentions = [Mention(id, type, ((n, n + 1),), TEXT[n]) for n, (id, type) in enumerate(named)]
    ends = st.sampled_from([mention.id for mention in mentions])
    relation = Relation("r", name, data.draw(ends), data.draw(ends))
    made = BratNames().fit(Document("x", TEXT, mentions, [relation]))
    path = tmp_path_factory.mktemp("brat") / "x.ann"
    path.write_bytes(made.to_brat().encode())
    again = annotate("x", TEXT, path)
    assert again == made
    assert [m.type for m in again.mentions] == [brat_name(m.type) for m in mentions]
    place = {mention.id: mention.fragments for mention in again.mentions}
    before = {mention.id: mention.fragments for mention in mentions}
    assert place[again.relations[0].head] == before[relation.head]
    assert place[again.relations[0].tail] == before[relation.tail]
