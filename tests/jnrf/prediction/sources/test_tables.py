"""Tables that are compressed: the same notes, and one line where they are damaged."""

import gzip
import io
import json
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jnrf.prediction.sources import open_source
from jnrf.prediction.sources.columns import Columns
from jnrf.prediction.sources.json_lines import StandardInput
from jnrf_ext.errors import InputError


def read(source):
    return [item for part in source.parts() for item in source.read(part)]


def write(path, texts, compress=gzip.compress):
    rows = [json.dumps({"id": n, "text": text}) + "\n" for n, text in enumerate(texts)]
    data = "".join(rows).encode()
    path.write_bytes(compress(data))
    return path


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=30), max_size=40).map(lambda t: ["x", *t]), st.integers(1, 300),
       st.permutations(range(60)))  # fmt: skip
def test_parts_of_a_compressed_file_are_those_of_the_file_in_any_order(
    tmp_path_factory, texts, part_bytes, order
):
    folder = tmp_path_factory.mktemp("g")
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    plain = open_source(write(folder / "x.jsonl", texts, bytes), part_bytes=part_bytes)[0]
    packed = open_source(write(folder / "x.jsonl.gz", texts), part_bytes=part_bytes)[0]
    parts = list(packed.parts())
    assert [p.content[2:] for p in parts] == [p.content[2:] for p in plain.parts()]
    packed = pickle.loads(pickle.dumps(packed))
    found = {n: packed.read(parts[n]) for n in order if n < len(parts)}
    notes = [note.text for n in range(len(parts)) for note in found[n]]
    assert notes == texts == [note.text for note in read(plain)]


def test_several_streams_in_one_file_are_read_on(tmp_path):
    halves = [gzip.compress(b'{"id": %d, "text": "t"}\n' % n) for n in range(3)]
    (tmp_path / "x.jsonl.gz").write_bytes(b"".join(halves))
    assert [note.id for note in read(open_source(tmp_path)[0])] == ["0", "1", "2"]


@pytest.mark.parametrize("name", ["x.jsonl.gz", "x.csv.gz"])
def test_damaged_files_are_one_line(tmp_path, name):
    path = tmp_path / name
    content = "id,text\n" + "".join(f"{n},{n * 7919}\n" for n in range(3000))
    if name == "x.jsonl.gz":
        content = "".join(f'{{"id": {n}, "text": "{n * 7919}"}}\n' for n in range(3000))
    whole = gzip.compress(content.encode())
    for data in (
        content.encode(),
        whole[:-1],
        whole[: len(whole) // 2],
        whole[:5],
        whole[:-4] + b"\0\0\0\0",
        whole[:99] + bytes(99) + whole[198:],
        whole + b"more",
    ):
        path.write_bytes(data)
        try:
            read(open_source(path, part_bytes=500)[0])
        except InputError as error:
            said = str(error)
        else:
            raise AssertionError(f"{len(data)} bytes were read")
        assert "\n" not in said
        assert name in said


@pytest.mark.parametrize("name", ["x.jsonl.gz", "x.csv.gz"])
def test_a_file_that_is_not_compressed_is_told_without_its_first_bytes(tmp_path, name):
    (tmp_path / name).write_bytes(b"QZ has HIV,id\n")
    with pytest.raises(
        InputError, match=r"as gzip: .*not compressed; copy the file again"
    ) as error:
        read(open_source(tmp_path / name)[0])
    assert "QZ" not in str(error.value)


def test_a_line_without_end_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("jnrf.prediction.sources.tables.LONGEST_LINE", 1000)
    write(tmp_path / "x.jsonl.gz", ["a", "b" * 2000])
    with pytest.raises(InputError, match=r"x\.jsonl\.gz:2: the line is longer than 1,000 bytes"):
        read(open_source(tmp_path)[0])


def test_tables_of_utf_16_are_told_at_once(tmp_path):
    (tmp_path / "x.jsonl").write_bytes('{"id": 1, "text": "a"}\n'.encode("utf-16"))
    with pytest.raises(InputError, match=r"UTF-16, not UTF-8; .* iconv -f utf-16 -t utf-8"):
        open_source(tmp_path)


@pytest.mark.parametrize("name", ["x.json.gz", "x.txt.gz", "x.parquet.gz"])
def test_other_files_are_to_be_unpacked_first(tmp_path, name):
    (tmp_path / name).write_bytes(gzip.compress(b"[]"))
    with pytest.raises(InputError, match=rf"{name} is compressed; unpack it first: gunzip -k"):
        open_source(tmp_path / name)


def test_a_compressed_corpus_is_to_be_unpacked_first(tmp_path):
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"tokens": ["He"], "entities": [], "relations": []}\n'))
    with pytest.raises(InputError, match="is a compressed corpus; unpack it first"):
        open_source(path)


def test_standard_input_that_is_compressed_is_told_at_once():
    stream = io.BytesIO(gzip.compress(b'{"id": 1, "text": "a"}\n'))
    with pytest.raises(InputError, match=r"standard input is compressed; .*zcat"):
        list(StandardInput(Columns(), 10, stream).parts())
