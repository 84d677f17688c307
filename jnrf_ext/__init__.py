"""Joint entity and relation extraction from long clinical documents (JNRF, arXiv 2302.04185).

>>> from jnrf_ext import JNRF
>>> model = JNRF.from_pretrained("runs/demo/best")
>>> print(model.extract("Started warfarin 5 mg daily for atrial fibrillation."))

:mod:`jnrf_ext.ops` has the operators alone, :mod:`jnrf_ext.reference` the same in plain torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jnrf_ext.config import JNRFConfig
    from jnrf_ext.documents.document import Document, Mention, Relation
    from jnrf_ext.errors import InputError
    from jnrf_ext.model import JNRF, JNRFOutput
    from jnrf_ext.schema import Schema
    from jnrf_ext.text.tokenizer import Tokenizer

__version__ = "0.1.0"

# Names are found on first use: a program that only reads corpora need not wait for torch.
_HOMES = {
    "JNRF": "model",
    "JNRFConfig": "config",
    "JNRFOutput": "model",
    "Document": "documents.document",
    "InputError": "errors",
    "Mention": "documents.document",
    "Relation": "documents.document",
    "Schema": "schema",
    "Tokenizer": "text.tokenizer",
}

__all__ = [
    "JNRF",
    "Document",
    "InputError",
    "JNRFConfig",
    "JNRFOutput",
    "Mention",
    "Relation",
    "Schema",
    "Tokenizer",
]


def __getattr__(name: str):
    if name in _HOMES:
        return getattr(importlib.import_module(f"jnrf_ext.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'jnrf_ext' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
