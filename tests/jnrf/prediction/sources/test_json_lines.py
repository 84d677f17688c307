"""Notes that are lines of JSON: columns, parts, and faults that name the line and no text."""

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from predicting import write_lines

from jnrf.prediction.notes import Fault, Note
from jnrf.prediction.sources import Columns, open_source
from jnrf.prediction.sources.json_lines import JsonLines, StandardInput, cut_lines, parse_lines
from jnrf_ext.errors import InputError


def read(source):
    return [item for part in source.parts() for item in source.read(part)]


def test_columns_are_chosen_by_name_and_others_passed_over(tmp_path):
    source = tmp_path / "notes.jsonl"
    source.write_text('{"mrn": 17, "note": "é\\n", "date": null}\n')
    note, = read(open_source(source, Columns("note", "mrn"))[0])  # fmt: skip
    assert note == Note("17", "é\n", f"{source}:1", str(source))


def test_a_wrong_column_is_told_at_once_with_those_there_are(tmp_path):
    source = write_lines(tmp_path / "notes.jsonl", {"a": "b"}, text="note")
    with pytest.raises(InputError, match=r"no column 'text' \(it has id, note\).*--text-column"):
        open_source(source)
    with pytest.raises(InputError, match="--id-column"):
        open_source(source, Columns("note", "mrn"))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b'"SECRET"', "is a JSON string, not an object"),
        (b"[1]", "is a JSON list"),
        (b'{"id": "a"}', "has no 'text'"),
        (b'{"text": "SECRET"}', "has no 'id'"),
        (b'{"id": null, "text": null}', "has no 'id' and no 'text'"),
        (b'{"id": true, "text": "SECRET"}', "'id' must be a string or an integer"),
        (b'{"id": 1.5, "text": "SECRET"}', "'id' must be a string or an integer"),
        (b'{"id": "a", "text": ["SECRET"]}', "'text' must be a string, not a list"),
        (b'{"id": "a", "text": "SECRET \\ud83d"}', "half a surrogate pair"),
        (b'{"id": "\\ud83d", "text": "SECRET"}', "'id' must be"),
        (b'{"id": "a", "text": "SECRET \xff"}', "not UTF-8 at byte"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"id": 1' + b"0" * 5000 + b', "text": "SECRET"}', "too many digits"),
    ],
)
def test_a_line_that_is_no_note_is_a_fault_that_quotes_nothing(line, reason):
    good = b'{"id": "b", "text": "c"}'
    fault, note = parse_lines([line, good], 7, "notes.jsonl", Columns())
    assert isinstance(fault, Fault)
    assert fault.place == "notes.jsonl:7"
    assert reason in fault.reason
    assert "SECRET" not in str(fault)
    assert (note.id, note.place) == ("b", "notes.jsonl:8")


def test_blank_lines_and_a_byte_order_mark_are_no_faults(tmp_path):
    source = tmp_path / "notes.jsonl"
    source.write_bytes(b'\xef\xbb\xbf{"id": "a", "text": "b"}\r\n\n  \n{"id": "c", "text": "d"}')
    assert [(n.id, n.place[-2:]) for n in read(open_source(source)[0])] == [
        ("a", ":1"),
        ("c", ":4"),
    ]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=20), max_size=30), st.integers(1, 60), st.booleans())
def test_runs_of_lines_make_up_the_file_and_number_its_lines(lines, part_bytes, ends):
    data = b"\n".join(line.replace(b"\n", b"") for line in lines) + b"\n" * ends
    runs = list(cut_lines(io.BytesIO(data), part_bytes))
    assert b"".join(data[start:stop] for start, stop, _ in runs) == data
    for start, stop, first in runs:
        assert first == data.count(b"\n", 0, start) + 1
        piece = data[start:stop]
        assert len(piece) <= part_bytes or piece.count(b"\n", 0, -1) == 0
        assert stop == len(data) or piece.endswith(b"\n")


def test_parts_give_the_lines_of_all_files_in_order(tmp_path):
    notes = {f"n{i}": "text " * i for i in range(20)}
    names = list(notes)
    write_lines(tmp_path / "a.jsonl", {n: notes[n] for n in names[:9]})
    write_lines(tmp_path / "b.jsonl", {n: notes[n] for n in names[9:]})
    for part_bytes in (1, 50, 10**6):
        source, to = open_source(tmp_path, part_bytes=part_bytes)
        assert [(n.id, n.text) for n in read(source)] == list(notes.items())
        assert sum(part.size for part in source.parts()) == source.measure()
    assert to == "jsonl"


def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path):
    path = write_lines(tmp_path / "notes.jsonl", {"a": "b", "c": "d"})
    source = JsonLines([path], Columns(), 1)
    first, second = source.parts()
    assert source.read(first)
    with path.open("a") as file:
        file.write('{"id": "e", "text": "f"}\n')
    with pytest.raises(InputError, match=r"changed while it was read; .* run the same command"):
        source.read(second)


def test_token_json_is_a_corpus_not_a_table(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"tokens": ["He", "."], "entities": [], "relations": []}) + "\n")
    source, to = open_source(path)
    assert [note.text for note in read(source)] == ["He ."]
    assert to == "brat"


def test_formats_of_one_file_each_take_a_table_as_a_corpus(tmp_path):
    path = write_lines(tmp_path / "x.jsonl", {"a": "b"})
    assert open_source(path, to="json")[0].names == ("x.jsonl",)
    with pytest.raises(InputError, match="--to tokens has a file for each file"):
        open_source("-", to="tokens")


def test_standard_input_is_read_once_in_parts(tmp_path):
    data = b"".join(b'{"id": %d, "text": "t"}\n' % i for i in range(5)) + b'{"id": 5, "text": "t"}'
    source = StandardInput(Columns(), 40, io.BytesIO(data))
    parts = list(source.parts())
    assert [part.index for part in parts] == [0, 1, 2]
    notes = [note for part in parts for note in source.read(part)]
    assert [note.id for note in notes] == list("012345")
    assert notes[-1].place == "standard input:6"
    assert source.measure() is None
    assert sum(part.size for part in parts) == len(data)
