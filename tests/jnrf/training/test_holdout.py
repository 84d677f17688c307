"""The documents held out as dev follow from ids and seed, and are worth scoring."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_corpus import write_corpus

from jnrf.training import data
from jnrf.training.config import DataConfig
from jnrf.training.holdout import default_count, hold_out
from jnrf_ext.documents.document import Document, Mention, Relation
from jnrf_ext.errors import InputError


def document(id: str, kind: int) -> Document:
    """A document with relations (2), with mentions alone (1), or with neither (0)."""
    mentions = [Mention("T1", "Drug", ((0, 4),)), Mention("T2", "Dose", ((5, 9),))]
    relations = [Relation("R1", "Dose-Drug", "T2", "T1")]
    return Document(id, "drug 5 mg", mentions if kind else [], relations if kind == 2 else [])


corpora = st.lists(st.sampled_from([0, 1, 2]), min_size=2, max_size=60).map(
    lambda kinds: [document(f"note{i}", kind) for i, kind in enumerate(kinds)]
)


@given(corpora, st.data())
def test_so_many_are_held_out_each_once(documents, draw):
    count = draw.draw(st.integers(1, len(documents) - 1))
    held = hold_out(documents, count, seed=draw.draw(st.integers(0, 5)))
    assert held == sorted(set(held))
    assert len(held) == count


@given(corpora, st.integers(0, 3), st.randoms(use_true_random=False))
def test_the_order_of_the_documents_does_not_count(documents, seed, shuffle):
    count = math.ceil(len(documents) / 10)
    chosen = {documents[i].id for i in hold_out(documents, count, seed)}
    shuffle.shuffle(documents)
    assert {documents[i].id for i in hold_out(documents, count, seed)} == chosen


@given(corpora, st.integers(0, 3))
def test_dev_has_something_to_find_and_training_something_to_learn(documents, seed):
    held = hold_out(documents, math.ceil(len(documents) / 10), seed)
    dev = [documents[i] for i in held]
    train = [d for i, d in enumerate(documents) if i not in held]
    for items in ("relations", "mentions"):
        having = sum(bool(getattr(d, items)) for d in documents)
        if having >= 1:
            assert any(getattr(d, items) for d in train)
        # Where one document alone has relations it stays, and those with mentions alone come first.
        if having >= 2:
            assert any(getattr(d, items) for d in dev)


def test_kinds_are_held_out_in_proportion():
    documents = [document(f"n{i}", kind) for i, kind in enumerate([2] * 50 + [1] * 30 + [0] * 20)]
    held = hold_out(documents, 10, 0)
    kinds = [2 if i < 50 else 1 if i < 80 else 0 for i in held]
    assert [kinds.count(kind) for kind in (2, 1, 0)] == [5, 3, 2]


def test_another_seed_holds_out_others():
    documents = [document(f"n{i}", 2) for i in range(50)]
    assert len({tuple(hold_out(documents, 5, seed)) for seed in range(5)}) == 5


@pytest.mark.parametrize(
    ("documents", "count"), [(1, 0), (4, 0), (5, 1), (10, 1), (11, 2), (40, 4), (305, 31)]
)
def test_a_tenth_is_held_out_of_five_documents_or_more(documents, count):
    assert default_count([document(str(i), 2) for i in range(documents)]) == count


def test_none_is_held_out_where_one_document_alone_has_mentions():
    assert default_count([document(str(i), 2 if i == 3 else 0) for i in range(20)]) == 0


# ------------------------------------------------------------------ as a run reads its folders


def read(folder, seed=42, **settings):
    return data.read_corpora(DataConfig(train=str(folder), **settings), seed)


def ids(documents) -> set[str]:
    return {document.id for document in documents}


def test_without_a_dev_folder_a_tenth_is_held_out_and_said(tmp_path):
    folder = write_corpus(tmp_path / "notes", documents=12)
    corpora = read(folder)
    assert (len(corpora.train), len(corpora.dev), corpora.held_out) == (10, 2, 2)
    assert not ids(corpora.train) & ids(corpora.dev)
    [said] = corpora.remarks
    assert said.startswith("dev: 2 of the 12 training documents are held out")
    assert "--data.holdout 0 trains on all" in said
    assert ids(read(folder).dev) == ids(corpora.dev)


def test_what_the_remark_advises_works(tmp_path):
    folder = write_corpus(tmp_path / "notes", documents=12)
    corpora = read(folder, holdout=0.0)
    assert (len(corpora.train), corpora.dev, corpora.held_out) == (12, [], 0)
    assert "without a score (data.holdout is 0; --dev DIR" in corpora.remarks[0]
    corpora = read(folder, dev=str(write_corpus(tmp_path / "dev", documents=1)))
    assert (len(corpora.train), len(corpora.dev), corpora.held_out) == (12, 1, 0)
    assert not corpora.remarks


def test_a_corpus_too_small_for_it_is_told(tmp_path):
    corpora = read(write_corpus(tmp_path / "notes", documents=4))
    assert (len(corpora.train), corpora.dev) == (4, [])
    assert "too few to hold one out of 4" in corpora.remarks[0]


@pytest.mark.parametrize("seed", range(3))
def test_a_chosen_share_is_held_out_of_any_corpus(tmp_path, seed):
    folder = write_corpus(tmp_path / "notes", documents=4)
    corpora = read(folder, seed, holdout=0.5)
    assert (len(corpora.train), len(corpora.dev)) == (2, 2)
    with pytest.raises(InputError, match="give --dev DIR, or another share"):
        read(folder, seed, holdout=0.1)


def test_files_of_other_names_in_another_order_are_held_out_alike(tmp_path):
    folder = write_corpus(tmp_path / "notes", documents=9)
    first = ids(read(folder).dev)
    names = sorted(path.name for path in folder.iterdir())
    random.Random(1).shuffle(names)
    again = tmp_path / "again"
    again.mkdir()
    for name in names:
        (again / name).write_bytes((folder / name).read_bytes())
    assert ids(read(again).dev) == first
