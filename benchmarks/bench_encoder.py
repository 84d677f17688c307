"""Fine-tuning a pretrained encoder to tag: ours against transformers as one would use it.

The peer is the library's own token classifier on padded windows, with AdamW and bfloat16 autocast
where the processor has matrix units for it, dropout of attention weights included as its
configurations have it. Ours is the trainer's step of the system `bert`.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from comparison import assert_agree

from jnrf.data.batches import Batch
from jnrf.device import use_bf16
from jnrf.systems import load_system
from jnrf.training.config import TrainConfig, model_config
from jnrf.training.optim import build_optimizer
from jnrf.training.step import take_step
from jnrf_ext import JNRF, Schema
from jnrf_ext.packing.outline import Layout

transformers = pytest.importorskip("transformers")

#: The shape of all-MiniLM-L6.
SHAPE = {
    "vocab_size": 30_522,
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
    "max_position_embeddings": 512,
}
CLS, SEP = 101, 102
SCHEMA = Schema.from_types(["Drug", "ADE", "Dosage"], {})


def lengths_of(kind: str) -> list[int]:
    """Wordpieces of the segments: sentences of a note, or windows of long ones."""
    if kind == "windows":
        return [254] * 12
    return np.random.default_rng(0).integers(8, 60, 60).tolist()


@pytest.mark.parametrize("kind", ["windows", "sentences"])
def test_fine_tuning_step(compare, device, kind):
    lengths = lengths_of(kind)
    tokens = sum(lengths)
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(1000, 30_000, (tokens,), generator=generator)
    tags = torch.randint(len(SCHEMA.tags), (tokens,), generator=generator)
    torch.manual_seed(0)
    config = transformers.BertConfig(**SHAPE, num_labels=len(SCHEMA.tags))
    theirs = transformers.BertForTokenClassification(config).to(device)
    settings = TrainConfig()
    settings.optim.lr, settings.run.bf16 = 0.0, "auto"
    made = model_config(
        load_system("bert").config.model,
        encoder=config.to_diff_dict() | {"model_type": "bert"},
        encoder_frame=[[CLS], [SEP]],
        hidden_size=384,
        vocab_size=30_522,
        schema=SCHEMA,
    )
    made.encoder_window, made.segments = 256, "document"
    ours = JNRF(made).to(device)
    ours.load_encoder(theirs.bert)
    with torch.no_grad():
        ours.tag_head.output.weight.copy_(theirs.classifier.weight)
        ours.tag_head.output.bias.copy_(theirs.classifier.bias)
    bounds = torch.tensor([0, *lengths]).cumsum(0).int()
    batch = Batch(ids, torch.zeros_like(ids), bounds, tags, ids.new_zeros(0, 3), [])
    width = max(lengths) + 2
    padded = torch.zeros(len(lengths), width, dtype=torch.int64)
    mask, gold = torch.zeros_like(padded), torch.full_like(padded, -100)
    for row, (first, length) in enumerate(zip(bounds.tolist(), lengths, strict=False)):
        part = slice(first, first + length)
        padded[row, : length + 2] = torch.tensor([CLS, *ids[part].tolist(), SEP])
        mask[row, : length + 2] = 1
        gold[row, 1 : length + 1] = tags[part]
    padded, mask, gold = (t.to(device) for t in (padded, mask, gold))
    ours.eval(), theirs.eval()
    with torch.no_grad():
        mine = ours(ids.to(device), bounds, layout=Layout.plain(bounds)).tag_logits
        assert_agree(mine, theirs(padded, attention_mask=mask).logits[gold >= 0], 1e-4)
    ours.train(), theirs.train()
    optimizer = build_optimizer(ours, settings.optim)
    adam = torch.optim.AdamW(theirs.parameters(), lr=0.0)
    bf16 = use_bf16("auto", device)

    def their_step() -> float:
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            loss = theirs(padded, attention_mask=mask, labels=gold).loss
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
        adam.step()
        return loss.item()

    compare(
        "fine-tuning step of an encoder",
        f"{len(lengths)} {kind}, {tokens:,} wordpieces, 6 layers of 384",
        ours=lambda: take_step(ours, optimizer, [batch], settings).outcome().mean_losses[0],
        peer=their_step,
        peer_name="transformers",
        # Dropout is drawn otherwise on the two sides; that outputs agree was checked above.
        tolerance=0.1,
        seconds=10.0,
        memory=True,
        tokens=tokens,
    )
