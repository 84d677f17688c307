"""Everything that a GPU is needed for, in one go: `make gpu`.

Builds the CUDA library for the GPU that is there, runs the CUDA tests, the benchmarks, a profile of
the training step and compute-sanitizer, each part within a time of its own, so that one that fails
or hangs loses only itself. Prints the tables once more at the end. docs/gpu.md says how to run it
on a machine without network.

    python benchmarks/gpu.py                 # all of it, as far as 8 minutes go
    python benchmarks/gpu.py --group training  # a third of it, whole, in less than 10 minutes
    python benchmarks/gpu.py --only tests    # some parts
    python benchmarks/gpu.py --dry-run       # without a GPU: what of each part can be tried there
    python benchmarks/gpu.py --fetch-wheels  # with network: Python packages for a machine without

Writes benchmarks/results/<device>.json, and into --out a copy of it, the log, the summary, and the
profile's trace.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WHEELS = ROOT / ".whl"
RESULTS = ROOT / "benchmarks" / "results"
TOTAL_SECONDS = 470
# Parts that go together, each group within one command of 10 minutes.
GROUP_SECONDS = 570
GROUPS = {
    "operators": ["machine", "build", "tests", "fourier_mix", "relation", "crf"],
    "training": ["machine", "build", "step", "epoch", "systems", "encoder", "profile"],
    "rest": ["machine", "build", "fourier_sweep", "predict", "memcheck", "racecheck"],
}

# What building, tests and benchmarks need beside torch and numpy.
PACKAGES = [
    "setuptools>=64",
    "pybind11>=2.13",
    "pytest>=8",
    "pytest-benchmark>=5",
    "hypothesis>=6.100",
    "tokenizers>=0.20",
    "safetensors>=0.4",
    "huggingface_hub>=0.25",
    "pyyaml>=6",
    "rich>=13",
    "pytorch-crf>=0.7.2",
]
PROGRAMS = {"cmake": "cmake>=3.25", "ninja": "ninja"}


@dataclass(frozen=True)
class Part:
    """A command and the seconds it may take."""

    name: str
    seconds: float
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a part ended: "passed", "failed (1)", "over its time" or "not started"."""

    name: str
    state: str
    seconds: float = 0.0


def plan(out: Path, dry: bool) -> list[Part]:
    """The parts, the most telling ones first: what is late may find no time left.

    Dry, they do what a CPU can: build, collect the tests, check that benchmarks agree with their
    peers, take one step, in ten times the time.
    """
    python = sys.executable

    def tests(*arguments: str) -> list[str]:
        return [python, "-m", "pytest", "-p", "no:cacheprovider", *arguments]

    def bench(name: str, *chosen: str) -> list[str]:
        shown = [f"--results={RESULTS}", "--benchmark-columns=median,rounds"]
        device = ["--device=cpu", "--benchmark-disable"] if dry else ["--device=cuda", *shown]
        return tests(f"benchmarks/bench_{name}.py", *device, *chosen)

    def script(name: str, *chosen: str) -> list[str]:
        return [python, f"benchmarks/{name}.py", f"--out={out}", *chosen]

    # Tests wait for the host for the most part: several processes share the GPU.
    several = ["-n8"] if importlib.util.find_spec("xdist") and not dry else []
    build = [python, "setup.py", "-q", "build_ext", "--inplace"]
    cuda = {"JNRF_CUDA": "on"} if not dry else {}
    collect = ["--collect-only", "-q"] if dry else []
    profile = ["--device=cpu", "--steps=1", "--seconds=0"] if dry else []
    # Dry, the smallest sizes that still go through everything.
    sweep = ["--device=cpu", "--lengths", "64", "67", "--repeats=1"] if dry else []
    epoch = ["--device=cpu", "--notes=2", "--words=60", "--epochs=1", "--peer-steps=1"]
    sanitize = [python, "benchmarks/sanitize.py"]

    def sanitizer(tool: str, seconds: float) -> Part:
        # It stops itself first, to say what it has found so far.
        real = [f"--tool={tool}", f"--seconds={seconds - 15}"]
        return Part(tool, seconds, [*sanitize, *(["--collect-only"] if dry else real)])

    parts = [
        Part("machine", 20, [python, "benchmarks/gpu.py", "--describe"]),
        Part("build", 180, build, cuda),
        Part("tests", 120, tests("tests", "-m", "cuda", "-q", *several, *collect)),
        Part("fourier_mix", 120, bench("fourier_mix")),
        Part("relation", 60, bench("relation")),
        Part("step", 60, bench("step")),
        Part("epoch", 100, script("epoch", *(epoch if dry else []))),
        Part("crf", 40, bench("crf")),
        Part("predict", 40, bench("predict")),
        Part("encoder", 30, bench("encoder")),
        Part("systems", 60, bench("systems")),
        Part("profile", 60, script("profile_step", *profile)),
        Part("fourier_sweep", 120, script("fourier_sweep", *sweep)),
        sanitizer("memcheck", 90),
        sanitizer("racecheck", 90),
    ]
    return [replace(part, seconds=10 * part.seconds) for part in parts] if dry else parts


