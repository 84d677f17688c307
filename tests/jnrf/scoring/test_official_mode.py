"""The official mode has the n2c2 script's figures, each of its quirks included."""

from __future__ import annotations

import os

import pytest
from brat_folders import mention, relation, write

from jnrf.scoring.n2c2 import score_folders
from jnrf_ext.errors import InputError


@pytest.fixture
def official(tmp_path):
    """Official scores of one document, given as gold lines and predicted lines."""

    def score(gold, predicted):
        write(tmp_path / "gold", note=gold)
        write(tmp_path / "pred", note=predicted)
        return score_folders(tmp_path / "gold", tmp_path / "pred", "official")

    return score


def counts(level):
    return level.micro.tp, level.micro.fp, level.micro.fn


DRUG = mention("T1", "Drug", 8, 18)
STRENGTH = mention("T2", "Strength", 19, 24)
PAIR = [DRUG, STRENGTH]


def test_a_perfect_copy_scores_one(official):
    lines = [*PAIR, relation("R1", "Strength-Drug", "T2", "T1")]
    scores = official(lines, lines)
    for level in (*scores.mentions.values(), *scores.relations.values()):
        assert level.micro.f1 == level.macro.f1 == 1.0


def test_strict_needs_both_ends_and_lenient_one_shared_character(official):
    scores = official([DRUG], ["T1\tDrug 17 30\tx"])
    assert counts(scores.mentions["strict"]) == (0, 1, 1)
    assert counts(scores.mentions["lenient"]) == (1, 0, 0)


def test_spans_that_only_touch_do_not_match(official):
    scores = official([DRUG], ["T1\tDrug 18 24\tx"])
    assert counts(scores.mentions["lenient"]) == (0, 1, 1)


def test_a_span_of_no_length_matches_only_inside_a_gold_span(official):
    scores = official([DRUG], ["T1\tDrug 12 12\tx", "T2\tDrug 18 18\tx"])
    assert counts(scores.mentions["lenient"]) == (1, 1, 0)


def test_a_span_of_no_length_is_its_own_copy_in_strict_but_not_in_lenient(official):
    lines = ["T1\tDrug 12 12\tx"]
    scores = official(lines, lines)
    assert counts(scores.mentions["strict"]) == (1, 0, 0)
    assert counts(scores.mentions["lenient"]) == (0, 1, 1)


def test_types_are_case_sensitive(official):
    scores = official([DRUG], ["T1\tdrug 8 18\tlisinopril"])
    assert counts(scores.mentions["lenient"]) == (0, 1, 1)


def test_mention_text_is_never_compared(official):
    scores = official([DRUG], ["T1\tDrug 8 18\tsomething else"])
    assert counts(scores.mentions["strict"]) == (1, 0, 0)


def test_a_repeated_system_span_is_free(official):
    scores = official([DRUG], [DRUG, mention("T2", "Drug", 8, 18), mention("T3", "Drug", 8, 18)])
    assert counts(scores.mentions["strict"]) == (1, 0, 0)
    assert scores.mentions["lenient"].micro.precision == 1.0


def test_one_system_span_over_two_gold_spans_finds_one_and_misses_one(official):
    gold = [mention("T1", "Drug", 8, 12), mention("T2", "Drug", 13, 18)]
    assert counts(official(gold, [DRUG]).mentions["lenient"]) == (1, 0, 1)


def test_a_system_span_is_dropped_though_it_also_matches_a_free_gold_span(official):
    gold = [mention("T1", "Drug", 8, 12), mention("T2", "Drug", 13, 18)]
    predicted = [mention("T1", "Drug", 8, 11), mention("T2", "Drug", 10, 15)]
    assert counts(official(gold, predicted).mentions["lenient"]) == (1, 0, 1)


def test_a_dropped_system_span_still_takes_the_free_gold_span(official):
    gold = [mention("T1", "Drug", 8, 12), mention("T2", "Drug", 13, 18)]
    first, dropped = mention("T1", "Drug", 8, 11), mention("T2", "Drug", 10, 15)
    late = mention("T3", "Drug", 13, 18)
    assert counts(official(gold, [first, dropped, late]).mentions["lenient"]) == (1, 0, 1)
    assert counts(official(gold, [first, late, dropped]).mentions["lenient"]) == (2, 0, 0)


def test_repeated_gold_spans_score_below_one_on_a_perfect_copy(official):
    lines = [DRUG, mention("T2", "Drug", 8, 18)]
    assert counts(official(lines, lines).mentions["strict"]) == (1, 0, 1)


