"""Notes that are rows of Parquet files."""

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jnrf.prediction.notes import Fault
from jnrf.prediction.sources import Columns, open_source
from jnrf_ext.errors import InputError

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def write(path, ids, texts, **options):
    pq.write_table(pa.table({"id": ids, "text": texts, "date": [None] * len(ids)}), path, **options)
    return path


def read(source):
    return [item for part in source.parts() for item in source.read(part)]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.text(max_size=30), min_size=1, max_size=60),
    st.integers(1, 25),
    st.integers(1, 400),
    st.booleans(),
)
def test_parts_give_all_rows_in_order(tmp_path_factory, texts, group, part_bytes, backwards):
    path = tmp_path_factory.mktemp("p") / "x.parquet"
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    ids = [str(n) for n in range(len(texts))]
    write(path, ids, texts, row_group_size=group)
    source, _ = open_source(path, part_bytes=part_bytes)
    parts = list(source.parts())
    assert sum(part.size for part in parts) == source.measure() == len(texts)
    # Workers of a cluster read them in any order.
    found = {part.index: source.read(part) for part in (parts[::-1] if backwards else parts)}
    notes = [note for part in parts for note in found[part.index]]
    assert [(note.id, note.text) for note in notes] == list(zip(ids, texts, strict=True))
    assert [note.place for note in notes] == [f"{path}: row {n + 1}" for n in range(len(texts))]


def test_parts_are_about_as_large_as_asked_for(tmp_path):
    write(tmp_path / "x.parquet", [str(n) for n in range(1000)], [f"{n:0100}" for n in range(1000)])
    sizes = [part.size for part in open_source(tmp_path, part_bytes=10_000)[0].parts()]
    assert all(60 <= size <= 100 for size in sizes[:-1])


def test_a_folder_is_read_in_the_order_of_names_below_it_too(tmp_path):
    (tmp_path / "year=2019").mkdir()
    write(tmp_path / "year=2019" / "b.parquet", ["3"], ["c"])
    write(tmp_path / "a.parquet", ["1", "2"], ["a", "b"])
    source, to = open_source(tmp_path)
    assert [note.id for note in read(source)] == ["1", "2", "3"]
    assert to == "parquet"


@pytest.mark.parametrize("type", [pa.int32(), pa.uint64(), pa.large_string()])
def test_ids_may_be_integers_and_strings_large_or_in_a_dictionary(tmp_path, type):
    ids = pa.array([1, 2]).cast(type)
    texts = pa.array(["a", "b"]).dictionary_encode()
    pq.write_table(pa.table({"n": ids, "t": texts}), tmp_path / "x.parquet")
    notes = read(open_source(tmp_path / "x.parquet", Columns("t", "n"))[0])
    assert [(note.id, note.text) for note in notes] == [("1", "a"), ("2", "b")]


def test_a_wrong_column_is_told_at_once(tmp_path):
    path = write(tmp_path / "x.parquet", ["1"], ["a"])
    with pytest.raises(InputError, match=r"no column 'note' \(it has id, text, date\)"):
        open_source(path, Columns("note"))
    with pytest.raises(InputError, match="column 'date' is null; it must be strings"):
        open_source(path, Columns("date"))


def test_rows_without_a_text_and_texts_that_are_not_utf_8_are_faults(tmp_path):
    texts = pa.array([b"a", None, b"SECRET\xff", b"d"], pa.binary())
    raw = pa.Array.from_buffers(pa.string(), 4, texts.buffers())
    pq.write_table(pa.table({"id": list("abcd"), "text": raw}), tmp_path / "x.parquet")
    first, second, third, last = read(open_source(tmp_path / "x.parquet")[0])
    assert (first.text, last.text) == ("a", "d")
    assert "row 2: has no 'text'" in str(second)
    assert isinstance(third, Fault)
    assert "'text' is not UTF-8" in str(third)
    assert "SECRET" not in str(third)


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + b"\0" * 50 + b"PAR1"])
def test_a_file_that_is_no_parquet_is_an_error(tmp_path, data):
    (tmp_path / "x.parquet").write_bytes(data)
    with pytest.raises(InputError, match=r"cannot read .*x\.parquet as Parquet"):
        open_source(tmp_path / "x.parquet")


def test_damage_inside_a_file_is_an_error_that_names_the_row_group(tmp_path):
    path = write(tmp_path / "x.parquet", list("abc"), ["text" * 100] * 3, compression="zstd")
    data = bytearray(path.read_bytes())
    data[4:120] = bytes(116)
    path.write_bytes(data)
    source = open_source(path)[0]
    with pytest.raises(InputError, match=r"as Parquet: row group 0 .*copy the file again"):
        read(source)


def test_a_file_that_changes_while_it_is_read_is_an_error(tmp_path):
    path = write(tmp_path / "x.parquet", list("ab"), list("cd"), row_group_size=1)
    source = open_source(path)[0]
    first, second = source.parts()
    source.read(first)
    write(path, list("abc"), list("def"), row_group_size=1)
    with pytest.raises(InputError, match="changed while it was read"):
        source.read(second)


def test_a_source_travels_to_other_processes(tmp_path):
    path = write(tmp_path / "x.parquet", list("ab"), list("cd"), row_group_size=1)
    source = open_source(path)[0]
    first, second = source.parts()
    source.read(first)
    other = pickle.loads(pickle.dumps(source))
    assert [note.text for note in other.read(pickle.loads(pickle.dumps(second)))] == ["d"]
