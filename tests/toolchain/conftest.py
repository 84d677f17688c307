"""What builds the package is not installed with it: its folder is the repository's."""

from __future__ import annotations

import sys
from pathlib import Path

# Last, so that a package which is installed comes before the one of the repository.
sys.path.append(str(Path(__file__).resolve().parents[2]))