def test_a_discontinuous_mention_is_its_hull(official):
    predicted = ["T1\tDrug 8 10;16 18\tx y"]
    assert counts(official([DRUG], predicted).mentions["strict"]) == (1, 0, 0)
    predicted = ["T1\tDrug 8 10;12 13;16 18\tx y z"]
    assert counts(official([DRUG], predicted).mentions["strict"]) == (1, 0, 0)


def test_four_fragments_take_type_and_offsets_of_the_line_before(official, capsys):
    many = "T2\tADE 30 32;34 36;38 40;42 44\ta b c d"
    scores = official([DRUG, STRENGTH], [DRUG, many])
    # T2 is a second Drug 8 18: free, as it repeats T1.
    assert counts(scores.mentions["strict"]) == (1, 0, 1)
    assert "ADE" not in scores.mentions["strict"].by_type
    said = capsys.readouterr().err
    assert "note.ann:2: a mention of 4 fragments, not 1 to 3; " in said
    assert "a b c d" not in said


def test_relations_of_a_four_fragment_mention_go_to_the_span_of_the_line_before(official, capsys):
    gold = [*PAIR, relation("R1", "Strength-Drug", "T2", "T1")]
    predicted = [STRENGTH, "T7\tX 1 2;3 4;5 6;7 8\tx", DRUG]
    predicted.append(relation("R1", "Strength-Drug", "T7", "T1"))
    assert counts(official(gold, predicted).relations["strict"]) == (1, 0, 0)


@pytest.mark.parametrize("line", ["T2\tADE 30 44", "T2\tADE 30 44\t", "T2\tADE 30 44\ta\tb"])
def test_a_mention_without_its_three_fields_is_as_if_the_line_before_stood_twice(
    official, capsys, line
):
    scores = official([DRUG], [DRUG, line])
    assert counts(scores.mentions["strict"]) == (1, 0, 0)
    said = capsys.readouterr().err
    assert (
        f"note.ann:2: a mention of {len(line.strip().split(chr(9)))} tab-separated fields" in said
    )
    assert line not in said


def test_a_relation_to_a_mention_without_text_is_an_error(official, capsys):
    predicted = [DRUG, "T2\tStrength 19 24\t", relation("R1", "Strength-Drug", "T2", "T1")]
    with pytest.raises(InputError, match=r"pred/note\.ann:3: T2 is no mention"):
        official(PAIR, predicted)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("T1\tDrug 8 18", "no line before it can stand in"),
        ("T1\tDrug 8 9;9 10;11 12;13 14\tx", "no line before it can stand in"),
        ("T1\tDrug 8 eighteen\tx", "an offset is no whole number"),
        ("T1\tDrug 8 18;\tx", "an offset is no whole number"),
        ("R1\tStrength-Drug Arg1:T1", "a relation needs"),
        ("R1\tStrength-Drug T1 T2", "a relation needs"),
        ("R1 Strength-Drug Arg1:T1 Arg2:T2", "a relation needs"),
        ("R1\tStrength-Drug Arg1:T8 Arg2:T9", "T8 is no mention of this file"),
    ],
)
def test_what_stops_the_script_is_an_error_with_file_and_line(official, capsys, line, said):
    with pytest.raises(InputError) as error:
        official(PAIR, [line])
    assert "pred/note.ann:1: " in str(error.value)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_the_last_of_repeated_ids_counts(official):
    scores = official([STRENGTH], [mention("T2", "Drug", 0, 5), STRENGTH])
    assert counts(scores.mentions["strict"]) == (1, 0, 0)


def test_a_repeated_id_stands_where_its_first_line_stood(official):
    gold = [mention("T1", "Drug", 8, 12), mention("T2", "Drug", 13, 18)]
    # Read as written, T1 (the wide span) comes first and matches both gold spans by itself.
    predicted = [mention("T1", "Drug", 40, 45), mention("T2", "Drug", 8, 12), DRUG]
    assert counts(official(gold, predicted).mentions["lenient"]) == (1, 0, 1)


def test_swapped_arguments_do_not_match(official):
    gold = [*PAIR, relation("R1", "Strength-Drug", "T2", "T1")]
    predicted = [*PAIR, relation("R1", "Strength-Drug", "T1", "T2")]
    assert counts(official(gold, predicted).relations["lenient"]) == (0, 1, 1)


def test_a_relation_matches_leniently_when_both_arguments_do(official):
    gold = [*PAIR, relation("R1", "Strength-Drug", "T2", "T1")]
    predicted = [mention("T1", "Drug", 8, 12), mention("T2", "Strength", 19, 21)]
    predicted.append(relation("R1", "Strength-Drug", "T2", "T1"))
    scores = official(gold, predicted)
    assert counts(scores.relations["strict"]) == (0, 1, 1)
    assert counts(scores.relations["lenient"]) == (1, 0, 0)


