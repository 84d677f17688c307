"""The build backend: setuptools', after a check of this machine.

pip asks it what a build needs before it fetches anything, so that a missing compiler is told before
torch is downloaded. torch is needed for its headers alone: the stable ABI lets the wheel load under
other versions.
"""

import sys

from toolchain import needs

_problem = needs.python_problem()
if _problem:
    sys.exit(_problem)

from setuptools import build_meta  # noqa: E402
from setuptools.build_meta import *  # noqa: E402, F403

_REQUIRES = ["torch>=2.11", "pybind11>=2.13", "ninja", "cmake>=3.25", "numpy"]


def get_requires_for_build_wheel(config_settings=None) -> list[str]:
    """What pip installs for a build in isolation; an error where there is no compiler."""
    problem = needs.compiler_problem()
    if problem:
        sys.exit(problem)
    return [*_REQUIRES, *build_meta.get_requires_for_build_wheel(config_settings)]


def get_requires_for_build_editable(config_settings=None) -> list[str]:
    """The same for ``pip install -e``."""
    return get_requires_for_build_wheel(config_settings)
