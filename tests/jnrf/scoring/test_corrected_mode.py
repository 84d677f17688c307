"""The corrected mode pairs one to one, counts what is missing and refuses what is broken."""

from __future__ import annotations

import pytest
from brat_folders import TEXT, mention, relation, write

from jnrf.scoring.n2c2 import score, score_folders
from jnrf_ext.documents.document import Document, Mention, Relation
from jnrf_ext.errors import InputError


def document(*spans, relations=(), id="note"):
    """A document of (type, start, end) mentions T1, T2, ... and (type, head, tail) relations."""
    mentions = [Mention(f"T{n}", t, ((s, e),)) for n, (t, s, e) in enumerate(spans, 1)]
    links = [Relation(f"R{n}", *link) for n, link in enumerate(relations, 1)]
    return Document(id, TEXT, mentions, links)


def counts(level):
    return level.micro.tp, level.micro.fp, level.micro.fn


def test_a_repeated_system_span_is_wrong():
    scores = score([document(("Drug", 8, 18))], [document(("Drug", 8, 18), ("Drug", 8, 18))])
    assert counts(scores.mentions["strict"]) == (1, 1, 0)
    assert counts(scores.mentions["lenient"]) == (1, 1, 0)


def test_repeated_gold_spans_score_one_on_a_perfect_copy():
    copy = [document(("Drug", 8, 18), ("Drug", 8, 18))]
    scores = score(copy, copy)
    assert counts(scores.mentions["strict"]) == (2, 0, 0)
    assert counts(scores.mentions["lenient"]) == (2, 0, 0)


def test_a_system_span_goes_to_the_gold_span_that_another_does_not_need():
    gold = [document(("Drug", 8, 12), ("Drug", 13, 18))]
    # The first could take either, the second only the first: pairing greedily would find one.
    predicted = [document(("Drug", 10, 15), ("Drug", 8, 10))]
    assert counts(score(gold, predicted).mentions["lenient"]) == (2, 0, 0)


def test_pairing_relations_is_maximum_too():
    spans = (("Strength", 0, 4), ("Strength", 6, 10), ("Drug", 20, 30))
    gold = [document(*spans, relations=[("S-D", "T1", "T3"), ("S-D", "T2", "T3")])]
    wide = (("Strength", 2, 8), ("Strength", 0, 2), ("Drug", 20, 30))
    predicted = [document(*wide, relations=[("S-D", "T1", "T3"), ("S-D", "T2", "T3")])]
    assert counts(score(gold, predicted).relations["lenient"]) == (2, 0, 0)


def test_the_same_relation_between_repeated_mentions_pairs_one_to_one():
    spans = (("Strength", 0, 4), ("Drug", 20, 30), ("Drug", 20, 30))
    both = [document(*spans, relations=[("S-D", "T1", "T2"), ("S-D", "T1", "T3")])]
    one = [document(*spans, relations=[("S-D", "T1", "T3")])]
    assert counts(score(both, both).relations["strict"]) == (2, 0, 0)
    assert counts(score(both, one).relations["strict"]) == (1, 0, 1)
    assert counts(score(one, both).relations["strict"]) == (1, 1, 0)


def test_gold_of_a_document_without_prediction_counts_as_not_found():
    gold = [document(("Drug", 8, 18), id="a"), document(("Drug", 8, 18), ("ADE", 1, 3), id="b")]
    scores = score(gold, [document(("Drug", 8, 18), id="a")])
    assert counts(scores.mentions["strict"]) == (1, 0, 2)
    assert scores.mentions["strict"].macro.recall == 0.5
    assert (scores.documents, scores.missing) == (2, ["b"])


def test_a_prediction_without_gold_is_left_out_and_named():
    scores = score(
        [document(("Drug", 8, 18), id="a")],
        [document(("Drug", 8, 18), id="a"), document(("Drug", 8, 18), id="z")],
    )
    assert counts(scores.mentions["strict"]) == (1, 0, 0)
    assert scores.skipped_predicted == ["z"]


def test_macro_over_types_is_the_mean_of_the_types_of_either_side():
    gold = [document(("Drug", 8, 18), ("ADE", 30, 40))]
    level = score(gold, [document(("Drug", 8, 18), ("Form", 50, 55))]).mentions["strict"]
    assert list(level.by_type) == ["Drug", "Form", "ADE"]
    assert level.macro_types.f1 == pytest.approx(1 / 3)


def test_types_come_in_the_shared_tasks_order_and_others_by_name_behind():
    spans = [(name, 0, 4) for name in ("Zeta", "Frequency", "Alpha", "Drug")]
    level = score([document(*spans)], [document()]).mentions["strict"]
    assert list(level.by_type) == ["Drug", "Frequency", "Alpha", "Zeta"]


