"""BIO columns: real corpora keep every token and offset, variants are read, losses are told."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from word_documents import word_documents

from jnrf.corpora import open_corpus, read_corpus
from jnrf.corpora.columns import read_columns, write_columns
from jnrf.corpora.tokens import write_tokens
from jnrf.scoring.entities import spans_of
from jnrf_ext.documents.document import Document, Mention, Relation
from jnrf_ext.errors import InputError


def opened(path, content, name="x.tsv"):
    (path / name).write_bytes(content.encode())
    return open_corpus(path / name)


def mentions(document):
    return [(m.type, document.text[m.start : m.end]) for m in document.mentions]


@pytest.mark.parametrize(
    "corpus", ["NCBI-disease", "BC5CDR-chem", "CRAFT-species", "BioNLP13PC-ggp", "linnaeus"]
)
def test_real_files_keep_every_token_and_mention(shared_data, corpus):
    path = shared_data / "bioner" / corpus / "devel.tsv"
    blocks = path.read_text(encoding="utf-8").strip("\n").split("\n\n")
    blocks = [[line.split("\t") for line in block.strip("\n").split("\n")] for block in blocks]
    format, documents = read_corpus(path)
    assert format == "columns"
    assert len(documents) == len(blocks)
    begins = Counter(tag[2:] for block in blocks for _, tag in block if tag.startswith("B-"))
    assert Counter(m.type for d in documents for m in d.mentions) == begins
    for block, document in zip(blocks, documents, strict=True):
        tokens = [token for token, _ in block]
        assert document.text.split(" ") == tokens
        assert not document.warnings
        spans = spans_of([tag for _, tag in block])
        for mention, (type, first, last) in zip(document.mentions, spans, strict=True):
            assert mention.type == type
            said = document.text[mention.start : mention.end]
            assert said == mention.text == " ".join(tokens[first:last])
            assert document.text[: mention.start].count(" ") == first
    assert documents[6].id == "devel-0007"


def test_a_real_file_is_written_as_it_was(shared_data, tmp_path):
    path = shared_data / "bioner" / "NCBI-disease" / "test.tsv"
    assert not write_columns(open_corpus(path), tmp_path / "test.tsv")
    assert (tmp_path / "test.tsv").read_text().strip("\n") == path.read_text().strip("\n")


def test_bio_and_iobes_spell_the_same_mentions_of_a_real_file(shared_data, tmp_path):
    documents = open_corpus(shared_data / "bioner" / "BC2GM" / "devel.tsv")
    write_columns(documents, tmp_path / "devel.iobes", "iobes")
    tags = Counter(
        line.rpartition("\t")[2][0] for line in (tmp_path / "devel.iobes").read_text().split("\n")
        if "\t" in line
    )  # fmt: skip
    assert tags["S"] + tags["B"] == sum(len(document.mentions) for document in documents)
    assert tags["B"] == tags["E"]
    assert open_corpus(tmp_path / "devel.iobes") == documents


@given(
    st.lists(word_documents(overlaps=False, relations=False), max_size=4),
    st.sampled_from(("bio", "iobes")),
)
def test_documents_of_words_survive_either_scheme(tmp_path_factory, documents, scheme):
    path = tmp_path_factory.mktemp("columns") / "x.conll"
    assert not write_columns(documents, path, scheme, words="spaces")
    assert open_corpus(path) == documents
    again = path.with_name("y.conll")
    other = "bio" if scheme == "iobes" else "iobes"
    write_columns(open_corpus(path), again, other, words="spaces")
    assert read_columns(again) == documents


@settings(deadline=None)
@given(st.lists(word_documents(relations=False), max_size=3))
def test_of_overlapping_mentions_a_longest_stays_and_the_rest_is_counted(
    tmp_path_factory, documents
):
    path = tmp_path_factory.mktemp("columns") / "x.tsv"
    lost = write_columns(documents, path, words="spaces")
    back = open_corpus(path)
    assert [d.text for d in back] == [d.text for d in documents]
    missing = 0
    for before, after in zip(documents, back, strict=True):
        places = [(m.start, m.end) for m in after.mentions]
        assert {(*place, m.type) for place, m in zip(places, after.mentions, strict=True)} <= {
            (m.start, m.end, m.type) for m in before.mentions
        }
        assert all(end <= start for (_, end), (start, _) in pairwise(places))
        missing += len(before.mentions) - len(places)
    assert lost["overlapping mention"] == missing


def test_spaces_more_columns_and_dos_line_ends_are_read(tmp_path):
    content = "\ufeffEU NNP B-NP B-ORG\r\nrejects VBZ  B-VP  O\r\n\r\n \r\nPeter NNP B-NP I-PER\r\n"
    first, second = opened(tmp_path, content, "eng.testa.conll")
    assert first == Document(
        "eng.testa-0001", "EU rejects", [Mention("T1", "ORG", ((0, 2),), "EU")]
    )
    assert second.id == "eng.testa-0002"
    assert mentions(second) == [("PER", "Peter")]


def test_docstart_lines_are_left_out_and_counted(tmp_path):
    content = "-DOCSTART- -X- O O\n\na O\n-DOCSTART-\nb O\n\n-DOCSTART-\tO\n"
    first, second = opened(tmp_path, content)
    assert (first.text, second.text) == ("a", "b")
    kind = "-DOCSTART- line (left out)"
    assert (first.warnings[kind], second.warnings[kind]) == (1, 2)


def test_a_docstart_line_is_known_by_its_first_word(tmp_path):
    """Which white space follows it does not matter; a longer word is a token as any other."""
    [document] = opened(tmp_path, "-DOCSTART-\vO\na O\n-DOCSTART-x O\n")
    assert document.text == "a -DOCSTART-x"
    assert document.warnings == {"-DOCSTART- line (left out)": 1}
    with pytest.raises(InputError, match="1: a tag of 3 characters is not known"):
        opened(tmp_path, "-DOCSTART-x ZZZ\n")


def test_comments_are_left_out_but_a_number_sign_may_be_a_token(tmp_path):
    content = "# newdoc\n# a comment\nrat\tB-S\n#\tO\n#1\tI-S\n\n# sent_id = note 7\n# O\nx B-Y\n"
    first, second = opened(tmp_path, content)
    assert first.text == "rat # #1"
    assert second.id == "note 7"
    assert second.text == "# x"


def test_comments_are_counted(tmp_path):
    content = "# newdoc\n#\n# pos O x\nrat\tB-S\n\n# end\n"
    [document] = opened(tmp_path, content)
    assert document.text == "rat"
    assert document.warnings == {"comment line (left out)": 4}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("# NN B-X", "# a"),  # as many columns as the other rows, and a tag
        ("#1 NN O", "#1 a"),
        ("# O", "a"),  # a comment that ends in a letter that is a tag, too
        ("# blood group is O", "a"),
        ("# NN X", "a"),
        ("#\tO", "# a"),  # a tab makes a row, whatever the others have
        ("#\tNN\tB-X", "# a"),
    ],
)
def test_a_line_that_starts_with_a_number_sign_is_a_row_or_a_counted_comment(tmp_path, line, words):
    for content in (f"{line}\na NN O\n", f"-DOCSTART- -X- O\n\n{line}\na NN O\n"):
        [document] = opened(tmp_path, content)
        assert document.text == words
        comments = document.warnings["comment line (left out)"]
        assert len(document.text.split()) + comments == 2


@pytest.mark.parametrize("tag", ["X-Drug", "Drug", "drug O!", ""])
def test_a_token_with_a_number_sign_and_a_wrong_tag_does_not_vanish(tmp_path, tag):
    with pytest.raises(InputError, match=r"x\.tsv:2: ") as error:
        opened(tmp_path, f"a\tO\n#\t{tag}\n")
    assert "\n" not in str(error.value)


_TOKENS = st.text("#ab=-\u2028\x0b\x0c\x85\xa0 ", max_size=4).map("#".__add__) | st.just("b")
_SENTENCES = st.lists(
    st.lists(st.tuples(_TOKENS, st.sampled_from(("O", "B-X", "U-Y"))), min_size=1),
    min_size=1,
    max_size=4,
)
_ENDS = ("\n", "\r\n", "\r")
#: An empty line after a "\r" must not make a "\r\n" of it.
_TWO_ENDS = ("\n\n", "\r\n\r\n", "\r\r", "\n\r", "\r\n\n", "\n\r\n", "\r\n\r")


@given(_SENTENCES, st.data())
def test_line_ends_of_any_system_and_number_signs_change_nothing(tmp_path_factory, sentences, data):
    """One file may mix line ends; a token that starts with # is a token."""
    folder = tmp_path_factory.mktemp("ends")
    rows = [[f"{token}\t{tag}" for token, tag in sentence] for sentence in sentences]
    plain = "\n\n".join("\n".join(lines) for lines in rows)
    mixed = ""
    for *lines, last in rows:
        mixed += "".join(line + data.draw(st.sampled_from(_ENDS)) for line in lines)
        mixed += last + data.draw(st.sampled_from(_TWO_ENDS))
    for content in (*(plain.replace("\n", end) for end in (*_ENDS, "\r\r\n")), mixed):
        documents = opened(folder, content)
        assert [d.text for d in documents] == [" ".join(t for t, _ in s) for s in sentences]
        for document, sentence in zip(documents, sentences, strict=True):
            types = [tag[2:] for _, tag in sentence if tag != "O"]
            assert [mention.type for mention in document.mentions] == types
            assert "comment line (left out)" not in document.warnings


