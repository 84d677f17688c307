"""A prediction run: everything comes once, in order, and what is done is not done again."""

import json

import pytest
from predicting import predict, rows, visible, write_lines

from jnrf.corpora.brat import read_folder
from jnrf.prediction.notes import Note
from jnrf.prediction.receipts import RECEIPTS, Receipts
from jnrf_ext.errors import InputError

SENTENCE = "He takes aspirin 81 mg for chest pain.\n"


def annotations(out):
    return {n: d.decode() for n, d in visible(out).items() if n.endswith(".ann")}


def test_each_text_gets_annotations_of_its_name_with_offsets_into_it(predictor, notes, tmp_path):
    outcome = predict(predictor, notes, tmp_path / "out")
    written = annotations(tmp_path / "out")
    assert sorted(written) == [f"note{i}.ann" for i in range(5)]
    assert (outcome.documents, outcome.skipped, outcome.faults) == (5, 0, 0)
    texts = [path.read_text() for path in notes.glob("*.txt")]
    assert outcome.wordpieces == sum(map(len, predictor.encode(texts)))
    for path in notes.glob("*.txt"):
        (tmp_path / "out" / path.name).write_text(path.read_text())
    documents = read_folder(tmp_path / "out")
    assert any(document.relations for document in documents)
    for document in documents:
        assert not document.warnings
        for mention in document.mentions:
            assert document.text[mention.start : mention.end] == mention.text


def test_what_is_found_is_what_extract_finds(predictor, notes, tmp_path):
    predict(predictor, notes, tmp_path / "out", "jsonl", batch_tokens=1)
    for row in rows(tmp_path / "out"):
        document = predictor.model.extract([row["text"]], ids=[row["id"]])[0]
        assert row == {k: v for k, v in json.loads(document.to_json()).items() if k in row}


def test_the_batch_size_does_not_change_what_is_found(predictor, notes, tmp_path):
    predict(predictor, notes, tmp_path / "small", batch_tokens=1)
    predict(predictor, notes, tmp_path / "large", batch_tokens=100_000)
    assert annotations(tmp_path / "small") == annotations(tmp_path / "large")


def test_rows_keep_the_order_of_the_notes_whatever_their_lengths(predictor, tmp_path):
    notes = {f"n{i}": SENTENCE * (1 + i * 7 % 5) for i in range(40)}
    source = write_lines(tmp_path / "notes.jsonl", notes)
    for part_bytes in (1, 300, 10**6):
        out = tmp_path / str(part_bytes)
        predict(predictor, source, out, part_bytes=part_bytes, batch_tokens=64)
        assert [row["id"] for row in rows(out)] == list(notes)
    assert len(list((tmp_path / "1").glob("part-*"))) == 40
    assert len(list((tmp_path / "1000000").glob("part-*"))) == 1


def test_a_second_run_does_nothing_and_says_so(predictor, notes, tmp_path):
    first = predict(predictor, notes, tmp_path / "out")
    before = visible(tmp_path / "out")
    second = predict(predictor, notes, tmp_path / "out")
    assert (second.documents, second.skipped, second.wordpieces) == (0, 5, 0)
    assert second.size == first.size
    assert visible(tmp_path / "out") == before


@pytest.mark.parametrize("to", ["brat", "jsonl", "parquet"])
def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(predictor, tmp_path, to):
    if to == "parquet":
        pytest.importorskip("pyarrow")
    notes = {f"n{i}": SENTENCE * (1 + i % 3) for i in range(12)}
    source = write_lines(tmp_path / "notes.jsonl", notes)
    predict(predictor, source, tmp_path / "whole", to, part_bytes=200)

    class Stop(Exception):
        pass

    def stop(outcome, receipt):
        if outcome.documents >= 5:
            raise Stop

    with pytest.raises(Stop):
        predict(predictor, source, tmp_path / "out", to, part_bytes=200, told=stop)
    outcome = predict(predictor, source, tmp_path / "out", to, part_bytes=200)
    assert outcome.skipped >= 5
    assert outcome.documents + outcome.skipped == 12
    assert visible(tmp_path / "out") == visible(tmp_path / "whole")


def test_a_file_that_was_lost_is_made_again(predictor, notes, tmp_path):
    predict(predictor, notes, tmp_path / "out")
    before = visible(tmp_path / "out")
    (tmp_path / "out" / "note3.ann").unlink()
    assert predict(predictor, notes, tmp_path / "out").documents == 5  # of the same part
    assert visible(tmp_path / "out") == before


def test_a_part_that_was_cut_short_is_made_again(predictor, tmp_path):
    source = write_lines(tmp_path / "notes.jsonl", {f"n{i}": SENTENCE for i in range(4)})
    predict(predictor, source, tmp_path / "out", part_bytes=1)
    before = visible(tmp_path / "out")
    part = tmp_path / "out" / "part-000002.jsonl"
    part.write_bytes(part.read_bytes()[:20])
    assert predict(predictor, source, tmp_path / "out", part_bytes=1).documents == 1
    assert visible(tmp_path / "out") == before


