"""The invented notes: exact, reproducible, varied, and of the n2c2 label set."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from jnrf.corpora.brat import read_folder, write_folder
from jnrf.corpora.schema import learn_schema
from jnrf.corpora.synth import fillers, generate, lexicon, phrases
from jnrf.corpora.synth.grammar import entries
from jnrf.corpora.synth.layout import Block, Piece, lay_out
from jnrf_ext.errors import InputError

N2C2_TYPES = [
    "ADE",
    "Dosage",
    "Drug",
    "Duration",
    "Form",
    "Frequency",
    "Reason",
    "Route",
    "Strength",
]


@pytest.fixture(scope="module")
def notes():
    return list(generate(20, words=1500, seed=7))


def test_all_types_and_relations_of_n2c2_and_no_others(notes):
    schema = learn_schema(notes)
    assert schema.entity_types == N2C2_TYPES
    assert schema.arguments == {f"{t}-Drug": [(t, "Drug")] for t in N2C2_TYPES if t != "Drug"}


def test_written_notes_read_without_any_complaint(notes, tmp_path):
    write_folder(notes, tmp_path)
    assert read_folder(tmp_path, on_mismatch="raise") == notes


def test_ids_are_numbers_from_100001(notes):
    assert [note.id for note in notes[:3]] == ["100001", "100002", "100003"]


def test_a_seed_gives_the_same_notes_and_another_seed_others(notes):
    assert list(generate(2, words=1500, seed=7)) == notes[:2]
    assert next(generate(1, words=1500, seed=8)).text != notes[0].text


def test_no_template_shows_through(notes):
    for note in notes:
        assert not re.search(r"[{}|]|\.\.|[a-z]  [a-z]", note.text)


def test_notes_have_about_as_many_words_as_asked_for(notes):
    assert all(abs(len(note.text.split()) - 1500) < 100 for note in notes)
    long = next(generate(1, words=30_000))
    assert abs(len(long.text.split()) - 30_000) < 300


def test_the_shortest_notes_are_notes_too():
    for note in generate(20, words=10):
        assert note.text.split()
        assert len(note.text.split()) < 150


def test_drug_mentions_are_as_dense_as_in_n2c2(notes):
    drugs = sum(m.type == "Drug" for note in notes for m in note.mentions) / len(notes)
    assert 40 < drugs < 120


def test_unseen_notes_have_unseen_drugs_but_mostly_seen_ones(notes):
    def drugs(part):
        return [m.text.lower() for note in part for m in note.mentions if m.type == "Drug"]

    seen = set(drugs(notes[:15]))
    unseen = [name for name in drugs(notes[15:]) if name not in seen]
    assert 0.1 < len(unseen) / len(drugs(notes[15:])) < 0.6


def test_words_are_a_reason_here_an_effect_there_and_unannotated_elsewhere(notes):
    types: dict[str, set[str]] = {}
    for note in notes:
        annotated = Counter(m.text.lower() for m in note.mentions)
        for mention in note.mentions:
            types.setdefault(mention.text.lower(), set()).add(mention.type)
        for word in set(types) & set(re.findall(r"[a-z]+", note.text.lower())):
            if note.text.lower().count(word) > annotated[word]:
                types[word].add("none")
    assert sum({"Reason", "ADE"} <= said for said in types.values()) > 10
    assert sum({"Reason", "ADE", "none"} <= said for said in types.values()) > 3


def test_some_relations_go_over_several_lines_and_some_drugs_have_none(notes):
    lines = Counter()
    for note in notes:
        at = {mention.id: mention for mention in note.mentions}
        for relation in note.relations:
            start, end = sorted((at[relation.head].start, at[relation.tail].start))
            lines[min(3, note.text.count("\n", start, end))] += 1
        related = {relation.tail for relation in note.relations}
        assert any(m.type == "Drug" and m.id not in related for m in note.mentions)
    assert all(lines[n] for n in range(4))


def test_every_template_names_the_drug_that_its_other_mentions_belong_to():
    for group in (phrases.TREATMENT, phrases.PROBLEM, phrases.ADVERSE, phrases.COMBINATION):
        for template in group:
            keys = {key for keys in re.findall(r"\{[A-Z]\w+\.(\w+)\}", template) for key in keys}
            assert keys == set(re.findall(r"\{Drug\.(\w)\}", template)), template
            assert keys, template


def test_unannotated_sentences_have_no_annotated_slots():
    groups = (fillers.SENTENCES, fillers.PHYSICAL, fillers.LABS, fillers.SOCIAL)
    for template in (line for group in groups for line in group):
        assert not re.search(r"\{\w+\.[a-z]", template), template


def test_every_drug_class_can_be_ordered():
    for drug_class in lexicon.CLASSES:
        assert drug_class.kind in lexicon.KINDS
        assert set(drug_class.frequencies.split()) <= set(lexicon.FREQUENCIES)
        for listed in (drug_class.names, drug_class.strengths, drug_class.reasons):
            assert all(entries(listed))


def test_entries_split_outside_brackets_only():
    assert entries("a (b|c) d|e|(f|g)") == ("a (b|c) d", "e", "(f|g)")


def test_layout_breaks_lines_without_moving_a_character():
    pieces = [Piece("take "), Piece("iron sulfate tablets", "Drug", ("a",)), Piece(" with food")]
    note = lay_out("x", [Block(pieces)], width=12)
    assert note.text == "take iron\nsulfate\ntablets with\nfood\n"
    assert note.mentions[0].fragments == ((5, 9), (10, 17), (18, 25))
    assert note.mentions[0].text == "iron sulfate tablets"


def test_layout_relates_to_the_nearest_mention_of_the_drug():
    drug = Piece("iron", "Drug", ("a",))
    pieces = [drug, Piece(" ... then "), drug, Piece(" "), Piece("daily", "Frequency", ("a",))]
    note = lay_out("x", [Block(pieces)], width=None)
    assert [(r.type, r.head, r.tail) for r in note.relations] == [("Frequency-Drug", "T3", "T2")]


@pytest.mark.parametrize(("documents", "words"), [(0, 100), (-1, 100), (1, 9)])
def test_impossible_requests_are_input_errors(documents, words):
    with pytest.raises(InputError, match="ask for at least"):
        next(generate(documents, words))
