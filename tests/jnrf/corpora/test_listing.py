"""What a folder holds: texts, brat's and BioNLP's annotations, and what nobody reads."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jnrf.corpora import open_corpus, read_corpus
from jnrf.corpora.brat import read_document, read_folder
from jnrf.corpora.listing import list_files, split_name
from jnrf.corpora.notices import CorpusWarning, UnannotatedWarning
from jnrf_ext.documents.document import (
    Attribute,
    Equivalence,
    Event,
    Mention,
    Normalization,
    Relation,
)
from jnrf_ext.errors import InputError

TEXT = "Salmonella lives in the gut."
A1 = "T1\tBacteria 0 10\tSalmonella\nT2\tHabitat 20 27\tthe gut\n"
A2 = (
    "T3\tLives 11 16\tlives\n"
    "E1\tLives:T3 Who:T1 Where:T2\n"
    "R1\tLives_In Bacteria:T1 Location:T2\n"
    "*\tEquiv T1 T3\n"
    "M1\tSpeculation E1\n"
    "N1\tOntoBiotope Annotation:T2 Referent:OBT:000056\n"
)


def write(folder, **files: str | bytes):
    """A folder of files; their names have _ for the dot."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        (folder / name.replace("_", ".", 1)).write_bytes(data)
    return folder


def notices(read, *arguments) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read(*arguments)
    assert all(issubclass(warning.category, CorpusWarning) for warning in caught)
    return [str(warning.message) for warning in caught]


# ------------------------------------------------------------------ BioNLP


def test_a1_and_a2_are_read_as_one_file(tmp_path):
    folder = write(tmp_path, d_txt=TEXT, d_a1=A1, d_a2=A2)
    format, [document] = read_corpus(folder)
    assert format == "brat"
    assert document.mentions == [
        Mention("T1", "Bacteria", ((0, 10),), "Salmonella"),
        Mention("T2", "Habitat", ((20, 27),), "the gut"),
        Mention("T3", "Lives", ((11, 16),), "lives"),
    ]
    assert document.events == [Event("E1", "Lives", "T3", (("Who", "T1"), ("Where", "T2")))]
    assert document.relations == [
        Relation("R1", "Lives_In", "T1", "T2", head_role="Bacteria", tail_role="Location")
    ]
    assert document.equivalences == [Equivalence("Equiv", ("T1", "T3"))]
    assert document.attributes == [Attribute("M1", "Speculation", "E1")]
    assert document.normalizations == [Normalization("N1", "OntoBiotope", "T2", "OBT:000056")]
    assert not document.warnings
    for name in ("d.txt", "d.a1", "d.a2"):
        assert open_corpus(folder / name) == [document]


def test_one_of_the_two_will_do(tmp_path):
    folder = write(tmp_path, a_txt=TEXT, a_a1=A1, b_txt=TEXT, b_a2="T1\tX 0 10\tSalmonella\n")
    assert [len(document.mentions) for document in open_corpus(folder)] == [2, 1]


def test_a_fault_is_told_with_its_own_file_and_line(tmp_path):
    folder = write(tmp_path, d_txt=TEXT, d_a1=A1, d_a2=f"\n{A2}R2\tIs Arg1:T1 Arg2:T9\n")
    with pytest.raises(InputError, match=r"d\.a2:8: relation R2 refers to T9"):
        open_corpus(folder)
    write(folder, d_a2="T1\tX 0 10\tSalmonella\n")
    with pytest.raises(InputError, match=r"d\.a2:1: T1 is that of line 1 of d\.a1 already"):
        open_corpus(folder)
    write(folder, d_a1="T1\tX 0 1\tS\nT1\tX 0 1\tS\n")
    with pytest.raises(InputError, match=r"d\.a1:2: T1 is that of line 1 already"):
        open_corpus(folder)


def test_brats_own_file_goes_before_them_and_that_is_said(tmp_path):
    folder = write(tmp_path, d_txt=TEXT, d_a1=A1, d_a2=A2, d_ann="T7\tX 0 10\tSalmonella\n")
    [document] = read_folder(folder)
    assert [mention.id for mention in document.mentions] == ["T7"]
    assert "not read: 1 .a1 beside .ann, 1 .a2 beside .ann" in notices(read_folder, folder)[0]
    [asked_for] = open_corpus(folder / "d.a1")
    assert [mention.id for mention in asked_for.mentions] == ["T1", "T2", "T3"]


def test_annotations_without_their_text_are_an_error(tmp_path):
    with pytest.raises(InputError, match=r"d\.a1 has no d\.txt beside it; put"):
        open_corpus(write(tmp_path, d_a1=A1, d_a2=A2))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, 8), st.sampled_from(["\n", "\r\n", "\r"]))
def test_it_does_not_matter_which_file_has_a_line(tmp_path, cut, end):
    lines = (A1 + A2).splitlines()
    parts = (lines[:cut], lines[cut:])
    first, second = ("".join(line + end for line in part) for part in parts)
    folder = write(tmp_path, d_txt=TEXT, d_a1=first, d_a2=second)
    one = write(tmp_path / "one", d_txt=TEXT, d_ann=A1 + A2)
    files = (folder / "d.a1", folder / "d.a2")
    assert read_document(folder / "d.txt", files) == read_document(one / "d.txt", one / "d.ann")