def test_a_damaged_receipt_is_no_receipt(predictor, notes, tmp_path):
    predict(predictor, notes, tmp_path / "out")
    for path in (tmp_path / "out" / RECEIPTS).glob("*.json"):
        path.write_text(path.read_text()[:-9])
    assert predict(predictor, notes, tmp_path / "out").documents == 5


def test_notes_that_came_since_are_done_and_the_rest_is_left(predictor, notes, tmp_path):
    predict(predictor, notes, tmp_path / "out", part_bytes=1)
    (notes / "note17.txt").write_text(SENTENCE)
    outcome = predict(predictor, notes, tmp_path / "out", part_bytes=1)
    assert (outcome.documents, outcome.skipped) == (1, 5)
    (notes / "note2.txt").write_text(SENTENCE)
    assert predict(predictor, notes, tmp_path / "out", part_bytes=1).documents == 1


def test_a_shorter_input_leaves_no_parts_of_the_longer_one(predictor, tmp_path):
    source = tmp_path / "notes.jsonl"
    write_lines(source, {f"n{i}": SENTENCE for i in range(6)})
    predict(predictor, source, tmp_path / "out", part_bytes=1)
    write_lines(source, {f"n{i}": SENTENCE for i in range(2)})
    predict(predictor, source, tmp_path / "out", part_bytes=1)
    assert [row["id"] for row in rows(tmp_path / "out")] == ["n0", "n1"]
    assert len(list((tmp_path / "out" / RECEIPTS).glob("*.json"))) == 2


def test_rows_that_are_alike_are_all_kept(predictor, tmp_path):
    source = tmp_path / "notes.jsonl"
    source.write_text((json.dumps({"id": "same", "text": SENTENCE}) + "\n") * 3)
    for skipped in (0, 3):
        outcome = predict(predictor, source, tmp_path / "out", part_bytes=1)
        assert outcome.skipped == skipped
    assert [row["id"] for row in rows(tmp_path / "out")] == ["same"] * 3


def test_another_model_does_all_again(predictor, model_folder, notes, tmp_path):
    from jnrf.prediction.predictor import PredictorSettings

    predict(predictor, notes, tmp_path / "out")
    other = PredictorSettings(str(model_folder), device="cpu").load()
    other.model.tag_head.output.bias.data[0] += 1
    assert other.fingerprint() != predictor.fingerprint()
    assert predict(other, notes, tmp_path / "out").documents == 5


def test_notes_that_cannot_be_read_are_listed_and_stop_nothing(predictor, notes, tmp_path):
    (notes / "note1.txt").write_bytes(b"caf\xe9")
    out = tmp_path / "out"
    outcome = predict(predictor, notes, out)
    assert (outcome.documents, outcome.faults) == (4, 1)
    assert sorted(annotations(out)) == ["note0.ann", "note2.ann", "note3.ann", "note4.ann"]
    error = json.loads((out / "errors.jsonl").read_text())
    assert error["place"] == str(notes / "note1.txt")
    assert "not UTF-8: byte 0xe9" in error["reason"]
    again = predict(predictor, notes, out)
    assert (again.skipped, again.faults) == (4, 1)
    assert json.loads((out / "errors.jsonl").read_text()) == error
    (notes / "note1.txt").write_text(SENTENCE)
    assert predict(predictor, notes, out).faults == 0
    assert not (out / "errors.jsonl").exists()


def test_strict_stops_at_the_first_of_them(predictor, notes, tmp_path):
    (notes / "note1.txt").write_bytes(b"caf\xe9")
    with pytest.raises(InputError, match=r"^[^\n]*note1[^\n]*not UTF-8"):
        predict(predictor, notes, tmp_path / "out", strict=True)


def test_a_note_that_the_model_fails_on_is_listed_and_tried_again_next_time(
    predictor, tmp_path, monkeypatch
):
    notes = {f"n{i}": SENTENCE for i in range(5)}
    source = write_lines(tmp_path / "notes.jsonl", notes | {"n3": SENTENCE + "bomb"})
    whole = predictor.pass_through

    def fails(texts, ids, encoded):
        if any("bomb" in text for text in texts):
            raise RuntimeError("out of\nmemory")
        return whole(texts, ids, encoded)

    with monkeypatch.context() as patch:
        patch.setattr(predictor, "pass_through", fails)
        outcome = predict(predictor, source, tmp_path / "out")
    assert (outcome.documents, outcome.faults) == (4, 1)
    assert [row["id"] for row in rows(tmp_path / "out")] == ["n0", "n1", "n2", "n4"]
    error = json.loads((tmp_path / "out" / "errors.jsonl").read_text())
    assert error == {
        "id": "n3",
        "place": f"{source}:4",
        "reason": "the model failed on it (RuntimeError: out of memory)",
    }
    assert predict(predictor, source, tmp_path / "out").documents == 5
    assert not (tmp_path / "out" / "errors.jsonl").exists()


