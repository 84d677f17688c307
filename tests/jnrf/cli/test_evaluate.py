"""``jnrf evaluate`` prints tables, writes JSON, and explains a user's mistakes in one line."""

from __future__ import annotations

import argparse
import json

import pytest

from jnrf.cli import evaluate
from jnrf.corpora import open_corpus
from jnrf.corpora.brat import write_folder
from jnrf.corpora.columns import write_columns
from jnrf.corpora.json import write_json
from jnrf.corpora.tokens import write_tokens
from jnrf_ext.documents.document import Document, Mention, Relation
from jnrf_ext.errors import InputError


@pytest.fixture
def folders(tmp_path):
    for name, end in (("gold", 10), ("pred", 9)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text("lisinopril daily\n")
        (tmp_path / name / "a.ann").write_text(f"T1\tDrug 0 {end}\t{'lisinopril'[:end]}\n")
    return tmp_path / "gold", tmp_path / "pred"


def run(*arguments):
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    return evaluate.run(parser.parse_args([str(argument) for argument in arguments]))


@pytest.mark.parametrize("mode", ["official", "corrected"])
def test_both_modes_print_tables(folders, capsys, mode):
    assert run(*folders, "--mode", mode) == 0
    out = capsys.readouterr().out
    assert f"1 documents, {mode} rules" in out
    assert "Drug" in out


def test_corrected_is_the_default(folders, capsys):
    run(*folders)
    assert "corrected rules" in capsys.readouterr().out


def test_json_is_written(folders, tmp_path, capsys):
    run(*folders, "--json", tmp_path / "scores.json")
    data = json.loads((tmp_path / "scores.json").read_text())
    assert data["mode"] == "corrected"
    assert data["mentions"]["lenient"]["micro"]["f1"] == 1.0
    assert data["mentions"]["strict"]["micro"]["f1"] == 0.0


def test_a_missing_folder_is_an_error(folders, tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        run(folders[0], tmp_path / "nowhere")


SENTENCES = [
    Document(
        "news-0001",
        "Booth shot President Lincoln .",
        [
            Mention("T1", "Peop", ((0, 5),), "Booth"),
            Mention("T2", "Peop", ((11, 28),), "President Lincoln"),
        ],
        [Relation("R1", "Kill", "T1", "T2")],
    ),
    Document("news-0002", "Havana", [Mention("T1", "Loc", ((0, 6),), "Havana")]),
]


def write(format, folder):
    """The sentences in a format; returns what to give the command."""
    folder.mkdir()
    if format == "brat":
        write_folder(SENTENCES, folder)
        return folder
    if format == "ann":
        write_folder(SENTENCES, folder)
        for path in folder.glob("*.txt"):
            path.unlink()
        return folder
    path = folder / {"json": "x.json", "tokens": "news.json", "columns": "news.tsv"}[format]
    {"json": write_json, "tokens": write_tokens, "columns": write_columns}[format](SENTENCES, path)
    return path


@pytest.mark.parametrize("predicted", ["brat", "ann", "json", "tokens", "columns"])
@pytest.mark.parametrize("gold", ["brat", "json", "tokens", "columns"])
def test_each_format_is_scored_against_each(tmp_path, gold, predicted, capsys):
    sides = write(gold, tmp_path / "gold"), write(predicted, tmp_path / "pred")
    run(*sides, "--metric", "all", "--json", tmp_path / "scores.json")
    data = json.loads((tmp_path / "scores.json").read_text())
    relations = {gold, predicted} & {"columns"} == set()
    assert data["n2c2"]["mentions"]["strict"]["micro"]["f1"] == 1.0
    assert data["n2c2"]["relations"]["strict"]["micro"]["f1"] == float(relations)
    assert data["entities"]["micro"]["f1"] == 1.0
    assert data["relations_strict"]["micro"]["f1"] == float(relations)
    assert data["relations_boundaries"]["micro"]["f1"] == float(relations)
    assert data["labels"]["accuracy"] == data["labels_merged"]["accuracy"] == 1.0


@pytest.mark.parametrize(
    ("metric", "titles"),
    [
        ("entities", ["Entities, strict"]),
        (
            "relations",
            ["Relations, strict, with entity types", "Relations, strict, boundaries only"],
        ),
        ("labels", ["Token labels (words), O included", "Token labels (words), B and I merged"]),
    ],
)
def test_each_metric_has_its_own_name_and_only_it_is_shown(folders, capsys, metric, titles):
    run(*folders, "--metric", metric)
    out = capsys.readouterr().out
    assert "lenient" not in out
    assert out.count("Token labels") == 2 * (metric == "labels")
    assert " ".join(out.split()).count("not span F1") == 2 * (metric == "labels")
    for title in titles:
        assert title in " ".join(out.split())


def test_tokens_are_those_of_the_file_for_token_formats_and_words_else(tmp_path, capsys):
    sides = write("columns", tmp_path / "gold"), write("brat", tmp_path / "pred")
    run(*sides, "--metric", "labels")
    assert "(whitespace)" in capsys.readouterr().out
    run(*reversed(sides), "--metric", "labels")
    assert "(words)" in capsys.readouterr().out
    run(*sides, "--metric", "labels", "--tokens", "words")
    assert "(words)" in capsys.readouterr().out


def test_predictions_that_went_through_columns_count_with_the_golds_offsets(tmp_path, capsys):
    gold = Document("a", "Gave IL-2.\r\nThen\n\niron", [Mention("T1", "Gene", ((5, 7),), "IL")])
    gold.mentions.append(Mention("T2", "Drug", ((18, 22),), "iron"))
    write_folder([gold], tmp_path / "gold")
    write_columns([gold], tmp_path / "pred")
    write_folder(open_corpus(tmp_path / "pred"), tmp_path / "brat")
    for predicted in ("pred", "brat"):
        sides = tmp_path / "gold", tmp_path / predicted
        run(*sides, "--metric", "entities", "--json", tmp_path / "s.json")
        assert json.loads((tmp_path / "s.json").read_text())["entities"]["micro"]["tp"] == 2


def test_documents_of_one_side_only_are_named_with_every_metric(tmp_path, capsys):
    gold = write("columns", tmp_path / "gold")
    write_tokens([SENTENCES[0], Document("other", "x")], tmp_path / "news.json")
    for metric in ("entities", "n2c2"):
        run(gold, tmp_path / "news.json", "--metric", metric)
        out = capsys.readouterr().out
        assert "1 without a prediction, counted as nothing found: news-0002" in out
        assert "1 of the prediction skipped for want of gold: other" in out


def test_official_mode_is_for_n2c2_alone(folders):
    with pytest.raises(InputError, match="--metric labels has no official mode"):
        run(*folders, "--mode", "official", "--metric", "labels")


def test_errors_are_printed_by_cause_below_the_scores_and_written(folders, tmp_path, capsys):
    run(*folders)
    scores = capsys.readouterr().out
    assert "by cause" not in scores
    run(*folders, "--errors", "--json", tmp_path / "scores.json")
    out = capsys.readouterr().out
    assert out.startswith(scores)
    assert out.index("Mention errors by cause") < out.index("Relation errors by cause")
    assert "lisin" not in out
    data = json.loads((tmp_path / "scores.json").read_text())
    assert data["mentions"]["strict"]["micro"] == data["errors"]["mentions"]["micro"]
    boundaries = data["errors"]["mentions"]["causes"]["boundaries"]
    assert (boundaries["gold"], boundaries["predicted"], boundaries["share"]) == (1, 1, 1.0)
    assert boundaries["f1_if_mended"] == 1.0
    assert data["errors"]["relations_by_distance"]["across sentences"]["tp"] == 0


@pytest.mark.parametrize("metric", ["entities", "all"])
def test_errors_go_with_every_metric(folders, tmp_path, capsys, metric):
    run(*folders, "--errors", "--metric", metric, "--json", tmp_path / "scores.json")
    assert capsys.readouterr().out.count("Mention errors by cause") == 1
    data = json.loads((tmp_path / "scores.json").read_text())
    assert data["errors"]["documents"] == 1
    assert "entities" in data


def test_errors_count_what_the_scores_count(tmp_path, capsys):
    gold = write("columns", tmp_path / "gold")
    write_tokens([SENTENCES[0], Document("other", "x")], tmp_path / "news.json")
    run(gold, tmp_path / "news.json", "--errors", "--json", tmp_path / "s.json")
    data = json.loads((tmp_path / "s.json").read_text())
    assert data["errors"]["documents"] == data["documents"] == 2
    assert data["errors"]["mentions"]["causes"]["missed"]["gold"] == 1
    for task in ("mentions", "relations"):
        assert data["errors"][task]["micro"] == data[task]["strict"]["micro"]


def test_official_mode_has_no_errors_by_cause(folders):
    with pytest.raises(InputError, match="--errors has no official mode; leave out --mode"):
        run(*folders, "--mode", "official", "--errors")


@pytest.fixture(params=["gold", "pred"])
def one_bad_line(request, folders):
    """The two folders, with a mention behind the end of the text in one of them."""
    with (folders[request.param == "pred"] / "a.ann").open("a") as file:
        file.write("T2\tDrug 90 99\tx\n")
    return folders


@pytest.mark.parametrize("metric", ["n2c2", "entities", "all"])
def test_a_faulty_line_is_an_error_or_counted_and_said(one_bad_line, capsys, metric):
    with pytest.raises(InputError, match=r"a\.ann:2: offsets .*--on-error count"):
        run(*one_bad_line, "--metric", metric)
    assert run(*one_bad_line, "--metric", metric, "--on-error", "count") == 0
    out = capsys.readouterr().out
    assert out.count("as it was read:\n  1 x bad offsets\n") == 1


@pytest.mark.parametrize("texts", ["with texts", "without texts"])
def test_offsets_of_line_ends_are_read_as_asked_on_both_sides(tmp_path, texts, capsys):
    for name in ("gold", "pred"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_bytes(b"one\r\ntwo two")
        (tmp_path / name / "a.ann").write_text("T1\tX 4 7\ttwo\n")
    if texts == "without texts":
        (tmp_path / "pred" / "a.txt").unlink()
    sides = tmp_path / "gold", tmp_path / "pred"
    for newlines, disagree in (("translated", 0), ("raw", 2)):
        assert run(*sides, "--newlines", newlines) == 0
        assert capsys.readouterr().out.count("mention text disagrees") == disagree


@pytest.mark.parametrize("option", ["--on-error=raise", "--on-error=count", "--newlines=auto"])
def test_official_mode_says_that_reading_options_do_not_apply(folders, option):
    with pytest.raises(InputError, match=f"^{option.partition('=')[0]} does not apply to --mode"):
        run(*folders, "--mode", "official", option)


def test_what_the_columns_mean_is_said_by_the_help():
    parser = argparse.ArgumentParser(prog="jnrf evaluate")
    evaluate.add_arguments(parser)
    said = " ".join(parser.format_help().split())
    for word in ("strict: type and both ends", "lenient: the type is, and", "F1: their harmonic"):
        assert word in said


def test_predictions_on_another_text_or_without_common_ids_are_errors(tmp_path):
    gold = write("columns", tmp_path / "gold")
    write_tokens(
        [Document("news-0002", "La Habana", [Mention("T1", "Loc", ((0, 9),))])],
        tmp_path / "news.json",
    )
    with pytest.raises(InputError, match="document news-0002: the predicted text is not the gold"):
        run(gold, tmp_path / "news.json")
    write_tokens([Document("other", "x")], tmp_path / "news.json")
    with pytest.raises(InputError, match="has the name of one of the 2 gold documents"):
        run(gold, tmp_path / "news.json")
