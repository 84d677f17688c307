"""Notes that are rows of CSV: quotes, line breaks, delimiters, parts of any size."""

import csv
import gzip
import io
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jnrf.prediction.notes import Fault, Note
from jnrf.prediction.sources import Columns, open_source
from jnrf.prediction.sources.csv_files import DELIMITERS, Csv
from jnrf_ext.errors import InputError


def read(source):
    return [item for part in source.parts() for item in source.read(part)]


def put(path, content):
    data = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


TEXTS = st.text(st.sampled_from('a",;\t|\r\n é\U0001f48a#'), max_size=12)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(TEXTS, min_size=1, max_size=25),
    st.sampled_from(DELIMITERS),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(1, 80),
    st.sampled_from(["x.csv", "x.csv.gz", "x.tsv"]),
    st.booleans(),
    st.booleans(),
)
def test_what_a_writer_of_csv_wrote_comes_back_in_parts_of_any_size(
    tmp_path_factory, texts, delimiter, end, part_bytes, name, mark, backwards
):
    file = io.StringIO(newline="")
    # csv's writer leaves a lone \r without quotes, which its reader then refuses.
    quoting = csv.QUOTE_ALL if "\r" in "".join(texts) else csv.QUOTE_MINIMAL
    writer = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quoting)
    writer.writerow(["date", "note", "mrn"])
    writer.writerows(["2019", text, n] for n, text in enumerate(texts))
    content = ("\ufeff" if mark else "") + file.getvalue()
    path = put(tmp_path_factory.mktemp("c") / name, content)
    source, to = open_source(path, Columns("note", "mrn"), part_bytes)
    assert to == "jsonl"
    parts = list(source.parts())
    assert [part.index for part in parts] == list(range(len(parts)))
    assert source.measure() in (None, sum(part.size for part in parts))
    # Workers of a cluster read them in any order.
    source = pickle.loads(pickle.dumps(source))
    found = {part.index: source.read(part) for part in (parts[::-1] if backwards else parts)}
    notes = [note for part in parts for note in found[part.index]]
    assert [(note.id, note.text) for note in notes] == [(str(n), t) for n, t in enumerate(texts)]
    assert [part.content for part in source.parts()] == [part.content for part in parts]


def test_a_place_is_the_line_that_a_row_begins_at(tmp_path):
    path = put(tmp_path / "x.csv", 'id,text\n1,"a\nb"\n\n2,c\n3\n4,d,e\n')
    first, second, *faults = read(open_source(path)[0])
    assert first == Note("1", "a\nb", f"{path}:2", str(path))
    assert second.place == f"{path}:5"
    assert [str(fault) for fault in faults] == [
        f"{path}:6: has 1 fields, the first row 2",
        f"{path}:7: has 3 fields, the first row 2",
    ]


def test_rows_that_are_no_notes_are_faults_that_quote_nothing(tmp_path):
    path = put(tmp_path / "x.csv", b"id,text\n,SECRET\n2,SECRET \xff\n\xff,SECRET\n4,\n")
    *faults, note = read(open_source(path)[0])
    assert [fault.reason for fault in faults] == [
        "has no 'id'",
        "'text' is not UTF-8",
        "'id' must be a string or an integer",
    ]
    assert all(isinstance(fault, Fault) and "SECRET" not in str(fault) for fault in faults)
    assert (note.id, note.text) == ("4", "")


@pytest.mark.parametrize("delimiter", DELIMITERS)
def test_the_delimiter_is_the_one_that_makes_the_columns(tmp_path, delimiter):
    others = "".join(set(DELIMITERS) - {delimiter})
    path = put(tmp_path / "x.csv", f'id{delimiter}"a{others}"{delimiter}text\n1{delimiter}{others}'
               f"{delimiter}b{others}\n")  # fmt: skip
    assert [(n.id, n.text) for n in read(open_source(path)[0])] == [("1", f"b{others}")]


