"""Which argument is the head does not hang on the order in which a line names them."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jnrf.corpora import open_corpus
from jnrf.corpora.brat import annotate, read_document, read_folder, write_folder
from jnrf.corpora.json import write_json
from jnrf.corpora.roles import NAMED_PAIRS, agree, head_by_name, of_folder
from jnrf_ext.documents.document import Document, Mention, Relation

MENTIONS = "T1\tX 0 1\ta\nT2\tX 2 3\tb\nE1\tX:T1 Theme:T2\n"


def write(folder, **lines: str):
    """A folder of texts "a b" with two mentions, an event, and these R lines in each file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in lines.items():
        (folder / f"{name}.txt").write_text("a b")
        (folder / f"{name}.ann").write_text(f"{MENTIONS}{content}\n")
    return folder


def heads(documents) -> list[tuple]:
    return [(r.head_role, r.head, r.tail_role, r.tail) for d in documents for r in d.relations]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Arg1", "Arg2"),
        ("Element2", "Element10"),
        ("FROM", "to"),
        *((a.capitalize(), b) for a, b in NAMED_PAIRS),
    ],
)
def test_some_names_say_it_themselves(tmp_path, one, other):
    assert head_by_name(one, other) == head_by_name(other, one) == one
    forth = write(tmp_path / "forth", d=f"R1\tIs {one}:T1 {other}:T2")
    back = write(tmp_path / "back", d=f"R1\tIs {other}:T2 {one}:T1")
    assert heads(read_folder(forth)) == heads(read_folder(back)) == [(one, "T1", other, "T2")]


@pytest.mark.parametrize("names", [("A", "B"), ("Arg1", "Other2"), ("X", "X"), ("x1", "x01")])
def test_others_do_not(names):
    assert head_by_name(*names) is None


def test_most_lines_of_a_folder_decide_on_other_names(tmp_path):
    folder = write(
        tmp_path,
        a="R1\tIs Later:T1 Earlier:T2",
        b="R1\tIs Earlier:T2 Later:T1",
        c="R1\tIs Later:T2 Earlier:T1",
    )
    assert heads(read_folder(folder)) == [
        ("Later", "T1", "Earlier", "T2"),
        ("Later", "T1", "Earlier", "T2"),
        ("Later", "T2", "Earlier", "T1"),
    ]


def test_each_relation_type_has_its_own_order_and_the_alphabet_decides_between_equals(tmp_path):
    lines = "R1\tIs B:T1 A:T2\nR2\tWas A:T1 B:T2\nR3\tHas B:T1 A:T2\nR4\tHas A:T1 B:T2"
    [document] = read_folder(write(tmp_path, a=lines))
    assert heads([document]) == [
        ("B", "T1", "A", "T2"),
        ("A", "T1", "B", "T2"),
        ("A", "T2", "B", "T1"),
        ("A", "T1", "B", "T2"),
    ]


@pytest.mark.parametrize("where", ["corpus", "."])
def test_the_folders_configuration_decides_before_its_lines(tmp_path, where):
    folder = write(tmp_path / "corpus", a="R1\tIs B:T1 A:T2\nR2\tWas B:T1 A:T2")
    conf = "[entities]\nX\n[relations]\n# Was B:X, A:X\n!Is\tA:X|Y, B:X, <REL-TYPE>:symmetric\n"
    (tmp_path / where / "annotation.conf").write_text(conf + "[events]\nWas\tA:X, B:X\n")
    assert heads(read_folder(folder)) == [("A", "T2", "B", "T1"), ("B", "T1", "A", "T2")]


def test_a_document_read_alone_is_read_as_its_folder_is(tmp_path):
    lines = {"a": "R1\tIs A:T1 B:T2", "b": "R1\tIs B:T1 A:T2", "c": "R1\tIs B:T1 A:T2"}
    folder = write(tmp_path, **lines)
    # The other files need not be without faults.
    (folder / "c.ann").write_bytes((folder / "c.ann").read_bytes() + b"\xff")
    alone = read_document(folder / "a.txt", folder / "a.ann")
    assert heads([alone]) == [("B", "T2", "A", "T1")]
    assert annotate("a", "a b", folder / "a.ann") == alone
    assert open_corpus(folder / "a.ann") == [alone]


