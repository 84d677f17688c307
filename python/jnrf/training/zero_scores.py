"""Say of a run whose scores on dev stay at zero what the likely cause is, and what to try."""

from __future__ import annotations

import math

from jnrf.training import data
from jnrf.training.checkpoint import RunState
from jnrf.training.config import TrainConfig
from jnrf.training.prepare import Prepared

#: Scorings at zero before anything is said, where the run is long enough
PATIENCE = 3
#: Optimizer steps below which a model that finds nothing has most likely not been trained enough
FEW_STEPS = 100
#: Share of rows in mentions below which tags other than O are rare
SPARSE = 0.005
#: Share of the examples without mentions that is then advised to be kept
SPARSE_KEPT = 0.1


def due(scorings: int) -> int:
    """After how many scorings at zero a run of ``scorings`` of them says so.

    Three, or a tenth of the run where that is more, but by the middle of the run.
    """
    return max(1, min(max(PATIENCE, math.ceil(scorings / 10)), scorings // 2))


def observe(
    scores: dict[str, float], state: RunState, prepared: Prepared, config: TrainConfig
) -> str | None:
    """Count a scoring of dev in ``state``; the line to tell, once a run and task, else None.

    ``scores`` are the headline F1 of dev. Relations count only while mentions are found, and only
    where dev has any. A run with one scoring says nothing: nothing stays there.
    """
    run = config.run
    scorings = math.ceil(run.epochs / run.eval_every)
    found = {task: scores[f"{task}_lenient"] > 0 for task in ("mentions", "relations")}
    wanted = {
        "mentions": any(document.mentions for document in prepared.dev),
        "relations": found["mentions"]
        and prepared.finds_relations
        and any(document.relations for document in prepared.dev),
    }
    line = None
    for task, tell in (("mentions", _no_mentions), ("relations", _no_relations)):
        zero = wanted[task] and not found[task]
        state.zero_scorings[task] = state.zero_scorings.get(task, 0) + 1 if zero else 0
        late = state.zero_scorings[task] >= due(scorings)
        if late and scorings > 1 and task not in state.told_zero:
            state.told_zero.append(task)
            line = tell(state, prepared, config)
    return line


def _no_mentions(state: RunState, prepared: Prepared, config: TrainConfig) -> str:
    rows = sum(len(example.tags) for example in prepared.train)
    inside = sum(last - first for example in prepared.train for _, first, last in example.spans)
    share = inside / max(rows, 1)
    empty = sum(not example.spans for example in prepared.train)
    observed = (
        f"warning: after epoch {state.epoch + 1} no mention of dev is found, "
        f"{_so_far(state, 'mentions')}; "
        f"{share:.2%} of the {config.model.units}s of the training documents are in mentions"
    )
    if state.step < FEW_STEPS:
        return f"{observed}. {_more_steps(config)}"
    if share < SPARSE and 2 * empty > len(prepared.train):
        return (
            f"{observed}. Likely mentions are too rare: {empty:,} of {len(prepared.train):,} "
            f"examples have none; data.keep_empty {SPARSE_KEPT:g} leaves out most of these"
        )
    return f"{observed}. {_other_rate(config)}, or another system (`jnrf systems`)"


def _no_relations(state: RunState, prepared: Prepared, config: TrainConfig) -> str:
    labelled = sum(len(example.pairs) for example in prepared.train)
    lost = data.count_out_of_reach(prepared.train, prepared.model)
    observed = (
        f"warning: after epoch {state.epoch + 1} mentions of dev are found but none of its "
        f"relations, {_so_far(state, 'relations')}; {labelled:,} pairs of the training documents "
        "are related"
    )
    limit = data.REACH.get(config.model.relation_kind)
    if limit and 2 * lost > labelled:
        value = getattr(config.model, limit.removeprefix("model."))
        return (
            f"{observed}, {lost:,} of them farther apart than the relation head reaches: a larger "
            f"{limit} (now {value:,}) reaches more"
        )
    if state.step < FEW_STEPS:
        return f"{observed}. {_more_steps(config)}"
    return (
        f"{observed}. Likely they need longer than mentions: train longer (run.epochs), or take "
        "another system (`jnrf systems`)"
    )


def _so_far(state: RunState, task: str) -> str:
    count = state.zero_scorings[task]
    return f"in {count} scoring{'s' * (count != 1)} and {state.step:,} optimizer steps so far"


def _more_steps(config: TrainConfig) -> str:
    advice = "Likely these are too few steps: train longer (run.epochs)"
    if config.run.max_tokens:
        advice += f", or with smaller batches (run.max_tokens, now {config.run.max_tokens:,})"
    return advice


def _other_rate(config: TrainConfig) -> str:
    """Advice on the learning rate that most weights have."""
    name, rate = "optim.lr", config.optim.lr
    if config.model.encoder and config.optim.lr_encoder is not None:
        name, rate = "optim.lr_encoder", config.optim.lr_encoder
    return f"Likely the learning rate does not suit: try another {name} (now {rate:g})"
