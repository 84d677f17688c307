"""An epoch of training on notes of n2c2's size and number: `python benchmarks/epoch.py`.

303 invented notes of about 4,300 wordpieces each, packed into batches and trained on by the
trainer's own step at the paper's sizes, batches made while the device works as the trainer does it.
Says time, wordpieces a second, peak memory and joules a note, beside the authors' step on a note of
4,096 wordpieces in the same run, whose time for as many wordpieces follows from that one. Writes
epoch.json and .txt.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from clocks import clock_of
from comparison import device_name, write_report

ROOT = Path(__file__).resolve().parent.parent
NOTES, WORDS = 303, 2150  # about 4,300 wordpieces a note
TARGET_SECONDS = 2.0  # an epoch on an H200


def settle(device: torch.device) -> None:
    """Wait for what the device was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def forget_peak(device: torch.device) -> None:
    """Count the most memory held from now on; on a CPU it cannot be, and is of the whole run."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def our_epochs(
    device: torch.device, notes: int, words: int, batch_tokens: int, epochs: int
) -> dict[str, float | None]:
    """The best of the epochs but the first, which makes plans and tables, where there are more."""
    from jnrf.corpora.schema import learn_schema
    from jnrf.corpora.synth import generate
    from jnrf.data.batches import batches
    from jnrf.data.examples import ExampleOptions, encode_document
    from jnrf.data.prefetch import Prefetcher
    from jnrf.training.config import TrainConfig
    from jnrf.training.optim import build_optimizer
    from jnrf.training.resources import EnergyMeter, peak_memory_bytes
    from jnrf.training.step import StepsUnderWay, take_step
    from jnrf_ext import JNRF, JNRFConfig
    from jnrf_ext.text.tokenizer import Tokenizer

    torch.manual_seed(0)
    documents = list(generate(notes, words, seed=1))
    tokenizer = Tokenizer.train([document.text for document in documents[:8]], 4000)
    schema = learn_schema(documents)
    # By gold: what an untrained model would select has nothing to do with a trained one's.
    config = JNRFConfig.reference(schema=schema, pooling="gold", behaviour="standard")
    model = JNRF(config, tokenizer).to(device).train()
    options = ExampleOptions(pair_tokens="first")
    examples = [encode_document(d, tokenizer, schema, options, config) for d in documents]
    settings = TrainConfig()
    settings.optim.lr = 1e-5
    optimizer = build_optimizer(model, settings.optim)
    tokens = sum(len(example) for example in examples)

    def run(epoch: int) -> tuple[float, float | None]:
        """Seconds and joules of one epoch."""
        norms: list[float] = []
        under_way = StepsUnderWay(device, lambda step, outcome, s: norms.append(outcome.norm))
        generator = np.random.default_rng(epoch)
        settle(device)
        meter, began = EnergyMeter(device), time.perf_counter()
        with Prefetcher(batches(examples, batch_tokens, generator)) as packed:
            for batch in packed:
                under_way.add(take_step(model, optimizer, [batch], settings))
        under_way.finish()
        settle(device)
        spent = time.perf_counter() - began, meter.joules()
        if not np.isfinite(norms).all():
            raise RuntimeError("an epoch with gradients that are not finite measures nothing")
        return spent

    forget_peak(device)
    found = [run(epoch) for epoch in range(epochs)]
    seconds, joules = min(found[1:] or found, key=lambda pair: pair[0])
    return {
        "notes": notes,
        "tokens": tokens,
        "seconds": seconds,
        "tokens_per_second": tokens / seconds,
        "joules_a_note": None if joules is None else joules / notes,
        "peak_mib": peak_memory_bytes(device) / 2**20,
    }


def their_step(device: torch.device, repeats: int) -> dict[str, float | None]:
    """The authors' step in their own float32: seconds, joules and peak memory a note."""
    sys.path.append(str(ROOT / "tests" / "support"))
    from bench_step import TOKENS, Gold, models
    from bench_step import their_step as steps_of

    from jnrf.training.resources import EnergyMeter, peak_memory_bytes

    theirs, ours, ids = models(device)
    gold = Gold.invent(theirs, ids)
    del ours
    step, clock = steps_of(theirs, ids, gold), clock_of(device)
    forget_peak(device)
    for _ in range(2):
        clock.timed(step)
    settle(device)
    meter = EnergyMeter(device)
    seconds = [clock.timed(step)[0] for _ in range(repeats)]
    joules = meter.joules()
    return {
        "tokens": TOKENS,
        "seconds": statistics.median(seconds),
        "joules_a_note": None if joules is None else joules / repeats,
        "peak_mib": peak_memory_bytes(device) / 2**20,
    }


def report(ours: dict, theirs: dict | None) -> str:
    """Both in words, and their ratios a wordpiece."""

    def joules(value: float | None) -> str:
        return "joules not known" if value is None else f"{value:.2f} J a note"

    lines = [
        f"ours: an epoch of {ours['notes']} notes, {ours['tokens']:,} wordpieces, in "
        f"{ours['seconds']:.3f} s (target {TARGET_SECONDS:g}): {ours['tokens_per_second']:,.0f} "
        f"wordpieces/s, {joules(ours['joules_a_note'])}, peak {ours['peak_mib']:.0f} MiB",
    ]
    if theirs is not None:
        epoch = theirs["seconds"] * ours["tokens"] / theirs["tokens"]
        lines.append(
            f"authors' step: {1e3 * theirs['seconds']:.2f} ms on {theirs['tokens']:,} wordpieces, "
            f"{joules(theirs['joules_a_note'])}, peak {theirs['peak_mib']:.0f} MiB; as many "
            f"wordpieces would take {epoch:.1f} s: ratio {epoch / ours['seconds']:.2f}"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "epoch")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--notes", type=int, default=NOTES)
    parser.add_argument("--words", type=int, default=WORDS)
    parser.add_argument("--batch-tokens", type=int, default=16_384)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--peer-steps", type=int, default=20, help="0 leaves the authors' out")
    options = parser.parse_args(arguments)
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("the epoch needs a GPU; --device cpu only tries the script", file=sys.stderr)
        return 2
    shape = (options.notes, options.words, options.batch_tokens, options.epochs)
    ours = our_epochs(device, *shape)
    theirs = their_step(device, options.peer_steps) if options.peer_steps else None
    text = f"{device_name(device)}\n{report(ours, theirs)}\n"
    print(text, end="")
    contents = {"ours": ours, "theirs": theirs, "batch_tokens": options.batch_tokens}
    write_report(options.out, "epoch", text, contents, device)
    return 0


if __name__ == "__main__":
    sys.exit(main())
