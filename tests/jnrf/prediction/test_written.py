"""What someone has changed since it was written stays, whatever is predicted again."""

import json
import os

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from predicting import predict, visible, write_lines

from jnrf.prediction.folder import KEPT, MARK
from jnrf.prediction.receipts import RECEIPTS, Receipts
from jnrf.prediction.written import CHANGED, UNKNOWN, Replace, Written

SENTENCE = "He takes aspirin 81 mg for chest pain.\n"
BY_HAND = "T1\tDrug 9 16\taspirin\n#1\tAnnotatorNotes T1\tseen by hand\n"


@pytest.fixture(scope="module")
def other(model_folder):
    """Another model of the same labels, which finds other things."""
    from jnrf.prediction.predictor import PredictorSettings

    other = PredictorSettings(str(model_folder), device="cpu").load()
    other.model.tag_head.output.bias.data[0] += 100  # nothing at all
    return other


def kept(out):
    path = out / KEPT
    lines = path.read_text().splitlines() if path.exists() else []
    return {line["file"]: line["reason"] for line in map(json.loads, lines)}


def hidden(out):
    return {p.name: p.read_bytes() for p in (out / RECEIPTS).iterdir() if p.name != "lock"}


@pytest.mark.parametrize("way", ["another model", "again", "a note more", "other options", "lost"])
def test_a_corrected_file_is_kept_and_listed_and_all_others_are_done(
    predictor, other, notes, tmp_path, way
):
    out = tmp_path / "out"
    predict(predictor, notes, out)
    before = visible(out)
    (out / "note1.ann").write_text(BY_HAND)
    model, options = predictor, {}
    if way == "another model":
        model = other
    elif way == "again":
        Receipts(out).forget()
    elif way == "a note more":
        (notes / "note17.txt").write_text(SENTENCE)
    elif way == "other options":
        options["batch_tokens"] = 1
    else:
        (out / "note3.ann").unlink()
    outcome = predict(model, notes, out, **options)
    after = visible(out)
    assert after.pop("note1.ann").decode() == BY_HAND
    assert (outcome.kept, outcome.first_kept) == (1, ["note1.ann"])
    assert kept(out) == {"note1.ann": CHANGED}
    if way == "another model":
        assert all(data == b"" for name, data in after.items() if name.endswith(".ann"))
    else:
        assert {n: d for n, d in after.items() if n in before} == {
            n: d for n, d in before.items() if n != "note1.ann"
        }
    assert ("note17.ann" in after) == (way == "a note more")
    # The same once more does nothing, and says the same.
    again = predict(model, notes, out, **options)
    assert (again.documents, again.kept) == (0, 1)
    assert kept(out) == {"note1.ann": CHANGED}


def test_only_the_flag_writes_over_what_was_corrected(predictor, other, notes, tmp_path):
    out = tmp_path / "out"
    predict(predictor, notes, out)
    before = visible(out)
    (out / "note1.ann").write_text(BY_HAND)
    assert predict(other, notes, out, overwrite=True).kept == 1
    assert (out / "note1.ann").read_text() == BY_HAND
    assert predict(predictor, notes, out, overwrite_corrected=True).kept == 0
    assert visible(out) == before


def test_the_flag_reaches_files_of_parts_that_are_done(predictor, notes, tmp_path):
    out = tmp_path / "out"
    predict(predictor, notes, out, part_bytes=1)
    before = visible(out)
    (out / "note1.ann").write_text(BY_HAND)
    assert predict(predictor, notes, out, part_bytes=1).documents == 0
    assert (out / "note1.ann").read_text() == BY_HAND
    outcome = predict(predictor, notes, out, part_bytes=1, overwrite_corrected=True)
    assert (outcome.documents, outcome.kept) == (1, 0)
    assert visible(out) == before


def test_annotations_that_someone_added_are_kept(predictor, notes, tmp_path):
    out = tmp_path / "out"
    predict(predictor, notes, out)
    (notes / "new.txt").write_text(SENTENCE)
    (out / "new.ann").write_text(BY_HAND)
    assert predict(predictor, notes, out).kept == 1
    assert (out / "new.ann").read_text() == BY_HAND
    assert kept(out) == {"new.ann": UNKNOWN}
    assert predict(predictor, notes, out, overwrite=True).kept == 0
    assert (out / "new.ann").read_text() != BY_HAND