def test_any_delimiter_can_be_named(tmp_path):
    path = put(tmp_path / "x.csv", "id:text\n1:a,b\n")
    with pytest.raises(InputError, match="no column 'text'"):
        open_source(path)
    assert [n.text for n in read(open_source(path, delimiter=":")[0])] == ["a,b"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", r"no column 'text' \(it has none\)"),
        ("id;note\n1;a\n", r"no column 'text' \(it has id, note\); give --text-column NAME"),
        ("mrn;note\n1;a\n", r"no column 'text' among its 2; give --text-column NAME, or put a row"),
        ("id,text,text\n", "has 2 columns 'text'; rename"),
        ("id,id,text\n", "has 2 columns 'id'; rename"),
        ("id,text\n".encode("utf-16"), "UTF-16, not UTF-8; .*iconv -f utf-16 "),
        ("id,text,and,columns,of,no,interest\n".encode("utf-16-le"), "iconv -f utf-16le "),
        ('"id,text\n1,a\n', r"x\.csv:1: not CSV \(unexpected end of data\)"),
        ("id,text\r1,a\r", r"x\.csv:1: not CSV"),
    ],
)
def test_a_file_without_the_columns_is_one_line_at_once(tmp_path, content, said):
    with pytest.raises(InputError, match=said) as told:
        open_source(put(tmp_path / "x.csv", content))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('2,"SECRET\n3,c\n', "unexpected end of data"),
        ('2,"SECRET" x\n3,c\n', "expected after"),
        ("2,SECRET\rx\n", "new-line character"),
    ],
)
def test_quotes_at_odds_end_the_run_at_their_line(tmp_path, row, said):
    path = put(tmp_path / "x.csv", f"id,text\n1,a\n{row}")
    source, _ = open_source(path, part_bytes=1)
    parts = source.parts()
    assert [note.text for note in source.read(next(parts))] == ["a"]
    with pytest.raises(InputError, match=rf"x\.csv:3: not CSV \(.*{said}.*double the quotes") as e:
        list(parts)
    assert "SECRET" not in str(e.value)


def test_a_quote_that_is_never_closed_takes_no_more_memory_than_a_field_may(tmp_path, monkeypatch):
    monkeypatch.setattr("jnrf.prediction.sources.csv_files._LONGEST_FIELD", 1000)
    path = put(tmp_path / "x.csv", 'id,text\n1,"a\n' + "line\n" * 1000)
    with pytest.raises(InputError, match=r"x\.csv:2: not CSV \(field larger than field limit"):
        read(open_source(path)[0])


def test_a_folder_is_read_in_order_each_file_with_its_own_first_row(tmp_path):
    put(tmp_path / "a.csv", "id,text\n1,a\n")
    put(tmp_path / "b.csv.gz", "text;x;id\nb;;2\n")
    (tmp_path / "c").mkdir()
    put(tmp_path / "c" / "d.csv", "id\ttext\n3\tc\n")
    source, _ = open_source(tmp_path)
    assert [(n.id, n.text) for n in read(source)] == [("1", "a"), ("2", "b"), ("3", "c")]
    assert source.measure() is None
    put(tmp_path / "c" / "d.csv", "id\tnote\n3\tc\n")
    with pytest.raises(InputError, match=r"d\.csv: the first row has no column 'text'"):
        read(source)


def test_a_tsv_of_tags_is_a_corpus_and_one_with_the_columns_a_table(tmp_path):
    path = put(tmp_path / "x.tsv", "He\tO\ntakes\tO\n")
    source, to = open_source(path)
    assert [note.text for note in read(source)] == ["He takes"]
    assert to == "brat"
    put(path, "id\ttext\n1\tHe takes\n")
    for place in (path, tmp_path):
        assert isinstance(open_source(place)[0], Csv)


def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path):
    path = put(tmp_path / "x.csv", "id,text\n1,a\n2,b\n")
    source, _ = open_source(path, part_bytes=1)
    first, second = source.parts()
    source.read(first)
    put(path, "id,text\n1,a\n2,b\n3,c\n")
    with pytest.raises(InputError, match="changed while it was read"):
        source.read(second)


def test_formats_of_one_file_each_are_refused(tmp_path):
    path = put(tmp_path / "x.csv", "id,text\n1,a\n")
    with pytest.raises(InputError, match="--to json has a file for each file of the input"):
        open_source(path, to="json")
