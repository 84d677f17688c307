"""What a study can show of a run: the names of its metrics, and their values in a summary.

Two families, told apart by the name's first word:

- n2c2 scores, ``mentions_strict``, ``mentions_lenient``, ``relations_strict`` (arguments found by
  the system too: end to end) and ``relations_lenient``, micro over documents by the corrected
  rules; with ``official.`` before it, by the rules of the shared task's script.
- the scores of :func:`jnrf.scoring.metrics.all_metrics`: ``entities.micro``,
  ``relations_strict.macro``, ``labels.weighted``, ``labels.accuracy`` and their like.

With ``.precision``, ``.recall`` or ``.f1`` behind it a metric is that figure alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from jnrf.training.settings import nearest
from jnrf.training.summary import RunSummary
from jnrf_ext.errors import InputError

FIGURES = ("precision", "recall", "f1")
N2C2 = ("mentions_strict", "mentions_lenient", "relations_strict", "relations_lenient")
GROUPS = {
    "entities": ("micro", "macro"),
    "relations_strict": ("micro", "macro"),
    "relations_boundaries": ("micro", "macro"),
    "labels": ("macro", "weighted", "accuracy"),
    "labels_merged": ("macro", "weighted", "accuracy"),
}
_LABELS = {
    "mentions_strict": "mentions, strict",
    "mentions_lenient": "mentions, lenient",
    "relations_strict": "relations end to end, strict",
    "relations_lenient": "relations end to end, lenient",
    "entities": "entities (exact spans)",
    "relations_boundaries": "relations (boundaries only)",
    "labels": "labels (tokens, not spans)",
    "labels_merged": "labels, B and I merged (tokens, not spans)",
}


@dataclass(frozen=True)
class Metric:
    """A column of a study's tables."""

    #: As in the study file
    name: str
    #: Scorer rules for n2c2's scores, else ""
    mode: str
    #: ("mentions_strict",), or group and average
    path: tuple[str, ...]
    #: "precision", "recall", "f1" or "accuracy": one column each
    figures: tuple[str, ...]

    @property
    def headline(self) -> str:
        """The figure that systems are compared by."""
        return "f1" if "f1" in self.figures else self.figures[0]

    @property
    def label(self) -> str:
        """For people."""
        first = self.path[0]
        if self.mode:
            return _LABELS[first] + (", official" if self.mode == "official" else "")
        title = "relations (exact spans and types)" if first == "relations_strict" else ""
        average = self.path[1]
        return (title or _LABELS[first]) + ("" if average == "accuracy" else f", {average}")

    @property
    def token_level(self) -> bool:
        """Asks of single tokens, and is no score of mentions."""
        return not self.mode and self.path[0].startswith("labels")

    @property
    def counted(self) -> bool:
        """Follows from sums of true positives, false positives and false negatives."""
        return self.headline == "f1" and (bool(self.mode) or self.path[1] == "micro")

    def values(self, summary: RunSummary, documents: str) -> dict[str, float]:
        """The figures in a run's summary on ``documents`` ("dev" or "test").

        Raises :class:`InputError` where the summary has no such score.
        """
        try:
            if self.mode:
                task, _, level = self.path[0].partition("_")
                rates = summary.scores[documents][self.mode][task][level]["micro"]
            else:
                group, average = self.path
                found = summary.metrics[documents][group]
                rates = found if average == "accuracy" else found[average]
            return {figure: float(rates[figure]) for figure in self.figures}
        except (KeyError, TypeError) as error:
            raise InputError(
                f"{summary.folder}: its summary has no {self.name} on {documents} ({error}); "
                "remove the folder to run it again"
            ) from error


def parse(name: str) -> Metric:
    """A metric by its name; raises :class:`InputError` for one that is none."""
    words = name.split(".")
    mode = "corrected"
    path: tuple[str, ...]
    if words[0] == "official":
        mode, words = "official", words[1:]
    if words and words[0] in N2C2 and (words[1:] == [] or words[1:2][0] in FIGURES):
        figure, rest, path = words[1:], words[2:], (words[0],)
    elif mode == "corrected" and len(words) > 1 and words[1] in GROUPS.get(words[0], ()):
        figure, rest, path, mode = words[2:3], words[3:], (words[0], words[1]), ""
    else:
        raise InputError(f"unknown metric {name!r}; {nearest(name, known())}")
    accuracy = path[-1] == "accuracy"
    if rest or (figure and (accuracy or figure[0] not in FIGURES)):
        raise InputError(f"unknown metric {name!r}; {nearest(name, known())}")
    return Metric(name, mode, path, ("accuracy",) if accuracy else tuple(figure) or FIGURES)


def known() -> list[str]:
    """Every name, without those of single figures."""
    return [
        *N2C2,
        *(f"official.{name}" for name in N2C2),
        *(f"{group}.{average}" for group, averages in GROUPS.items() for average in averages),
    ]
