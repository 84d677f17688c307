"""Memory is bounded by the size of a part, not by that of the corpus."""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from jnrf.cli import main
status = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
sys.exit(status)
"""
SENTENCE = "He takes aspirin 81 mg for chest pain and warfarin 5 mg for atrial fibrillation.\n"


def peak_kib(model, source, out, *options):
    """Of a prediction of its own process."""
    pytest.importorskip("resource")
    args = ["predict", str(model), str(source), "--out", str(out), *options]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *args, "--device", "cpu", "--threads", "1"],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stderr.split()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_twelve_times_as_many_notes_take_no_more_memory(model_folder, tmp_path, kind):
    peaks = []
    for count in (400, 4800):
        texts = [SENTENCE * 10] * count
        source = tmp_path / f"{count}.{kind}"
        if kind == "parquet":
            pa = pytest.importorskip("pyarrow")
            parquet = pytest.importorskip("pyarrow.parquet")
            table = pa.table({"id": [str(n) for n in range(count)], "text": texts})
            # One row group: the worst case for reading in pieces.
            parquet.write_table(table, source, use_dictionary=False)
        else:
            rows = (json.dumps({"id": str(n), "text": text}) for n, text in enumerate(texts))
            source.write_text("".join(f"{row}\n" for row in rows))
        sizes = ("--part-tokens", "20000", "--batch-tokens", "4096")
        peaks.append(peak_kib(model_folder, source, tmp_path / f"out{count}", *sizes))
    # As one part, these 3.9 MB of notes take 250 MiB more than the twelfth of them.
    assert peaks[1] - peaks[0] < 48 * 1024, peaks


@pytest.mark.slow
def test_a_note_of_a_hundred_thousand_words_takes_a_few_gigabytes(model_folder, tmp_path):
    note = SENTENCE * 7_693  # of 13 words
    assert len(note.split()) > 100_000
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "long.txt").write_text(note)
    peak = peak_kib(model_folder, tmp_path / "notes", tmp_path / "out")
    assert (tmp_path / "out" / "long.ann").stat().st_size > 100_000
    assert peak < 4 * 2**20, peak  # 24 GiB is what it may take
