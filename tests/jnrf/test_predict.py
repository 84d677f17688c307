"""Bulk extraction: which files it reads, what it writes, and what it refuses to write over."""

import pytest
from tiny_corpus import TINY, write_corpus

from jnrf.corpora.brat import read_folder
from jnrf.predict import MARK, claim_folder, find_texts, predict_files
from jnrf.training import loop, settings
from jnrf.training.config import TrainConfig
from jnrf_ext import JNRF
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
        (lambda path: path.write_text(""), "is not a .txt file"),
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
