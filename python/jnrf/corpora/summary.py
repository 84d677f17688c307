"""What is in a corpus: counts, lengths, labels, and what a model could not learn from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import mean, median

from jnrf.corpora.schema import learn_schema
from jnrf_ext.config import JNRFConfig
from jnrf_ext.documents.document import Document
from jnrf_ext.errors import InputError
from jnrf_ext.schema import Schema
from jnrf_ext.text.tokenizer import Tokenizer

#: Where BERT-like models end a document; JNRF has no such limit.
USUAL_LIMIT = 512
#: Ways of tagging, and the rows of a model that tags so (`JNRFConfig.units`).
WAYS = {"wordpieces": "wordpiece", "words": "word", "tokens": "token"}
#: Kinds of loss that are shares of other things than mentions, fragments or relations.
_WHOLES = {
    "n-ary relation": "equivalences",
    "event argument": "event arguments",
    "attribute": "attributes",
    "normalization": "normalizations",
    "note": "notes",
}


def summarize(documents: Sequence[Document], tokenizer: Tokenizer | None = None) -> dict:
    """Counts and lengths of a corpus, as plain JSON types.

    ``documents`` is their number; ``mentions`` and ``relations`` are counts by type, most frequent
    first; ``annotations`` counts the other kinds. ``words`` (between white space) and
    ``wordpieces`` describe the documents' lengths. ``not_representable`` counts by kind what a
    model of the learnt schema that tags wordpieces cannot hold. ``lost`` says it of every way of
    tagging (:data:`WAYS`) and of systems that work sentence by sentence: for each kind the count by
    way, ``of`` what it is a share, and the ``total`` of that in the corpus. What needs a tokenizer
    is None without one, and ``schema`` is None where there is nothing to learn, ``schema_problem``
    then says why.
    """
    summary: dict = {
        "documents": len(documents),
        "mentions": _ordered(Counter(m.type for d in documents for m in d.mentions)),
        "relations": _ordered(Counter(r.type for d in documents for r in d.relations)),
        "annotations": {
            kind: sum(len(getattr(document, kind)) for document in documents)
            for kind in ("events", "equivalences", "attributes", "normalizations", "notes")
        },
        "words": describe_lengths([len(document.text.split()) for document in documents]),
        "wordpieces": None,
        "not_representable": None,
        "lost": None,
        "warnings": _ordered(sum((document.warnings for document in documents), Counter())),
        "schema": None,
        "schema_problem": None,
    }
    try:
        schema = learn_schema(documents)
        summary["schema"] = schema.to_dict()
    except InputError as error:
        schema = None
        summary["schema_problem"] = str(error)
    if tokenizer is not None:
        lengths = [len(tokenizer.encode(document.text)) for document in documents]
        summary["wordpieces"] = describe_lengths(lengths)
    if tokenizer is not None and schema is not None:
        from jnrf.data.examples import encode_document

        lost = sum((encode_document(d, tokenizer, schema).lost for d in documents), Counter())
        summary["not_representable"] = _ordered(lost)
        summary["lost"] = _lost_by_way(documents, tokenizer, schema)
    return summary


def _lost_by_way(documents: Sequence[Document], tokenizer: Tokenizer, schema: Schema) -> dict:
    """What :func:`summarize` has as ``lost``, the kinds that lose most first."""
    from jnrf.data.examples import encode_document

    lost: dict[str, Counter[str]] = {}
    for way, units in WAYS.items():
        config = JNRFConfig(units=units, segments="sentence", schema=schema)
        examples = (encode_document(d, tokenizer, schema, config=config) for d in documents)
        lost[way] = sum((example.lost for example in examples), Counter())
    totals = {
        "mentions": sum(len(d.mentions) for d in documents),
        "fragments": sum(len(m.fragments) for d in documents for m in d.mentions),
        "relations": sum(len(d.relations) for d in documents),
        "event arguments": sum(len(event.arguments) for d in documents for event in d.events),
    }
    for kind in ("equivalences", "attributes", "normalizations", "notes"):
        totals[kind] = sum(len(getattr(document, kind)) for document in documents)
    kinds: Counter[str] = Counter()
    for counts in lost.values():
        kinds |= counts
    return {
        kind: {
            "of": _whole_of(kind),
            "total": totals[_whole_of(kind)],
            **{way: counts[kind] for way, counts in lost.items()},
        }
        for kind in _ordered(kinds)
    }


def _whole_of(kind: str) -> str:
    """What losses of a kind are a share of."""
    if kind in _WHOLES:
        return _WHOLES[kind]
    if kind.startswith("boundary"):
        return "fragments"
    return "relations" if "relation" in kind else "mentions"


def describe_lengths(lengths: Sequence[int]) -> dict:
    """Total, extremes and averages, and how many are over the usual limit; zeros for none."""
    lengths = lengths or [0]
    return {
        "total": sum(lengths),
        "min": min(lengths),
        "median": median(lengths),
        "mean": round(mean(lengths), 1),
        "max": max(lengths),
        f"over_{USUAL_LIMIT}": sum(length > USUAL_LIMIT for length in lengths),
    }


def _ordered(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