def test_upper_case_suffixes_are_read_and_written(tmp_path):
    write_columns([Document("A-0001", "w")], tmp_path / "A.TSV")
    assert read_corpus(tmp_path) == ("columns", [Document("A-0001", "w")])
    assert read_corpus(tmp_path / "A.TSV")[0] == "columns"


def test_a_token_may_hold_a_space_that_does_not_break(tmp_path):
    [document] = opened(tmp_path, "10\xa0mg B-Dose\nNew York\tB-Loc\n", "x.bio")
    assert mentions(document) == [("Dose", "10\xa0mg"), ("Loc", "New York")]
    assert document.warnings == {"token with white space in it (read as several words)": 2}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("a\tO\nb\n", r"x\.tsv:2: no tag in a line of 1 characters; write token, tab, tag"),
        ("a\tO\n\n\nb\t\n", r"x\.tsv:4: no tag in"),
        ("a\tO\nb\tB\n", r"x\.tsv:2: the tag 'B' names no type; write B-Type"),
        ("a\tO\nb\tDrug\n", r"x\.tsv:2: a tag of 4 characters is not known; write O, or B-"),
        ("a\tB-\n", r"x\.tsv:1: the tag 'B-' names no type; write B-Type"),
        ("\tO\n", r"x\.tsv:1: no token before the tag"),
    ],
)
def test_faulty_lines_are_one_line_with_file_and_number(tmp_path, content, complaint):
    with pytest.raises(InputError, match=complaint) as error:
        opened(tmp_path, content)
    assert "\n" not in str(error.value)