def test_a_relation_needs_the_types_of_its_arguments(official):
    gold = [*PAIR, relation("R1", "Strength-Drug", "T2", "T1")]
    predicted = [DRUG, mention("T2", "Dosage", 19, 24)]
    predicted.append(relation("R1", "Strength-Drug", "T2", "T1"))
    assert counts(official(gold, predicted).relations["lenient"]) == (0, 1, 1)


def test_only_lines_of_mentions_and_relations_are_read(official):
    noise = ["E1\tDrug:T1", "A1\tNegated T1", "#1\tAnnotatorNotes T1\tT", "*\tOVERLAP T1 T2", ""]
    scores = official([*PAIR, *noise], PAIR)
    assert counts(scores.mentions["strict"]) == (2, 0, 0)


def test_an_indented_line_counts(official):
    assert counts(official([DRUG], [f"  {DRUG}"]).mentions["strict"]) == (1, 0, 0)


def test_a_line_behind_a_byte_order_mark_does_not_exist(official):
    assert counts(official(PAIR, ["\ufeff" + DRUG, STRENGTH]).mentions["strict"]) == (1, 0, 1)


def test_crlf_and_cr_end_lines(official):
    scores = official(PAIR, "\r\n".join(PAIR) + "\r")
    assert counts(scores.mentions["strict"]) == (2, 0, 0)


def test_ids_that_differ_in_white_space_alone_count_once(official):
    twice = [DRUG, "T1 \tDrug 30 35\tx"]
    assert counts(official([], twice).mentions["strict"]) == (0, 1, 0)


def test_types_outside_the_shared_task_count_in_the_overall(official):
    scores = official([mention("T1", "Sign_symptom", 8, 18)], [])
    assert counts(scores.mentions["strict"]) == (0, 0, 1)
    assert scores.mentions["strict"].by_type["Sign_symptom"].fn == 1


def test_macro_is_the_mean_over_documents_where_an_empty_one_scores_zero(tmp_path):
    write(tmp_path / "gold", a=PAIR, b=[DRUG], c=[])
    write(tmp_path / "pred", a=[DRUG], b=[DRUG], c=[])
    level = score_folders(tmp_path / "gold", tmp_path / "pred", "official").mentions["strict"]
    assert level.macro.precision == pytest.approx((1 + 1 + 0) / 3)
    assert level.macro.recall == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert level.macro.f1 == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert level.micro.recall == pytest.approx(2 / 3)
    assert level.macro_types is None


def test_only_files_of_both_folders_count_and_the_others_are_named(tmp_path, capsys):
    write(tmp_path / "gold", a=[DRUG], b=[DRUG], c=[DRUG])
    write(tmp_path / "pred", a=[DRUG], d=[STRENGTH])
    scores = score_folders(tmp_path / "gold", tmp_path / "pred", "official")
    assert scores.documents == 1
    assert scores.mentions["strict"].micro.f1 == 1.0
    assert (scores.skipped_gold, scores.skipped_predicted) == (["b", "c"], ["d"])
    assert scores.missing == []
    said = capsys.readouterr().out
    assert f"Files skipped in {tmp_path / 'gold'}:\nb.ann, c.ann\n" in said
    assert f"Files skipped in {tmp_path / 'pred'}:\nd.ann\n" in said


def test_files_need_no_text_beside_them(tmp_path):
    for folder in (tmp_path / "gold", tmp_path / "pred"):
        write(folder, a=[DRUG])
        (folder / "a.txt").unlink()
    assert score_folders(tmp_path / "gold", tmp_path / "pred", "official").documents == 1


def test_a_file_that_is_not_utf8_is_an_error(tmp_path):
    write(tmp_path / "gold", a=[DRUG])
    write(tmp_path / "pred", a=[DRUG])
    (tmp_path / "pred" / "a.ann").write_bytes(b"T1\tDrug 8 18\t\xff\n")
    with pytest.raises(InputError, match=r"a\.ann: not UTF-8"):
        score_folders(tmp_path / "gold", tmp_path / "pred", "official")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes among the files here")
@pytest.mark.parametrize("side", ["gold", "pred"])
def test_a_pipe_is_told_and_never_waited_for(tmp_path, side):
    for folder in ("gold", "pred"):
        write(tmp_path / folder, a=[DRUG])
    (tmp_path / side / "a.ann").unlink()
    os.mkfifo(tmp_path / side / "a.ann")
    with pytest.raises(InputError, match=r"a\.ann is a pipe, not a file; write its content"):
        score_folders(tmp_path / "gold", tmp_path / "pred", "official")
