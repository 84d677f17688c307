"""The page's section of errors by cause, with examples from documents that the page shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import TypeVar

from jnrf.scoring.errors import (
    MENTION_CAUSES,
    RELATION_CAUSES,
    Cause,
    ErrorAnalysis,
    Example,
    TaskErrors,
)
from jnrf.scoring.scores import Counts
from jnrf_ext.documents.document import Document, Mention, Relation
from jnrf_ext.documents.mention_text import fragments_text, one_line

#: Characters of an example: around its mentions, between them, and of a mention in a list.
_AROUND, _BETWEEN, _NAMED = 50, 160, 60
#: Items of the other side that are named beside an example.
_OTHERS = 3
#: What an example is of
_Item = TypeVar("_Item")


def errors(
    named: dict[str, ErrorAnalysis],
    documents: Sequence[tuple[Document, Document]],
    finds_relations: bool = True,
) -> str:
    """A folding block a name, the first one open, with the tables of causes and of distances.

    Examples are those of the analyses, of ``documents`` (gold, predicted) alone. Tables of
    relations are left out where ``finds_relations`` is false.
    """
    by_id = {gold.id: (gold, predicted) for gold, predicted in documents}
    blocks = []
    for number, (name, analysis) in enumerate(named.items()):
        tables = [
            _causes(
                "Mentions",
                analysis.mentions,
                MENTION_CAUSES,
                analysis.relations.micro if finds_relations else None,
            )
        ]
        shown = [_examples("mentions", analysis.mentions, MENTION_CAUSES, by_id)]
        if finds_relations:
            tables.append(_causes("Relations", analysis.relations, RELATION_CAUSES))
            tables.append(_distances(analysis.by_distance))
            shown.append(_examples("relations", analysis.relations, RELATION_CAUSES, by_id))
        blocks.append(
            f"<details{' open' if number == 0 else ''}><summary>{escape(name)} "
            f"<small>{analysis.documents} documents, strict, corrected rules</small></summary>"
            f'<div class="tables">{"".join(tables)}</div>{"".join(shown)}</details>'
        )
    return "".join(blocks) or "<p>No errors were counted, for nothing was scored.</p>"


def _causes(
    title: str, found: TaskErrors, causes: dict[str, Cause], relations: Counts | None = None
) -> str:
    """The table of a task; ``relations`` are the counts of those where mentions have theirs."""
    micro = found.micro
    now = [counts.f1 for counts in (micro, relations) if counts]
    rows = [
        '<tr class="mean"><th scope="row">right<small>F1: as it is</small></th>'
        f"<td>{micro.tp:,}</td><td>{micro.tp:,}</td><td></td><td></td>{_f1(now)}</tr>"
    ]
    for key, row in found.causes.items():
        cause = causes[key]
        mended = [row.f1_if_mended]
        if relations and row.relations_f1_if_mended is not None:
            mended.append(row.relations_f1_if_mended)
        kind = "type" if row.gold or row.predicted else "mean"
        rows.append(
            f'<tr class="{kind}"><th scope="row">{escape(cause.label)}'
            f"<small>{escape(cause.meaning)}</small></th>"
            f"<td>{row.gold:,}</td><td>{row.predicted:,}</td><td>{100 * row.share:.1f}%</td>"
            f"<td>{row.across_sentences:,}</td>{_f1(mended)}</tr>"
        )
    rows.append(
        f'<tr class="total"><th scope="row">All</th><td>{micro.tp + micro.fn:,}</td>'
        f"<td>{micro.tp + micro.fp:,}</td>{'<td></td>' * (2 + len(now))}</tr>"
    )
    heads = ["gold", "predicted", "share", "across sentences", "F1 if mended"]
    heads += ["relations F1 then"] if relations else []
    return _table(title, "cause", heads, rows)


def _f1(figures: Sequence[float]) -> str:
    return "".join(f'<td class="f1">{figure:.3f}</td>' for figure in figures)


def _distances(by_distance: dict[str, Counts]) -> str:
    rows = []
    for name, counts in by_distance.items():
        numbers = (counts.tp + counts.fn, counts.tp, counts.fn, counts.fp)
        cells = [f"{number:,}" for number in numbers]
        cells += [f"{rate:.3f}" for rate in (counts.precision, counts.recall)]
        rows.append(
            f'<tr class="type"><th scope="row">{escape(name)}</th>'
            + "".join(f"<td>{cell}</td>" for cell in cells)
            + f'<td class="f1">{counts.f1:.3f}</td></tr>'
        )
    heads = ("gold", "found", "missed", "spurious", "P", "R", "F1")
    return _table("Relations by the words between head and tail", "words", heads, rows)


def _table(title: str, first: str, heads: Sequence[str], rows: Sequence[str]) -> str:
    columns = "".join(f'<th scope="col">{name}</th>' for name in (first, *heads))
    return (
        f'<div class="scroll"><table class="scores causes"><caption>{title}</caption>'
        f"<thead><tr>{columns}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _examples(
    task: str,
    found: TaskErrors,
    causes: dict[str, Cause],
    documents: dict[str, tuple[Document, Document]],
) -> str:
    """A folded list a task; nothing where there is no example of these documents."""
    write = _mention_example if task == "mentions" else _relation_example
    parts = []
    for key, examples in found.examples.items():
        items = [
            f"<li>{write(*documents[example.document], example)}</li>"
            for example in examples
            if example.document in documents
        ]
        if items:
            parts.append(f"<h4>{escape(causes[key].label)}</h4><ul>{''.join(items)}</ul>")
    if not parts:
        return ""
    return (
        f'<details class="examples"><summary>Examples of wrong {task}</summary>'
        f"{''.join(parts)}</details>"
    )


def _mention_example(gold: Document, predicted: Document, example: Example) -> str:
    own, other = (predicted, gold) if example.predicted else (gold, predicted)
    mention = own.mentions[example.row]
    others = [m for m in other.mentions if _overlap(m, mention)]
    text = gold.text
    return _told(text, [mention], [mention], others, lambda m: _named(text, m), example)


def _relation_example(gold: Document, predicted: Document, example: Example) -> str:
    own, other = (predicted, gold) if example.predicted else (gold, predicted)
    mentions = {id(side): {m.id: m for m in side.mentions} for side in (own, other)}
    relation = own.relations[example.row]
    head, tail = (mentions[id(own)][name] for name in (relation.head, relation.tail))
    others = []
    for found in other.relations:
        a, b = (mentions[id(other)][name] for name in (found.head, found.tail))
        if (_overlap(a, head) and _overlap(b, tail)) or (_overlap(a, tail) and _overlap(b, head)):
            others.append((found, a, b))

    def name(item: tuple[Relation, Mention, Mention]) -> str:
        link, a, b = item
        return f"{escape(link.type)}: {_named(gold.text, a)} → {_named(gold.text, b)}"

    return _told(gold.text, [head, tail], [(relation, head, tail)], others, name, example)


def _told(
    text: str,
    marked: list[Mention],
    own: list[_Item],
    others: list[_Item],
    name: Callable[[_Item], str],
    example: Example,
) -> str:
    """An example: the document, its text with marks, and what either side says of it."""
    nothing = "nothing here" if len(marked) == 1 else "no relation of these two"
    more = f" and {len(others) - _OTHERS} more" if len(others) > _OTHERS else ""
    there = ["; ".join(map(name, own)), "; ".join(map(name, others[:_OTHERS])) + more]
    gold, predicted = reversed(there) if example.predicted else there
    return (
        f"<small>{escape(example.document)}</small> {_excerpt(text, marked)}"
        f"<br><small>gold: {gold or nothing} · predicted: {predicted or nothing}</small>"
    )


def _overlap(one: Mention, other: Mention) -> bool:
    """Whether they share a character; one of no length counts as one of one."""
    return one.start < max(other.end, other.start + 1) and other.start < max(one.end, one.start + 1)


def _named(text: str, mention: Mention) -> str:
    said = fragments_text(text, mention.fragments)
    return f"“{escape(_shortened(said, _NAMED))}” ({escape(mention.type)})"


def _excerpt(text: str, mentions: list[Mention]) -> str:
    """The text around and between mentions, these marked."""
    spans: list[list[int]] = []
    for start, end in sorted((m.start, m.end) for m in mentions):
        # Offsets may lie outside of the text, and then mark nothing.
        start, end = (min(max(at, 0), len(text)) for at in (start, max(start, end)))
        if spans and start <= spans[-1][1]:
            spans[-1][1] = max(end, spans[-1][1])
        else:
            spans.append([start, end])
    first, last = spans[0][0], spans[-1][1]
    before = text[max(0, first - _AROUND) : first]
    parts = [escape("…" * (first > _AROUND) + one_line(before))]
    for number, (start, end) in enumerate(spans):
        if number:
            between = one_line(text[spans[number - 1][1] : start])
            parts.append(escape(_shortened(between, _BETWEEN)))
        parts.append(f"<mark>{escape(_shortened(one_line(text[start:end]), _BETWEEN))}</mark>")
    after = text[last : last + _AROUND]
    parts.append(escape(one_line(after) + "…" * (last + _AROUND < len(text))))
    return "".join(parts)


def _shortened(text: str, most: int) -> str:
    """The text with its middle left out where it is long."""
    half = most // 2
    return text if len(text) <= most else f"{text[:half].rstrip()} … {text[-half:].lstrip()}"
