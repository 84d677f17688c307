"""Documents as JSON files, and picking the reader by what is there."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jnrf.corpora import open_corpus
from jnrf.corpora.brat import write_folder
from jnrf.corpora.json import read_json, read_json_or_tokens, write_json
from jnrf_ext.documents.document import Document, Mention
from jnrf_ext.errors import InputError

DOCUMENTS = [
    Document("a", "iron\u2028\r\ntab 😀", [Mention("T1", "Drug", ((0, 4),), "iron", 0.5)]),
    Document("b", ""),
]


@pytest.mark.parametrize("name", ["all.json", "all.jsonl", "folder"])
def test_documents_survive_json(tmp_path, name):
    assert write_json(DOCUMENTS, tmp_path / name) == 2
    assert open_corpus(tmp_path / name) == DOCUMENTS


def test_a_json_file_may_hold_one_document(tmp_path):
    write_json(DOCUMENTS, tmp_path)
    assert read_json(tmp_path / "a.json") == DOCUMENTS[:1]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("x.json", b"{", r"x\.json:1: not JSON"),
        ("x.json", b'[\n{"id": "a", "text": ""},\nnull\n]', r"x\.json: item 2: not a document"),
        ("x.json", b'[{"id": "a"', r"x\.json:1: not JSON"),
        ("x.jsonl", b'{"id": "a", "text": ""}\n\n{"id": }\n', r"x\.jsonl:3: not JSON"),
        ("x.jsonl", b'{"id": "a", "text": ""}\n7\n', r"x\.jsonl:2: not a document"),
        ("x.json", b'{"id": "caf\xe9"}', r"x\.json:1: not UTF-8: byte 0xe9 at position 11"),
        ("x.json", "[]".encode("utf-16"), r"x\.json: UTF-16, not UTF-8; .* iconv -f utf-16 "),
        ("x.json", b"[" * 100_000, r"x\.json:1: unusable JSON"),
        ("x.json", b"9" * 100_000, r"x\.json:1: unusable JSON"),
    ],
)
def test_faulty_json_is_an_input_error_with_file_and_line(tmp_path, name, content, complaint):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=complaint) as error:
        open_corpus(tmp_path / name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["x.json", "x.jsonl"])
def test_a_pipe_is_told_and_never_waited_for(tmp_path, name):
    os.mkfifo(tmp_path / name)
    for path in (tmp_path / name, tmp_path):
        with pytest.raises(InputError, match=r"is a pipe, not a file"):
            open_corpus(path)


def test_a_brat_folder_and_a_single_text_file_open_as_well(tmp_path):
    write_folder(DOCUMENTS[1:], tmp_path)
    (tmp_path / "b.ann").write_text("")
    assert open_corpus(tmp_path) == DOCUMENTS[1:]
    assert open_corpus(tmp_path / "b.txt") == DOCUMENTS[1:]


def test_what_is_no_corpus_is_an_input_error(tmp_path):
    (tmp_path / "x.docx").write_text("")
    with pytest.raises(InputError, match=r"x\.docx is neither"):
        open_corpus(tmp_path / "x.docx")
    with pytest.raises(InputError, match=r"no file or folder .*nowhere"):
        open_corpus(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"no \.txt files"):
        open_corpus(tmp_path)


def test_writing_a_folder_of_json_over_a_file_is_an_error(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(InputError, match="is a file"):
        write_json(DOCUMENTS, tmp_path / "a")


@given(
    st.lists(st.text(max_size=6), min_size=1, max_size=4),
    st.data(),
    st.sampled_from(("x.jsonl", "X.JSONL", "x.json")),
)
def test_lines_of_json_may_end_as_those_of_any_system(tmp_path_factory, words, data, name):
    """Tokens may start with a number sign, and hold U+2028: neither is a comment or a line end."""
    path = tmp_path_factory.mktemp("lines") / name
    sentences = [{"tokens": [f"#{word}", "\u2028"], "entities": [[0, 1, "X"]]} for word in words]
    ends = st.sampled_from(("\n", "\r\n", "\r", "\n\r\n", "\r\r"))
    lines = (json.dumps(sentence, ensure_ascii=False) + data.draw(ends) for sentence in sentences)
    path.write_bytes("".join(lines).encode())
    tokens, documents = read_json_or_tokens(path)
    assert tokens
    assert [d.mentions[0].text for d in documents] == [f"#{word}" for word in words]


def test_a_comment_among_lines_of_json_is_an_error_with_its_line(tmp_path):
    (tmp_path / "x.jsonl").write_bytes(b'{"id": "a", "text": ""}\r# note\r')
    with pytest.raises(InputError, match=r"x\.jsonl:2: not JSON"):
        open_corpus(tmp_path / "x.jsonl")


def test_two_values_on_a_line_are_an_error(tmp_path):
    (tmp_path / "x.json").write_bytes(b'{"id": "a", "text": ""} {"id": "b", "text": ""}')
    with pytest.raises(InputError, match=r"x\.json:1: not JSON \(Extra data\)"):
        open_corpus(tmp_path / "x.json")


def test_upper_case_suffixes_are_written_as_they_say(tmp_path):
    for name in ("A.JSON", "A.JSONL"):
        write_json(DOCUMENTS, tmp_path / name)
        assert open_corpus(tmp_path / name) == DOCUMENTS


def test_a_file_without_documents_has_none(tmp_path):
    (tmp_path / "x.jsonl").write_bytes(b"\r\n")
    assert read_json_or_tokens(tmp_path / "x.jsonl") == (False, [])
