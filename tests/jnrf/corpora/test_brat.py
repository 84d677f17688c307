"""Reading brat folders: every line kind, every way offsets can be meant, every fault."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jnrf.corpora import open_corpus
from jnrf.corpora.brat import read_document, read_folder, write_folder
from jnrf.corpora.brat_lines import FaultyLine
from jnrf.corpora.columns import write_columns
from jnrf.corpora.json import write_json
from jnrf.corpora.notices import UnannotatedWarning
from jnrf.corpora.tokens import write_tokens
from jnrf_ext.documents.document import (
    Attribute,
    Document,
    Equivalence,
    Event,
    Mention,
    Normalization,
    Note,
    Relation,
)
from jnrf_ext.documents.standoff import to_brat
from jnrf_ext.errors import InputError


def read(tmp_path: Path, text: str | bytes, ann: str | bytes, **choices) -> Document:
    """The document of these two file contents."""
    for suffix, content in (("txt", text), ("ann", ann)):
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / f"d.{suffix}").write_bytes(data)
    return read_document(tmp_path / "d.txt", tmp_path / "d.ann", **choices)


def test_reads_every_line_kind(tmp_path):
    text = "Fever after aspirin, no rash"
    ann = (
        "T1\tADE 0 5\tFever\n"
        "E1\tADE:T1 Cause:T2 Then:E2\n"
        "T2\tDrug 12 19\taspirin\n"
        "T3\tADE 24 28\trash\n"
        "E2\tADE:T3 \n"
        "R1\tADE-Drug Arg1:E1 Arg2:T2\t\n"
        "R2\tBEFORE Later:T3 Earlier:T1  \n"
        "*\tOVERLAP T1 E2 T2\n"
        "A1\tNegated E2\n"
        "M1\tTrend T1 UP\n"
        "N1\tReference T2 RxNorm:1191\taspirin\n"
        "#1\tAnnotatorNotes R1\tsure?\n"
    )
    document = read(tmp_path, text, ann)
    assert document.mentions == [
        Mention("T1", "ADE", ((0, 5),), "Fever"),
        Mention("T2", "Drug", ((12, 19),), "aspirin"),
        Mention("T3", "ADE", ((24, 28),), "rash"),
    ]
    assert document.events == [
        Event("E1", "ADE", "T1", (("Cause", "T2"), ("Then", "E2"))),
        Event("E2", "ADE", "T3"),
    ]
    assert document.relations == [
        Relation("R1", "ADE-Drug", "T1", "T2", head_ref="E1"),
        Relation("R2", "BEFORE", "T3", "T1", head_role="Later", tail_role="Earlier"),
    ]
    assert document.equivalences == [Equivalence("OVERLAP", ("T1", "E2", "T2"))]
    assert document.attributes == [
        Attribute("A1", "Negated", "E2"),
        Attribute("M1", "Trend", "T1", "UP"),
    ]
    assert document.normalizations[0].reference == "RxNorm:1191"
    assert document.notes == [Note("#1", "AnnotatorNotes", "R1", "sure?")]
    assert not document.warnings


def test_relation_lines_may_name_the_second_argument_first(tmp_path):
    document = read(tmp_path, "a b", "T1\tA 0 1\ta\nT2\tB 2 3\tb\nR1\tX Arg2:T1 Arg1:T2\n")
    assert (document.relations[0].head, document.relations[0].tail) == ("T2", "T1")


@pytest.mark.parametrize(
    ("spans", "said", "fragments"),
    [
        ("0 4;10 14", "left knee", ((0, 4), (10, 14))),
        ("0 4;4 9", "left  and ", ((0, 4), (4, 9))),
        ("0 4;5 8;9 14", "left and knee", ((0, 4), (5, 8), (9, 14))),
    ],
)
def test_discontinuous_mentions_keep_their_fragments(tmp_path, spans, said, fragments):
    document = read(tmp_path, "left and\n knee pain", f"T1\tADE {spans}\t{said}\n")
    assert document.mentions[0].fragments == fragments
    assert not [w for w in document.warnings if "order" in w]


def test_fragments_out_of_order_are_sorted_and_counted(tmp_path):
    document = read(tmp_path, "left and knee", "T1\tADE 9 13;0 4\tknee left\n")
    assert document.mentions[0].fragments == ((0, 4), (9, 13))
    assert document.warnings == Counter({"fragments out of order (sorted)": 1})


def test_overlapping_mentions_are_all_kept(tmp_path):
    document = read(tmp_path, "iron tablets", "T1\tDrug 0 4\tiron\nT2\tDrug 0 12\tiron tablets\n")
    assert [m.text for m in document.mentions] == ["iron", "iron tablets"]


def test_an_astral_character_counts_as_one(tmp_path):
    document = read(tmp_path, "😀𝛼 iron é", "T1\tDrug 3 7\tiron\nT2\tX 0 1\t😀\n")
    assert [m.text for m in document.mentions] == ["iron", "😀"]
    assert not document.warnings


@pytest.mark.parametrize(
    ("text", "start", "kept", "warning"),
    [
        (b"a\r\nb\r\niron", 6, "a\r\nb\r\niron", None),
        (b"a\r\nb\r\niron", 4, "a\nb\niron", "line end"),
        (b"a\rb\riron", 4, "a\rb\riron", None),
        (b"\xef\xbb\xbfa iron", 3, "\ufeffa iron", None),
        (b"\xef\xbb\xbfa iron", 2, "a iron", "byte order mark"),
        (b"\xef\xbb\xbfa\r\niron", 2, "a\niron", "byte order mark"),
        (b"\xef\xbb\xbfa\r\niron", 4, "\ufeffa\r\niron", None),
    ],
    ids=["crlf-2", "crlf-1", "cr", "bom-1", "bom-0", "bom-0-crlf-1", "bom-1-crlf-2"],
)
def test_the_reading_of_line_ends_and_bom_that_mentions_agree_with_is_taken(
    tmp_path, text, start, kept, warning
):
    document = read(tmp_path, text, f"T1\tDrug {start} {start + 4}\tiron\n")
    assert document.text == kept
    assert document.text[document.mentions[0].start : document.mentions[0].end] == "iron"
    assert [w for w in document.warnings if warning is None or warning not in w] in (
        [],
        ["offsets count each line end as one character (text read so)"],
    )
    assert bool(document.warnings) == (warning is not None)


def test_the_reading_of_line_ends_can_be_prescribed(tmp_path):
    text, ann = b"a\r\niron", "T1\tDrug 2 6\tiron\n"
    assert read(tmp_path, text, ann, newlines="translated").mentions[0].text == "iron"
    document = read(tmp_path, text, ann, newlines="raw")
    assert document.text == "a\r\niron"
    assert sum(document.warnings.values()) == 1


def test_crlf_and_bom_in_the_annotations_do_not_matter(tmp_path):
    ann = b"\xef\xbb\xbfT1\tDrug 0 4\tiron\r\n\r\nT2\tForm 5 8\ttab\r\nR1\tX Arg1:T2 Arg2:T1\r\n"
    document = read(tmp_path, "iron tab", ann)
    assert [m.text for m in document.mentions] == ["iron", "tab"]
    assert len(document.relations) == 1
    assert not document.warnings


def test_a_mention_over_a_crlf_agrees_with_its_one_line_text(tmp_path):
    document = read(tmp_path, b"iron\r\ntab", "T1\tDrug 0 9\tiron tab\n")
    assert not document.warnings
    assert to_brat(document) == "T1\tDrug 0 9\tiron  tab\n"


def test_line_separators_of_unicode_do_not_end_a_line(tmp_path):
    document = read(tmp_path, "a\u2028b\x85c", "T1\tX 0 5\ta\u2028b\x85c\n")
    assert document.mentions[0].text == "a\u2028b\x85c"


def test_mention_text_that_disagrees_is_counted_and_the_offsets_win(tmp_path):
    document = read(tmp_path, "take iron", "T1\tDrug 0 4\tiron\n")
    assert document.mentions[0].text == "take"
    assert document.warnings["mention text disagrees with the text (offsets are kept)"] == 1


def test_mention_text_that_disagrees_is_an_error_by_choice(tmp_path):
    with pytest.raises(InputError, match=r"d\.ann:1: T1 says something else \(4 characters\)"):
        read(tmp_path, "take iron", "T1\tDrug 0 4\tiron\n", on_mismatch="raise")


GOOD = "T1\tDrug 0 4\tiron\nT2\tForm 5 8\ttab\nE1\tX:T1\nR1\tY Arg1:T2 Arg2:T1\n"

FAULTS = {
    "T3\tDrug 0 4": "malformed T line",
    "T3\tDrug\tiron": "malformed T line",
    "T3\tDrug 0 x\tiron": "malformed T line",
    "T3\tDrug 0 ²\tiron": "malformed T line",
    "T3\tDrug 0 4;\tiron": "malformed T line",
    "T3\tDrug -1 4\tiron": "malformed T line",
    f"T3\tDrug 0 {'9' * 5000}\tiron": "malformed T line",
    "T3 Drug 0 4 iron": "malformed T line",
    "T3\tDrug 4 4\t": "bad offsets",
    "T3\tDrug 4 0\tiron": "bad offsets",
    "T3\tDrug 5 9\ttab": "bad offsets",
    "T3\tDrug 0 4;2 6\tiron n ta": "bad offsets",
    "T1\tForm 5 8\ttab": "duplicate id (the first is kept)",
    "R1\tZ Arg1:T1 Arg2:T2": "duplicate id (the first is kept)",
    "E1\tX:T2": "duplicate id (the first is kept)",
    "R2\tY Arg1:T2": "malformed R line",
    "R2\tY Arg1:T2 Arg2:T1 Arg3:T1": "malformed R line",
    "R2\tY T2 T1": "malformed R line",
    "R2\tY Arg1:T2 Arg2:T9": "relation to an unknown id",
    "R2\tY Arg1:T2 Arg2:R1": "relation to an unknown id",
    "E2\tX": "malformed E line",
    "E2\t": "malformed E line",
    "E2\tX:T9": "event to an unknown id",
    "E2\tX:T1 Y:T9": "event to an unknown id",
    "*\tSAME": "malformed * line",
    "*\tSAME T1 T9": "equivalence to an unknown id",
    "A1\tNegated": "malformed A line",
    "A1\tNegated T9": "attribute to an unknown id",
    "M1": "malformed M line",
    "N1\tReference T1": "malformed N line",
    "N1\tReference T9 a:b\tx": "normalization to an unknown id",
    "#1\tAnnotatorNotes": "malformed # line",
    "# a comment": "malformed # line",
    "#1\tAnnotatorNotes T9\tx": "note to an unknown id",
    "Q1\tDrug 0 4\tiron": "line of an unknown kind",
    " T3\tDrug 0 4\tiron": "line of an unknown kind",
}


@pytest.mark.parametrize(("line", "kind"), FAULTS.items())
def test_a_faulty_line_is_an_error_with_file_line_and_remedy(tmp_path, line, kind):
    with pytest.raises(InputError) as error:
        read(tmp_path, "iron tab", f"{GOOD}{line}\n")
    assert re.search(r"d\.ann:5: .+; .+", str(error.value))
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400 + len(str(tmp_path))


@pytest.mark.parametrize(("line", "kind"), FAULTS.items())
def test_a_faulty_line_is_counted_by_choice_and_the_rest_is_read(tmp_path, line, kind):
    document = read(tmp_path, "iron tab", f"{GOOD}{line}\n", on_error="count")
    assert document.warnings == Counter({kind: 1})
    assert to_brat(document) == GOOD


def test_what_hangs_on_a_dropped_line_is_dropped_and_counted_too(tmp_path):
    ann = (
        "T1\tDrug 0 99\tiron\nT2\tForm 5 8\ttab\nE1\tX:T1\nE2\tX:T2 Y:E1\nE3\tX:T2 Y:E2\n"
        "R1\tY Arg1:T2 Arg2:E3\nA1\tNegated R1\n#1\tAnnotatorNotes A1\tx\n"
    )
    document = read(tmp_path, "iron tab", ann, on_error="count")
    assert to_brat(document) == "T2\tForm 5 8\ttab\n"
    assert document.warnings == Counter(
        {
            "bad offsets": 1,
            "event to an unknown id": 3,
            "relation to an unknown id": 1,
            "attribute to an unknown id": 1,
            "note to an unknown id": 1,
        }
    )


def chain(count: int) -> str:
    """Events of which each has the next as its argument; the last one's is missing."""
    events = (f"E{k}\tX:T1 Theme:E{k + 1} Theme:E{k + 1}\n" for k in range(1, count + 1))
    return f"T1\tX 0 4\tiron\n{''.join(events)}"


