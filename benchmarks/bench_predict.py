"""Prediction end to end: a folder of notes in, a folder of brat annotations out.

The model has the paper's sizes and random weights, its tag bias set so that a fifth of the
wordpieces are of an entity. The peer is the same with one note at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from floors import Least
from torch.utils.flop_counter import FlopCounterMode

from jnrf.corpora.schema import learn_schema
from jnrf.corpora.synth import generate
from jnrf.prediction.outputs import BratOutput
from jnrf.prediction.predictor import Predictor
from jnrf.prediction.run import Outcome, PartWorker, run
from jnrf.prediction.sources import open_source
from jnrf_ext import JNRF, JNRFConfig
from jnrf_ext.inference.extract import BATCH_TOKENS
from jnrf_ext.text.tokenizer import Tokenizer

ENTITY_SHARE = 0.2


def untrained_model(documents, device: torch.device) -> JNRF:
    """A model that tags a fifth of the wordpieces."""
    torch.manual_seed(0)
    tokenizer = Tokenizer.train([document.text for document in documents[:8]], 4000)
    schema = learn_schema(documents)
    sizes = dict(embedding_size=768, hidden_size=768, num_layers=6, mixing_windows=[])
    config = JNRFConfig(schema=schema, vocab_size=tokenizer.vocab_size, **sizes)
    model = JNRF(config, tokenizer).to(device).eval()
    encoded = tokenizer.encode(documents[0].text)
    ids, surface = (torch.from_numpy(a).long().to(device) for a in (encoded.ids, encoded.surface))
    with torch.no_grad():
        bounds = torch.tensor([0, len(ids)], dtype=torch.int32)
        tag_a_share(model, model.tag_head(model.encode(ids, bounds, surface)[0]))
    return model


def tag_a_share(model: JNRF, logits: torch.Tensor) -> None:
    """Set the tags' bias so that of rows with these logits the share is of an entity."""
    # Even the labels out, then place "O" above all but the wanted share.
    head = model.tag_head
    outside = head.labels.index("O")
    head.output.bias -= logits.mean(0)
    logits = logits - logits.mean(0)
    others = torch.cat([logits[:, :outside], logits[:, outside + 1 :]], dim=1)
    margin = others.amax(1) - logits[:, outside]
    head.output.bias[outside] += margin.quantile(1 - ENTITY_SHARE)


def test_folder_of_notes(compare, device, tmp_path):
    count, words = (128, 2000) if device.type == "cuda" else (4, 250)
    documents = list(generate(count, words, seed=1))
    notes = tmp_path / "notes"
    notes.mkdir()
    for document in documents:
        (notes / f"{document.id}.txt").write_text(document.text)
    predictor = Predictor(untrained_model(documents, device), bf16=device.type == "cuda")

    def predict(out: Path, batch_tokens: int) -> Callable[[], Outcome]:
        source, _ = open_source(notes)
        worker = PartWorker(predictor, source, BratOutput(out, False), batch_tokens)
        return lambda: run(worker)

    def agree(ours: Outcome, peer: Outcome) -> None:
        assert ours.documents == peer.documents == count
        assert ours.wordpieces == peer.wordpieces
        annotated = sum(path.stat().st_size > 0 for path in (tmp_path / "ours").glob("*.ann"))
        assert annotated == count, "the model should find mentions in every note"

    ours = predict(tmp_path / "ours", BATCH_TOKENS[device.type])
    with FlopCounterMode(display=False) as counter:
        wordpieces = ours().wordpieces
    compare(
        "prediction, text in to brat out",
        f"{count} notes, {wordpieces:,} wordpieces, H=768",
        ours,
        predict(tmp_path / "alone", 1),
        agree=agree,
        peer_name="one note at a time",
        seconds=10.0,
        memory=True,
        least=Least(0.0, {"float32": counter.get_total_flops()}),
        tokens=wordpieces,
        rate_target=5e6 if device.type == "cuda" else None,
    )