def test_a_discontinuous_mention_is_its_hull():
    gold = Document("note", TEXT, [Mention("T1", "ADE", ((0, 4), (10, 12), (20, 22), (30, 34)))])
    assert counts(score([gold], [document(("ADE", 0, 34))]).mentions["strict"]) == (1, 0, 0)


def test_corpora_without_relations_or_without_anything_score_zero():
    for level in score([document(("Drug", 8, 18))], [document()]).relations.values():
        assert counts(level) == (0, 0, 0)
        assert level.micro.f1 == level.macro.f1 == level.macro_types.f1 == 0.0
        assert level.by_type == {}


def test_repeated_ids_are_an_error():
    twice = Document("n", TEXT, [Mention("T1", "Drug", ((0, 4),)), Mention("T1", "ADE", ((5, 9),))])
    with pytest.raises(InputError, match="document n: more than one mention has the id 'T1'"):
        score([twice], [document(id="n")])


def test_an_unknown_argument_is_an_error():
    bad = document(("Drug", 8, 18), relations=[("ADE-Drug", "T9", "T1")])
    with pytest.raises(InputError, match="relation R1 names T9"):
        score([document(("Drug", 8, 18))], [bad])


def test_two_documents_of_one_id_are_an_error():
    with pytest.raises(InputError, match="two gold documents have the id note"):
        score([document(), document()], [document()])


def test_no_common_documents_are_an_error():
    with pytest.raises(InputError, match="have a name in common"):
        score([document(id="a")], [document(id="b")])


def test_an_unknown_mode_is_an_error():
    with pytest.raises(InputError, match="unknown scoring mode 'lenient'"):
        score([document()], [document()], "lenient")


def test_folders_need_no_text_beside_the_predictions(tmp_path):
    lines = [mention("T1", "Drug", 8, 18), mention("T2", "Strength", 19, 24)]
    lines.append(relation("R1", "Strength-Drug", "T2", "T1"))
    write(tmp_path / "gold", a=lines, b=lines)
    write(tmp_path / "pred", a=lines)
    (tmp_path / "pred" / "a.txt").unlink()
    scores = score_folders(tmp_path / "gold", tmp_path / "pred")
    assert counts(scores.relations["strict"]) == (1, 0, 1)
    assert scores.missing == ["b"]


def test_four_fragments_are_read_as_they_are(tmp_path):
    lines = [f"T1\tADE 0 4;5 7;8 10;12 14\t{' '.join([TEXT[0:4], TEXT[5:7], TEXT[8:10], 'no'])}"]
    write(tmp_path / "gold", a=lines)
    write(tmp_path / "pred", a=lines)
    assert counts(score_folders(tmp_path / "gold", tmp_path / "pred").mentions["strict"]) == (
        1,
        0,
        0,
    )


@pytest.mark.parametrize(
    "lines",
    [
        ["T1\tDrug 8 eighteen\tx"],
        ["T1\tDrug 8 18"],
        [mention("T1", "Drug", 8, 18), mention("T1", "Drug", 8, 18)],
        [mention("T1", "Drug", 8, 18), relation("R1", "ADE-Drug", "T1", "T7")],
    ],
    ids=["offset", "no text", "repeated id", "unknown argument"],
)
def test_broken_lines_are_errors_with_file_and_line(tmp_path, lines):
    write(tmp_path / "gold", a=[mention("T1", "Drug", 8, 18)])
    write(tmp_path / "pred", a=lines)
    with pytest.raises(InputError) as error:
        score_folders(tmp_path / "gold", tmp_path / "pred")
    assert f"pred/a.ann:{len(lines)}: " in str(error.value)


def test_predictions_that_count_line_ends_otherwise_are_an_error(tmp_path):
    text = "one\r\ntwo\r\nthree\r\nfour\r\n"
    for folder, start in (("gold", 10), ("pred", 8)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.txt").write_bytes(text.encode())
        line = f"T1\tDrug {start} {start + 5}\tthree\n"
        (tmp_path / folder / "a.ann").write_text(line)
    with pytest.raises(InputError, match="count line ends"):
        score_folders(tmp_path / "gold", tmp_path / "pred")


@pytest.mark.parametrize("mode", ["official", "corrected"])
def test_missing_and_empty_folders_are_errors(tmp_path, mode):
    gold = write(tmp_path / "gold", a=[mention("T1", "Drug", 8, 18)])
    (tmp_path / "empty").mkdir()
    for predicted, said in (
        (tmp_path / "nowhere", r"nowhere(; check the path| is no folder)"),
        (tmp_path / "empty", "has no .ann files"),
        (write(tmp_path / "other", z=[]), "has the name of one of"),
    ):
        with pytest.raises(InputError, match=said):
            score_folders(gold, predicted, mode)
    with pytest.raises(InputError, match="nowhere"):
        score_folders(tmp_path / "nowhere", gold, mode)