def test_a_chain_of_events_onto_a_missing_one_is_dropped_and_no_other_event(tmp_path):
    ann = f"{chain(50)}E60\tX:T1 Y:E1 Z:E60\nE61\tX:T1 Y:E62\nE62\tX:T1 Y:E61\n"
    document = read(tmp_path, "iron", ann, on_error="count")
    assert document.warnings == Counter({"event to an unknown id": 51})
    assert [event.id for event in document.events] == ["E61", "E62"]
    with pytest.raises(InputError, match=r":51: event E50 refers to E51,"):
        read(tmp_path, "iron", ann)


def test_twice_the_chain_is_twice_the_work(tmp_path):
    def calls(count: int) -> int:
        seen = 0

        def profile(*_) -> None:
            nonlocal seen
            seen += 1

        write = chain(count)
        sys.setprofile(profile)
        try:
            read(tmp_path, "iron", write, on_error="count")
        finally:
            sys.setprofile(None)
        return seen

    calls(1)  # what is done once
    assert calls(400) < 2.2 * calls(200)


def test_a_faulty_line_names_the_choice_as_each_command_spells_it(tmp_path):
    with pytest.raises(FaultyLine, match=r"counted \(--on-error count\)$") as error:
        read(tmp_path, "iron", "oops\n")
    said = str(error.value.spelled("--data.malformed count"))
    assert said.endswith("or have such lines counted (--data.malformed count)")