def test_what_is_not_utf8_is_an_error_with_its_line(tmp_path):
    (tmp_path / "x.tsv").write_bytes(b"a\tO\ncaf\xe9\tO\n")
    with pytest.raises(InputError, match=r"x\.tsv:2: not UTF-8"):
        open_corpus(tmp_path / "x.tsv")


def test_a_document_is_one_sentence_and_what_is_lost_is_counted(tmp_path):
    document = Document(
        "note7",
        "Gave IL-2.\n\nThen  iron",
        [Mention("T1", "Drug", ((5, 9),)), Mention("T2", "Gene", ((5, 7),))],
        [Relation("R1", "Same", "T1", "T2")],
    )
    lost = write_columns([document, Document("empty", "")], tmp_path / "x.tsv")
    assert (tmp_path / "x.tsv").read_text() == (
        "# sent_id = note7\nGave\tO\nIL\tB-Drug\n-\tI-Drug\n2\tI-Drug\n.\tO\nThen\tO\niron\tO\n\n"
        "# sent_id = empty\n\n"
    )
    assert lost == {
        "text whose white space became single spaces": 1,
        "space put between a word and what touches it, such as punctuation": 3,
        "overlapping mention": 1,
        "relation": 1,
    }
    assert [d.id for d in open_corpus(tmp_path / "x.tsv")] == ["note7", "empty"]


def test_a_folder_gets_a_file_for_each_that_the_ids_name(tmp_path):
    documents = [Document(id, "w") for id in ("a-0001", "note", "a-0002", "b-0003")]
    write_columns(documents, tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.tsv", "b.tsv", "note.tsv"]
    assert (tmp_path / "out" / "a.tsv").read_text() == "w\tO\n\nw\tO\n\n"
    assert (tmp_path / "out" / "b.tsv").read_text().startswith("# sent_id = b-0003\n")
    assert {d.id for d in open_corpus(tmp_path / "out")} == {d.id for d in documents}


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        (Document("d", "iron", [Mention("T1", "", ((0, 4),))]), "an empty type, which columns"),
        (Document("d\n1", "iron"), "cannot hold the document id"),
        (Document("d", "a -DOCSTART- b"), "cannot hold the word -DOCSTART- of document 'd'"),
    ],
)
def test_names_that_do_not_read_back_are_errors(tmp_path, document, complaint):
    with pytest.raises(InputError, match=complaint):
        write_columns([document], tmp_path / "x.tsv", words="spaces")
    assert not (tmp_path / "x.tsv").exists()


def test_types_with_white_space_are_written_without_and_counted(tmp_path):
    documents = [
        Document(f"x-000{n}", "iron", [Mention("T1", type, ((0, 4),), "iron")])
        for n, type in enumerate(("A drug", "B", "A drug"), 1)
    ]
    lost = write_columns(documents, tmp_path / "x.tsv")
    assert lost == {"entity type 'A drug' (written A_drug)": 2}
    assert [d.mentions[0].type for d in open_corpus(tmp_path / "x.tsv")] == [
        "A_drug",
        "B",
        "A_drug",
    ]
    documents[1].mentions[0].type = "A_drug"
    with pytest.raises(InputError, match="'A drug' and 'A_drug' would become one"):
        write_columns(documents, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_another_scheme_is_an_error(tmp_path):
    with pytest.raises(InputError, match="scheme is 'bilou'; choose one of bio, iobes"):
        write_columns([], tmp_path / "x.tsv", "bilou")


def test_a_folder_of_columns_and_json_is_ambiguous(tmp_path):
    write_columns([Document("a-0001", "w")], tmp_path)
    write_tokens([Document("a-0001", "w")], tmp_path)
    with pytest.raises(InputError, match=r"holds both columns \(a\.tsv\) and JSON \(a\.json\)"):
        open_corpus(tmp_path)


@pytest.mark.parametrize("content", ["a\tO\nZachary\n", "O\tZachary\n", "a\tO\n\tZachary ill\n"])
def test_no_message_has_the_text_of_a_note(tmp_path, content):
    with pytest.raises(InputError) as error:
        opened(tmp_path, content)
    assert "Zachary" not in str(error.value)
