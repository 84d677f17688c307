"""Documents to training examples: sentences, what is kept of those without a mention, remarks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_corpus import write_corpus

from jnrf.corpora import open_corpus
from jnrf.corpora.schema import learn_schema
from jnrf.data.batches import pack
from jnrf.training import data
from jnrf.training.config import DataConfig
from jnrf_ext import JNRF, JNRFConfig
from jnrf_ext.documents.document import Document
from jnrf_ext.errors import InputError
from jnrf_ext.text.sentences import sentence_starts
from jnrf_ext.text.tokenizer import Tokenizer

#: A model of tags alone, whose sentences know nothing of one another.
BY_SENTENCE = {
    "relation_kind": "none",
    "segments": "sentence",
    "positions": "none",
    "layer_kind": "lstm",
    "crf": True,
}


@pytest.fixture
def documents(tmp_path):
    """Two notes of six sentences with mentions, after each of which come two without."""
    found = open_corpus(write_corpus(tmp_path / "corpus", documents=2), on_error="raise")
    for document in found:
        document.text += "He feels well. No complaints.\n" * 6
    return found


def build(documents, **settings) -> JNRF:
    torch.manual_seed(0)
    tokenizer = Tokenizer.train([d.text for d in documents], 150)
    values = {
        "vocab_size": tokenizer.vocab_size,
        "embedding_size": 8,
        "hidden_size": 8,
        "num_layers": 1,
        "mixing_windows": [],
        "phase_jitter": 0,
        "use_surface": False,
        "embedding_dropout": 0.0,
        "layer_dropout": 0.0,
        "head_dropout": 0.0,
        "wordpiece_dropout": 0.0,
        "schema": learn_schema(documents),
    }
    return JNRF(JNRFConfig(**(values | settings)), tokenizer)


# ------------------------------------------------------------------ sentences


@pytest.mark.parametrize("units", ["wordpiece", "word", "token"])
def test_each_sentence_is_an_example_where_nothing_reaches_beyond_it(documents, units):
    model = build(documents, units=units, character_size=4, **BY_SENTENCE)
    examples, _ = data.encode(documents, model, DataConfig(), 0)
    assert len(examples) == 2 * (6 + 12)
    at = 0
    for document in documents:
        encoded = model.tokenizer.encode(document.text)
        count = int(sentence_starts(document.text, encoded).sum())
        parts = examples[at : at + count]
        at += count
        assert np.concatenate([p.encoded.ids for p in parts]).tolist() == encoded.ids.tolist()
        assert all(p.document is document for p in parts)
        spelled = [
            document.text[p.outline.starts[first] : p.outline.ends[last - 1]].rstrip(".")
            for p in parts
            for _, first, last in p.spans
        ]
        assert spelled == [m.text for m in sorted(document.mentions, key=lambda m: m.start)]


def test_sentences_give_the_loss_of_their_documents(documents):
    model = build(documents, units="word", character_size=4, **BY_SENTENCE)
    parts, _ = data.encode(documents, model, DataConfig(), 0)
    model.config.relation_kind = "polynomial"  # so that documents stay whole
    whole, _ = data.encode(documents, model, DataConfig(), 0)
    assert len(whole) == 2

    def loss(examples):
        batch = pack(examples)
        return model(
            batch.input_ids, batch.cu_seqlens, batch.surface, batch.tags, layout=batch.layout
        ).loss

    torch.testing.assert_close(loss(parts), loss(whole))


@pytest.mark.parametrize(
    "settings",
    [
        {"relation_kind": "pairs"},
        {"segments": "document"},
        {"positions": "geometric"},
        {"layer_kind": "fourier"},
        {"layer_kind": "fourier", "num_layers": 0, "tag_task_layers": 1},
    ],
)
def test_documents_stay_whole_where_a_sentence_knows_of_others(documents, settings):
    model = build(documents, **(BY_SENTENCE | settings))
    examples, _ = data.encode(documents, model, DataConfig(), 0)
    assert len(examples) == 2


def test_a_mention_over_the_end_of_a_sentence_starts_anew_and_is_counted(documents):
    document = documents[0]
    first, second = document.mentions[2], document.mentions[3]
    joined = ((first.start, second.end),)
    document.mentions[2:4] = [type(first)("T3", first.type, joined)]
    document.relations.clear()
    model = build(documents, **BY_SENTENCE)
    examples, remarks = data.encode([document], model, DataConfig(), 0)
    assert "mention over the end of a sentence 1" in remarks[0]
    for example in examples:
        tags = [model.config.schema.tags[tag] for tag in example.tags]
        assert not tags[0].startswith("I-")


# ------------------------------------------------------------------ parts


def test_documents_are_cut_into_parts_that_lose_no_relation(documents):
    model = build(documents, relation_kind="spans")
    whole, _ = data.encode(documents, model, DataConfig(), 0)
    parts, _ = data.encode(documents, model, DataConfig(part_tokens=20), 0)
    assert len(whole) == 2 < len(parts)
    assert sum(map(len, parts)) == sum(map(len, whole))
    assert sum(len(part.pairs) for part in parts) == sum(len(e.pairs) for e in whole) > 0


def test_parts_without_a_mention_are_kept_by_chance_as_sentences_are(documents):
    model = build(documents, relation_kind="spans")
    settings = {"part_tokens": 10, "keep_empty": 0.0}
    parts, remarks = data.encode(documents, model, DataConfig(**settings), 0)
    assert parts
    assert all(part.spans for part in parts)
    assert any("examples without a mention left out" in remark for remark in remarks)


# ------------------------------------------------------------------ down-sampling


def test_examples_without_a_mention_are_kept_by_chance(documents):
    model = build(documents, **BY_SENTENCE)
    everything, _ = data.encode(documents, model, DataConfig(), 0)
    empty = sum(not e.spans for e in everything)
    assert empty == 24
    kept, remarks = data.encode(documents, model, DataConfig(keep_empty=0.5), 0)
    again, _ = data.encode(documents, model, DataConfig(keep_empty=0.5), 0)
    other, _ = data.encode(documents, model, DataConfig(keep_empty=0.5), 1)
    left = sum(not e.spans for e in kept)
    assert 0 < left < empty
    assert sum(bool(e.spans) for e in kept) == 12
    ids = [[e.encoded.starts[0] for e in examples] for examples in (kept, again, other)]
    assert ids[0] == ids[1] != ids[2]
    wanted = f"{empty - left} examples without a mention left out, of 36 in all"
    assert any(wanted in remark for remark in remarks)


def test_none_or_all_of_them_may_be_kept(documents):
    model = build(documents, **BY_SENTENCE)
    examples, _ = data.encode(documents, model, DataConfig(keep_empty=0), 0)
    assert len(examples) == 12
    examples, remarks = data.encode(documents, model, DataConfig(), 0)
    assert len(examples) == 36
    assert not [remark for remark in remarks if "keep_empty" in remark]


def test_a_corpus_of_which_nothing_is_kept_is_said(documents):
    model = build(documents, **BY_SENTENCE)
    bare = [Document("bare", "He feels well.")]
    with pytest.raises(InputError, match=r"data\.keep_empty left out the others"):
        data.encode(bare, model, DataConfig(keep_empty=0), 0)


# ------------------------------------------------------------------ out of reach


@pytest.mark.parametrize(
    ("settings", "far"),
    [
        ({"relation_kind": "pairs", "pair_distance": 3}, "model.pair_distance"),
        ({"relation_kind": "targets", "target_context": 3}, "model.target_context"),
    ],
)
@pytest.mark.parametrize("pair_tokens", ["first", "all"])
def test_relations_out_of_the_heads_reach_are_counted_once(documents, settings, far, pair_tokens):
    config = DataConfig(pair_tokens=pair_tokens)
    near = {"pair_distance": None, "target_context": 500}
    model = build(documents, units="word", **(settings | near))
    _, remarks = data.encode(documents, model, config, 0)
    assert not [remark for remark in remarks if "reach" in remark]

    model = build(documents, units="word", **settings)
    examples, remarks = data.encode(documents, model, config, 0)
    batch = pack(examples, model.config.schema.entity_types)
    lost = model.relation_head.out_of_reach(batch.layout.mentions, batch.pairs)
    assert 0 < lost <= 24
    told = f"train: {lost} relations out of the relation head's reach (see {far})"
    assert [remark for remark in remarks if "reach" in remark] == [told]


def test_the_polynomial_head_reaches_everything(documents):
    _, remarks = data.encode(documents, build(documents), DataConfig(), 0)
    assert not [remark for remark in remarks if "reach" in remark]


# ------------------------------------------------------------------ auxiliary corpora


def test_auxiliary_corpora_have_tags_and_tasks_of_their_own(tmp_path, documents):
    paths = []
    for number, kind in enumerate(("Gene", "Cell")):
        path = write_corpus(tmp_path / kind, documents=number + 1)
        for file in path.glob("*.ann"):
            lines = [x for x in file.read_text().splitlines() if "\tDrug " in x]
            file.write_text("".join(f"{x}\n" for x in lines).replace("\tDrug ", f"\t{kind} "))
        paths.append(str(path))
    tasks = [{"tags": ["O", f"B-{kind}", f"I-{kind}"], "group": 0} for kind in ("Gene", "Cell")]
    model = build(documents, auxiliary=tasks)
    corpora = [open_corpus(path) for path in paths]
    examples, _ = data.encode_auxiliary(corpora, model, DataConfig(auxiliary=paths), 0)
    assert [e.task for e in examples] == [1, 2, 2]
    assert [{kind for kind, *_ in e.spans} for e in examples] == [{"Gene"}, {"Cell"}, {"Cell"}]


# ------------------------------------------------------------------ reading


@pytest.mark.parametrize("name", ["train", "dev", "test"])
def test_texts_without_annotations_are_told_in_every_set(tmp_path, name):
    folders = {n: write_corpus(tmp_path / n, documents=2) for n in ("train", "dev", "test")}
    (folders[name] / "note1.ann").unlink()
    given = {n: str(folder) for n, folder in folders.items()}
    with pytest.raises(InputError, match=rf"{name}: no \.ann.* beside 1 of 2 texts: note1; annot"):
        data.read_corpora(DataConfig(**given), 0)
    for choice, count in (("empty", 2), ("skip", 1)):
        corpora = data.read_corpora(DataConfig(**given, unannotated=choice), 0)
        assert len(getattr(corpora, name)) == count
        assert any(f"(data.unannotated {choice})" in remark for remark in corpora.remarks)


def test_gold_without_any_mention_is_an_error(tmp_path):
    train = write_corpus(tmp_path / "train", documents=2)
    dev = write_corpus(tmp_path / "dev", documents=1)
    (dev / "note0.ann").write_text("")
    with pytest.raises(InputError, match="dev: no mention in its one document; check"):
        data.read_corpora(DataConfig(train=str(train), dev=str(dev)), 0)


def test_files_that_are_not_read_are_remarked_on(tmp_path):
    train = write_corpus(tmp_path / "train", documents=2)
    (train / "note0.con").write_text("")
    corpora = data.read_corpora(DataConfig(train=str(train)), 0)
    assert any("train: not read: 1 .con" in remark for remark in corpora.remarks)


def test_a_faulty_line_names_the_setting_and_the_setting_works(tmp_path):
    train = write_corpus(tmp_path / "train", documents=2)
    with open(train / "note0.ann", "a") as file:
        file.write("oops\n")
    with pytest.raises(InputError, match=r"counted \(--data\.malformed count\)$"):
        data.read_corpora(DataConfig(train=str(train)), 0)
    assert len(data.read_corpora(DataConfig(train=str(train), malformed="count"), 0).train) == 2


def test_relations_of_all_sets_have_the_heads_of_the_training_documents(tmp_path):
    folders = {n: write_corpus(tmp_path / n, documents=1) for n in ("train", "dev")}
    for name, folder in folders.items():
        path = folder / "note0.ann"
        lines = path.read_text().replace("Arg1:", "Has:").replace("Arg2:", "Of:").splitlines()
        for number, line in enumerate(lines):
            if line.startswith("R") and name == "dev":
                start, has, of = line.split(" ")
                lines[number] = f"{start} {of} {has}"
        path.write_text("\n".join(lines))
    corpora = data.read_corpora(DataConfig(**{n: str(f) for n, f in folders.items()}), 0)
    for documents in (corpora.train, corpora.dev):
        assert {r.head_role for d in documents for r in d.relations} == {"Has"}
    assert learn_schema(corpora.train).arguments == learn_schema(corpora.dev).arguments