def test_a_text_without_annotations_and_an_empty_ann_are_documents(tmp_path):
    (tmp_path / "b.txt").write_text("two")
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "a.ann").write_text("")
    (tmp_path / "c.txt").write_text("")
    (tmp_path / "annotation.conf").write_text("[entities]\n")
    (tmp_path / "._a.txt").write_bytes(b"\xff resource fork")
    with pytest.warns(UnannotatedWarning, match="beside 1 of 3 texts: b$"):
        found = read_folder(tmp_path)
    assert found == [Document("a", "one"), Document("b", "two"), Document("c", "")]


def test_an_ann_without_its_txt_is_an_error(tmp_path):
    (tmp_path / "a.ann").write_text("")
    with pytest.raises(InputError, match=r"a\.ann has no a\.txt beside it; put"):
        read_folder(tmp_path)


def test_a_folder_without_texts_is_an_error_that_points_to_a_subfolder_with_some(tmp_path):
    with pytest.raises(InputError, match=r"no \.txt files in"):
        read_folder(tmp_path)
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "a.txt").write_text("one")
    with pytest.raises(InputError, match=r"did you mean .*train\?"):
        read_folder(tmp_path)


def test_a_missing_folder_or_a_file_in_its_place_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"no folder .*nowhere; check"):
        read_folder(tmp_path / "nowhere")
    (tmp_path / "a.txt").write_text("one")
    with pytest.raises(InputError, match=r"a\.txt is a file; give the folder"):
        read_folder(tmp_path / "a.txt")