# ------------------------------------------------------------------ names


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.txt", ("a", ".txt")),
        ("A.B.TXT", ("A.B", ".txt")),
        ("a.Ann", ("a", ".ann")),
        ("a.A2", ("a", ".a2")),
        (".txt", (".txt", None)),
        ("a.ann~", ("a.ann~", None)),
        ("a.text", ("a.text", None)),
    ],
)
def test_the_end_of_a_name_says_what_a_file_is(name, parts):
    assert split_name(name) == parts


@pytest.mark.parametrize(("txt", "ann"), [("TXT", "ANN"), ("Txt", "ann"), ("txt", "ANN")])
def test_capitals_do_not_matter(tmp_path, txt, ann):
    (tmp_path / f"Note.{txt}").write_text(TEXT)
    (tmp_path / f"Note.{ann}").write_text(A1)
    [document] = open_corpus(tmp_path)
    assert (document.id, len(document.mentions)) == ("Note", 2)
    assert not notices(open_corpus, tmp_path)
    assert open_corpus(tmp_path / f"Note.{ann}")[0].mentions == document.mentions


def test_one_name_in_capitals_and_not_is_an_error(tmp_path):
    write(tmp_path, a_txt=TEXT, a_TXT=TEXT)
    if len(list(tmp_path.iterdir())) == 1:
        pytest.skip("this file system does not know capitals")
    with pytest.raises(InputError, match=r"a\.TXT and a\.txt differ in capitals alone; rename"):
        open_corpus(tmp_path)


# ------------------------------------------------------------------ what is not read


def test_files_that_are_not_read_are_counted_by_their_kind(tmp_path):
    folder = write(tmp_path, a_txt=TEXT, a_ann=A1, a_con="", b_con="", a_xml="", e_json="[]")
    (folder / "Zachary was ill").write_text("")
    (folder / "more").mkdir()
    (folder / "more" / "b.txt").write_text(TEXT)
    [said] = notices(open_corpus, folder)
    assert f"{folder}: not read: 2 .con, " in said
    for kind in ("1 .xml", "1 .json", "1 file without a known ending", "1 folder with texts"):
        assert kind in said
    assert "Zachary" not in said
    assert "\n" not in said


def test_many_kinds_are_summed_up(tmp_path):
    kinds = {f"a_k{number}": "" for number in range(9)}
    [said] = notices(open_corpus, write(tmp_path, a_txt=TEXT, a_ann=A1, **kinds))
    assert said.count("1 .k") == 5
    assert "and 4 files of other kinds" in said


def test_settings_and_pages_about_a_corpus_need_no_notice(tmp_path):
    folder = write(tmp_path, a_txt=TEXT, a_ann=A1, annotation_conf="", README_md="", b_rst="")
    for name in ("README", "LICENSE", ".hidden.xml"):
        (folder / name).write_text("")
    (folder / "images").mkdir()
    assert not notices(open_corpus, folder)


def test_what_predict_lists_beside_its_predictions_needs_none(tmp_path):
    folder = write(tmp_path, a_txt=TEXT, a_ann=A1, errors_jsonl="")
    assert notices(open_corpus, folder)
    (folder / ".jnrf-predict.json").write_text("{}")
    assert not notices(open_corpus, folder)


def test_files_beside_json_and_columns_are_told_too(tmp_path):
    folder = write(tmp_path, a_json='{"id": "a", "text": "x"}', a_xml="")
    assert notices(open_corpus, folder) == [
        f"{folder}: not read: 1 .xml; the corpus is its .json files"
    ]


def test_texts_without_annotations_are_counted_and_the_first_named(tmp_path):
    folder = write(tmp_path, a_txt=TEXT, a_ann=A1, **{f"b{n}_txt": TEXT for n in range(5)})
    with pytest.warns(UnannotatedWarning, match="beside 5 of 6 texts: b0, b1, b2 and 2 more$"):
        read_folder(folder)
    with pytest.warns(UnannotatedWarning, match=r"b0\.txt: no .* beside 1 of 1 texts: b0$"):
        open_corpus(folder / "b0.txt")


def test_a_text_of_white_space_needs_no_annotations(tmp_path):
    folder = write(tmp_path, a_txt=TEXT, a_ann=A1, b_txt="", c_txt=" \n")
    assert not notices(open_corpus, folder)
    assert not notices(open_corpus, folder / "b.txt")


def test_a_folder_of_unknown_files_says_what_it_holds(tmp_path):
    with pytest.raises(InputError, match=r"no \.txt files in .* \(it holds 1 \.con, 1 \.xml\)"):
        open_corpus(write(tmp_path, a_con="", a_xml=""))


def test_listing_does_not_ask_for_texts(tmp_path):
    files = list_files(write(tmp_path, d_a1=A1, e_ANN=A1))
    assert files.annotations == {"d": (tmp_path / "d.a1",), "e": (tmp_path / "e.ANN",)}
    assert not files.texts
