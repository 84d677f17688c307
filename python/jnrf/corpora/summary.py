"""What is in a corpus: counts, lengths, labels, and what a model could not learn from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import mean, median

from jnrf.corpora.schema import learn_schema
from jnrf_ext.document import Document
from jnrf_ext.errors import InputError
from jnrf_ext.tokenizer import Tokenizer

#: Where BERT-like models end a document; JNRF has no such limit.
USUAL_LIMIT = 512


def summarize(documents: Sequence[Document], tokenizer: Tokenizer | None = None) -> dict:
    """Counts and lengths of a corpus, as plain JSON types.

    ``documents`` is their number; ``mentions`` and ``relations`` are counts by type, most frequent
    first; ``annotations`` counts the other kinds. ``words`` (between white space) and
    ``wordpieces`` describe the documents' lengths. ``not_representable`` counts by kind what a
    model of the learnt schema cannot hold. What needs a tokenizer is None without one, and
    ``schema`` is None where there is nothing to learn, ``schema_problem`` then says why.
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
    if tokenizer is not None and schema is None:
        lengths = [len(tokenizer.encode(document.text)) for document in documents]
        summary["wordpieces"] = describe_lengths(lengths)
    elif tokenizer is not None:
        from jnrf.examples import encode_document

        lengths, lost = [], Counter()
        for document in documents:
            example = encode_document(document, tokenizer, schema)
            lengths.append(len(example))
            lost.update(example.lost)
        summary["wordpieces"] = describe_lengths(lengths)
        summary["not_representable"] = _ordered(lost)
    return summary


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
