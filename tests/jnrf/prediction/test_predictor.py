"""A model made ready: settings at odds, batches of like lengths, and a fingerprint."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from jnrf.prediction.notes import Fault, Note
from jnrf.prediction.predictor import Predictor, PredictorSettings, bucket, predict_notes
from jnrf_ext import JNRF
from jnrf_ext.errors import InputError


@given(st.lists(st.integers(0, 50), max_size=40), st.integers(1, 100))
def test_batches_hold_each_document_once_and_keep_to_the_budget(lengths, budget):
    groups = list(bucket(lengths, budget))
    assert sorted(place for group in groups for place in group) == list(range(len(lengths)))
    for group in groups:
        assert sum(lengths[p] for p in group) <= budget or len(group) == 1
    ordered = [lengths[place] for group in groups for place in group]
    assert ordered == sorted(lengths)


def test_the_fingerprint_is_that_of_weights_and_settings(model_folder, predictor):
    again = PredictorSettings(str(model_folder), device="cpu").load()
    assert again.fingerprint() == predictor.fingerprint()
    assert Predictor(again.model, bf16=True).fingerprint() != predictor.fingerprint()
    narrow = []
    for change in (0.0, 1.0):
        model = JNRF.from_pretrained(model_folder)
        model.layers[0].fc1.weight.data[0, 0] += change
        narrow.append(Predictor(model, int8=True).fingerprint())
    assert narrow[0] != narrow[1]
    assert predictor.fingerprint() not in narrow


def test_a_model_without_a_tokenizer_cannot_predict(predictor):
    with pytest.raises(InputError, match=r"no tokenizer\.json"):
        Predictor(JNRF(predictor.model.config))


def test_numbers_that_exclude_each_other_are_an_error(model_folder):
    settings = PredictorSettings(str(model_folder), device="cpu", int8=True, bf16="always")
    with pytest.raises(InputError, match="exclude each other"):
        settings.load()


def test_threads_are_as_asked_for(model_folder):
    before = torch.get_num_threads()
    try:
        PredictorSettings(str(model_folder), device="cpu", threads=1).load()
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("bad", [None, 2])
def test_passes_ahead_of_their_documents_change_nothing(predictor, monkeypatch, bad):
    texts = ["He takes aspirin 81 mg for fever.\n" * n for n in (3, 1, 2, 5, 4)]
    notes = [Note(str(n), text, f"p{n}", "f") for n, text in enumerate(texts)]
    encoded = predictor.encode(texts)
    whole = predictor.documents_of

    def documents_of(passed):
        if bad is not None and str(bad) in passed.ids:
            raise RuntimeError("no")
        return whole(passed)

    monkeypatch.setattr(predictor, "documents_of", documents_of)
    found = []
    for ahead in (0, 1, 3):
        monkeypatch.setattr(predictor, "passes_ahead", ahead)
        found.append(predict_notes(predictor, notes, encoded, 30))
    assert found[0] == found[1] == found[2]
    faults = [n for n, result in enumerate(found[0]) if isinstance(result, Fault)]
    assert faults == ([] if bad is None else [bad])


@pytest.mark.parametrize("numbers", ["bfloat16", "int8"])
def test_narrow_numbers_find_much_the_same(model_folder, predictor, notes, numbers):
    settings = PredictorSettings(
        str(model_folder),
        device="cpu",
        int8=numbers == "int8",
        bf16="always" if numbers == "bfloat16" else "never",
    )
    narrow = settings.load()
    assert narrow.numbers == numbers
    texts = [path.read_text() for path in sorted(notes.glob("*.txt"))]
    found = [
        p.extract(texts, [str(n) for n in range(len(texts))], p.encode(texts))
        for p in (predictor, narrow)
    ]
    sets = [
        {(d.id, m.type, m.start, m.end) for d in documents for m in d.mentions}
        for documents in found
    ]
    assert len(sets[0]) > 40
    assert len(sets[0] & sets[1]) >= 0.9 * len(sets[0])
    related = [sum(len(d.relations) for d in documents) for documents in found]
    assert related[0] > 20
    assert abs(related[0] - related[1]) <= 0.2 * related[0]
