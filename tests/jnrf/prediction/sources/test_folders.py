"""A folder holds more than notes: the rest is told, and nothing makes a run wait for ever."""

import os
import socket
from collections import Counter

import pytest

from jnrf.prediction.notes import Fault
from jnrf.prediction.sources import open_source
from jnrf.prediction.sources.folders import walk, why_no_file
from jnrf_ext.errors import InputError


def tree(root, *names, text="text"):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def read(source):
    return [item for part in source.parts() for item in source.read(part)]


def test_capitals_in_an_ending_do_not_matter(tmp_path):
    tree(tmp_path, "A.TXT", "b.Txt", "c.txt")
    assert [note.id for note in read(open_source(tmp_path)[0])] == ["A", "b", "c"]
    assert [note.id for note in read(open_source(tmp_path / "A.TXT")[0])] == ["A"]


def test_of_files_that_would_have_one_output_one_is_read_and_the_others_told(tmp_path):
    tree(tmp_path, "a.TXT", "a.Txt", "a.txt", "b.TXT", "b.Txt")
    found = read(open_source(tmp_path)[0])
    assert [(note.id, note.file) for note in found if not isinstance(note, Fault)] == [
        ("a", "a.txt"),
        ("b", "b.TXT"),
    ]
    faults = [str(item) for item in found if isinstance(item, Fault)]
    assert len(faults) == 3
    assert all("rename one of them" in fault for fault in faults)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("X.JSONL", '{"id": "1", "text": "a"}\n'),
        ("X.CSV", "id,text\n1,a\n"),
        ("X.TSV", "id\ttext\n1\ta\n"),
    ],
)
def test_capitals_in_the_endings_of_tables_do_not_matter(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    for place in (tmp_path, tmp_path / name):
        assert [(n.id, n.text) for n in read(open_source(place)[0])] == [("1", "a")]


def test_other_files_are_counted_by_their_endings(tmp_path):
    tree(tmp_path, "a.txt", "a.ann", "x.pdf", "below/y.PDF", "z.docx", "README", "errors.jsonl")
    tree(tmp_path, ".hidden.pdf", ".git/x.pdf")
    source, _ = open_source(tmp_path)
    for _ in range(2):
        assert len(read(source)) == 1
        assert source.passed_over == {".pdf": 2, ".docx": 1, "no ending": 1}


def test_so_are_those_beside_tables(tmp_path):
    tree(tmp_path, "a.jsonl", text='{"id": "1", "text": "a"}\n')
    tree(tmp_path, "x.pdf", "b.csv", "_SUCCESS")
    source, _ = open_source(tmp_path)
    assert len(read(source)) == 1
    assert source.passed_over == {".pdf": 1, ".csv": 1}


def test_endings_without_number_do_not_fill_the_memory(tmp_path):
    tree(tmp_path, *(f"log.{n}" for n in range(1100)), "a.txt")
    counted: Counter[str] = Counter()
    assert len(list(walk(tmp_path, ".txt", passed_over=counted))) == 1
    assert len(counted) == 1001
    assert counted.total() == 1100


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes among the files here")
@pytest.mark.parametrize("ending", [".txt", ".jsonl", ".csv", ".parquet", ".jsonl.gz"])
def test_pipes_sockets_and_devices_are_told_and_passed_over(tmp_path, ending, monkeypatch):
    good = {".jsonl": '{"id": "1", "text": "a"}\n', ".csv": "id,text\n1,a\n"}
    if ending == ".parquet":
        pa = pytest.importorskip("pyarrow")
        import pyarrow.parquet

        pyarrow.parquet.write_table(pa.table({"id": ["1"], "text": ["a"]}), tmp_path / "m.parquet")
    elif ending == ".jsonl.gz":
        tree(tmp_path, "m.jsonl", text=good[".jsonl"])
    else:
        tree(tmp_path, f"m{ending}", text=good.get(ending, "a"))
    os.mkfifo(tmp_path / f"a{ending}")
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(f"z{ending}")
    (tmp_path / f"n{ending}").symlink_to("/dev/zero")
    found = read(open_source(tmp_path)[0])
    assert [note.text for note in found if not isinstance(note, Fault)] == ["a"]
    told = {f.place.rpartition("/")[2]: f.reason for f in found if isinstance(f, Fault)}
    assert {name: reason.split(",")[0] for name, reason in told.items()} == {
        f"a{ending}": "is a pipe",
        f"z{ending}": "is a socket",
        f"n{ending}": "is a device",
    }
    with pytest.raises(InputError, match=rf"a{ending} is a pipe, not a file; .*predict MODEL -"):
        open_source(tmp_path / f"a{ending}")


def test_a_folder_of_a_table_that_cannot_be_read_is_told(tmp_path, monkeypatch):
    tree(tmp_path, "a.jsonl", "shut/b.jsonl", text='{"id": "1", "text": "a"}\n')
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    source, _ = open_source(tmp_path)
    note, fault = read(source)
    assert note.id == "1"
    assert str(fault) == f"{tmp_path}/shut: cannot be read: Permission denied"
    assert sum(part.size for part in source.parts()) == source.measure()


def test_files_folders_and_what_is_gone_are_told_elsewhere(tmp_path):
    tree(tmp_path, "a.txt")
    assert why_no_file(tmp_path / "a.txt") is None
    assert why_no_file(tmp_path) is None
    assert why_no_file(tmp_path / "gone") is None
