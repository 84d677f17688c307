"""``jnrf serve``: mistakes are one line, before anything is served."""

from __future__ import annotations

import importlib.util

import pytest

from jnrf.cli import main


def refused(capsys, *words: str) -> str:
    assert main(["serve", *words]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("jnrf serve: error: ")
    assert said.err.count("\n") == 1
    return said.err


@pytest.mark.parametrize("package", ["fastapi", "uvicorn", "prometheus_client"])
def test_a_missing_package_is_named_with_what_installs_it(capsys, monkeypatch, package):
    find = importlib.util.find_spec
    missing = lambda name, *rest: None if name == package else find(name, *rest)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", missing)
    said = refused(capsys, "model")
    assert package.replace("_", "-") in said
    assert "pip install 'jnrf_ext[serve]'" in said


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--port", "65536", "--port must be from 0 to 65535"),
        ("--port", "-1", "--port must be"),
        ("--batch-tokens", "0", "--batch-tokens must be at least 1"),
        ("--queue", "0", "--queue must be at least 1"),
        ("--max-characters", "0", "--max-characters must be at least 1"),
        ("--max-bytes", "0", "--max-bytes must be at least 1"),
        ("--threads", "-1", "--threads must be at least 0"),
        ("--timeout", "0", "--timeout must be above 0"),
        ("--timeout", "nan", "--timeout must be above 0"),
        ("--wait-ms", "-1", "--wait-ms must be at least 0"),
        ("--wait-ms", "nan", "--wait-ms must be at least 0"),
        ("--wait-ms", "31000", "not above --timeout"),
        ("--batchtokens", "5", "did you mean --batch-tokens?"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(capsys, option, value, message):
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    pytest.importorskip("prometheus_client")
    assert message in refused(capsys, "model", f"{option}={value}")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["NOTHING/here"], "not a model folder"),
        (["NOTHING/here", "--host", "no.such.host.invalid"], "cannot listen on no.such.host"),
        (["NOTHING/here", "--host", "192.0.2.1"], "cannot listen on 192.0.2.1 port 0"),
    ],
)
def test_a_model_or_an_address_that_is_not_there_is_said(capsys, tmp_path, words, message):
    pytest.importorskip("fastapi")
    pytest.importorskip("uvicorn")
    pytest.importorskip("prometheus_client")
    words = [str(tmp_path / word) if word.startswith("NOTHING") else word for word in words]
    assert message in refused(capsys, *words, "--port", "0")
