"""What a run's folder remembers."""

from __future__ import annotations

import pytest

from jnrf.training.config import TrainConfig
from jnrf.training.run_folder import RunFolder, resumed_config
from jnrf_ext.errors import InputError


@pytest.fixture
def run(tmp_path):
    """The folder of a run that was started."""
    (tmp_path / "config.yaml").write_text(TrainConfig().to_yaml())
    return tmp_path


def test_a_resumed_run_keeps_its_settings(run):
    assert resumed_config(str(run), {}).data.unannotated == "error"
    with pytest.raises(InputError, match=r"data\.unannotated: .* has error, not skip"):
        resumed_config(str(run), {"data.unannotated": "skip"})


def test_a_run_of_before_a_choice_goes_on_as_it_began(run):
    path = run / "config.yaml"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if "unannotated:" not in line))
    assert resumed_config(str(run), {}).data.unannotated == "empty"


def test_a_remark_is_added_once_behind_the_others(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.read_remarks() == []
    for line in ("first", "second \u2028 in one line", "first"):
        folder.add_remark(line)
    assert folder.read_remarks() == ["first", "second \u2028 in one line"]
    assert folder.remarks.read_text() == "first\nsecond \u2028 in one line\n"
