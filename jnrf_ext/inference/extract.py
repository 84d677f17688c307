"""Text in, documents with mentions and relations out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from jnrf_ext import ops
from jnrf_ext.documents.document import Document, Relation
from jnrf_ext.documents.found import Spans, set_relations
from jnrf_ext.errors import InputError
from jnrf_ext.nn.heads.polynomial import PolynomialHead
from jnrf_ext.nn.selection import Selection
from jnrf_ext.packing.mention_rows import MentionPairHead, allowed_classes
from jnrf_ext.packing.outline import Layout, Outline, lay_out, mention_rows, outline
from jnrf_ext.text.tagging import (
    best_spans,
    decode_words,
    scored_spans,
    to_mentions,
    without_blanks,
)
from jnrf_ext.text.tokenizer import Encoded

if TYPE_CHECKING:
    from jnrf_ext.model import JNRF

#: Wordpieces that go through a model at once, by kind of device. On the CPU more do not make it
#: faster: passes over 16,384 take memory from the system, and give it back, again and again. On an
#: H200 this many predicted a fifth faster than half as many, and more were no faster.
BATCH_TOKENS = {"cpu": 4096, "cuda": 32_768}


def checked_input(
    texts: str | Iterable[str], ids: Iterable[str] | None, batch_tokens: int | None
) -> tuple[list[str], list[str]]:
    """Texts and ids as lists; ids are "1", "2", ... where there are none, and may be integers.

    Raises :class:`InputError` for anything that is not so, and names its place, never its content.
    """
    if isinstance(texts, str):
        texts = [_checked_text(texts, "the text")]
    else:
        remedy = "give a str, or a list of them"
        texts = [
            _checked_text(text, f"item {place} of the texts")
            for place, text in enumerate(_items(texts, "the text", remedy))
        ]
    given = []
    for place, id in enumerate(_items(ids, "ids", "give a list of str") if ids is not None else ()):
        whole = isinstance(id, Integral) and not isinstance(id, bool)
        given.append(_checked_text(str(id) if whole else id, f"item {place} of the ids"))
    given = given or [str(i + 1) for i in range(len(texts))]
    if len(given) != len(texts):
        raise InputError(f"{len(texts)} texts but {len(given)} ids; give one id a text")
    whole = isinstance(batch_tokens, Integral) and not isinstance(batch_tokens, bool)
    if batch_tokens is not None and (not whole or batch_tokens < 0):
        raise InputError("batch_tokens must be a whole number, at least 1; leave it out to choose")
    return texts, given


def _items(values: object, what: str, remedy: str) -> list:
    if isinstance(values, bytes | bytearray):
        remedy = "decode it first"
    elif isinstance(values, Iterable) and not isinstance(values, str | Mapping):
        return list(values)
    raise InputError(f"{what} must not be of type {type(values).__name__}; {remedy}")


def _checked_text(value: object, what: str) -> str:
    if not isinstance(value, str):
        remedy = "decode it first" if isinstance(value, bytes | bytearray) else "give a str"
        raise InputError(f"{what} must not be of type {type(value).__name__}; {remedy}")
    return value


def extract_documents(
    model: JNRF, texts: list[str], ids: list[str], batch_tokens: int | None = None
) -> list[Document]:
    """One document a text, named by ``ids``; see :meth:`jnrf_ext.JNRF.extract`."""
    return extract_encoded(model, texts, ids, encode_texts(model, texts), batch_tokens)


def encode_texts(model: JNRF, texts: list[str]) -> list[Encoded]:
    """The wordpieces of texts, as the model's behaviour has them."""
    if model.tokenizer is None:
        raise InputError(
            "this model has no tokenizer, so it cannot read text; "
            "give one: JNRF(config, tokenizer), or put tokenizer.json into its folder"
        )
    return model.tokenizer.encode_batch(texts, words=model.config.behaviour == "reference")


def extract_encoded(
    model: JNRF,
    texts: list[str],
    ids: list[str],
    encoded: list[Encoded],
    batch_tokens: int | None = None,
) -> list[Document]:
    """:func:`extract_documents` for texts whose wordpieces (:func:`encode_texts`) are known."""
    batch_tokens = batch_tokens or BATCH_TOKENS[model.device.type]
    documents: list[Document] = []
    was_training = model.training
    model.eval()
    try:
        for group in _groups([len(e) for e in encoded], batch_tokens):
            passed = pass_through(model, texts[group], ids[group], encoded[group])
            documents.extend(documents_of(model, passed))
    finally:
        model.train(was_training)
    return documents


def _groups(lengths: list[int], budget: int) -> Iterator[slice]:
    """Neighbouring documents that fit the token budget together (a longer one goes alone)."""
    start, total = 0, 0
    for index, length in enumerate(lengths):
        if index > start and total + length > budget:
            yield slice(start, index)
            start, total = index, 0
        total += length
    if start < len(lengths):
        yield slice(start, len(lengths))


