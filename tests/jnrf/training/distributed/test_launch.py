"""What torchrun's environment says, and what is wrong with one that makes no sense."""

import pytest

from jnrf.training.distributed.launch import Launch, read_launch
from jnrf_ext.errors import InputError

WHOLE = {
    "RANK": "5",
    "WORLD_SIZE": "8",
    "LOCAL_RANK": "1",
    "MASTER_ADDR": "localhost",
    "MASTER_PORT": "29500",
}


def test_without_a_launcher_there_is_one_process():
    assert read_launch({"PATH": "/bin", "MASTER_PORT": "80"}) == Launch(0, 1, 0)


def test_torchrun_says_which_process_this_is():
    assert read_launch(WHOLE) == Launch(rank=5, size=8, local_rank=1)


@pytest.mark.parametrize("missing", WHOLE)
def test_a_part_of_it_only_is_an_error_that_names_what_is_missing(missing):
    part = {name: value for name, value in WHOLE.items() if name != missing}
    with pytest.raises(InputError, match=rf"but not {missing}; start with torchrun, or unset"):
        read_launch(part)


@pytest.mark.parametrize("name", ["RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_PORT"])
def test_what_is_no_number_is_named(name):
    with pytest.raises(InputError, match=f"{name} in the environment is 'two', not a number"):
        read_launch(WHOLE | {name: "two"})


@pytest.mark.parametrize(
    "changes",
    [
        {"RANK": "8"},
        {"RANK": "-1"},
        {"LOCAL_RANK": "6"},
        {"LOCAL_RANK": "-1"},
        {"WORLD_SIZE": "0"},
        {"MASTER_PORT": "0"},
        {"MASTER_PORT": "70000"},
    ],
)
def test_numbers_that_do_not_go_together_are_an_error(changes):
    with pytest.raises(InputError, match="makes no sense"):
        read_launch(WHOLE | changes)
