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


def test_a_column_that_comes_twice_is_told_at_once(tmp_path):
    def write(*names):
        columns = [pa.array(["a"])] * len(names)
        pq.write_table(pa.Table.from_arrays(columns, names=names), tmp_path / "x.parquet")
        return open_source(tmp_path / "x.parquet")[0]

    with pytest.raises(InputError, match=r"has 2 columns 'text'; rename or drop all but one"):
        write("id", "text", "text")
    with pytest.raises(InputError, match=r"has 3 columns 'id'; .*--id-column"):
        write("id", "id", "text", "id")
    assert [(n.id, n.text) for n in read(write("date", "id", "text", "date"))] == [("a", "a")]


VALUES = st.sampled_from(
    [
        pa.array(["a", None, "é"]),
        pa.array(["a", None, "é"], pa.large_string()),
        pa.array(["a", None, "é"], pa.string_view()),
        pa.array(["a", None, "é"]).dictionary_encode(),
        pa.array([1, None, 3], pa.int8()),
        pa.array([1, None, 2**64 - 1], pa.uint64()),
        pa.array([1, None, 3]).dictionary_encode(),
        pa.array([1.5, None, float("nan")]),
        pa.array([True, None, False]),
        pa.array([None] * 3),
        pa.array([b"a", None, b"\xff"]),
        pa.array([b"abcd", None, b"efgh"], pa.binary(4)),
        pa.array([1, None, 3], pa.timestamp("us", "UTC")),
        pa.array([1, None, 3], pa.decimal128(9, 2)),
        pa.array([["a"], None, []]),
        pa.array([{"text": "a", "id": 1}, None, {"text": None, "id": 2}]),
        pa.array([[("a", "b")], None, []], pa.map_(pa.string(), pa.string())),
    ]
)
NAMES = st.sampled_from(["id", "text", "id", "text", "", "id.text", "text.list", "Text", "a\nb"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(NAMES, VALUES), max_size=5), st.sampled_from(["id", "a\nb", "id.text"]))
def test_tables_of_any_types_are_notes_and_faults_or_one_line(tmp_path_factory, columns, id):
    path = tmp_path_factory.mktemp("p") / "x.parquet"
    table = pa.Table.from_arrays([v for _, v in columns], names=[n for n, _ in columns])
    pq.write_table(table, path)
    said = None
    try:
        found = read(open_source(path, Columns("text", id))[0])
    except InputError as error:
        said = str(error)
    if said is not None:
        assert "\n" not in said
        assert len(said) < 500
        return
    names = [name for name, _ in columns]
    assert names.count("text") == names.count(id) == 1
    by_name = dict(columns)
    for item, one, text in zip(
        found, by_name[id].to_pylist(), by_name["text"].to_pylist(), strict=True
    ):
        if one is None or text is None:
            assert isinstance(item, Fault)
        else:
            assert (item.id, item.text) == (str(one), text)


def test_a_file_that_is_cut_anywhere_is_one_line(tmp_path):
    whole = write(tmp_path / "x.parquet", list("abc"), ["text"] * 3).read_bytes()
    for length in range(0, len(whole), 7):
        (tmp_path / "x.parquet").write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"^cannot read [^\n]* copy the file again$"):
            read(open_source(tmp_path / "x.parquet")[0])


def test_an_encrypted_file_is_to_be_decrypted(tmp_path):
    data = write(tmp_path / "x.parquet", list("abc"), ["text"] * 3).read_bytes()
    (tmp_path / "x.parquet").write_bytes(b"PARE" + data[4:-4] + b"PARE")
    with pytest.raises(InputError, match=r"cannot read [^\n]*; decrypt the file first"):
        open_source(tmp_path / "x.parquet")


def test_whatever_the_library_raises_is_one_line(tmp_path, monkeypatch):
    path = write(tmp_path / "x.parquet", ["1"], ["a"])
    source = open_source(path)[0]
    for error in (RuntimeError("a\nb"), AssertionError(), AttributeError("x"), SystemError("y")):

        def fail(*_, error=error):
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(pq, "ParquetFile", fail)
            with pytest.raises(InputError, match=r"^cannot read [^\n]*x\.parquet as Parquet"):
                read(source)
