"""Notices of a corpus: warnings for programs, lines on stderr for people."""

from __future__ import annotations

import warnings

import pytest

from jnrf.corpora.notices import CorpusWarning, collected, on_stderr, some, tell, tell_if_nothing
from jnrf_ext.documents.document import Document, Mention


def test_a_corpus_without_any_mention_is_told():
    annotated = Document("b", "x", [Mention("T1", "X", ((0, 1),))])
    with pytest.warns(CorpusWarning, match="^corpus: no mention in any of its 2 documents; check"):
        tell_if_nothing("corpus", [Document("a", ""), Document("c", "")])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tell_if_nothing("corpus", [Document("a", ""), annotated])
        tell_if_nothing("corpus", [])


def test_a_command_prints_each_on_a_line_of_stderr(capsys):
    with warnings.catch_warnings(record=True) as others:
        warnings.simplefilter("always")
        with on_stderr("inspect"):
            for _ in range(2):
                tell("one")
            warnings.warn("another library's", stacklevel=1)
    said = capsys.readouterr()
    assert said.err.splitlines()[:2] == ["jnrf inspect: warning: one"] * 2
    assert said.out == ""
    assert [str(w.message) for w in others] == ["another library's"]


def test_they_can_be_collected_while_other_warnings_pass():
    with warnings.catch_warnings(record=True) as passed:
        warnings.simplefilter("always")
        with collected() as notices:
            tell("one")
            warnings.warn("another library's", stacklevel=1)
    assert [str(notice) for notice in notices] == ["one"]
    assert [str(warning.message) for warning in passed] == ["another library's"]


def test_the_first_few_names_are_given_and_made_printable():
    assert some(["a"]) == "a"
    assert some(["a", "b\n", "c"]) == "a, b\\n, c"
    assert some(list("abcde")) == "a, b, c and 2 more"
