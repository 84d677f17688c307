"""Token corpora whose words are cut at mentions alone are told; real ones are not."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from jnrf.corpora import open_corpus
from jnrf.corpora.columns import write_columns
from jnrf.corpora.gold_cuts import KIND
from jnrf.corpora.synth import generate
from jnrf.corpora.tokens import write_tokens
from jnrf_ext.documents.document import Document, Mention


def cut_at_mentions(document: Document) -> Document:
    """The document as converters make it that part words from each other at mentions alone."""
    edges = {at for m in document.mentions for at in (m.start, m.end)}
    words = []
    for match in re.finditer(r"\S+", document.text):
        places = [match.start(), *sorted(e for e in edges if match.start() < e < match.end())]
        words += zip(places, [*places[1:], match.end()], strict=True)
    text = ""
    place = {}
    for start, end in words:
        text += " " if text else ""
        place |= {at: len(text) + at - start for at in range(start, end)}
        text += document.text[start:end]
    mentions = [
        Mention(m.id, m.type, ((place[m.start], place[m.end - 1] + 1),))
        for m in document.mentions
        if {m.start, m.end - 1} <= place.keys()  # no white space
    ]
    return Document(document.id, text, mentions)


def warned(path) -> int:
    return sum((d.warnings for d in open_corpus(path)), Counter())[KIND]


@pytest.mark.parametrize("name", ["x.tsv", "x.json"])
@pytest.mark.parametrize("in_one_file", [True, False])
def test_words_cut_at_mentions_alone_are_counted(tmp_path, name, in_one_file):
    """A folder's files may each be too short to tell."""
    write = write_columns if name.endswith("tsv") else write_tokens
    documents = [cut_at_mentions(d) for d in generate(20, 300, seed=3)]
    for number, document in enumerate(documents):
        document.id = f"x-{number:04d}" if in_one_file else f"{number}"
    write(documents, tmp_path / "cut", words="spaces")
    commas = sum(d.text[m.end : m.end + 2] == " ," for d in documents for m in d.mentions)
    assert warned(tmp_path / "cut") >= commas > 10
    write(list(generate(20, 300, seed=3)), tmp_path / "split", words="split")
    assert not warned(tmp_path / "split")
    write(list(generate(20, 300, seed=3)), tmp_path / "spaces", words="spaces")
    assert not warned(tmp_path / "spaces")


@pytest.mark.parametrize("corpus", ["phee-n2c2/dev", "phee-n2c2/test", "maccrobat2020"])
def test_real_documents_that_are_cut_so_are_told(shared_data, tmp_path, corpus):
    documents = [cut_at_mentions(d) for d in open_corpus(shared_data / corpus)]
    write_columns(documents, tmp_path / "x.tsv", words="spaces")
    assert warned(tmp_path / "x.tsv") > 100
    write_columns(open_corpus(shared_data / corpus), tmp_path / "y.tsv")
    assert not warned(tmp_path / "y.tsv")


def test_no_real_corpus_of_tokens_is_told(shared_data):
    files = [
        *shared_data.glob("conll04/*.json"),
        *shared_data.glob("ade-10fold/*.ADE0.json"),
        *shared_data.glob("bioner/*/devel.tsv"),
    ]
    assert len(files) == 3 + 3 + 14
    assert [file for file in files if warned(file)] == []


def test_a_few_words_tell_nothing(tmp_path):
    documents = [
        Document(f"x-{n:04d}", "iron , zinc, tin", [Mention("T1", "X", ((0, 4),))])
        for n in range(9)
    ]
    write_columns(documents, tmp_path / "x.tsv", words="spaces")
    assert not warned(tmp_path / "x.tsv")
