"""The training loop, to be read from top to bottom."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial

import numpy as np
import torch

from jnrf.data.prefetch import Prefetcher
from jnrf.device import choose_device
from jnrf.training import evaluation, zero_scores
from jnrf.training.checkpoint import RunState, load_state, recover, replace_folder, save_state
from jnrf.training.config import RunConfig, TrainConfig
from jnrf.training.data import REACH, Corpora
from jnrf.training.distributed.team import Team, join
from jnrf.training.finish import RunSummary, finish, read_summary
from jnrf.training.interrupt import Interrupted, StopRequest
from jnrf.training.log import Curves, MetricsLog
from jnrf.training.optim import build_optimizer, schedule, set_learning_rate
from jnrf.training.prepare import missing_embeddings, prepare, resolve_embeddings
from jnrf.training.progress import TrainingProgress
from jnrf.training.resources import EnergyMeter, peak_memory_bytes
from jnrf.training.run_folder import RunFolder, check_step_batches, open_folder
from jnrf.training.step import Outcome, Step, StepsUnderWay, check_finite, take_step
from jnrf.training.stream import steps
from jnrf_ext import JNRF
from jnrf_ext.documents.document import Document
from jnrf_ext.files import write_atomically


def train(
    config: TrainConfig,
    resume: bool = False,
    team: Team | None = None,
    corpora: Corpora | None = None,
    remarks: Sequence[str] = (),
) -> RunSummary:
    """Train, keep the best epoch, score it, and write it all into ``config.run.out``.

    With ``resume`` the run in that folder goes on from its last checkpoint, to the very weights it
    would have had without the interruption. Raises :class:`InputError` for what the user can mend,
    and :class:`Interrupted` after Ctrl-C or SIGTERM, once last/ is saved.

    ``corpora`` are the documents of ``config.data`` where they were read already; ``remarks`` are
    lines that a new run tells and keeps before its own.

    Started by torchrun, the processes train one model together (``team``, else they :func:`join`).
    All do what follows alike, and get the same; where something is written, the first does it.
    """
    with nullcontext(team) if team else join() as team:
        return _train(config, resume, team, corpora, remarks)


def _train(
    config: TrainConfig,
    resume: bool,
    team: Team,
    corpora: Corpora | None,
    remarks: Sequence[str],
) -> RunSummary:
    run = config.run
    folder = open_folder(run.out, resume)
    if resume and folder.summary.exists():
        return read_summary(folder)
    warnings = missing_embeddings(config.model)
    config.model.embeddings = resolve_embeddings(config.model.embeddings)
    device = set_up(run, team)
    team.connect(device)
    if resume and team.is_main_process:
        recover(folder.last)
    team.wait()  # until the folder is as all should find it
    prepared = prepare(config, folder.last if resume else None, corpora)
    team.agree((prepared.fingerprint, config.to_dict()), "training documents or settings")
    model = prepared.model.to(device)
    optimizer = build_optimizer(model, config.optim)
    if prepared.resumed:
        state = load_state(folder.last, optimizer, prepared.fingerprint)
        check_step_batches(folder, state.step_batches, config.optim.accumulate, team.size)
        team.wait()  # until all have read it
    else:
        state = RunState(fingerprint=prepared.fingerprint)
    state.step_batches = config.optim.accumulate * team.size
    if not prepared.resumed and team.is_main_process:
        # The first checkpoint comes before the first step: a kill then loses no run, and a folder
        # that cannot be written to shows itself now.
        write_atomically(folder.config, config.to_yaml())
        lines = (*warnings, *remarks, *prepared.remarks)
        write_atomically(folder.remarks, "".join(f"{line}\n" for line in lines))
        save(folder, model, optimizer, state, team)
    log = MetricsLog(folder.metrics if team.is_main_process else None, state.log_bytes)
    curves = Curves(folder.tensorboard, run.tensorboard and team.is_main_process, state.step)
    meter = EnergyMeter(
        device, state.energy_joules if team.is_main_process else None, cpus=team.local_rank == 0
    )
    total = prepared.tokens * run.epochs
    joint = 0  # wordpieces of the epochs that auxiliary corpora take part in
    if prepared.auxiliary:
        shared_epochs = min(run.auxiliary_epochs, run.epochs)
        joint = (prepared.tokens + prepared.auxiliary_tokens) * shared_epochs
        total += prepared.auxiliary_tokens * shared_epochs
    # The heads that relate mentions, not rows, are told where the gold ones are.
    relates_mentions = config.model.relation_kind in REACH
    gold_types = model.config.schema.entity_types if relates_mentions else []
    bar = TrainingProgress(total, state.all_tokens, run.epochs, quiet=not team.is_main_process)
    for line in (*warnings, *remarks, *prepared.remarks, curves.note):
        bar.say(line)
    if prepared.dev:
        bar.say("a line an epoch; * marks the best one on dev so far, which is kept as best/")

    asked = False  # one of several processes was asked to stop, and all know it

    def book(step: Step, outcome: Outcome, seconds: float) -> None:
        nonlocal asked
        asked |= outcome.stop
        check_finite(step, outcome, config, state)
        state.count(outcome.mean_losses, len(step.group), step.tokens, seconds, outcome.dropped)
        bar.advance(state.epoch + 1, step.tokens, state.mean_losses()["loss"])
        curves.add({"loss": outcome.mean_losses[0], "lr": float(step.learning_rate)}, state.step)

    under_way = StepsUnderWay(device, book)
    with StopRequest(patient=not team.alone) as stop, bar:
        shared = None
        if not team.alone:
            from jnrf.training.distributed.step import Shared

            shared = Shared(model, team, stop)
        while not state.finished:
            examples = prepared.train
            if state.epoch < run.auxiliary_epochs:
                examples = examples + prepared.auxiliary
            stream = steps(examples, config, state.epoch, state.batch, team, device, gold_types)
            model.train()
            with Prefetcher(stream) as groups:
                for group in groups:
                    tokens = sum(batch.tokens for batch in group)
                    done = phase_progress(
                        state.all_tokens + under_way.tokens + tokens / 2, joint, total
                    )
                    set_learning_rate(optimizer, schedule(config.optim, done))
                    under_way.add(take_step(model, optimizer, group, config, shared))
                    taken = state.step + len(under_way)
                    if run.checkpoint_every and taken % run.checkpoint_every == 0:
                        under_way.finish()
                        save(folder, model, optimizer, state, team)
                    # Signals reach several processes at different moments: they stop when all of
                    # them know, from the outcome of a step.
                    if stop.requested if team.alone else asked:
                        under_way.finish()
                        save_and_stop(folder, model, optimizer, state, team)
            under_way.finish()

            at_zero = None
            row = {
                "epoch": state.epoch + 1,
                "step": state.step,
                **state.mean_losses(),
                "lr": optimizer.param_groups[0]["lr"],
                "tokens_per_second": round(state.tokens / max(state.epoch_seconds, 1e-9), 1),
                "seconds": round(state.epoch_seconds, 3),
            }
            last_epoch = state.epoch + 1 == run.epochs
            if prepared.dev and ((state.epoch + 1) % run.eval_every == 0 or last_epoch):
                try:
                    predicted = evaluation.predict(model, prepared.dev, stop.check, team)
                except Interrupted:  # before the epoch is closed: resuming scores it again
                    save_and_stop(folder, model, optimizer, state, team)
                row["dev"] = team.of_leader(partial(dev_scores, prepared.dev, predicted))
                state.judge(row["dev"], prepared.metric)
                at_zero = zero_scores.observe(row["dev"], state, prepared, config)
                if team.is_main_process and state.best_epoch == row["epoch"]:
                    replace_folder(folder.best, model.save_pretrained)
            if state.dropped:
                row["dropped"] = state.dropped
                bar.say(dropped_line(row, config.model.selection_room))
            log.append(row)
            curves.add(row, state.step)
            bar.say(epoch_line(row, run.epochs, state, bar, prepared.finds_relations))
            if at_zero:
                bar.say(at_zero)
                if team.is_main_process:
                    folder.add_remark(at_zero)
            costs = team.gather((peak_memory_bytes(device), meter.joules()))
            state.peak_memory_bytes = max(state.peak_memory_bytes, *(peak for peak, _ in costs))
            known = [joules for _, joules in costs if joules is not None]
            state.energy_joules = sum(known) if known else None
            state.close_epoch(log.size)
            stopped_early = 0 < run.patience <= state.scorings_without_gain
            state.finished = last_epoch or stopped_early
            save(folder, model, optimizer, state, team)
            if stopped_early:
                bar.say(f"stopped early: no gain on dev in {run.patience} scorings")

        if team.is_main_process and not prepared.dev:
            replace_folder(folder.best, model.save_pretrained)
    log.close()
    curves.close()
    return finish(config, folder, state, prepared, team)


def dev_scores(gold: list[Document], predicted: list[Document]) -> dict[str, float]:
    """What the best epoch is chosen by."""
    return evaluation.headlines(evaluation.score(gold, predicted))


def phase_progress(tokens: float, joint: int, total: int) -> float:
    """How far a run is, in [0, 1], after so many wordpieces of ``total``.

    Where the first ``joint`` are trained on together with auxiliary corpora, fine-tuning on the
    main one afterwards is a phase of its own: else it would get the low end of a learning rate.
    """
    if tokens < joint:
        return tokens / joint
    return (tokens - joint) / (total - joint)


def set_up(run: RunConfig, team: Team) -> torch.device:
    """Threads, seeds and determinism as configured; the device that this process is to run on."""
    if run.threads:
        torch.set_num_threads(run.threads)
    random.seed(run.seed)
    np.random.seed(run.seed)  # noqa: NPY002 (for what others may draw from the global generator)
    torch.manual_seed(run.seed)
    if run.deterministic:
        # cuBLAS is deterministic only with a fixed workspace, chosen before its first use.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(run.deterministic)
    return choose_device(run.device, None if team.alone else team.local_rank)


def save(
    folder: RunFolder, model: JNRF, optimizer: torch.optim.Optimizer, state: RunState, team: Team
) -> None:
    """Put a new last/ in place of the old one; the leader of the team does."""

    def write(path) -> None:
        model.save_pretrained(path)
        save_state(path, optimizer, state)

    if team.is_main_process:
        replace_folder(folder.last, write)


def save_and_stop(
    folder: RunFolder, model: JNRF, optimizer: torch.optim.Optimizer, state: RunState, team: Team
) -> None:
    """Save last/ and raise :class:`Interrupted`."""
    save(folder, model, optimizer, state, team)
    team.wait()  # a launcher ends all processes as soon as one of them ends
    raise Interrupted(
        f"interrupted in epoch {state.epoch + 1} after step {state.step}, all saved; "
        f"to go on: jnrf train --resume --out {folder.root}"
    )


def dropped_line(row: dict, room: float) -> str:
    """What a person reads where tokens were left out of the relation loss."""
    return (
        f"epoch {row['epoch']}: {row['dropped']:,} selected tokens found no room in the relation "
        f"layers; a larger model.selection_room than {room:g} takes them in, at its cost"
    )


def epoch_line(
    row: dict, epochs: int, state: RunState, bar: TrainingProgress, relations: bool = True
) -> str:
    """What a person reads after an epoch; without ``relations`` of mentions alone."""
    losses = f"tags {row['tag_loss']:.4f}"
    if relations:
        losses += f", relations {row['relation_loss']:.4f}"
    parts = [f"epoch {row['epoch']}/{epochs}", f"loss {row['loss']:.4f} ({losses})"]
    if "dev" in row:
        dev = row["dev"]
        shown = [
            f"{task} {dev[f'{task}_lenient']:.3f}/{dev[f'{task}_strict']:.3f}"
            for task in (("mentions", "relations") if relations else ("mentions",))
        ]
        parts.append(
            f"dev F1 {', '.join(shown)} lenient/strict"
            + (" *" if state.best_epoch == row["epoch"] else "")
        )
    parts.append(f"{row['tokens_per_second']:,.0f} wordpieces/s, {bar.time_left()} left")
    return "  ".join(parts)