def test_an_emptied_file_is_a_corrected_one_and_a_deleted_file_is_made_again(
    predictor, notes, tmp_path
):
    out = tmp_path / "out"
    predict(predictor, notes, out)
    before = visible(out)
    (out / "note1.ann").write_text("")
    (out / "note2.ann").unlink()
    predict(predictor, notes, out)
    assert visible(out) == before | {"note1.ann": b"", KEPT: (out / KEPT).read_bytes()}


def test_a_text_that_was_changed_keeps_its_annotations_too(predictor, other, tmp_path):
    source, out = write_lines(tmp_path / "in.jsonl", {"a": SENTENCE, "b": SENTENCE}), tmp_path / "o"
    predict(predictor, source, out, "brat")
    before = visible(out)
    (out / "a.txt").write_text(f"  {SENTENCE}")
    predict(other, source, out, "brat")
    assert kept(out) == {"a.txt": CHANGED}
    assert (out / "a.ann").read_bytes() == before["a.ann"]
    assert (out / "b.ann").read_bytes() != before["b.ann"]


@pytest.mark.parametrize("to", ["jsonl", "parquet"])
def test_a_part_that_someone_changed_is_kept(predictor, other, tmp_path, to):
    if to == "parquet":
        pytest.importorskip("pyarrow")
    source = write_lines(tmp_path / "in.jsonl", {f"n{i}": SENTENCE for i in range(6)})
    out = tmp_path / "out"
    predict(predictor, source, out, to, part_bytes=1)
    part, last = (out / f"part-00000{n}.{to}" for n in (2, 5))
    changed = part.read_bytes().replace(b"aspirin", b"Aspirin")
    assert changed != part.read_bytes()
    part.write_bytes(changed)
    last.write_bytes(last.read_bytes() + b"\n")
    same = predict(predictor, source, out, to, part_bytes=1)
    assert part.read_bytes() == changed  # of the same size, which says nothing
    assert last.read_bytes()[-1:] == b"\n"
    assert same.kept == 1  # what has another size is looked at
    write_lines(source, {f"n{i}": SENTENCE for i in range(4)})
    outcome = predict(other, source, out, to, part_bytes=1)
    assert part.read_bytes() == changed
    assert last.read_bytes()[-1:] == b"\n"
    assert not (out / f"part-000004.{to}").exists()
    assert kept(out) == dict.fromkeys([part.name, last.name], CHANGED)
    assert outcome.kept == 2
    assert predict(other, source, out, to, part_bytes=1).kept == 2
    assert predict(other, source, out, to, part_bytes=1, overwrite_corrected=True).kept == 0
    assert part.read_bytes() != changed
    assert not last.exists()


@pytest.mark.parametrize("to", ["json", "tokens", "columns"])
def test_a_corpus_file_that_someone_changed_is_kept(predictor, other, tmp_path, to):
    from jnrf.corpora.json import write_json
    from jnrf_ext.documents.document import Document

    for name in "xy":
        write_json([Document(f"{name}-0001", "He takes aspirin .")], tmp_path / f"in/{name}.json")
    out, ending = tmp_path / "out", ".tsv" if to == "columns" else ".json"
    predict(predictor, tmp_path / "in", out, to)
    (out / f"x{ending}").write_bytes((out / f"x{ending}").read_bytes().replace(b"He", b"Ed"))
    before = visible(out)
    predict(other, tmp_path / "in", out, to)
    after = visible(out)
    assert kept(out) == {f"x{ending}": CHANGED}
    assert after[f"x{ending}"] == before[f"x{ending}"]
    assert after[f"y{ending}"] != before[f"y{ending}"]
    assert not (out / RECEIPTS / "stage").exists()


def test_what_an_earlier_version_wrote_is_written_over_only_where_it_is_the_same(
    predictor, other, notes, tmp_path
):
    out = tmp_path / "out"
    predict(predictor, notes, out)
    mark = json.loads((out / MARK).read_text())
    del mark["hashes"], mark["lists"]
    (out / MARK).write_text(json.dumps(mark))
    (out / RECEIPTS / "written").unlink()
    (out / "note1.ann").write_text(BY_HAND)
    before = visible(out)
    assert predict(predictor, notes, out).skipped == 5
    assert predict(other, notes, out, overwrite=True).kept == 5
    assert kept(out) == {f"note{n}.ann": UNKNOWN for n in range(5)}
    assert {**visible(out), KEPT: b""} == {**before, KEPT: b""}
    # What is predicted as it stands there is known from then on.
    assert predict(predictor, notes, out, batch_tokens=1).kept == 1
    assert predict(other, notes, out).kept == 1
    assert predict(other, notes, out, overwrite_corrected=True).kept == 0


