"""The script for a GPU machine, as far as a machine without one can try it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
import zipfile

import gpu
import pytest
from gpu import Outcome, Part, run_all, run_part


def python(name: str, code: str, seconds: float = 20.0, **environment: str) -> Part:
    return Part(name, seconds, [sys.executable, "-c", code], environment)


def run(*parts: Part, total: float = 60.0) -> tuple[list[Outcome], str]:
    log = io.StringIO()
    return run_all(parts, log, dict(os.environ), total), log.getvalue()


def states(outcomes) -> dict[str, str]:
    return {outcome.name: outcome.state for outcome in outcomes}


def test_a_failing_part_does_not_stop_the_next(capfd):
    outcomes, log = run(
        python("bad", "import sys; print('to screen and log'); sys.exit(3)"),
        python("good", "import os; print(os.environ['WHAT'])", WHAT="from the part"),
        Part("absent", 5, ["/nowhere/to/be/found"]),
    )
    assert states(outcomes)["bad"] == "failed (3)"
    assert states(outcomes)["good"] == "passed"
    assert "No such file" in states(outcomes)["absent"]
    for text in (log, capfd.readouterr().out):
        assert "to screen and log" in text
        assert "from the part" in text


def test_nothing_is_measured_with_a_build_that_failed():
    outcomes, _ = run(python("build", "raise SystemExit(1)"), python("tests", "print()"))
    assert states(outcomes) == {"build": "failed (1)", "tests": "not started"}


def test_a_part_over_its_time_may_finish_what_it_has():
    """Interrupted like by Ctrl-C, so that benchmarks write their rows."""
    code = """
import time
try:
    time.sleep(60)
except KeyboardInterrupt:
    print("wrote what there was", flush=True)