def test_missing_files_and_folders_named_like_files_are_errors(tmp_path):
    with pytest.raises(InputError, match=r"no file .*a\.txt"):
        read_document(tmp_path / "a.txt", None)
    (tmp_path / "b.txt").mkdir()
    with pytest.raises(InputError, match=r"b\.txt is a folder"):
        read_folder(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_an_unreadable_file_is_an_error(tmp_path):
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "a.txt").chmod(0)
    with pytest.raises(InputError, match=r"cannot read .*a\.txt: .*permissions"):
        read_folder(tmp_path)


@pytest.mark.parametrize("suffix", ["txt", "ann"])
def test_a_file_that_is_not_utf8_is_an_error_naming_line_byte_and_remedy(tmp_path, suffix):
    contents = {"txt": b"caf", "ann": b""} | {suffix: b"one\ncaf\xe9"}
    with pytest.raises(InputError, match=rf"d\.{suffix}:2: .*byte 0xe9 at position 7; .*iconv"):
        read(tmp_path, contents["txt"], contents["ann"])


@pytest.mark.parametrize("setting", ["on_error", "newlines", "on_mismatch"])
def test_an_unknown_choice_is_an_error(tmp_path, setting):
    with pytest.raises(InputError, match=rf"{setting} is 'perhaps'; choose one of"):
        read(tmp_path, "", "", **{setting: "perhaps"})


def test_write_folder_writes_what_read_folder_reads(tmp_path):
    documents = [
        Document("a", "\ufeffiron\r\ntab", [Mention("T1", "Drug", ((1, 5),), "iron")]),
        Document("b.2", ""),
    ]
    assert write_folder(documents, tmp_path / "new" / "folder") == 2
    assert read_folder(tmp_path / "new" / "folder") == documents
    assert len(list((tmp_path / "new" / "folder").iterdir())) == 4


