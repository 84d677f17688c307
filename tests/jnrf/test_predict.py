"""Bulk extraction: which files it reads, what it writes, and what it refuses to write over."""

import pytest
from tiny_corpus import TINY, write_corpus

from jnrf.cli import main
from jnrf.corpora import open_corpus
from jnrf.corpora.brat import read_folder
from jnrf.corpora.columns import write_columns
from jnrf.corpora.json import write_json
from jnrf.corpora.tokens import write_tokens
from jnrf.predict import MARK, claim_folder, find_texts, predict_files
from jnrf.training import loop, settings
from jnrf.training.config import TrainConfig
from jnrf_ext import JNRF
from jnrf_ext.document import Document, Mention
from jnrf_ext.errors import InputError


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model that knows its training notes well enough to find mentions and relations."""
    folder = tmp_path_factory.mktemp("model")
    values = TINY | {
        "data.train": str(write_corpus(folder / "corpus")),
        "run.out": str(folder / "run"),
        "run.epochs": 60,
        "model.hidden_size": 32,
        "model.embedding_dropout": 0.0,
        "model.layer_dropout": 0.0,
        "model.head_dropout": 0.0,
        "model.wordpiece_dropout": 0.0,
        "optim.lr": 0.01,
    }
    loop.train(TrainConfig.from_dict(settings.merge({}, values)))
    return JNRF.from_pretrained(folder / "run" / "best")


@pytest.fixture
def notes(tmp_path):
    """Five notes without annotations."""
    folder = write_corpus(tmp_path / "notes", documents=5, seed=3)
    for path in folder.glob("*.ann"):
        path.unlink()
    return folder


def predict(model, notes, out, **options):
    outcome = predict_files(model, find_texts(notes), claim_folder(out, "m", False), **options)
    return outcome, {p.name: p.read_text() for p in out.glob("*.ann")}


def test_each_text_gets_annotations_of_its_name_with_offsets_into_it(model, notes, tmp_path):
    outcome, written = predict(model, notes, tmp_path / "out")
    assert sorted(written) == [f"note{i}.ann" for i in range(5)]
    assert outcome.documents == 5
    assert outcome.unreadable == []
    assert outcome.wordpieces == sum(
        len(model.tokenizer.encode(p.read_text())) for p in notes.glob("*.txt")
    )
    for path in notes.glob("*.txt"):
        (tmp_path / "out" / path.name).write_text(path.read_text())
    documents = read_folder(tmp_path / "out")
    assert any(document.relations for document in documents)
    for document in documents:
        assert not document.warnings
        for mention in document.mentions:
            assert document.text[mention.start : mention.end] == mention.text


def test_the_batch_size_does_not_change_what_is_found(model, notes, tmp_path):
    _, small = predict(model, notes, tmp_path / "small", batch_tokens=1)
    _, large = predict(model, notes, tmp_path / "large", batch_tokens=100_000)
    assert small == large


def test_a_single_file_can_be_given(model, notes, tmp_path):
    _, written = predict(model, notes / "note2.txt", tmp_path / "out")
    assert list(written) == ["note2.ann"]


def test_a_note_without_text_gets_an_empty_file(model, notes, tmp_path):
    (notes / "empty.txt").write_text("")
    _, written = predict(model, notes, tmp_path / "out")
    assert written["empty.ann"] == ""
    assert len(written) == 6


def test_line_ends_and_characters_outside_the_plane_keep_offsets_true(model, tmp_path):
    notes = tmp_path / "notes"
    notes.mkdir()
    text = "\U0001f48a é\r\nHe takes aspirin 81 mg for fever.\r\n"
    (notes / "a.txt").write_bytes(text.encode())
    _, written = predict(model, notes, tmp_path / "out")
    mentions = [line.split("\t") for line in written["a.ann"].splitlines() if line[0] == "T"]
    assert mentions
    for _, span, said in mentions:
        _, start, end = span.split()
        assert text[int(start) : int(end)] == said


def test_files_that_cannot_be_read_are_left_out_and_named(model, notes, tmp_path):
    (notes / "note1.txt").write_bytes(b"caf\xe9")
    (notes / "note3.txt").unlink()
    (notes / "note3.txt").mkdir()
    outcome, written = predict(model, notes, tmp_path / "out")
    assert sorted(written) == ["note0.ann", "note2.ann", "note4.ann"]
    first, second = outcome.unreadable
    assert "note1.txt" in first
    assert "note3.txt" in second


def test_strict_stops_at_the_first_such_file(model, notes, tmp_path):
    (notes / "note1.txt").write_bytes(b"caf\xe9")
    with pytest.raises(InputError, match="note1"):
        predict(model, notes, tmp_path / "out", strict=True)


def test_progress_is_told_in_files_the_unreadable_ones_included(model, notes, tmp_path):
    (notes / "note1.txt").write_bytes(b"caf\xe9")
    told = []
    predict(model, notes, tmp_path / "out", batch_tokens=1, told=lambda n, _: told.append(n))
    assert sum(told) == 5
    assert len(told) == 4


def test_annotations_that_predict_did_not_write_are_not_written_over(tmp_path):
    gold = write_corpus(tmp_path / "gold")
    before = (gold / "note0.ann").read_bytes()
    with pytest.raises(InputError, match=r"did not write.*give another --out, or --overwrite"):
        claim_folder(gold, "m", overwrite=False)
    assert (gold / "note0.ann").read_bytes() == before
    assert not (gold / MARK).exists()
    assert claim_folder(gold, "m", overwrite=True) == gold


def test_its_own_annotations_may_be_written_again(model, notes, tmp_path):
    _, first = predict(model, notes, tmp_path / "out")
    _, second = predict(model, notes, tmp_path / "out")
    assert first == second


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "no file or folder"),
        (lambda path: path.mkdir(), "no .txt files in"),
        (lambda path: path.write_text(""), "is not a .txt file, nor one of JSON or columns"),
    ],
)
def test_input_that_holds_no_texts_is_an_error(tmp_path, make, message):
    make(tmp_path / "input")
    with pytest.raises(InputError, match=message):
        find_texts(tmp_path / "input")


def test_hidden_files_are_not_notes(notes):
    (notes / ".note.txt").write_text("x")
    assert len(find_texts(notes)) == 5


def test_a_file_as_the_output_folder_is_an_error(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="is a file; give a folder"):
        claim_folder(tmp_path / "out", "m", overwrite=False)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        claim_folder(tmp_path / "file" / "out", "m", overwrite=False)


WRITERS = {"json": write_json, "tokens": write_tokens, "columns": write_columns}
NAMES = {"json": "x.json", "tokens": "x.json", "columns": "x.tsv"}


@pytest.fixture
def sentences():
    """Sentences of a file x, with an annotation that must not be taken over."""
    parts = "He takes aspirin 81 mg for chest pain .", "Then warfarin 5 mg for fever .", "."
    documents = [Document(f"x-{n:04d}", text) for n, text in enumerate(parts, 1)]
    documents[2].mentions.append(Mention("T1", "Drug", ((0, 1),), "."))
    return documents


def predicted(model, source, out, to="brat", **options):
    texts = find_texts(source)
    return predict_files(model, texts, claim_folder(out, "m", False, texts, to), to=to, **options)


@pytest.mark.parametrize("to", ["brat", "json", "tokens", "columns"])
@pytest.mark.parametrize("format", ["json", "tokens", "columns"])
def test_texts_of_a_corpus_are_annotated_anew_in_any_format(model, sentences, tmp_path, format, to):
    source = tmp_path / NAMES[format]
    WRITERS[format](sentences, source)
    outcome = predicted(model, source, tmp_path / "out", to)
    assert outcome.documents == 3
    expected = model.extract([d.text for d in sentences], ids=[d.id for d in sentences])
    assert any(document.mentions for document in expected)
    assert not expected[2].mentions
    found = open_corpus(tmp_path / "out")
    assert [d.id for d in found] == [d.id for d in sentences]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.text.replace(" ", "") == theirs.text.replace(" ", "")
        assert [(m.type, m.text.replace(" ", "")) for m in ours.mentions] == [
            (m.type, m.text.replace(" ", "")) for m in theirs.mentions
        ]
        if to != "columns":
            assert len(ours.relations) == len(theirs.relations)
    if to == "columns":
        assert outcome.lost["relation"] == sum(len(d.relations) for d in expected)


@pytest.mark.parametrize("to", ["brat", "tokens"])  # without scores, which round otherwise
def test_the_batch_size_does_not_change_what_is_found_in_a_corpus(model, sentences, tmp_path, to):
    for name in ("x", "y"):
        group = [Document(d.id.replace("x", name), d.text) for d in sentences]
        write_columns(group, tmp_path / "in" / f"{name}.tsv")
    told = []
    outcomes = [
        predicted(model, tmp_path / "in", tmp_path / out, to, batch_tokens=size,
                  told=lambda files, _: told.append(files))
        for out, size in (("small", 1), ("large", 100_000))
    ]  # fmt: skip
    assert open_corpus(tmp_path / "small") == open_corpus(tmp_path / "large")
    assert [outcome.documents for outcome in outcomes] == [6, 6]
    assert told == [1, 0, 1, 0, 0, 2]  # the full stop of x goes with what starts y


def test_notes_in_another_format_give_a_file_each(model, notes, tmp_path):
    predicted(model, notes, tmp_path / "out", "json")
    names = sorted(p.name for p in (tmp_path / "out").glob("*.json") if p.name[0] != ".")
    assert names == [f"note{n}.json" for n in range(5)]
    assert not list((tmp_path / "out").glob("*.txt"))
    assert [d.id for d in open_corpus(tmp_path / "out")] == [f"note{n}" for n in range(5)]


def test_a_faulty_corpus_file_is_left_out_and_named(model, sentences, tmp_path):
    write_columns(sentences, tmp_path / "in" / "x.tsv")
    (tmp_path / "in" / "y.tsv").write_text("a\tO\nb\n")
    outcome = predicted(model, tmp_path / "in", tmp_path / "out")
    assert outcome.documents == 3
    assert len(outcome.unreadable) == 1
    assert "y.tsv:2: no tag" in outcome.unreadable[0]
    with pytest.raises(InputError, match=r"y\.tsv:2"):
        predicted(model, tmp_path / "in", tmp_path / "out", strict=True)


def test_ids_that_cannot_name_files_keep_a_file_out_of_brat_only(model, tmp_path):
    write_json([Document("a/b", "aspirin"), Document("c", "aspirin")], tmp_path / "x.json")
    outcome = predicted(model, tmp_path / "x.json", tmp_path / "brat")
    assert outcome.documents == 0
    assert "x.json: document id 'a/b' cannot be a file name" in outcome.unreadable[0]
    assert predicted(model, tmp_path / "x.json", tmp_path / "json", "json").documents == 2


def test_files_that_predict_did_not_write_are_kept_whatever_the_format(sentences, tmp_path):
    out = tmp_path / "out"
    write_columns(sentences, out / "x.tsv")
    write_columns(sentences, tmp_path / "x.tsv")
    texts = find_texts(tmp_path / "x.tsv")
    with pytest.raises(InputError, match=r"holds \.tsv files that jnrf predict did not write"):
        claim_folder(out, "m", False, texts, "columns")
    assert claim_folder(out, "m", False, texts, "brat") == out
    # The mark of a prediction in brat is no licence for other endings.
    with pytest.raises(InputError, match=r"holds \.tsv files"):
        claim_folder(out, "m", False, texts, "columns")
    assert claim_folder(out, "m", True, texts, "columns") == out
    assert claim_folder(out, "m", False, texts, "columns") == out


def test_texts_of_notes_that_stand_there_are_not_written_over(sentences, notes, tmp_path):
    write_columns(sentences, tmp_path / "x.tsv")
    with pytest.raises(InputError, match=r"holds \.txt files"):
        claim_folder(notes, "m", False, find_texts(tmp_path / "x.tsv"))


def test_a_mark_of_an_earlier_version_is_for_ann_files(tmp_path):
    (tmp_path / MARK).write_text('{"made_by": "jnrf predict", "model": "m"}')
    (tmp_path / "a.ann").write_text("")
    (tmp_path / "a.json").write_text("")
    assert claim_folder(tmp_path, "m", False) == tmp_path
    with pytest.raises(InputError, match=r"holds \.json files"):
        claim_folder(tmp_path, "m", False, to="json")


def test_the_input_is_never_written_over(sentences, tmp_path):
    write_columns(sentences, tmp_path / "x.tsv")
    with pytest.raises(InputError, match="would be written over it"):
        claim_folder(tmp_path, "m", True, find_texts(tmp_path / "x.tsv"), "columns")


def test_two_files_of_one_name_are_an_error(sentences, tmp_path):
    for name in ("x.tsv", "x.conll"):
        write_columns(sentences, tmp_path / "in" / name)
    with pytest.raises(InputError, match=r"x\.conll and x\.tsv would have one output"):
        claim_folder(tmp_path / "out", "m", False, find_texts(tmp_path / "in"))


def test_the_command_says_what_the_format_cannot_hold(model, sentences, tmp_path, capsys):
    model.save_pretrained(tmp_path / "model")
    write_tokens(sentences, tmp_path / "x.json")
    args = ["predict", str(tmp_path / "model"), str(tmp_path / "x.json"), "--device", "cpu"]
    assert main([*args, "--out", str(tmp_path / "out"), "--to", "columns"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("3 documents in ")
    assert " x relation (--to columns cannot hold it)\n" in said
    assert [d.id for d in open_corpus(tmp_path / "out")] == [d.id for d in sentences]
    assert main([*args, "--out", str(tmp_path), "--to", "tokens"]) == 2
    assert "would be written over it; give another --out" in capsys.readouterr().err