def test_what_is_no_plain_file_is_kept(predictor, other, notes, tmp_path):
    out = tmp_path / "out"
    predict(predictor, notes, out)
    (out / "note1.ann").unlink()
    os.mkfifo(out / "note1.ann")
    (tmp_path / "mine.ann").write_text(BY_HAND)
    (out / "note2.ann").unlink()
    (out / "note2.ann").symlink_to(tmp_path / "mine.ann")
    predict(other, notes, out)
    assert kept(out) == {"note1.ann": "is no plain file", "note2.ann": CHANGED}
    assert (out / "note2.ann").is_symlink()
    assert (tmp_path / "mine.ann").read_text() == BY_HAND


def test_what_is_kept_at_no_run_is_not_listed_any_more(predictor, other, notes, tmp_path):
    out = tmp_path / "out"
    predict(predictor, notes, out)
    (out / "note1.ann").write_text(BY_HAND)
    assert predict(other, notes, out).kept == 1
    (out / "note1.ann").unlink()
    assert predict(other, notes, out).kept == 0
    assert not (out / KEPT).exists()


class Killed(BaseException):
    """Ends a run where it stands."""


@pytest.mark.parametrize("to", ["brat", "jsonl"])
def test_a_kill_between_any_two_steps_neither_loses_a_change_nor_finds_a_false_one(
    predictor, other, tmp_path, monkeypatch, to
):
    """Each writing, and each putting in place, is the last that a run does, one after another."""
    source = write_lines(tmp_path / "in.jsonl", {f"n{i}": SENTENCE for i in range(4)})
    sizes = {"part_bytes": 2 * len(SENTENCE) + 40}
    predict(other, source, tmp_path / "whole", to, **sizes)
    steps = 0
    replace = os.replace
    for last in range(40):
        for after in (False, True):
            out = tmp_path / f"{last}{after}"
            predict(predictor, source, out, to, **sizes)
            names = sorted(n for n in visible(out) if not n.endswith(".txt"))
            (out / names[0]).write_bytes(b"by hand\n")
            done = 0

            def replace_until(one, two, last=last, after=after):
                nonlocal done
                if done == last and not after:
                    raise Killed
                replace(one, two)
                done += 1
                if done > last and after:
                    raise Killed

            with monkeypatch.context() as patch:
                patch.setattr(os, "replace", replace_until)
                try:
                    predict(other, source, out, to, **sizes)
                    ended = True
                except Killed:
                    ended = False
            outcome = predict(other, source, out, to, **sizes)
            assert kept(out) == {names[0]: CHANGED}
            assert outcome.kept == 1
            assert (out / names[0]).read_bytes() == b"by hand\n"
            same = {n: d for n, d in visible(out).items() if n not in (names[0], KEPT)}
            whole = visible(tmp_path / "whole")
            assert same == {n: d for n, d in whole.items() if n != names[0]}
            assert not list((out / RECEIPTS).glob("*.written"))
        steps = last
        if ended:
            break
    assert steps >= 8


def test_a_change_between_a_kill_and_the_next_run_is_kept(predictor, notes, tmp_path):
    class Stop(Exception):
        pass

    def stop(outcome, receipt):
        raise Stop

    out = tmp_path / "out"
    with pytest.raises(Stop):
        predict(predictor, notes, out, part_bytes=1, told=stop)
    for path in (out / RECEIPTS).glob("*.json"):
        path.unlink()  # as if the kill had come before them
    written = sorted(out.glob("*.ann"))
    assert written
    written[0].write_text(BY_HAND)
    assert predict(predictor, notes, out, part_bytes=1).kept == 1
    assert written[0].read_text() == BY_HAND


@pytest.mark.parametrize("to", ["brat", "jsonl"])
def test_settings_given_up_half_way_leave_nothing_of_theirs(predictor, other, tmp_path, to):
    class Stop(Exception):
        pass

    def stop(outcome, receipt):
        if outcome.documents >= 3:
            raise Stop

    source = write_lines(tmp_path / "in.jsonl", {f"n{i}": SENTENCE for i in range(6)})
    out = tmp_path / "out"
    predict(predictor, source, out, to, part_bytes=1)
    before, hashes = visible(out), hidden(out)
    with pytest.raises(Stop):
        predict(other, source, out, to, part_bytes=1, told=stop)
    assert visible(out) != before
    outcome = predict(predictor, source, out, to, part_bytes=1)
    assert (visible(out), hidden(out)) == (before, hashes)
    assert 3 <= outcome.documents < 6


