"""All metrics in one call: plain JSON types, each as its own module counts it."""

from __future__ import annotations

import dataclasses
import json

import pytest

from jnrf.corpora import open_corpus
from jnrf.scoring.metrics import all_metrics
from jnrf_ext.documents.document import Document, Mention, Relation
from jnrf_ext.errors import InputError

TEXT = "iron gave dark stool"


def document(*spans, relations=(), id="d"):
    mentions = [Mention(f"T{n}", t, ((s, e),)) for n, (t, s, e) in enumerate(spans, 1)]
    return Document(id, TEXT, mentions, [Relation(f"R{n}", *r) for n, r in enumerate(relations, 1)])


GOLD = document(("Drug", 0, 4), ("ADE", 10, 20), relations=[("ADE-Drug", "T2", "T1")])
NOTHING = {"precision": 0.0, "recall": 0.0, "f1": 0.0}
ALL = {"precision": 1.0, "recall": 1.0, "f1": 1.0}


def test_a_copy_scores_one_everywhere():
    result = all_metrics([GOLD], [GOLD])
    assert list(result) == [
        "entities", "relations_strict", "relations_boundaries", "labels", "labels_merged"
    ]  # fmt: skip
    for name in list(result)[:3]:
        assert result[name] == {"micro": ALL, "macro": ALL}
    for name in list(result)[3:]:
        assert result[name] == {"accuracy": 1.0, "macro": ALL, "weighted": ALL}
    assert json.loads(json.dumps(result)) == result


def test_each_metric_judges_by_its_own_rules():
    wrong_type = document(("Sign", 0, 4), ("ADE", 15, 20), ("ADE", 10, 20))
    wrong_type.relations = [Relation("R1", "ADE-Drug", "T3", "T1")]
    result = all_metrics([GOLD], [wrong_type])
    assert result["entities"]["micro"]["precision"] == pytest.approx(1 / 3)
    assert result["entities"]["micro"]["recall"] == 0.5
    assert result["relations_strict"]["micro"] == NOTHING
    assert result["relations_boundaries"]["micro"] == ALL
    # Tokens: gold B-Drug O B-ADE I-ADE, predicted B-Sign O B-ADE I-ADE.
    assert result["labels"]["accuracy"] == 0.75
    assert result["labels"]["macro"]["f1"] == pytest.approx(3 / 5)
    assert result["labels"]["weighted"]["recall"] == 0.75
    assert result["labels_merged"]["macro"]["f1"] == pytest.approx(2 / 4)


def test_merging_forgives_b_for_i():
    halved = document(("Drug", 0, 4), ("ADE", 10, 14), ("ADE", 15, 20))
    result = all_metrics([GOLD], [halved])
    assert result["labels"]["accuracy"] == 0.75
    assert result["labels_merged"]["accuracy"] == 1.0


def test_without_relations_or_anything_at_all_figures_are_zero():
    bare = document(("Drug", 0, 4))
    assert all_metrics([bare], [bare])["relations_strict"] == {"micro": NOTHING, "macro": NOTHING}
    result = all_metrics([Document("d", "")], [Document("d", "")])
    assert result["entities"]["micro"] == NOTHING
    assert result["labels"] == {"accuracy": 0.0, "macro": NOTHING, "weighted": NOTHING}
    assert all_metrics([], [])["entities"]["micro"] == NOTHING


def test_documents_correspond_by_id():
    other = dataclasses.replace(document(), id="e")
    assert all_metrics([GOLD, other], [other, GOLD]) == all_metrics([GOLD, other], [GOLD, other])
    with pytest.raises(InputError, match="the prediction e has no gold document"):
        all_metrics([GOLD], [other])


@pytest.mark.parametrize("tokens", ["words", "whitespace"])
@pytest.mark.parametrize("corpus", ["conll04/test.CoNLL04.json", "phee-n2c2/test"])
def test_real_corpora_score_one_against_themselves(shared_data, corpus, tokens):
    documents = open_corpus(shared_data / corpus)
    for values in all_metrics(documents, documents, tokens).values():
        for name, rates in values.items():
            assert name == "accuracy" or rates["f1"] == pytest.approx(1.0)
