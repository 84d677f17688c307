"""The page's overview: what was found first, what the run cost after it, all figures folded."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from jnrf.scoring.scores import Counts, Scores

#: Summary keys that have a better name than their own, with how their numbers are written.
_KNOWN = {
    "epochs": ("Epochs", "{:,}"),
    "best_epoch": ("Best epoch", "{:,}"),
    "seconds": ("Training time", "{:,.0f} s"),
    "seconds_per_epoch": ("Time an epoch", "{:,.1f} s"),
    "tokens_per_epoch": ("Wordpieces an epoch", "{:,}"),
    "tokens_per_second": ("Wordpieces/s", "{:,.0f}"),
    "prediction_tokens": ("Wordpieces predicted on", "{:,}"),
    "prediction_seconds": ("Prediction time", "{:,.1f} s"),
    "prediction_tokens_per_second": ("Wordpieces/s, prediction", "{:,.0f}"),
    "parameters": ("Parameters", "{:,}"),
    "documents": ("Documents", "{:,}"),
}

#: Costs that have a tile, with what each means
_COSTS = {
    "seconds": "time in training, without scoring",
    "prediction_tokens_per_second": "speed of annotating, in wordpieces a second",
    "peak_memory_bytes": "most memory held in training",
    "energy_joules": "energy of processor and GPU in training",
}


def headline(scores: dict[str, Scores], summary: dict) -> str:
    """Tiles of the first scores: found, missed and wrong of each task, its F1, the documents."""
    if not scores:
        return (
            '<p class="notice">Nothing was scored: the run had no dev or test documents. '
            "Give --dev, or let some training documents be held out (--data.holdout).</p>"
        )
    name, first = next(iter(scores.items()))
    finds = summary.get("finds_relations", True)
    rows = []
    for task in ("mentions", "relations") if finds else ("mentions",):
        rows.append(_task_tiles(task, first))
    documents = [_tile(f"{first.documents:,}", "Documents", f"scored here ({name.split(',')[0]})")]
    sizes = summary.get("documents")
    if isinstance(sizes, dict) and "train" in sizes:
        documents.append(_tile(f"{sizes['train']:,}", "Training documents", "learnt from"))
    rows.append("".join(documents))
    notes = [
        f"{escape(name)}, counted leniently: the type agrees, and at least one character. Strict "
        "scores are below, by type."
    ]
    if held := summary.get("held_out"):
        notes.append(
            f"The dev documents ({held:,}) were held out of the training folder; they also chose "
            "the best epoch, so expect a little less on new notes."
        )
    if not finds:
        ignored = summary.get("relations_ignored") or 0
        unused = f" The {ignored:,} relations of the training documents were ignored."
        notes.insert(0, "This model finds mentions only, no relations." + unused * bool(ignored))
    tiles = "".join(f'<div class="cards main">{row}</div>' for row in rows)
    return tiles + "".join(f'<p class="note">{note}</p>' for note in notes)


def _task_tiles(task: str, scores: Scores) -> str:
    counts: Counts = getattr(scores, task)["lenient"].micro
    gold, predicted = counts.tp + counts.fn, counts.tp + counts.fp
    name = task.capitalize()
    wrong = f"{_share(counts.fp, predicted)} of all predicted"
    tiles = (
        _tile(f"{counts.tp:,}", f"{name} found", f"of {gold:,} in the gold annotation"),
        _tile(f"{counts.fn:,}", f"{name} missed", f"{_share(counts.fn, gold)} of the gold"),
        _tile(f"{counts.fp:,}", f"{name} wrong", wrong),
        _tile(f"{counts.f1:.3f}", f"F1 of {task}", "1 where nothing is missed or wrong"),
    )
    return "".join(tiles)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f}%" if whole else "0%"


def _tile(figure: str, label: str, meaning: str) -> str:
    size = "" if len(figure) < 14 else ' class="long"'
    return (
        f'<div class="card"><b{size}>{escape(figure)}</b><span>{escape(label)}</span>'
        f"<small>{escape(meaning)}</small></div>"
    )


def costs(values: dict) -> str:
    """Tiles of what the run cost, and a folded table of all figures of its summary."""
    tiles = []
    for key, meaning in _COSTS.items():
        if isinstance(values.get(key), (int, float)) and values[key]:
            label, text = _described(key, values[key])
            tiles.append(_tile(text, label, meaning))
    rows = []
    for key, value in values.items():
        for name, number in value.items() if isinstance(value, dict) else [("", value)]:
            if number is None:
                continue
            label, text = _described(key, number)
            label = f"{label}, {name}" if name else label
            rows.append(f'<tr><th scope="row">{escape(label)}</th><td>{escape(text)}</td></tr>')
    table = f"<table><tbody>{''.join(rows)}</tbody></table>"
    return (
        f'<h3>Costs</h3><div class="cards">{"".join(tiles)}</div><details><summary>All figures of '
        f'the run</summary><div class="settings">{table}</div></details>'
    )


def remarks(lines: Sequence[str]) -> str:
    """What was said of the run, a list; nothing where nothing was."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<details open><summary>Remarks</summary><ul>{items}</ul></details>" if items else ""


def _described(key: str, value: object) -> tuple[str, str]:
    """A label and a text for a summary value; units as the key's ending says."""
    label, pattern = _KNOWN.get(key, (key.replace("_", " ").capitalize(), None))
    if isinstance(value, bool):
        return label, "yes" if value else "no"
    if not isinstance(value, (int, float)):
        return label.removesuffix(" joules").removesuffix(" bytes"), str(value)
    if key.endswith("_bytes"):
        return label.removesuffix(" bytes"), f"{value / 2**20:,.0f} MiB"
    if key.endswith("_joules"):
        return label.removesuffix(" joules"), f"{value / 3600:,.1f} Wh"
    return label, (pattern or ("{:,}" if isinstance(value, int) else "{:,.4g}")).format(value)