NO_FILE_NAMES = [
    *["", "a/b", "../a", "..", ".", ".a", "a\\b", "..\\a", "C:\\a"],
    *["a\0", "a\n", "\x1b[2J", "\x7f"],
    *["half \ud800", "\udcff", "a" * 251, "ä" * 126, "/etc/passwd", "/"],
]  # fmt: skip
#: Odd, but files of their own here, each beside the other.
FILE_NAMES = ["CON", "nul.x", "a.", "a ", "~", "-rf", "a:b", "A", "a", "*?", "a" * 250]
#: One name to the eye: composed and not, full-width and Cyrillic look-alikes, a slash that is none.
FILE_NAMES += ["\xe9", "e\u0301", "ａ", "а", "a\u2215b", "\u202ea", "x-0001"]
WRITERS = {
    "brat": lambda documents, out: write_folder(documents, out),
    "json": lambda documents, out: write_json(documents, out),
    "tokens": lambda documents, out: write_tokens(documents, out),
    "columns": lambda documents, out: write_columns(documents, out),
}


def test_two_documents_of_one_id_are_an_error(tmp_path):
    for write in (write_folder, write_json):
        with pytest.raises(InputError, match="two documents have the id 'a'"):
            write([Document("a", "x"), Document("a", "x")], tmp_path)


@pytest.mark.parametrize("format", WRITERS)
@pytest.mark.parametrize("id", NO_FILE_NAMES, ids=ascii)
def test_no_id_leads_out_of_the_folder(tmp_path, format, id):
    with pytest.raises(InputError, match="cannot be a file name") as error:
        WRITERS[format]([Document(id, "x")], tmp_path / "out")
    assert str(error.value).isprintable()
    assert not list(tmp_path.rglob("*.*"))


@pytest.mark.parametrize("format", WRITERS)
def test_odd_ids_are_files_of_their_own(tmp_path, format):
    # Columns hold ids that no file's name gives in comments, whose ends are trimmed.
    ids = [id for id in FILE_NAMES if format != "columns" or id == id.strip()]
    documents = [Document(id, f"text {n}") for n, id in enumerate(ids)]
    WRITERS[format](documents, tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    read_back = {d.id: d.text for d in open_corpus(tmp_path / "out")}
    assert read_back == {d.id: d.text for d in documents}


@pytest.mark.parametrize("format", WRITERS)
def test_a_link_in_the_place_of_a_file_is_replaced_and_not_followed(tmp_path, format):
    (tmp_path / "private").write_text("mine")
    (tmp_path / "out").mkdir()
    names = ("a.txt", "a.ann", "a.json", "a.tsv")
    for name in names:
        (tmp_path / "out" / name).symlink_to(tmp_path / "private")
    WRITERS[format]([Document("a", "x", [Mention("T1", "X", ((0, 1),))])], tmp_path / "out")
    assert (tmp_path / "private").read_text() == "mine"
    assert sum(not (tmp_path / "out" / name).is_symlink() for name in names) in (1, 2)


@pytest.mark.parametrize("name", ["out.json", "out.jsonl", "out.tsv"])
def test_a_link_in_the_place_of_the_one_file_is_replaced(tmp_path, name):
    (tmp_path / "private").write_text("mine")
    (tmp_path / name).symlink_to(tmp_path / "private")
    write = write_columns if name == "out.tsv" else write_json
    write([Document("a", "x")], tmp_path / name)
    assert (tmp_path / "private").read_text() == "mine"
    assert not (tmp_path / name).is_symlink()


def test_a_file_whose_name_is_no_text_is_an_error(tmp_path):
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt")).write_text("x")
    except OSError:
        pytest.skip("this file system has Unicode names only")
    with pytest.raises(InputError, match="name is not UTF-8"):
        read_folder(tmp_path)


SECRET = "Zachary"


@pytest.mark.parametrize("start", [*(kind + id for kind in "TREAMN#*" for id in ("", "9\t")), "X"])
@pytest.mark.parametrize(
    "rest",
    [
        f"{SECRET} ill",
        f"X 0 99\t{SECRET}",
        f"X {SECRET}",
        f"X:{SECRET}",
        f"X Y:{SECRET} Z:{SECRET}",
    ],
)
def test_no_message_has_the_text_of_a_note(tmp_path, start, rest):
    """Notes are private: what stands where a text may stand is never repeated."""
    with pytest.raises(InputError) as error:
        read(tmp_path, f"{SECRET} ill", f"{start}{rest}\n", on_mismatch="raise")
    assert SECRET not in str(error.value)


def test_writing_into_a_file_is_an_error(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(InputError, match="is a file"):
        write_folder([Document("a", "x")], tmp_path / "a")


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=5).filter(
    lambda name: not any(map(str.isspace, name))
)
lines = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=8)
roles = names.filter(lambda name: ":" not in name)


