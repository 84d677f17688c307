"""``python -m jnrf``, the same as the ``jnrf`` command."""

import sys

from jnrf.cli import main

sys.exit(main())