@dataclass
class Pass:
    """What a model made of some documents: the rows of each, and what the heads decode from.

    On CUDA it may still be under way; :func:`documents_of` waits for what it reads.
    """

    texts: list[str]
    ids: list[str]
    encoded: list[Encoded]
    outlines: list[Outline]
    layout: Layout
    x: Tensor  #: rows for relations, [N, H]
    log_probs: Tensor  #: of the tags, float32 [N, L], on the CPU
    tags: Tensor | None  #: the CRF's best tags, [N], on the CPU; None without a CRF
    #: When the copies to the CPU are complete; None where they are already
    copied: torch.cuda.Event | None = None

    @cached_property
    def bounds(self) -> list[int]:
        """Where each document starts, in rows, then their number."""
        return self.layout.cu_rows.tolist()


@torch.inference_mode()
def pass_through(model: JNRF, texts: list[str], ids: list[str], encoded: list[Encoded]) -> Pass:
    """Give documents to a model in evaluation mode, all in one pass; nothing here waits for CUDA.

    ``encoded`` has the wordpieces of ``texts`` (:func:`encode_texts`).
    """
    device = model.device
    input_ids = _to(device, np.concatenate([e.ids for e in encoded])).long()
    surface = _to(device, np.concatenate([e.surface for e in encoded])).long()
    lengths = [len(e) for e in encoded]
    cu_seqlens = torch.from_numpy(np.cumsum([0, *lengths]).astype(np.int32))
    outlines = [outline(t, e, model.config) for t, e in zip(texts, encoded, strict=True)]
    layout = lay_out(outlines, lengths).to(device)
    x, y = model.encode(input_ids, cu_seqlens, surface, layout)
    logits = model.tag_head(x)
    log_probs = model.tag_head.log_probabilities(logits, layout.cu_segments)
    tags = None
    if model.tag_head.crf is not None:
        tags = _to_host(model.tag_head.best(logits, layout.cu_segments, constrained=True))
    passed = Pass(texts, ids, encoded, outlines, layout, y, _to_host(log_probs), tags)
    if device.type == "cuda":
        passed.copied = torch.cuda.Event()
        passed.copied.record()
    return passed


@torch.inference_mode()
def documents_of(model: JNRF, passed: Pass) -> list[Document]:
    """The documents of a pass, in its order, with their mentions and relations."""
    if passed.copied is not None:
        passed.copied.synchronize()
    reference = model.config.behaviour == "reference"
    return _decode_reference(model, passed) if reference else _decode_standard(model, passed)