def test_a_model_that_fails_on_everything_stops_the_run(predictor, notes, tmp_path, monkeypatch):
    def fails(*_):
        raise RuntimeError("no device")

    monkeypatch.setattr(predictor, "pass_through", fails)
    with pytest.raises(RuntimeError, match="no device"):
        predict(predictor, notes, tmp_path / "out")


def test_ids_that_cannot_name_files_matter_for_files_only(predictor, tmp_path):
    notes = {"../up": SENTENCE, "a/b": SENTENCE, ".hidden": SENTENCE, "c": SENTENCE}
    source = write_lines(tmp_path / "notes.jsonl", notes)
    with source.open("a") as file:
        file.write(json.dumps({"id": "c", "text": "again"}) + "\n")
    outcome = predict(predictor, source, tmp_path / "deep" / "brat", "brat")
    assert (outcome.documents, outcome.faults) == (1, 4)
    assert sorted(visible(tmp_path / "deep")) == ["brat/c.ann", "brat/c.txt", "brat/errors.jsonl"]
    assert (tmp_path / "deep" / "brat" / "c.txt").read_text() == SENTENCE
    reasons = [json.loads(x) for x in (tmp_path / "deep" / "brat" / "errors.jsonl").open()]
    assert [r["id"] for r in reasons] == ["../up", "a/b", ".hidden", "c"]
    assert "another note has the id 'c'" in reasons[-1]["reason"]
    assert predict(predictor, source, tmp_path / "rows", "jsonl").documents == 5


def test_a_tree_of_notes_becomes_a_tree_of_annotations(predictor, notes, tmp_path):
    below = notes / "2019" / "03"
    below.mkdir(parents=True)
    (below / "note0.txt").write_text(SENTENCE)
    predict(predictor, notes, tmp_path / "out")
    written = annotations(tmp_path / "out")
    assert len(written) == 6
    assert "aspirin" in written["2019/03/note0.ann"]


def test_predictions_inside_the_tree_are_no_notes_of_a_second_run(predictor, tmp_path):
    (tmp_path / "notes").mkdir()
    write_lines(tmp_path / "notes" / "a.jsonl", {"a": SENTENCE})
    out = tmp_path / "notes" / "out"
    for skipped in (0, 1):
        outcome = predict(predictor, tmp_path / "notes", out)
        assert outcome.documents + outcome.skipped == 1
        assert outcome.skipped == skipped


def test_progress_is_told_a_part_with_sizes_that_add_up(predictor, notes, tmp_path):
    from jnrf.prediction.sources import open_source

    (notes / "note1.txt").write_bytes(b"caf\xe9")
    told = []
    predict(
        predictor, notes, tmp_path / "out", part_bytes=1,
        told=lambda outcome, receipt: told.append((outcome.size, receipt.documents)),
    )  # fmt: skip
    assert [documents for _, documents in told] == [1, 0, 1, 1, 1]
    assert told[-1][0] == open_source(notes)[0].measure()


def test_the_time_left_follows_from_what_this_run_has_done(predictor, notes, tmp_path):
    from jnrf.prediction.run import Outcome

    outcome = Outcome(seconds=10.0, size=60, own_size=20)
    assert outcome.seconds_left(100) == pytest.approx(20.0)
    assert outcome.seconds_left(None) is None
    assert Outcome(size=60).seconds_left(100) is None


def test_two_runs_do_not_write_into_one_folder(tmp_path):
    receipts = Receipts(tmp_path)
    with receipts.locked():
        second = Receipts(tmp_path).locked()
        with pytest.raises(InputError, match="another jnrf predict writes into"):
            second.__enter__()
    with receipts.locked():
        pass


def test_a_key_depends_on_all_that_decides_a_part():
    from jnrf.prediction.notes import Fault
    from jnrf.prediction.receipts import part_key

    keys = {
        part_key("run", [Note("a", "text", "p", "f")]),
        part_key("other", [Note("a", "text", "p", "f")]),
        part_key("run", [Note("at", "ext", "p", "f")]),
        part_key("run", [Note("a", "text", "p", "f"), Note("", "", "p", "f")]),
        part_key("run", [Fault("a", "text")]),
        part_key("run", []),
    }
    assert len(keys) == 6
    moved = part_key("run", [Note("a", "text", "elsewhere", "f")])
    assert moved in keys


def test_predictions_can_be_read_as_a_corpus_though_errors_stand_beside_them(predictor, tmp_path):
    from jnrf.corpora import open_corpus
    from jnrf.prediction.sources import open_source

    source = write_lines(tmp_path / "notes.jsonl", {"a": SENTENCE, "b": SENTENCE})
    with source.open("a") as file:
        file.write("{\n")
    out = tmp_path / "out"
    assert predict(predictor, source, out, part_bytes=1).faults == 1
    assert (out / "errors.jsonl").exists()
    assert [d.id for d in open_corpus(out)] == ["a", "b"]
    assert all(d.mentions for d in open_corpus(out))
    again, _ = open_source(out)
    assert all(path.name.startswith("part-") for path in again.files)
