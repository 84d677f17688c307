"""Scores by the rules of the 2018 n2c2 track 2 (Henry et al. 2020, JAMIA 27(1)).

``official`` mode gives the numbers of the organisers' script, quirks included, so that they can be
compared with published ones. ``corrected`` mode, for one's own work, pairs items one to one, counts
the gold of documents without a prediction as not found, and takes no malformed input.

Both: types are case-sensitive, text is never compared, a discontinuous mention counts as its hull.
Strict asks for equal starts and ends, lenient for a shared character. A relation matches when its
type and both of its arguments match, in their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from jnrf.scoring import folders
from jnrf.scoring.columns import Annotations, Codes, Columns, columns, from_document
from jnrf.scoring.matching import Matching, one_to_one
from jnrf.scoring.scores import Counts, Level, Rates, Scores
from jnrf_ext.documents.document import Document
from jnrf_ext.errors import InputError

MODES = ("corrected", "official")

#: The order of the shared task's own tables; other types follow by name.
TYPES = ("Drug", "Strength", "Duration", "Route", "Form", "ADE", "Dosage", "Reason", "Frequency")
RELATIONS = tuple(
    f"{name}-Drug"
    for name in (
        "Strength", "Dosage", "Duration", "Frequency", "Form", "Route", "Reason", "ADE"
    )
)  # fmt: skip


def score(
    gold: Sequence[Document],
    predicted: Sequence[Document],
    mode: str = "corrected",
    skipped_predicted: Sequence[str] = (),
) -> Scores:
    """Scores of predicted documents against gold ones; documents correspond by id.

    A gold document without a prediction is left out in ``official`` mode and counts as nothing
    found in ``corrected`` mode; a prediction without gold is left out in both, and named beside
    ``skipped_predicted``, which the caller left out. Raises :class:`InputError` when two documents
    of one side share an id, no ids correspond, a relation's argument is no mention of its document
    or, in ``corrected`` mode, an id is used twice in one.
    """
    unique = _checked(mode) == "corrected"
    return score_annotations(
        annotations_by_id("gold", gold, unique),
        annotations_by_id("predicted", predicted, unique),
        mode,
        skipped_predicted=skipped_predicted,
    )


def annotations_by_id(
    side: str, documents: Sequence[Document], unique_ids: bool = True
) -> dict[str, Annotations]:
    """The scorer's view of documents (:func:`jnrf.scoring.columns.from_document`) by their ids.

    ``side`` names them where two share an id, which raises :class:`InputError`.
    """
    by_id = {document.id: document for document in documents}
    if len(by_id) != len(documents):
        ids = sorted(document.id for document in documents)
        twice = next(a for a, b in pairwise(ids) if a == b)
        raise InputError(
            f"two {side} documents have the id {twice}; rename one, or drop the duplicate"
        )
    return {key: from_document(document, unique_ids) for key, document in by_id.items()}


def score_folders(gold_dir: str | Path, pred_dir: str | Path, mode: str = "corrected") -> Scores:
    """Scores of a folder of .ann files against a folder of gold ones, files of equal names.

    ``official`` mode reads files as the script does (:mod:`jnrf.scoring.official_files`),
    ``corrected`` mode by our own readers, which take other formats and single files too; .ann files
    are read against the gold's text. Raises :class:`InputError` for missing folders, no common
    files, and what the reader refuses.
    """
    if _checked(mode) == "official":
        gold, predicted, skipped = folders.read_official(Path(gold_dir), Path(pred_dir))
        return score_annotations(gold, predicted, mode, *skipped)
    _, ours, theirs, left_out = folders.read_corrected(Path(gold_dir), Path(pred_dir))
    return score(ours, theirs, mode, left_out)


def score_annotations(
    gold: dict[str, Annotations],
    predicted: dict[str, Annotations],
    mode: str,
    skipped_gold: Sequence[str] = (),
    skipped_predicted: Sequence[str] = (),
) -> Scores:
    """Scores of annotations by document name; the skipped ones were left out before."""
    common = sorted(gold.keys() & predicted.keys())
    only_gold = sorted(gold.keys() - predicted.keys())
    if not common:
        raise InputError(
            f"none of the {len(gold)} gold and {len(predicted)} predicted documents have a name in "
            f"common; give each prediction the name of its gold document"
        )
    used = common if mode == "official" else sorted(gold)
    codes = Codes()
    gold_columns = columns([gold[name] for name in used], codes)
    system_columns = columns([predicted.get(name) or Annotations(name) for name in used], codes)
    mentions, relations = (
        _levels(gold_columns[kind], system_columns[kind], codes, order, len(used), mode)
        for kind, order in (("mentions", TYPES), ("relations", RELATIONS))
    )
    return Scores(
        mode=mode,
        documents=len(used),
        mentions=mentions,
        relations=relations,
        skipped_gold=sorted([*skipped_gold, *(only_gold if mode == "official" else ())]),
        skipped_predicted=sorted([*skipped_predicted, *(predicted.keys() - gold.keys())]),
        missing=[] if mode == "official" else only_gold,
    )


def _levels(
    gold: Columns,
    system: Columns,
    codes: Codes,
    order: Sequence[str],
    documents: int,
    mode: str,
) -> dict[str, Level]:
    used = {*np.unique(gold.type).tolist(), *np.unique(system.type).tolist()}
    position = {name: number for number, name in enumerate(order)}
    names = sorted(
        (name for name, code in codes.items() if code in used),
        key=lambda name: (position.get(name, len(order)), name),
    )
    judge = _official if mode == "official" else corrected
    return {
        level: _aggregate(
            gold,
            system,
            *judge(gold, system, level == "lenient"),
            documents=documents,
            types={name: codes[name] for name in names},
            with_types=mode == "corrected",
        )
        for level in ("strict", "lenient")
    }


def _official(gold: Columns, system: Columns, lenient: bool) -> tuple[np.ndarray, np.ndarray]:
    """Masks over the system items: those that count at all, and those of them that are right.

    A gold item belongs to the first system item that matches it. A system item that matches some
    gold item of another's does not count: neither right nor wrong.
    """
    matching = Matching(gold, system, lenient)
    right = matching.gold_sizes[matching.system] > 0
    first = np.full(len(matching.complete), len(system))
    np.minimum.at(first, matching.system, np.arange(len(system)))
    counted = ~right | (np.arange(len(system)) == first[matching.system])
    for component in matching.partial():
        taken = 0
        for row, matches in zip(component.system.tolist(), component.adjacency, strict=True):
            right[row] = matches != 0
            counted[row] = not matches & taken
            taken |= matches
    return counted, right & counted


def corrected(gold: Columns, system: Columns, lenient: bool) -> tuple[np.ndarray, np.ndarray]:
    """Masks over the system items: those that count, and those of them that are right.

    All count, and those of a largest one-to-one pairing with gold items that match are right.
    """
    matching = Matching(gold, system, lenient)
    # Where all match, the n-th system item is right when there are at least n gold ones.
    order = np.argsort(matching.system, kind="stable")
    ordered = matching.system[order]
    nth = np.arange(len(ordered)) - np.searchsorted(ordered, ordered, side="left")
    right = np.zeros(len(system), dtype=bool)
    right[order] = nth < matching.gold_sizes[ordered]
    for component in matching.partial():
        right[component.system] = False
        right[component.system[one_to_one(component.adjacency)]] = True
    return np.ones(len(system), dtype=bool), right


def _aggregate(
    gold: Columns,
    system: Columns,
    counted: np.ndarray,
    right: np.ndarray,
    *,
    documents: int,
    types: dict[str, int],
    with_types: bool,
) -> Level:
    """Counts by document and by type. Items of one document and id count once, as in the script."""

    def tally(rows: Columns, mask: np.ndarray, key: np.ndarray, size: int) -> np.ndarray:
        key, doc, ident = key[mask], rows.doc[mask], rows.ident[mask]
        if not rows.unique_ids:
            key = np.unique(np.stack((key, doc, ident)), axis=1)[0]
        return np.bincount(key, minlength=size)

    def counts(gold_key: np.ndarray, system_key: np.ndarray, size: int) -> list[Counts]:
        tp = tally(system, right, system_key, size)
        fp = tally(system, counted, system_key, size) - tp
        fn = tally(gold, np.ones(len(gold), dtype=bool), gold_key, size) - tp
        return [Counts(*row) for row in np.stack((tp, fp, fn), axis=1).tolist()]

    by_document = counts(gold.doc, system.doc, documents)
    by_code = counts(gold.type, system.type, max(types.values(), default=-1) + 1)
    by_type = {name: by_code[code] for name, code in types.items()}
    return Level(
        micro=sum(by_document, Counts()),
        macro=Rates.mean(by_document),
        by_type=by_type,
        macro_types=Rates.mean(by_type.values()) if with_types else None,
    )


def _checked(mode: str) -> str:
    if mode not in MODES:
        raise InputError(f"unknown scoring mode '{mode}'; use one of {', '.join(MODES)}")
    return mode