def _to(device: torch.device, array: np.ndarray) -> Tensor:
    """An array's copy on a device, given to CUDA without waiting for it."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


def _to_host(tensor: Tensor) -> Tensor:
    """A copy on the CPU, from CUDA one that is complete only after an event recorded later."""
    if not tensor.is_cuda:
        return tensor.cpu()
    copy = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return copy.copy_(tensor, non_blocking=True)


def _spans(found: Pass, index: int, labels: list[str]) -> Spans:
    """The mentions of one document, in its rows."""
    start, end = found.bounds[index : index + 2]
    text, rows = found.texts[index], found.outlines[index]
    log_probs = found.log_probs[start:end].numpy()
    if found.tags is None:
        spans = best_spans(text, rows, log_probs, labels)
    else:
        spans = scored_spans(found.tags[start:end].numpy(), log_probs, labels)
    return without_blanks(text, rows, spans)


def _decode_standard(model: JNRF, found: Pass) -> list[Document]:
    """Merged mentions, pooled at their first rows; any number of tails a head."""
    schema = model.config.schema
    documents, spans = [], []
    for index, text in enumerate(found.texts):
        spans.append(_spans(found, index, schema.tags))
        mentions = to_mentions(text, found.outlines[index], spans[index])
        documents.append(Document(found.ids[index], text, mentions))
    if isinstance(model.relation_head, PolynomialHead):
        _relate_by_polynomial(model, found, documents, spans)
    elif model.relation_head is not None:
        _relate_mentions(model, model.relation_head, found, documents, spans)
    return documents


def _relate_mentions(
    model: JNRF,
    head: MentionPairHead,
    found: Pass,
    documents: list[Document],
    spans: list[Spans],
) -> None:
    """Add the relations of a head that works on mentions."""
    schema = model.config.schema
    rows = mention_rows(spans, found.layout, schema.entity_types)
    related = head.decode(found.x, rows)
    *ends, scores = zip(*related, strict=True) if related else ((), (), (), ())
    heads, tails, kinds = (np.array(column, np.int64) for column in ends)
    chances = np.array(scores, np.float64)
    set_relations(documents, spans, heads, tails, kinds, chances, schema.relations)


def _relate_by_polynomial(
    model: JNRF, found: Pass, documents: list[Document], spans: list[Spans]
) -> None:
    """Add the relations that the polynomial relation head finds, of all documents at once."""
    schema = model.config.schema
    types, may_be_head, may_be_tail = schema.entity_types, schema.head_types, schema.tail_types
    # The mentions of all documents on end; their kinds count as the entity types do.
    kinds = np.concatenate([s.kinds for s in spans])
    rows = np.concatenate([s.first + b for s, b in zip(spans, found.bounds, strict=False)])
    bounds = np.cumsum([0, *map(len, spans)])
    heads = np.flatnonzero(np.array([t in may_be_head for t in types], bool)[kinds])
    tails = np.flatnonzero(np.array([t in may_be_tail for t in types], bool)[kinds])
    selection = (
        rows[heads],
        rows[tails],
        np.searchsorted(heads, bounds),
        np.searchsorted(tails, bounds),
    )
    head, tail, relation, score = _decode_pairs(
        model,
        found.x,
        selection,
        none_bias=model.config.none_bias,
        allowed=_allowed(model),
        type_w=torch.from_numpy(kinds[heads]),
        type_u=torch.from_numpy(kinds[tails]),
    )
    head, tail = heads[head], tails[tail]
    kept = head != tail  # a type with both roles meets itself on the diagonal
    head, tail, relation, score = (column[kept] for column in (head, tail, relation, score))
    set_relations(documents, spans, head, tail, relation, score, schema.relations)


def _decode_reference(model: JNRF, found: Pass) -> list[Document]:
    """The authors' way: words as units, one relation a head, its type from the head's tag.

    A word takes the tag of its first wordpiece; I- words are dropped. Of the tail words that any
    wordpiece of a head word is related to, the nearest in words is kept.
    """
    schema, bounds = model.config.schema, found.bounds
    texts, ids, encoded = found.texts, found.ids, found.encoded
    tags = found.log_probs.argmax(dim=-1)
    scores = found.log_probs.amax(dim=-1).exp()
    roles = model.tag_roles.cpu()[tags]
    heads, tails = torch.where(roles & 1 > 0)[0], torch.where(roles & 2 > 0)[0]
    edges = torch.tensor(bounds)
    selection = (
        heads.numpy(),
        tails.numpy(),
        torch.searchsorted(heads, edges).numpy(),
        torch.searchsorted(tails, edges).numpy(),
    )
    head_rows, tail_rows, _, _ = _decode_pairs(model, found.x, selection)
    related: dict[int, set[int]] = {}
    for head, tail in zip(heads[head_rows].tolist(), tails[tail_rows].tolist(), strict=True):
        related.setdefault(head, set()).add(tail)
    kind_of = {pair: r for r, pairs in schema.arguments.items() for pair in pairs}
    documents = []
    for index, (start, end) in enumerate(pairwise(bounds)):
        pieces = encoded[index]
        words = decode_words(
            tags[start:end].numpy(), pieces.word_starts, schema.tags, scores[start:end].numpy()
        )
        spans = without_blanks(texts[index], pieces, Spans.of_tuples(words))
        document = Document(ids[index], texts[index], to_mentions(texts[index], pieces, spans))
        word_of = np.cumsum(pieces.word_starts) - 1
        mention_of_word = {
            int(word_of[first]): mention
            for mention, (_, first, *_) in zip(document.mentions, spans, strict=True)
        }
        for mention, (_, first, last, *_) in zip(document.mentions, spans, strict=True):
            word = int(word_of[first])
            tail_words = sorted(
                {
                    int(word_of[tail - start])
                    for piece in range(first, last)
                    for tail in related.get(start + piece, ())
                }
            )
            candidates = [
                w
                for w in tail_words
                if w in mention_of_word and (mention.type, mention_of_word[w].type) in kind_of
            ]
            if candidates:
                tail = mention_of_word[min(candidates, key=lambda w: abs(w - word))]
                name = f"R{len(document.relations) + 1}"
                kind = kind_of[mention.type, tail.type]
                document.relations.append(Relation(name, kind, mention.id, tail.id))
        documents.append(document)
    return documents


def _decode_pairs(
    model: JNRF, x: Tensor, selection: tuple[np.ndarray, ...], **options
) -> list[np.ndarray]:
    """Related pairs among selected tokens: columns of head row, tail row, class, probability.

    ``selection`` has the tokens of heads and tails, then the bounds of both a document.
    """
    heads, tails, cu_heads, cu_tails = selection
    if not len(heads) or not len(tails):
        return [np.zeros(0, kind) for kind in (np.int64, np.int64, np.int64, np.float64)]
    device = x.device
    operands = model.relation_operands(
        x, Selection.of_lists(heads, tails, cu_heads, cu_tails, device)
    )
    options = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in options.items()}
    *columns, scores = ops.relation_decode(*operands, model.no_relation, **options)
    # Of a model in bfloat16 they are too, which numpy does not have.
    return [*(column.cpu().numpy() for column in columns), scores.cpu().double().numpy()]


def _allowed(model: JNRF) -> Tensor:
    """Which class may join which head and tail type: bool ``[n_types, n_types, R]``."""
    allowed = torch.from_numpy(allowed_classes(model.config.schema))
    allowed[:, :, model.no_relation] = True
    return allowed