@st.composite
def documents(draw) -> Document:
    """Any text with any annotations on it."""
    text = draw(st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
    document = Document("d", text)
    for number in range(draw(st.integers(0, 4))):
        cuts = draw(st.sets(st.integers(0, len(text)), min_size=2, max_size=6).map(sorted))
        fragments = tuple(zip(cuts[::2], cuts[1::2], strict=False))
        said = " ".join(text[s:e] for s, e in fragments).replace("\r", " ").replace("\n", " ")
        document.mentions.append(Mention(f"T{number}", draw(names), fragments, said))
    if document.mentions:
        ids = st.sampled_from([m.id for m in document.mentions])
        for number in range(draw(st.integers(0, 3))):
            relation = Relation(f"R{number}", draw(names), draw(ids), draw(ids))
            document.relations.append(relation)
        for number in range(draw(st.integers(0, 2))):
            arguments = draw(st.lists(st.tuples(roles, ids), max_size=3).map(tuple))
            document.events.append(Event(f"E{number}", draw(roles), draw(ids), arguments))
        for number in range(draw(st.integers(0, 2))):
            value = draw(st.none() | names)
            document.attributes.append(Attribute(f"A{number}", draw(names), draw(ids), value))
        for number in range(draw(st.integers(0, 2))):
            entry = Normalization(f"N{number}", draw(names), draw(ids), draw(names), draw(lines))
            document.normalizations.append(entry)
        for members in draw(st.lists(st.lists(ids, min_size=1, max_size=3), max_size=2)):
            document.equivalences.append(Equivalence(draw(names), tuple(members)))
        for number in range(draw(st.integers(0, 2))):
            document.notes.append(Note(f"#{number}", draw(names), draw(ids), draw(lines)))
    return document


in_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@in_one_folder
@given(documents())
def test_any_document_survives_being_written_and_read(tmp_path, document):
    write_folder([document], tmp_path)
    assert read_folder(tmp_path, on_mismatch="raise") == [document]


PIECES = (
    "T1 T2 T3 E1 E2 R1 R2 A1 M1 N1 #1 * Arg1:T1 Arg1:E1 Arg2:T2 X:T1 X:E2 X X 0 1 2 3 5 ; : ² -1 "
    "0~3 0~1;2~4 2~4;0~1 \t \t \t ~ ~ \r \ufeff \x00"
)
pieces = st.sampled_from([piece.replace("~", " ") for piece in PIECES.split(" ")])
ann_bytes = st.one_of(
    st.binary(max_size=80),
    st.lists(st.lists(pieces, max_size=9).map("".join), max_size=6).map("\n".join).map(str.encode),
)


@in_one_folder
@given(st.binary(max_size=20), ann_bytes, st.sampled_from(["raise", "count"]))
def test_arbitrary_bytes_never_give_anything_but_a_document_or_an_input_error(
    tmp_path, text, ann, on_error
):
    try:
        document = read(tmp_path, text, ann, on_error=on_error)
    except InputError:
        return
    # What was kept is sound: it reads again without any complaint.
    again = read(tmp_path, document.text, to_brat(document), on_mismatch="raise")
    assert to_brat(again) == to_brat(document)


def annotations(content: str) -> Counter:
    """The lines of an .ann file, white space at their ends aside."""
    return Counter(line.rstrip() for line in content.split("\n") if line.strip())


@pytest.mark.parametrize(
    ("corpus", "documents", "mentions", "relations"),
    [
        ("phee-n2c2/train", 35, 8117, 5464),
        ("phee-n2c2/dev", 12, 2730, 1895),
        ("phee-n2c2/test", 12, 2810, 1971),
        ("maccrobat2020", 200, 25189, 16307),
    ],
)
def test_real_corpora_are_read_whole_and_written_line_for_line(
    shared_data, corpus, documents, mentions, relations
):
    read_documents = read_folder(shared_data / corpus)
    assert len(read_documents) == documents
    assert sum(len(d.mentions) for d in read_documents) == mentions
    assert sum(len(d.relations) for d in read_documents) == relations
    assert sum((d.warnings for d in read_documents), Counter()) == Counter()
    for document in read_documents:
        original = (shared_data / corpus / f"{document.id}.ann").read_bytes().decode()
        assert annotations(to_brat(document)) == annotations(original)