"""
    outcomes, log = run(python("slow", code, seconds=5.0), python("next", "print('ran')"))
    assert states(outcomes) == {"slow": "over its time", "next": "passed"}
    assert "wrote what there was" in log
    assert outcomes[0].seconds < 60  # it did not sleep to its end


def test_no_part_starts_when_the_time_for_all_is_used():
    outcomes, _ = run(python("one", "import time; time.sleep(1.5)"), total=2.0)
    assert states(outcomes) == {"one": "passed"}
    outcomes, _ = run(
        python("one", "import time; time.sleep(1.5)"), python("two", "print()"), total=2.0
    )
    assert states(outcomes) == {"one": "passed", "two": "not started"}


def test_what_a_part_left_running_ends_with_it(tmp_path):
    mark = tmp_path / "alive"
    child = f"import time; time.sleep(2); open({str(mark)!r}, 'w')"
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}])"
    outcome = run_part(python("parent", code), io.StringIO(), dict(os.environ), 20.0)
    assert outcome.state == "passed"
    time.sleep(2.5)
    assert not mark.exists()


def test_the_parts_fit_into_a_command_of_eight_minutes(tmp_path):
    assert gpu.TOTAL_SECONDS < 8 * 60
    parts = gpu.plan(tmp_path, dry=False)
    assert [part.name for part in parts][:3] == ["machine", "build", "tests"]
    assert {part.name for part in parts} == {part.name for part in gpu.plan(tmp_path, dry=True)}
    # Were each to take all it may, those up to the benchmarks of operators would still run.
    needed = {"machine", "build", "tests", "fourier_mix"}
    assert sum(part.seconds for part in parts if part.name in needed) < gpu.TOTAL_SECONDS


def test_each_group_fits_into_a_command_of_ten_minutes_with_all_its_parts(tmp_path):
    """And the three together are everything, within the half hour that a machine is lent for."""
    parts = {part.name: part for part in gpu.plan(tmp_path, dry=False)}
    assert {name for names in gpu.GROUPS.values() for name in names} == set(parts)
    for names in gpu.GROUPS.values():
        assert names[:2] == ["machine", "build"]
        assert sum(parts[name].seconds for name in names) <= gpu.GROUP_SECONDS < 10 * 60
    assert len(gpu.GROUPS) * gpu.GROUP_SECONDS <= 30 * 60


def test_a_group_runs_its_parts_alone(tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(gpu, "run_all", lambda parts, *rest: ran.extend(parts) or [])
    monkeypatch.setattr(gpu, "summary", lambda *given: "")
    command = ["--dry-run", "--group", "training", "--out", str(tmp_path)]
    assert gpu.main(command) == 0
    assert [part.name for part in ran] == [
        name
        for name in (p.name for p in gpu.plan(tmp_path, True))
        if name in gpu.GROUPS["training"]
    ]
    with pytest.raises(SystemExit):
        gpu.main([*command, "--only", "tests"])


def test_without_a_gpu_it_says_so(tmp_path):
    if gpu.capability() is not None:
        pytest.skip("there is a GPU here")
    done = subprocess.run(
        [sys.executable, gpu.__file__, "--out", tmp_path], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "no CUDA device" in done.stderr
    done = subprocess.run([sys.executable, gpu.__file__, "--only", "x"], capture_output=True)
    assert done.returncode == 2


def test_dry_run_of_some_parts(tmp_path):
    command = [sys.executable, gpu.__file__, "--dry-run", "--only", "machine"]
    done = subprocess.run([*command, "--out", tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = (tmp_path / "summary.txt").read_text()
    assert summary.split()[0] == "machine"
    assert summary.endswith("passed\n")
    assert summary in done.stdout
    assert "torch" in (tmp_path / "log.txt").read_text()


def test_summary_shows_what_was_measured_in_this_run(tmp_path):
    fields = dict(work="w", peer="eager", ours_ms=1.0, peer_ms=2.0, ratio=2.0, rounds=5)
    fields |= dict(ours_spread_ms=[1, 1], peer_spread_ms=[2, 2], target=None, threads=1)
    fields |= dict(ours_peak_mib=None, peer_peak_mib=None, memory_target=None, versions={})
    rows = [
        dict(fields, size="old", commit="b", date="2020-01-01T00:00:00+00:00"),
        dict(fields, size="new", commit="a", date="2999-01-01T00:00:00+00:00"),
    ]
    results = tmp_path / "x.json"
    results.write_text(json.dumps({"device": "Some GPU", "rows": rows}))
    (tmp_path / "step_profile.txt").write_text("a profile")
    outcomes = [Outcome("tests", "passed", 3.0), Outcome("step", "over its time", 60.0)]
    text = gpu.summary(outcomes, [results], tmp_path, time.time() - 60)
    assert "Some GPU, commit a" in text
    assert "new" in text
    assert "old" not in text
    assert "a profile" in text
    assert text.endswith("step     60.0 s  over its time")


def test_missing_packages_come_from_wheels(tmp_path, monkeypatch):
    """A folder of wheels is all that a machine without network needs."""
    monkeypatch.setattr(gpu, "PACKAGES", ["jnrf-tiny>=1", "pytest>=8"])
    monkeypatch.setattr(gpu, "PROGRAMS", {})
    assert gpu.missing() == ["jnrf-tiny>=1"]
    wheels, site = tmp_path / "wheels", tmp_path / "site"
    wheels.mkdir()
    info = "jnrf_tiny-1.0.dist-info"
    with zipfile.ZipFile(wheels / "jnrf_tiny-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("jnrf_tiny.py", "answer = 42\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: jnrf-tiny\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    gpu.install(gpu.missing(), wheels, site)
    monkeypatch.syspath_prepend(site)
    assert gpu.missing() == []
    environment = gpu.environment_for(site, "9.0")
    assert str(site) in environment["PYTHONPATH"].split(os.pathsep)
    assert environment["TORCH_CUDA_ARCH_LIST"] == "9.0"


@pytest.mark.parametrize(
    ("least", "here"),
    [("", True), (">=1", True), (">=1.9", True), (">=1.10.2", True), (">=1.11", False)],
)
def test_a_package_that_is_too_old_is_missing(monkeypatch, least, here):
    monkeypatch.setattr("importlib.metadata.version", lambda name: "1.10.2+cu130")
    assert gpu.installed(f"tiny{least}") == here
