"""Receipts: what a folder of predictions holds already, so that a second run need not do it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from jnrf.prediction.notes import Fault, Note
from jnrf.prediction.written import NOTHING, Replace, Written
from jnrf_ext.errors import InputError
from jnrf_ext.files import write_atomically

#: The folder of receipts, inside that of the predictions
RECEIPTS = ".jnrf-predict"
#: Says that files of a folder are predictions and may be written over; readers skip it.
MARK = ".jnrf-predict.json"
#: Lists the notes that there is no prediction for.
ERRORS = "errors.jsonl"
#: Lists the files that someone has changed, which no prediction replaces.
KEPT = "kept.jsonl"


@dataclass
class Receipt:
    """A part that was written, and all of it that is not in the files written."""

    #: Of notes, model and settings: see :func:`part_key`
    key: str
    #: The part's file and its bytes; None where each note has its own
    file: str | None = None
    size: int = 0
    documents: int = 0
    wordpieces: int = 0
    faults: list[Fault] = field(default_factory=list)
    #: What the format cannot hold, by kind
    lost: dict[str, int] = field(default_factory=dict)
    #: Files that someone has changed, and that were not written over: why, by their names
    kept: dict[str, str] = field(default_factory=dict)

    @property
    def final(self) -> bool:
        """Whether doing it again would give the same: a model's failure is worth another try."""
        return not any(fault.by_model for fault in self.faults)

    def to_json(self) -> str:
        """One line."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Receipt:
        """Inverse of :meth:`to_json`; ValueError, KeyError or TypeError for anything else."""
        data = json.loads(text)
        return cls(**data | {"faults": [Fault(**fault) for fault in data["faults"]]})


def part_key(run_key: str, items: Sequence[Note | Fault]) -> str:
    """A hash of all that decides what is written for the items of a part.

    ``run_key`` stands for model, settings and :meth:`Output.place`.
    """
    digest = blake2b(run_key.encode(), digest_size=16)
    for item in items:
        told = (item.text,) if isinstance(item, Note) else (item.place, item.reason)
        for value in (type(item).__name__, item.id or "", *told):
            data = value.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "little"))
            digest.update(data)
    return digest.hexdigest()


class Receipts:
    """The receipts in a folder of predictions."""

    def __init__(self, out: Path, replace: Replace = NOTHING) -> None:
        """``replace``: which files that hold something else may be written over."""
        self.out = out
        self.folder = out / RECEIPTS
        self.written = Written(out, self.folder, replace)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """While entered, no other run writes into the folder, on systems that have file locks.

        Raises :class:`InputError` where one does so already.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            try:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except ImportError:
                pass
            except BlockingIOError:
                raise InputError(
                    f"another jnrf predict writes into {self.out}; wait for it, or give another "
                    "--out"
                ) from None
            yield

    def find(self, key: str) -> Receipt | None:
        """The receipt of that key, if there is one that can be read."""
        try:
            return Receipt.from_json((self.folder / f"{key}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError):
            return None  # none, or half of one that a full disk left: the part is done again

    def add(self, receipt: Receipt) -> None:
        """Keep a receipt; whatever it stands for must be on disk by now."""
        write_atomically(self.folder / f"{receipt.key}.json", receipt.to_json(), durable=False)

    def keep_only(self, keys: set[str]) -> None:
        """Forget parts that the input no longer has."""
        for path in self.folder.glob("*.json"):
            if path.stem not in keys:
                path.unlink(missing_ok=True)

    def forget(self) -> None:
        """Forget all."""
        self.keep_only(set())
