"""What is written: a row has all that was found, each file is whole, names stay in the folder."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jnrf.corpora import open_corpus
from jnrf.prediction.notes import Note, Part
from jnrf.prediction.outputs import (
    BratOutput,
    TableOutput,
    file_name_fault,
    json_lines,
    make_output,
    parquet_file,
    row,
)
from jnrf.prediction.receipts import Receipt
from jnrf_ext.documents.document import Document, Mention, Relation
from jnrf_ext.errors import InputError
from jnrf_ext.files import write_atomically

TEXT = "Took aspirin\u2028 81 mg \U0001f48a daily"


@pytest.fixture
def documents():
    mentions = [
        Mention("T1", "Drug", ((5, 12),), "aspirin", 0.75),
        Mention("T2", "Strength", ((14, 16), (17, 19)), "81 mg", 0.5),
    ]
    relations = [Relation("R1", "Strength-Drug", "T2", "T1", 0.25)]
    return [Document("a", TEXT, mentions, relations), Document("b", "")]


def test_rows_of_json_lines_are_documents_that_read_back(documents, tmp_path):
    (tmp_path / "x.jsonl").write_bytes(json_lines(documents))
    assert open_corpus(tmp_path / "x.jsonl") == documents


STRINGS = st.text('a"/\\\b\f\n\r\t\0\x1f\x7f\u2028é中\U0001d499', max_size=8)
FRAGMENTS = st.lists(st.tuples(st.integers(), st.integers()), max_size=3)
SCORES = st.one_of(st.none(), st.floats(), st.integers(), st.booleans())
MENTIONS = st.builds(
    Mention, STRINGS, STRINGS, st.one_of(FRAGMENTS, FRAGMENTS.map(tuple)), STRINGS, SCORES
)
ROLES = st.one_of(st.sampled_from(["Arg1", "Arg2", "Ärg"]), STRINGS, st.none())
RELATIONS = st.builds(
    Relation, *[STRINGS] * 4, SCORES, ROLES, ROLES, st.none() | STRINGS, st.none() | STRINGS
)


@given(
    st.builds(Document, STRINGS, STRINGS, st.lists(MENTIONS, max_size=3), st.lists(RELATIONS)),
    st.booleans(),
)
def test_a_line_of_json_is_what_the_encoder_of_python_makes_of_the_row(document, texts):
    expected = json.dumps(row(document, texts), ensure_ascii=False) + "\n"
    assert json_lines([document], texts) == expected.encode()


def test_rows_of_parquet_have_the_same_as_rows_of_json_lines(documents, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    (tmp_path / "x.parquet").write_bytes(parquet_file(documents))
    rows = parquet.read_table(tmp_path / "x.parquet").to_pylist()
    assert rows == [json.loads(line) for line in json_lines(documents).split(b"\n")[:-1]]
    (tmp_path / "none.parquet").write_bytes(parquet_file([]))
    assert parquet.read_schema(tmp_path / "none.parquet") == parquet.read_schema(
        tmp_path / "x.parquet"
    )


def test_rows_can_go_without_the_notes(documents):
    pytest.importorskip("pyarrow")
    import io

    import pyarrow.parquet

    row = json.loads(json_lines(documents, texts=False).split(b"\n")[0])
    assert sorted(row) == ["id", "mentions", "relations"]
    table = pyarrow.parquet.read_table(io.BytesIO(parquet_file(documents, texts=False)))
    assert table.column_names == ["id", "mentions", "relations"]


def test_the_same_documents_are_the_same_bytes(documents):
    pytest.importorskip("pyarrow")
    assert parquet_file(documents) == parquet_file(documents)
    assert json_lines(documents) == json_lines(documents)


def test_a_part_has_a_file_that_its_receipt_knows_the_size_of(documents, tmp_path):
    output = TableOutput(tmp_path, "jsonl")
    part = Part(41, 0, None)
    [unit] = output.make(part, [], documents).units
    assert list(unit) == [output.file(part)] == output.names(part, []) == ["part-000041.jsonl"]
    receipt = Receipt("", output.file(part), len(unit[output.file(part)]))
    assert not output.has(part, [], receipt)
    write_atomically(tmp_path / receipt.file, unit[receipt.file])
    assert output.has(part, [], receipt)
    assert not output.has(Part(42, 0, None), [], receipt)
    (tmp_path / receipt.file).write_bytes(b"")
    assert not output.has(part, [], receipt)


def test_brat_goes_into_subfolders_that_ids_name(documents, tmp_path):
    output = BratOutput(tmp_path, with_texts=True)
    notes = [Note(f"x/{d.id}", d.text, "", "") for d in documents]
    for document in documents:
        document.id = f"x/{document.id}"
    receipt = Receipt("")
    made = output.make(Part(0, 0, None), notes, documents)
    assert [list(unit) for unit in made.units] == [[f"x/{n}.txt", f"x/{n}.ann"] for n in "ab"]
    for unit in made.units:
        for name, data in unit.items():
            write_atomically(tmp_path / name, data)
    assert output.has(Part(0, 0, None), notes, receipt)
    assert open_corpus(tmp_path / "x")[0].mentions[1].fragments == ((14, 16), (17, 19))
    (tmp_path / "x" / "b.ann").unlink()
    assert not output.has(Part(0, 0, None), notes, receipt)


def test_standard_output_takes_json_lines_only(documents, capsysbinary):
    with pytest.raises(InputError, match="standard output takes JSON lines, not brat"):
        make_output(None, "brat", True, True)
    output = make_output(None, "jsonl", True, True)
    assert output.make(Part(0, 0, None), [], documents).units == []
    assert capsysbinary.readouterr().out == json_lines(documents)


@given(st.text(max_size=12))
def test_only_plain_names_can_be_file_names_and_each_once(id):
    taken: set[bytes] = set()
    fault = file_name_fault(id, taken)
    if fault is None:
        assert id
        assert not {"/", "\\", "\0"} & set(id)
        assert not id.startswith(".")
        assert file_name_fault(id, taken)
        assert file_name_fault(f"{id}2", taken) is None
    else:
        assert not taken
