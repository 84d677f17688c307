"""Examples packed into the batches that a model trains on: no padding, nothing cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from jnrf.data.examples import Example
from jnrf_ext.documents.document import Document
from jnrf_ext.errors import InputError
from jnrf_ext.packing.outline import Layout, lay_out, mention_rows


@dataclass(slots=True)
class Batch:
    """B documents packed along one dimension of T wordpieces, N rows; no padding."""

    input_ids: torch.Tensor  #: int64 [T]
    surface: torch.Tensor  #: int64 [T], casing and gap classes
    cu_seqlens: torch.Tensor  #: int32 [B + 1], where each document starts; the last is T
    tags: torch.Tensor  #: int64 [N]
    pairs: torch.Tensor  #: int64 [P, 3], rows counted through the whole batch
    examples: list[Example]
    #: Where rows and segments are; None where each wordpiece is a row
    layout: Layout | None = None
    #: The corpus that all its documents are of
    task: int = 0
    #: Where its random numbers start; None goes on with torch's generators as they are
    seed: int | None = None

    @property
    def tokens(self) -> int:
        """How many wordpieces it has."""
        return len(self.input_ids)

    @property
    def documents(self) -> list[Document]:
        """The B documents, in the order they are packed."""
        return [example.document for example in self.examples]

    def to(self, device: torch.device | str) -> Batch:
        """The batch on a device, but for ``cu_seqlens``, which plans need on the host.

        So do ``pairs`` stay where the layout has the gold mentions: heads that relate mentions look
        them up there. Copies to CUDA go through pinned memory, so that nothing waits for them.
        """

        def move(tensor: torch.Tensor) -> torch.Tensor:
            if torch.device(device).type == "cuda":
                tensor = tensor.pin_memory()
            return tensor.to(device, non_blocking=True)

        ids, surface, tags = map(move, (self.input_ids, self.surface, self.tags))
        layout = None if self.layout is None else self.layout.to(device)
        on_host = layout is not None and layout.mentions is not None
        pairs = self.pairs if on_host else move(self.pairs)
        return replace(self, input_ids=ids, surface=surface, tags=tags, pairs=pairs, layout=layout)

    def pin(self) -> Batch:
        """The batch in pinned memory, from where :meth:`to` copies to CUDA at once."""
        layout = self.layout
        if layout is not None:
            pieces, row_of = (
                None if value is None else value.pin_memory()
                for value in (layout.pieces, layout.row_of)
            )
            layout = replace(layout, pieces=pieces, row_of=row_of)
        names = ("input_ids", "surface", "tags", "pairs")
        return replace(
            self, layout=layout, **{name: getattr(self, name).pin_memory() for name in names}
        )


@dataclass(slots=True)
class RemoteBatch:
    """A batch that another process packs and computes."""

    examples: list[Example]

    @property
    def tokens(self) -> int:
        """How many wordpieces it has."""
        return sum(map(len, self.examples))

    @property
    def documents(self) -> list[Document]:
        """Its documents, in the order they are packed."""
        return [example.document for example in self.examples]


def pack(examples: Sequence[Example], entity_types: Sequence[str] = ()) -> Batch:
    """Concatenate examples, in the order given. Raises :class:`InputError` where there is none.

    With ``entity_types``, those of the main corpus, a batch of it has the gold mentions too.
    """
    if not examples:
        raise InputError("a batch needs at least one document")
    starts = np.cumsum([0, *map(len, examples)])
    rows = np.cumsum([0, *(len(example.outline) for example in examples)])
    pairs = np.concatenate([example.pairs for example in examples])
    shift = np.repeat(rows[:-1], [len(example.pairs) for example in examples])
    pairs[:, :2] += shift[:, None]
    layout = lay_out([example.outline for example in examples], [*map(len, examples)])
    if entity_types and examples[0].task == 0:
        spans = [example.spans for example in examples]
        layout.mentions = mention_rows(spans, layout, entity_types)

    def join(columns, kind):
        return torch.from_numpy(np.concatenate(columns).astype(kind, copy=False))

    return Batch(
        input_ids=join([example.encoded.ids for example in examples], np.int64),
        surface=join([example.encoded.surface for example in examples], np.int64),
        cu_seqlens=torch.from_numpy(starts.astype(np.int32)),
        tags=join([example.tags for example in examples], np.int64),
        pairs=torch.from_numpy(pairs),
        examples=list(examples),
        layout=layout,
        task=examples[0].task,
    )


def epoch_generator(seed: int, epoch: int) -> np.random.Generator:
    """The shuffle of one epoch: the same for the same seed and epoch, also after resuming."""
    return np.random.default_rng([seed, epoch])


def batch_seed(seed: int, epoch: int, number: int) -> int:
    """Where the random numbers of an epoch's batch ``number`` start: of nothing else."""
    return int(np.random.SeedSequence([seed, epoch, number]).generate_state(1, np.uint64)[0])


def batches(
    examples: Sequence[Example],
    max_tokens: int = 0,
    generator: np.random.Generator | None = None,
    entity_types: Sequence[str] = (),
) -> Iterator[Batch]:
    """Pack documents into the batches of :func:`plan`; ``entity_types`` as for :func:`pack`."""
    return (pack(chosen, entity_types) for chosen in plan(examples, max_tokens, generator))


def plan(
    examples: Sequence[Example],
    max_tokens: int = 0,
    generator: np.random.Generator | None = None,
) -> Iterator[list[Example]]:
    """The documents of each batch, shuffled by ``generator`` where one is given.

    A batch has at most ``max_tokens`` wordpieces of one corpus; documents are never cut, so that
    one above the budget is a batch of its own. 0 means one document a batch. Every document comes
    exactly once.
    """
    if max_tokens < 0:
        raise InputError(f"max_tokens is {max_tokens}; use 0 for one document a batch, or more")
    order = range(len(examples)) if generator is None else generator.permutation(len(examples))
    waiting: dict[int, list[Example]] = {}
    sizes: Counter[int] = Counter()
    for index in order:
        example = examples[index]
        task = example.task
        group = waiting.setdefault(task, [])
        if group and (max_tokens == 0 or sizes[task] + len(example) > max_tokens):
            yield group
            waiting[task] = group = []
            sizes[task] = 0
        group.append(example)
        sizes[task] += len(example)
    yield from filter(None, waiting.values())