def test_references_to_events_go_with_their_roles(tmp_path):
    [document] = read_folder(write(tmp_path, a="R1\tIs To:T2 From:E1"))
    relation = document.relations[0]
    assert (relation.head, relation.head_ref, relation.tail_ref) == ("T1", "E1", None)
    assert document.events[0].arguments == (("Theme", "T2"),)


def test_two_arguments_of_one_name_stay_in_the_order_of_the_line(tmp_path):
    [document] = read_folder(write(tmp_path, a="R1\tIs Member:T2 Member:T1"))
    assert heads([document]) == [("Member", "T2", "Member", "T1")]


def test_json_is_decided_alike(tmp_path):
    relations = [
        Relation("R1", "Is", "T1", "T2", head_role="B", tail_role="A"),
        Relation("R2", "Is", "T1", "T2", head_role="A", tail_role="B"),
        Relation("R3", "Is", "T1", "T2", head_role="To", tail_role="From"),
    ]
    mentions = [Mention("T1", "X", ((0, 1),), "a"), Mention("T2", "X", ((2, 3),), "b")]
    write_json([Document("d", "a b", mentions, relations)], tmp_path / "d.json")
    assert heads(open_corpus(tmp_path / "d.json")) == [
        ("A", "T2", "B", "T1"),
        ("A", "T1", "B", "T2"),
        ("From", "T2", "To", "T1"),
    ]


def test_later_corpora_follow_the_first_and_decide_on_what_it_does_not_have(tmp_path):
    first = read_folder(write(tmp_path / "1", a="R1\tIs B:T1 A:T2"))
    second = read_folder(write(tmp_path / "2", a="R1\tIs A:T1 B:T2\nR2\tWas D:T1 C:T2"))
    third = read_folder(write(tmp_path / "3", a="R1\tWas C:T1 D:T2"))
    agree(first, second, third)
    assert heads(first + second) == [
        ("B", "T1", "A", "T2"),
        ("B", "T2", "A", "T1"),
        ("D", "T1", "C", "T2"),
    ]
    assert heads(third) == [("D", "T2", "C", "T1")]


def test_what_cannot_be_read_does_not_take_part(tmp_path):
    folder = write(tmp_path, a="R1\tIs B:T1 A:T2")
    (folder / "b.ann").mkdir()
    (folder / "annotation.conf").mkdir()
    assert of_folder(folder) == {("Is", frozenset("AB")): "B"}
    assert of_folder(tmp_path / "nowhere") == {}


role = st.sampled_from(["From", "To", "A", "B", "Bacteria", "Location", "Arg1", "Arg2", "é"])
triples = st.lists(
    st.tuples(st.sampled_from(["Is", "Was"]), role, role).filter(lambda t: t[1] != t[2]),
    min_size=1,
    max_size=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(triples, st.lists(st.booleans(), min_size=6, max_size=6))
def test_relations_of_one_corpus_agree_in_any_order_of_roles(tmp_path, relations, turned):
    """Whatever lines are turned, equal relations stay equal, and a copy written out as well."""
    lines = []
    for number, (type, one, other) in enumerate(relations):
        arguments = [f"{one}:T1", f"{other}:T2"]
        order = arguments[::-1] if turned[number] else arguments
        lines.append(f"R{number}\t{type} {' '.join(order)}")
    [document] = read_folder(write(tmp_path / "corpus", d="\n".join(lines)))
    found: dict[tuple, set] = {}
    for r, (type, one, other) in zip(document.relations, relations, strict=True):
        assert {(r.head_role, r.head), (r.tail_role, r.tail)} == {(one, "T1"), (other, "T2")}
        found.setdefault((type, frozenset((one, other))), set()).add(r.head_role)
    assert all(len(roles) == 1 for roles in found.values())
    write_folder([document], tmp_path / "again")
    assert read_folder(tmp_path / "again") == [document]