NAMES = st.sampled_from(["a.ann", "b/c.ann", "é.ann", "part-000000.jsonl"])
CONTENTS = st.sampled_from([b"", b"one\n", b"two\n"])
STEPS = st.lists(
    st.tuples(st.sampled_from(["write", "edit", "delete", "close"]), NAMES, CONTENTS), max_size=25
)


@settings(max_examples=150, deadline=None)
@example(
    [
        ("write", "a.ann", b""),
        ("close", "", b""),
        ("write", "a.ann", b"one\n"),
        ("close", "", b""),
        ("edit", "a.ann", b""),
        ("write", "a.ann", b"one\n"),
    ]
)
@given(STEPS)
def test_a_content_is_written_over_only_if_it_was_written_here(tmp_path_factory, steps):
    """Against a plain set of what each file may hold: what its last run wrote, and runs since."""
    out = tmp_path_factory.mktemp("w")
    known: dict[str, set[bytes]] = {}
    now: dict[str, set[bytes]] = {}  # of those, by the run that is not closed
    for number, (step, name, content) in enumerate(steps):
        path = out / name
        if step == "edit":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        elif step == "delete":
            path.unlink(missing_ok=True)
        elif step == "close":
            Written(out, out / RECEIPTS).close({str(n) for n in range(number)})
            known |= now
            now = {}
        else:
            before = path.read_bytes() if path.exists() else None
            reasons = Written(out, out / RECEIPTS).write(str(number), [{name: content}], True)
            free = before is None or before == content or before in known.get(name, set())
            assert reasons == ({} if free else {name: CHANGED if name in known else UNKNOWN})
            assert path.read_bytes() == (content if free else before)
            if free:
                known.setdefault(name, set()).add(content)
                now.setdefault(name, set()).add(content)


def test_hashes_that_were_replaced_are_forgotten_and_others_stay(tmp_path):
    def fresh():
        return Written(tmp_path, tmp_path / RECEIPTS)

    fresh().write("one", [{"a": b"1"}, {"b": b"1"}], True)
    fresh().close({"one"})
    fresh().write("two", [{"a": b"2"}], True)
    fresh().write("left", [{"a": b"3"}], True)
    fresh().close({"two"})
    expected = hidden(tmp_path)
    fresh().close({"two"})
    assert hidden(tmp_path) == expected
    assert list(expected) == ["written"]
    for name, content, changed in (
        ("a", b"2", False), ("a", b"1", True), ("a", b"3", True), ("b", b"1", False),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(content)
        assert fresh().changed([name]) is changed
    fresh().close(set(), ["a", "b"])
    assert hidden(tmp_path) == {"written": b""}


def test_damaged_hashes_keep_what_is_there(tmp_path):
    written = Written(tmp_path, tmp_path / RECEIPTS)
    written.write("one", [{"a": b"1"}], True)
    path = tmp_path / RECEIPTS / "one.written"
    path.write_bytes(path.read_bytes()[:-3])
    assert Written(tmp_path, tmp_path / RECEIPTS).write("two", [{"a": b"2"}], True) == {
        "a": UNKNOWN
    }
    assert (tmp_path / "a").read_bytes() == b"1"


def test_someone_who_saves_while_a_part_is_written_is_not_written_over(tmp_path, monkeypatch):
    written = Written(tmp_path, tmp_path / RECEIPTS)
    written.write("one", [{"a": b"1"}, {"b": b"1"}], True)
    note = Written._note

    def note_and_save(*args):
        note(*args)
        (tmp_path / "b").write_bytes(b"by hand")

    monkeypatch.setattr(Written, "_note", note_and_save)
    assert written.write("two", [{"a": b"2"}, {"b": b"2"}], True) == {"b": CHANGED}
    assert (tmp_path / "b").read_bytes() == b"by hand"


def test_the_policy_travels_to_workers_and_what_was_read_does_not(tmp_path):
    import pickle

    written = Written(tmp_path, tmp_path / RECEIPTS, Replace(changed=True))
    (tmp_path / "a").write_bytes(b"by hand")
    written.changed(["a"])
    other = pickle.loads(pickle.dumps(written))
    assert other.replace == Replace(changed=True)
    assert other.write("one", [{"a": b"1"}], True) == {}
