"""A study's corpora: folders as they are, or documents split, folded and down-sampled by us.

What we make is written below the study's folder, in a folder named by a hash of how it is made, so
that a run never finds other documents at the path that it was started with.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from jnrf.corpora.annotated import IN_STUDY, Unannotated, read_annotated
from jnrf.corpora.json import write_json
from jnrf.corpora.notices import tell
from jnrf.corpora.roles import agree
from jnrf.study.fields import Fields
from jnrf_ext.documents.document import Document
from jnrf_ext.errors import InputError

SETS = ("train", "dev", "test")
#: The order of a draw of documents, where the study does not say
_DRAW = 0


@dataclass(frozen=True)
class Part:
    """What one run reads: a corpus, or one fold of it."""

    fold: int | None
    train: str
    dev: str | None
    test: str | None


@dataclass(frozen=True)
class Corpus:
    """One of a study's corpora, as the study file has it."""

    name: str
    #: Paths by document set, with ``{fold}`` in them where there are folds
    given: dict[str, str] = field(default_factory=dict)
    folds: tuple[int, ...] = ()
    #: Instead of ``given``: documents to split, or to cut into ``k_folds``
    documents: tuple[str, ...] = ()
    split: dict[str, int] = field(default_factory=dict)
    k_folds: int = 0
    seed: int = _DRAW
    held_out: str | None = None
    #: The most documents of each set, None for all
    limits: dict[str, int | None] = field(default_factory=dict)
    #: Seeds and settings of this corpus alone
    seeds: tuple[int, ...] = ()
    settings: dict[str, object] = field(default_factory=dict)

    @property
    def made(self) -> bool:
        """Whether documents have to be written, rather than read where they are."""
        return bool(self.documents or self.limits)

    @property
    def scored(self) -> tuple[str, ...]:
        """The document sets that tables show.

        In a cross-validation beside a held-out test set, each fold's own score counts as well.
        """
        if self.k_folds:
            return ("test", "dev") if self.held_out else ("test",)
        return ("test",) if self.split or "test" in self.given else ("dev",)

    def folder(self, out: Path) -> Path:
        """Where the documents that we make go."""
        how = [self.given, self.folds, self.documents, self.split, self.k_folds, self.seed]
        key = json.dumps([*how, self.held_out, self.limits], sort_keys=True)
        return out / "corpora" / f"{self.name}-{hashlib.sha256(key.encode()).hexdigest()[:10]}"

    def parts(self, out: Path, folds: int | None = None) -> list[Part]:
        """The parts, the first ``folds`` of them where that is given; nothing is written yet."""
        numbers: list[int | None] = [*self.folds] or [*range(self.k_folds)] or [None]
        parts = []
        for fold in numbers[:folds] if folds else numbers:
            if self.made:
                folder = self.folder(out) / ("" if fold is None else f"fold{fold}")
                names = [n for n in SETS if self.documents or n in self.given]
                paths = {name: str((folder / f"{name}.json").absolute()) for name in names}
            else:
                paths = {n: str(Path(_filled(p, fold)).absolute()) for n, p in self.given.items()}
            parts.append(Part(fold, paths["train"], paths.get("dev"), paths.get("test")))
        return parts


def parse(fields: Fields, limits: dict[str, int | None]) -> Corpus:
    """A corpus of a study file; ``limits`` are the study's own."""
    common = Corpus(
        name=fields.key.rpartition(".")[2],
        limits=limits | parse_limits(fields.sub("limits")),
        seeds=tuple(fields.numbers("seeds")),
        settings=fields.sub("settings").settings(),
    )
    both = ("limits", "seeds", "settings")
    if "documents" not in fields.data:
        fields.only(*SETS, "folds", *both)
        given = {name: path for name in SETS if (path := fields.text(name))}
        if "train" not in given:
            raise fields.error("", "has neither train nor documents; give one of them")
        if not given.keys() & {"dev", "test"}:
            raise fields.error("", "has nothing to score; give dev, test or both")
        folds = tuple(fields.numbers("folds"))
        for name, path in given.items():
            if ("{fold}" in path) != bool(folds) and name == "train":
                raise fields.error(name, f"{path}: folds and {{fold}} in the path go together")
        return replace(common, given=given, folds=folds)
    documents = tuple(fields.texts("documents"))
    if ("split" in fields.data) == ("k_folds" in fields.data):
        raise fields.error("", "documents need either split or k_folds")
    if "split" in fields.data:
        fields.only("documents", "split", *both)
        split = fields.sub("split").only("seed", *SETS)
        given_sizes = {name: split.whole(name, least=1) for name in SETS}
        sizes = {name: size for name, size in given_sizes.items() if size is not None}
        if len(sizes) < len(SETS):
            raise split.error("", "needs train, dev and test: how many documents each")
        seed = split.whole("seed", _DRAW)
        return replace(common, documents=documents, split=sizes, seed=seed)
    fields.only("documents", "k_folds", "seed", "test", *both)
    held_out = fields.text("test")
    # Without a held-out set a fold is the test set and its neighbour the dev set.
    k = fields.whole("k_folds", least=2 if held_out else 3)
    if k is None:
        raise fields.error("", "documents need either split or k_folds")
    seed = fields.whole("seed", _DRAW)
    return replace(common, documents=documents, k_folds=k, seed=seed, held_out=held_out)


