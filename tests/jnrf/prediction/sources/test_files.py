"""Notes that are files: which are found, how they are cut into parts, and what is a fault."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jnrf.corpora.columns import write_columns
from jnrf.corpora.json import write_json
from jnrf.corpora.tokens import write_tokens
from jnrf.prediction.notes import Fault
from jnrf.prediction.sources import open_source
from jnrf.prediction.sources.files import Files
from jnrf.prediction.sources.folders import walk
from jnrf_ext.documents.document import Document, Mention
from jnrf_ext.errors import InputError


def read(source):
    return [item for part in source.parts() for item in source.read(part)]


def tree(root, *names, text="text"):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_folder_is_read_with_its_subfolders_in_the_order_of_names(tmp_path):
    tree(tmp_path, "b.txt", "a/2.txt", "a/1.txt", "c/d/e.txt", "a.ann", "readme.md")
    source, to = open_source(tmp_path)
    assert [note.id for note in read(source)] == ["a/1", "a/2", "b", "c/d/e"]
    assert to == "brat"


def test_hidden_files_and_folders_are_passed_over(tmp_path):
    tree(tmp_path, ".a.txt", ".git/b.txt", "c.txt", ".txt")
    assert [note.id for note in read(open_source(tmp_path)[0])] == ["c"]


def test_links_to_folders_are_not_followed_and_links_to_files_are(tmp_path):
    tree(tmp_path / "notes", "a.txt")
    (tmp_path / "notes" / "loop").symlink_to(tmp_path / "notes")
    tree(tmp_path, "b.txt")
    (tmp_path / "notes" / "b.txt").symlink_to(tmp_path / "b.txt")
    assert [note.id for note in read(open_source(tmp_path / "notes")[0])] == ["a", "b"]


def test_a_folder_can_be_left_out(tmp_path):
    tree(tmp_path, "a.txt", "out/b.txt")
    found = list(walk(tmp_path, ".txt", tmp_path / "out"))
    assert found == [tmp_path / "a.txt"]


def test_a_single_note_can_be_given(tmp_path):
    tree(tmp_path, "a.txt", "b.txt")
    assert [note.id for note in read(open_source(tmp_path / "b.txt")[0])] == ["b"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no file or folder"),
        (lambda path: path.mkdir(), "no .txt files in"),
        (lambda path: path.write_text(""), r"is not a \.txt, \.jsonl, \.csv, \.parquet"),
    ],
)
def test_input_that_holds_no_notes_is_an_error(tmp_path, make, message):
    make(tmp_path / "input")
    with pytest.raises(InputError, match=message):
        open_source(tmp_path / "input")


def test_what_a_folder_without_notes_holds_is_told(tmp_path):
    for name in ("a.pdf", "sub/b.PDF", "c.docx"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"%PDF-1.4")
    with pytest.raises(InputError, match=r"\(but 2 \.pdf, 1 \.docx\); give .* as plain text"):
        open_source(tmp_path)


def test_what_is_no_text_is_a_fault_in_its_place(tmp_path):
    tree(tmp_path, "a.txt", "b.txt", "c.txt")
    (tmp_path / "b.txt").write_bytes(b"caf\xe9 au lait")
    source = open_source(tmp_path)[0]
    parts = list(source.parts())
    (tmp_path / "c.txt").unlink()  # between listing and reading
    first, second, third = [item for part in parts for item in source.read(part)]
    assert first.text == "text"
    assert isinstance(second, Fault)
    assert "not UTF-8: byte 0xe9" in str(second)
    assert "lait" not in str(second)
    assert isinstance(third, Fault)
    assert "no file" in str(third)


@pytest.mark.skipif(os.sep != "/", reason="names of files are bytes on POSIX only")
def test_a_name_that_is_not_utf_8_is_a_fault_and_can_be_told(tmp_path):
    tree(tmp_path, "a.txt")
    with open(os.fsencode(tmp_path) + b"/caf\xe9.txt", "wb") as file:
        file.write(b"text")
    fault = read(open_source(tmp_path)[0])[1]
    assert isinstance(fault, Fault)
    assert "rename the file" in fault.reason
    fault.place.encode()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 300), max_size=40), st.integers(1, 600))
def test_parts_hold_all_files_once_and_no_more_bytes_than_asked_for(sizes, part_bytes):
    class Sized(Files):
        def _entries(self, passed_over=None):
            yield from (f"n{i:03}-{size}" for i, size in enumerate(sizes))

        def _size(self, entry):
            return 1 + int(entry.partition("-")[2])

    source = Sized("", part_bytes)
    parts = list(source.parts())
    assert [name for part in parts for name in part.content] == list(source._entries())
    assert [part.index for part in parts] == list(range(len(parts)))
    assert sum(part.size for part in parts) == source.measure()
    assert all(part.size <= part_bytes or len(part.content) == 1 for part in parts)
    assert list(source.parts()) == parts


def test_a_file_that_is_added_changes_the_parts_near_it_only():
    class Named(Files):
        def _entries(self, passed_over=None):
            yield from self.names

        def _size(self, entry):
            return 100

    names = [f"note{i:05}.txt" for i in range(2000)]
    before = Named("", 3000, names=tuple(names))
    after = Named("", 3000, names=tuple(sorted([*names, "note00700a.txt"])))
    known = {part.content for part in before.parts()}
    changed = [part for part in after.parts() if part.content not in known]
    assert 1 <= len(changed) <= 6


WRITERS = {"json": write_json, "tokens": write_tokens, "columns": write_columns}
NAMES = {"json": "x.json", "tokens": "x.json", "columns": "x.tsv"}


@pytest.mark.parametrize("format", WRITERS)
def test_texts_of_a_corpus_are_notes_without_what_is_annotated_there(tmp_path, format):
    documents = [Document(f"x-{n:04d}", text) for n, text in enumerate(["He is .", "Ill ."], 1)]
    documents[0].mentions.append(Mention("T1", "Drug", ((0, 2),), "He"))
    WRITERS[format](documents, tmp_path / NAMES[format])
    source, to = open_source(tmp_path / NAMES[format])
    assert [(note.id, note.text) for note in read(source)] == [(d.id, d.text) for d in documents]
    assert (to, source.writes_texts, source.names_files) == ("brat", True, False)


def test_a_faulty_corpus_file_is_one_fault(tmp_path):
    write_columns([Document("x-0001", "He .")], tmp_path / "x.tsv")
    (tmp_path / "y.tsv").write_text("a\tO\nb\n")
    note, fault = read(open_source(tmp_path)[0])
    assert note.id == "x-0001"
    assert "y.tsv:2: no tag" in str(fault)


def test_two_corpus_files_of_one_name_are_an_error(tmp_path):
    for name in ("x.tsv", "x.conll"):
        write_columns([Document("x-0001", "He .")], tmp_path / name)
    with pytest.raises(InputError, match=r"x\.conll and x\.tsv would have one output"):
        open_source(tmp_path)
