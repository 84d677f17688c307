"""Nobody lets in what is wrong: every fuzz target, on what was once found, at random, by coverage.

`tests/fuzz/fuzz.py` fuzzes one target for long.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE))

import targets  # noqa: E402

#: Inputs that once failed, by target.
FINDINGS: dict[str, list[bytes]] = {
    "brat_files": [  # a control character in an id, in a message
        b"\0\0\0iron\n---\nT1\tDrug 0 4\tiron\nR1\tX Arg1:T1 Arg2:T1\x18\n",
    ],
    "encoder_weights": [  # files in an index with names that none can have
        b'\x01{"weight_map": {"t": "a\\u007f.bin"}}',
        b'\x01{"weight_map": {"t": "a\\ud800.bin"}}',
        b'\x01{"weight_map": {"t": "' + b"a" * 300 + b'.bin"}}',
        b'\x01{"weight_map": {"t": "a\\u0000.bin"}}',
    ],
    "token_json": [  # half a surrogate pair
        b'[{"tokens": ["a", "b c\\ud800"], "entities": [[0, 1, "X"]]}]',
        b'[{"tokens": ["a"], "entities": [{"start": 0, "end": 1, "type": "X\\ud800"}]}]',
        b'[{"tokens": ["a"], "id": "\\ud800"}]',
    ],
    "json_files": [
        # Standoff that does not read back: what points nowhere, colons in ids, white space
        b'\0{"id": "a", "text": "iron", "events": [{"id": "E1", "type": "e", "trigger": "T1"}]}',
        b'\0{"id": "a", "text": "iron", "mentions": [{"id": "T:1", "type": "X", "fragments":'
        b' [[0, 2]]}], "events": [{"id": "E1", "type": "e", "trigger": "T:1"}]}',
        b'\0{"id": "a", "text": "iron", "equivalences": [{"type": "X", "members": ["T 1"]}]}',
        b'\0{"id": "a", "text": "", "notes": [{"id": "#1", "type": "X", "target": "T1"}]}',
        b'\0{"id": "a", "text": "iron", "mentions": [{"id": "T1", "type": "X", "fragments":'
        b' [[0, 2]]}], "normalizations": [{"id": "N1", "type": "R", "target": "T1",'
        b' "reference": "a b"}]}',
        # What is no JSON when it is written
        b'\1{"id": "a", "text": "x", "warnings": {"\\ud800k": 1}}',
        b'\1{"id": "a", "text": "iron", "mentions": [{"id": "T1", "type": "X", "fragments":'
        b' [[0, 2]], "score": NaN}]}',
        b'\1{"id": "a", "text": "iron", "mentions": [{"id": "T1", "type": "X", "fragments":'
        b' [[0, 2]], "score": 1' + b"0" * 400 + b"}]}",
        b'\0{"id": "a\\u0007", "text": 7}',
    ],
    "file_names": [  # names that are no UTF-8, too long, or control a terminal
        bytes([writer]) + name
        for writer in range(4)
        for name in (b"\n\xb0\xa9\xa9", b"a" * 250, b"a" * 251, b"a" * 300, b"a\x1b]0;x\x07")
    ],
    "parquet_texts": [  # control characters in names and messages; an abort of the library
        b"o \xfe\xa9",
        b"\xd5 \xf6o\1" + b"\0" * 7 + b" \0\xfe\0\xfe" + b"\r" * 8 + b"\0" * 31 + b"\xa9",
        b"\xee" * 19 + b"\x08\x11\xee \0",
        b"(" + b"\xee" * 5 + b"\x0f" + b"\xee" * 5 + b"4\xeeo" + b"\xee" * 4 + b",",
        b"\xee" * 4 + b"\x0f\xf9\xf9\xf9\xf9\xee\xee\xee\x07\xee\xee\xee\x0f\xee\xee\xee",
    ],
    "compositions": [  # a mark behind white space of which a normalizer leaves one part of two
        b"\x02\x01" + "\U000109fe\u2004\u1b43".encode(),
    ],
    "tokenizer_json": [  # nothing for words that it does not know; endless messages
        b'"\x019\x02\x03\x03NaN',
        b"\x07\x01 \x01\x0c\x00\xdd\x00@\x00!;;;;;;;;;;;;;;;;;;;;;;;;!!#!!",  # an id of 10^9
        b"\x01\x04\x01\x02\x03\x1a",
        b"\x02\x01\x02\xda\x02\x01\x02\x01\x02\x02\x01\x02\x01\x02\x03\x02\x03\x02",
        b"\x01N\x01\x02\x03@\x02\x03 ",
    ],
    "model_config": [  # sizes of the wrong type, and of the wrong size
        b"\x02\x01qN\x02 \x04\x02\x01\x05Na\x02 \x04\x02\x01\x05NaN\x02 ",
        b"\x00\n\x01\x01\x04\x02\x01\x00NaN",
        b"\x00\x01.\x04\x02\x01\x05\x00",
    ],
    "encoder_config": [  # what transformers refuses by errors of its own, or tries to allocate
        b"\x00\x00\x05\xcd",
        b"\x00\x014;\x01",
        b"\x00\x02\x00\x05\xed\xa0\x80\x02",
        b"\x00\t\x00\x05\x05\t\t",
    ],
}
#: Seconds of a run by coverage.
SECONDS = 3
CASES = [(name, data) for name in targets.TARGETS for data in targets.SEEDS[name]]
CASES += [(name, data) for name, inputs in FINDINGS.items() for data in inputs]


@pytest.mark.parametrize(("name", "data"), CASES)
def test_seeds_and_what_was_once_found_hold(name, data):
    targets.TARGETS[name](data)


def test_seeds_reach_what_they_are_for(tmp_path):
    """Otherwise the targets could pass by refusing everything."""
    picked = targets.SEEDS["brat_files"][0]
    (tmp_path / "a.txt").write_bytes(picked[3:].partition(b"\n---\n")[0])
    (tmp_path / "a.ann").write_bytes(picked.partition(b"\n---\n")[2])
    document = targets.brat.read_document(tmp_path / "a.txt", tmp_path / "a.ann")
    assert (len(document.mentions), len(document.relations)) == (2, 1)
    for seed in targets.SEEDS["foreign_json"]:
        (tmp_path / "x.json").write_bytes(seed[4:])
        _, documents = targets.json_documents.read_json_or_tokens(tmp_path / "x.json")
        assert any(document.mentions for document in documents)
    for name in targets.COMPOSITIONS:
        place = targets._write_model(*targets.model_files(name))
        model = targets.JNRF.from_pretrained(place)
        assert model.extract(targets.WORDS[0]).text == targets.WORDS[0]


@pytest.mark.parametrize("name", targets.TARGETS)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_any_bytes_give_a_sound_result_or_one_input_error(name, data):
    seeds = targets.SEEDS[name]
    seed = data.draw(st.sampled_from(seeds))
    at = data.draw(st.integers(0, len(seed)))
    drawn = data.draw(st.binary(max_size=60))
    keep = data.draw(st.integers(0, len(seed) - at))
    targets.TARGETS[name](seed[:at] + drawn + seed[at + keep :])


@pytest.mark.slow
@pytest.mark.parametrize("name", targets.TARGETS)
def test_a_short_run_by_coverage_finds_nothing(name, tmp_path):
    pytest.importorskip("atheris", reason="pip install 'jnrf_ext[fuzz]'")
    command = [sys.executable, HERE / "fuzz.py", name, f"--seconds={SECONDS}"]
    command += ["--corpus", tmp_path, "-timeout=60"]  # machines that run tests may be busy
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, env=alone, timeout=300, check=False)
    # The fuzzer's own report is on the one, a fault of the target on the other.
    said = [stream.decode(errors="replace") for stream in (done.stderr, done.stdout)]
    assert done.returncode == 0, "\n".join(text[-3000:] for text in said)
    assert any("stat::number_of_executed_units" in text for text in said)