def run_part(part: Part, log, environment: dict[str, str], left: float) -> Outcome:
    """Run one part, its output to the screen and the log, for at most the time that is left.

    At its limit it is interrupted as by Ctrl-C, so that benchmarks still write what they have, and
    killed a while later; everything it started ends with it.
    """
    limit = min(part.seconds, left)
    if limit < 1:
        return Outcome(part.name, "not started")
    began = time.monotonic()
    try:
        process = subprocess.Popen(
            part.command,
            cwd=ROOT,
            env=environment | part.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        print(error, file=log, flush=True)
        return Outcome(part.name, f"failed ({error})")

    def tee() -> None:
        for line in process.stdout:
            print(line, end="", flush=True)
            print(line, end="", file=log, flush=True)

    reader = threading.Thread(target=tee, daemon=True)
    reader.start()
    state = None
    try:
        for patience, how in ((limit, signal.SIGINT), (10.0, signal.SIGKILL)):
            try:
                process.wait(patience)
                break
            except subprocess.TimeoutExpired:
                state = "over its time"
                stop_group(process.pid, how)
    finally:
        stop_group(process.pid, signal.SIGKILL)  # also what it may have left running
        process.wait()
    reader.join(5)
    if state is None:
        state = "passed" if process.returncode == 0 else f"failed ({process.returncode})"
    return Outcome(part.name, state, time.monotonic() - began)


def stop_group(group: int, how: signal.Signals) -> None:
    """Signal a process group that may be gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, how)


def run_all(parts: Sequence[Part], log, environment: dict[str, str], total: float) -> list[Outcome]:
    """All parts in turn; those that need the build are not started when it failed."""
    end, outcomes = time.monotonic() + total, []
    for part in parts:
        title = f"=== {part.name} (at most {part.seconds:.0f} s): {' '.join(part.command)}"
        for stream in (sys.stdout, log):
            print(f"\n{title}", file=stream, flush=True)
        broken = any(o.name == "build" and o.state != "passed" for o in outcomes)
        left = 0.0 if broken else end - time.monotonic()
        outcomes.append(run_part(part, log, environment, left))
    return outcomes


def installed(requirement: str) -> bool:
    """Whether a distribution is here, as new as ``name>=version`` says."""
    name, _, least = requirement.partition(">=")
    try:
        return release(importlib.metadata.version(name)) >= release(least)
    except importlib.metadata.PackageNotFoundError:
        return False


def release(version: str) -> list[int]:
    """The numbers of a version, without what follows them."""
    return [int(number) for number in re.match(r"[\d.]*", version)[0].split(".") if number]


def missing() -> list[str]:
    """Distributions that this Python lacks for building, tests and benchmarks."""
    lacking = [package for package in PACKAGES if not installed(package)]
    scripts = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
    return lacking + [
        package for name, package in PROGRAMS.items() if shutil.which(name, path=scripts) is None
    ]


def install(packages: Sequence[str], wheels: Path, site: Path) -> None:
    """Put packages from a folder of wheels, without network, into a folder of their own."""
    source = ["--no-index", "--find-links", str(wheels)]
    into = ["--target", str(site), "--upgrade", "--no-compile"]
    command = [sys.executable, "-m", "pip", "install", "-q", *source, *into, *packages]
    subprocess.run(command, check=True)


def fetch_wheels(folder: Path, version: str) -> int:
    """Download all packages, with what they need, for another machine's Python on x86-64 Linux."""
    folder.mkdir(parents=True, exist_ok=True)
    # pip takes the platforms by their exact names.
    platforms = ["manylinux1_x86_64", "manylinux2014_x86_64"]
    platforms += [f"manylinux_2_{minor}_x86_64" for minor in (5, 12, 17, 24, 26, 27, 28, 31, 34)]
    where = [word for name in platforms for word in ("--platform", name)]
    where += ["--only-binary=:all:", "--implementation", "cp", "--python-version", version]
    packages = [*PACKAGES, "ninja"]
    command = [sys.executable, "-m", "pip", "download", "-q", "-d", str(folder), *where, *packages]
    done = subprocess.run(command)
    size = sum(wheel.stat().st_size for wheel in folder.glob("*.whl")) / 2**20
    print(f"{len(list(folder.glob('*.whl')))} wheels, {size:.1f} MiB, in {folder}")
    return done.returncode


def environment_for(site: Path | None, capability: str | None) -> dict[str, str]:
    """For all parts: the package where it is built, and the GPU to compile for."""
    paths = [str(ROOT), str(ROOT / "python"), *([str(site)] if site else [])]
    paths += filter(None, [os.environ.get("PYTHONPATH")])
    found = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
    if site:
        found["PATH"] = os.pathsep.join([str(site / "bin"), os.environ.get("PATH", "")])
    if capability:
        found["TORCH_CUDA_ARCH_LIST"] = capability
    return found


def capability() -> str | None:
    """Of the GPU ("9.0"), asked in a process of its own, which leaves no context behind."""
    code = (
        "import torch; print('%d.%d' % torch.cuda.get_device_capability() "
        "if torch.cuda.is_available() else '')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"torch does not load here:\n{done.stderr}")
    return done.stdout.strip() or None


def describe() -> int:
    """Print what machine and which versions these are, and on a GPU what it does at most."""
    import torch

    print(f"python {sys.version.split()[0]} at {sys.executable}; torch {torch.__version__}")
    for command in (["nvidia-smi"], ["nvcc", "--version"], ["compute-sanitizer", "--version"]):
        if shutil.which(command[0]) is None:
            print(f"{command[0]} is not on the PATH")
        else:
            subprocess.run(command, timeout=15)
    if torch.cuda.is_available():
        from floors import measure

        print(measure(torch.device("cuda")))
    return 0


def summary(outcomes: Sequence[Outcome], results: Sequence[Path], out: Path, began: float) -> str:
    """What was measured since ``began`` (time.time()), and how every part ended."""
    # Imports torch, which a machine that lacks packages must be told of before.
    from comparison import rows_of, table

    parts = []
    since = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(began))
    for path in results:
        contents = json.loads(path.read_text())
        if rows := [row for row in rows_of(contents) if row.date >= since]:
            parts += [f"{contents['device']}, commit {rows[0].commit}", table(rows)]
    for name in ("epoch", "fourier_sweep", "step_profile"):
        written = out / f"{name}.txt"
        if written.exists() and written.stat().st_mtime >= began:
            parts.append(written.read_text())
    width = max(len(outcome.name) for outcome in outcomes)
    parts += [f"{o.name:{width}}  {o.seconds:6.1f} s  {o.state}" for o in outcomes]
    return "\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "gpu")
    parser.add_argument("--only", nargs="+", metavar="PART", help="these parts alone")
    parser.add_argument("--group", choices=GROUPS, help="the parts of a group alone")
    parser.add_argument("--seconds", type=float, help="for all parts")
    parser.add_argument("--dry-run", action="store_true", help="what can be tried without a GPU")
    parser.add_argument("--fetch-wheels", metavar="3.12", nargs="?", const="3.12")
    parser.add_argument("--describe", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.describe:
        return describe()
    if options.fetch_wheels:
        return fetch_wheels(WHEELS, options.fetch_wheels)

    out = options.out.resolve()
    parts = plan(out, options.dry_run)
    if options.group:
        if options.only:
            parser.error("give --group or --only, not both")
        parts = [part for part in parts if part.name in GROUPS[options.group]]
    if options.only:
        if unknown := set(options.only) - {part.name for part in parts}:
            parser.error(f"parts are {', '.join(part.name for part in parts)}, not {unknown}")
        parts = [part for part in parts if part.name in options.only]
    site = None
    if lacking := missing():
        if not WHEELS.is_dir():
            print(f"missing here: {' '.join(lacking)}; see docs/gpu.md", file=sys.stderr)
            return 2
        site = ROOT / "build" / "site"
        install(lacking, WHEELS, site)
        sys.path.insert(0, str(site))
    target = capability()
    if target is None and not options.dry_run:
        print("torch sees no CUDA device here; --dry-run tries what it can", file=sys.stderr)
        return 2
    out.mkdir(parents=True, exist_ok=True)
    began = time.time()
    with (out / "log.txt").open("w") as log:
        usual = GROUP_SECONDS if options.group else TOTAL_SECONDS
        seconds = (options.seconds or usual) * (10 if options.dry_run else 1)
        outcomes = run_all(parts, log, environment_for(site, target), seconds)
        results = [path for path in RESULTS.glob("*.json") if path.stat().st_mtime >= began]
        text = summary(outcomes, results, out, began)
        for stream in (sys.stdout, log):
            print(f"\n=== summary\n{text}", file=stream)
    (out / "summary.txt").write_text(text + "\n")
    for path in results:
        shutil.copy(path, out)
    return 0 if all(outcome.state == "passed" for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
