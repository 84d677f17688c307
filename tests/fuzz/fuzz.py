"""Fuzz one target, guided by coverage: ``python tests/fuzz/fuzz.py TARGET [--seconds N]``.

Needs atheris (`pip install 'jnrf_ext[fuzz]'`, Linux). Inputs that reached something new are kept
in build/fuzz/TARGET and begin the next run. One that fails is written there, named crash-...,
timeout-... (too slow) or oom-... (too much memory); its bytes are printed, and the exit status is
not 0: add them to FINDINGS in tests/fuzz/test_fuzz.py. Further arguments go to libFuzzer.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
#: An input that takes longer, in seconds, or a process that takes more memory, in MB, is a finding.
SLOWEST, MOST_MEMORY = 10, 2500


def main() -> None:
    """Fuzz as the command line says; libFuzzer ends the process."""
    import atheris

    sys.path[:0] = [str(HERE), str(HERE.parent / "support")]
    with atheris.instrument_imports(include=["jnrf", "jnrf_ext"]):
        import targets
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("target", choices=sorted(targets.TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="how long [60]")
    parser.add_argument("--corpus", type=Path, help="folder of inputs [build/fuzz/TARGET]")
    args, more = parser.parse_known_args()
    corpus = args.corpus or HERE.parents[1] / "build/fuzz" / args.target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(targets.SEEDS[args.target]):
        (corpus / f"seed-{number}").write_bytes(seed)
    target = targets.TARGETS[args.target]
    target(targets.SEEDS[args.target][0])  # what is loaded at first use counts for no input
    options = [
        f"-max_total_time={args.seconds}",
        f"-timeout={SLOWEST}",
        f"-rss_limit_mb={MOST_MEMORY}",
        f"-artifact_prefix={corpus}/",
        "-max_len=4096",
        "-print_final_stats=1",
        *more,
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
