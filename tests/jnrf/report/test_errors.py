"""The page's section of errors: the scorer's figures, and examples of documents it shows."""

from __future__ import annotations

import html
import re

import pytest

from jnrf.report.errors import errors
from jnrf.scoring.errors import MENTION_CAUSES, RELATION_CAUSES, analyse
from jnrf.scoring.places import DISTANCES
from jnrf_ext.documents.document import Document, Mention, Relation

TEXT = "Started lisinopril 10 mg;\nthen a dry cough. <b>Rash</b> from iron & zinc."


def at(word, type, id):
    start = TEXT.index(word)
    return Mention(id, type, ((start, start + len(word)),))


def document(*mentions, relations=(), id="note-7"):
    links = [Relation(f"R{n}", *relation) for n, relation in enumerate(relations)]
    return Document(id, TEXT, [at(*mention) for mention in mentions], links)


GOLD = document(
    ("lisinopril", "Drug", "T1"),
    ("dry cough", "ADE", "T2"),
    ("Rash", "ADE", "T3"),
    relations=[("ADE-Drug", "T2", "T1")],
)
PREDICTED = document(
    ("lisinopril", "Drug", "T1"),
    ("cough", "ADE", "T2"),
    ("iron & zinc", "Drug", "T4"),
    relations=[("ADE-Drug", "T2", "T1"), ("ADE-Drug", "T2", "T4")],
)


def section(gold=GOLD, predicted=PREDICTED, examples=3, shown=None, **options):
    analysis = analyse([gold], [predicted], examples)
    return errors({"dev": analysis}, [(gold, predicted)] if shown is None else shown, **options)


def rows(page, title):
    """The cells of the rows of a table, by what stands first in them."""
    table = page[page.index(f"<caption>{title}</caption>") :]
    table = table[: table.index("</table>")]
    found = {}
    for row in re.findall("<tr.*?</tr>", table)[1:]:
        name, *cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)
        found[html.unescape(name.partition("<small>")[0])] = cells
    return found


def items(page):
    """The examples, in words, with their marks as brackets."""
    found = []
    for item in re.findall("<li>(.*?)</li>", page):
        item = item.replace("<mark>", "[").replace("</mark>", "]").replace("<br>", " | ")
        found.append(html.unescape(re.sub("</?small>", "", item)))
    return found


def test_the_tables_have_the_figures_of_every_cause():
    page = section()
    mentions, relations = rows(page, "Mentions"), rows(page, "Relations")
    labels = [cause.label for cause in MENTION_CAUSES.values()]
    assert list(mentions) == ["right", *labels, "All"]
    assert mentions["right"] == ["1", "1", "", "", "0.333", "0.000"]
    assert mentions["boundaries"] == ["1", "1", "50.0%", "0", "0.667", "0.667"]
    assert mentions["missed"] == ["1", "0", "25.0%", "0", "0.571", "0.000"]
    assert mentions["All"][:2] == ["3", "3"]
    assert list(relations)[1:-1] == [cause.label for cause in RELATION_CAUSES.values()]
    assert relations["spurious with a mention"] == ["0", "1", "33.3%", "1", "0.000"]
    distances = rows(page, "Relations by the words between head and tail")
    assert list(distances) == list(DISTANCES)
    # The predicted one has a word more between its mentions.
    assert distances["0-5"][:4] == ["1", "0", "1", "0"]
    assert distances["6-10"][:4] == ["0", "0", "0", "1"]
    assert distances["across sentences"][:4] == ["0", "0", "0", "1"]
    for cause in (*MENTION_CAUSES.values(), *RELATION_CAUSES.values()):
        assert html.escape(cause.meaning) in page


def test_examples_show_the_text_and_both_sides():
    told = items(section())
    assert told[0] == (
        "note-7 Started lisinopril 10 mg; then a [dry cough]. <b>Rash</b> from iron & zinc. | "
        "gold: “dry cough” (ADE) · predicted: “cough” (ADE)"
    )
    assert any(
        "<b>[Rash]</b> from iron & zinc. | gold: “Rash” (ADE) · predicted: nothing here" in item
        for item in told
    )
    assert any(
        "[iron & zinc]. | gold: nothing here · predicted: “iron & zinc” (Drug)" in item
        for item in told
    )
    relations = [item for item in told if "ADE-Drug" in item]
    assert relations[0].startswith(
        "note-7 Started [lisinopril] 10 mg; then a [dry cough]. <b>Rash</b> from iron"
    )
    assert relations[0].endswith(
        "gold: ADE-Drug: “dry cough” (ADE) → “lisinopril” (Drug) · "
        "predicted: ADE-Drug: “cough” (ADE) → “lisinopril” (Drug)"
    )
    assert "gold: no relation of these two · predicted: ADE-Drug" in relations[1]
    assert "<b>" not in section()


@pytest.mark.parametrize("options", [{"examples": 0}, {"shown": []}])
def test_no_text_is_shown_but_of_documents_of_the_page(options):
    page = section(**options)
    assert "Examples" not in page
    assert "cough" not in page
    assert rows(page, "Mentions")["boundaries"][0] == "1"


def test_a_model_of_mentions_alone_has_no_tables_of_relations():
    page = section(finds_relations=False)
    assert len(rows(page, "Mentions")["boundaries"]) == 5
    assert "elations" not in page
    assert "ADE-Drug" not in page


def test_long_texts_and_many_counterparts_are_cut_short():
    text = "x" * 100 + "a" + "y " * 200 + "b" * 300 + "z" * 100
    gold = Document(
        "d", text, [Mention("T1", "X", ((100, 101),)), Mention("T2", "X", ((501, 801),))]
    )
    gold.relations.append(Relation("R1", "A", "T1", "T2"))
    pieces = [Mention(f"T{n}", "X", ((501 + n, 502 + n),)) for n in range(9)]
    page = section(gold, Document("d", text, pieces))
    told = items(page)
    assert max(map(len, told)) < 700
    assert any(item.startswith(f"d …{'x' * 50}[a]y y") for item in told)
    assert any(item.endswith("(X) and 6 more") for item in told)
    assert any("y … y y" in item for item in told)


def test_mentions_outside_of_the_text_have_a_place():
    gold = Document("d", "short", [Mention("T1", "X", ((90, 99),)), Mention("T2", "X", ((3, 3),))])
    gold.relations.append(Relation("R1", "A", "T1", "T2"))
    told = items(section(gold, Document("d", "short")))
    assert told[0] == "d short[] | gold: “” (X) · predicted: nothing here"
    assert told[2].startswith("d sho[]rt[]")


def test_the_first_set_is_open_and_names_are_text():
    analysis = analyse([GOLD], [PREDICTED])
    page = errors({"dev": analysis, "<test>": analysis}, [])
    assert page.count("<details open>") == 1
    assert page.index("<details open>") < page.index("&lt;test&gt;")
    assert "No errors were counted" in errors({}, [])
