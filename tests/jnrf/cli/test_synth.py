"""``jnrf synth`` from the command line."""

from __future__ import annotations

from argparse import ArgumentParser

import pytest

from jnrf.cli import synth
from jnrf.corpora.brat import read_folder
from jnrf_ext.errors import InputError


def run(*argv) -> int:
    parser = ArgumentParser()
    synth.add_arguments(parser)
    return synth.run(parser.parse_args([str(word) for word in argv]))


def test_writes_a_folder_that_reads_back_and_says_what_it_wrote(tmp_path, capsys):
    assert run(tmp_path / "notes", "--documents", 3, "--words", 300, "--seed", 5) == 0
    documents = read_folder(tmp_path / "notes")
    assert len(documents) == 3
    said = capsys.readouterr().out
    assert said.startswith(f"3 invented documents in {tmp_path / 'notes'}")
    assert f"{sum(len(d.mentions) for d in documents):,} mentions" in said


def test_the_same_seed_writes_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        run(tmp_path / name, "--documents", 2, "--words", 200, "--seed", 5)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_notes_that_stand_there_are_written_over_by_a_flag_alone(tmp_path):
    out = tmp_path / "notes"
    run(out, "--documents", 2, "--words", 200)
    expected = (out / "100002.ann").read_bytes()
    (out / "100002.ann").write_text("corrected by hand")
    with pytest.raises(InputError, match="give another OUT, or --overwrite"):
        run(out, "--documents", 2, "--words", 200)
    assert (out / "100002.ann").read_text() == "corrected by hand"
    run(out, "--documents", 2, "--words", 200, "--overwrite")
    assert (out / "100002.ann").read_bytes() == expected
    with pytest.raises(InputError, match=r"holds 100002\.ann and 1 more, which would be read"):
        run(out, "--documents", 1, "--words", 200, "--overwrite")


def test_impossible_requests_write_nothing(tmp_path):
    with pytest.raises(InputError, match="at least 1"):
        run(tmp_path / "notes", "--documents", 0)
    assert not (tmp_path / "notes").exists()