def parse_limits(fields: Fields) -> dict[str, int | None]:
    """The most documents by document set, None for all."""
    fields.only(*(f"{name}_documents" for name in SETS))
    return {key.partition("_")[0]: fields.whole(key, least=1) for key in fields.data}


def check_sources(corpus: Corpus, where: str) -> None:
    """Raise :class:`InputError` for the first path of a corpus where nothing is."""
    folds = corpus.folds or (None,)
    paths = [(name, _filled(path, fold)) for fold in folds for name, path in corpus.given.items()]
    paths += [("documents", path) for path in corpus.documents]
    paths += [("test", corpus.held_out)] if corpus.held_out else []
    for name, path in paths:
        if not Path(path).exists():
            raise InputError(
                f"{where}: corpora.{corpus.name}.{name}: no file or folder {path}; check the path"
            )


def build(
    corpus: Corpus,
    out: Path,
    folds: int | None,
    malformed: str = "raise",
    unannotated: Unannotated = "error",
) -> None:
    """Write the documents of the parts that are not there yet.

    ``malformed`` and ``unannotated`` are those of :func:`~jnrf.corpora.annotated.read_annotated`.
    Raises :class:`InputError` where there are too few documents, or two of one id.
    """

    def read(path: str) -> list[Document]:
        documents, notices = read_annotated(path, malformed, unannotated, IN_STUDY)
        for notice in notices:
            tell(notice)
        return documents

    parts = corpus.parts(out, folds)
    if not corpus.made:
        return
    wanted = [p for part in parts for p in (part.train, part.dev, part.test) if p]
    if all(Path(path).exists() for path in wanted):
        return
    if corpus.documents:
        documents = [d for path in corpus.documents for d in read(path)]
        held_out = read(corpus.held_out) if corpus.held_out else []
        agree(documents, held_out)
        sets_of = _splitter(corpus, documents, held_out)
    else:

        def sets_of(fold: int | None) -> dict[str, list[Document]]:
            sets = {name: read(_filled(path, fold)) for name, path in corpus.given.items()}
            agree(*sets.values())
            return sets

    for part in parts:
        for name, documents in sets_of(part.fold).items():
            path = Path(getattr(part, name))
            if not path.exists():
                write_json(_limited(documents, corpus.limits.get(name)), path)


def _splitter(corpus: Corpus, documents: list[Document], held_out: list[Document]):
    """A function from a fold to its documents by set."""
    ordered = shuffled(documents, corpus.seed, corpus.name)
    if corpus.split:
        total = sum(corpus.split.values())
        if total > len(ordered):
            raise InputError(
                f"corpora.{corpus.name}.split: asks for {total} of {len(ordered)} documents"
            )
        first, second = corpus.split["train"], corpus.split["train"] + corpus.split["dev"]
        sets = {
            "train": ordered[:first],
            "dev": ordered[first:second],
            "test": ordered[second:total],
        }
        return lambda _fold: sets
    if corpus.k_folds > len(ordered):
        raise InputError(
            f"corpora.{corpus.name}.k_folds: {corpus.k_folds} folds of {len(ordered)} documents"
        )
    return lambda fold: k_fold(ordered, corpus.k_folds, fold, held_out)


def shuffled(documents: Sequence[Document], seed: int, name: str) -> list[Document]:
    """Documents by id, then in an order that follows from the seed alone."""
    by_id = {document.id: document for document in documents}
    if len(by_id) != len(documents):
        raise InputError(f"corpora.{name}.documents: two have the same id; rename one")
    ids = sorted(by_id)
    random.Random(seed).shuffle(ids)
    return [by_id[key] for key in ids]


def k_fold(
    documents: Sequence[Document], k: int, fold: int, held_out: list[Document]
) -> dict[str, list[Document]]:
    """Document sets of one fold of a cross-validation; every k-th document is in a fold.

    With a held-out test set the fold is dev, and the rest is trained on. Without, the fold is test,
    unseen by training and by the choice of the epoch, for which the next fold serves as dev.
    """
    dev = fold if held_out else (fold + 1) % k
    out = {fold, dev}
    return {
        "train": [d for i, d in enumerate(documents) if i % k not in out],
        "dev": list(documents[dev::k]),
        "test": held_out or list(documents[fold::k]),
    }


def _limited(documents: list[Document], most: int | None) -> list[Document]:
    """A draw that does not depend on the order in which the documents come."""
    if most is None or most >= len(documents):
        return documents
    ids = sorted(document.id for document in documents)
    kept = set(random.Random(_DRAW).sample(ids, most))
    return [document for document in documents if document.id in kept]


def _filled(path: str, fold: int | None) -> str:
    return path if fold is None else path.replace("{fold}", str(fold))


def reduced(corpus: Corpus, limits: dict[str, int | None]) -> Corpus:
    """The corpus with tighter limits."""
    tighter: dict[str, int | None] = {}
    for name in corpus.limits | limits:
        sizes = [most[name] for most in (limits, corpus.limits) if name in most]
        tighter[name] = min((size for size in sizes if size is not None), default=None)
    return replace(corpus, limits=tighter)
