"""Model folders: what is saved comes back, and what is broken says so."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from jnrf_ext import JNRF, InputError, JNRFConfig, Schema, Tokenizer
from jnrf_ext.checkpoints.weight_file import WeightFile
from jnrf_ext.files import write_atomically

SCHEMA = Schema.from_types(["Drug", "Dosage"], {"Dosage-Drug": [("Dosage", "Drug")]})


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    tokenizer = Tokenizer.train(["aspirin 81 mg daily", "naïve µg 5 mg"], 80)
    config = JNRFConfig(
        vocab_size=tokenizer.vocab_size,
        embedding_size=8,
        hidden_size=8,
        num_layers=2,
        mixing_windows=[4, 0],
        schema=SCHEMA,
    )
    JNRF(config, tokenizer).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_a_saved_model_comes_back_the_same(folder, tmp_path):
    model = JNRF.from_pretrained(folder)
    assert not model.training
    assert model.config.schema == SCHEMA
    model.save_pretrained(tmp_path / "again")
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_the_folder_holds_no_pickle(folder):
    assert sorted(p.name for p in folder.iterdir()) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(folder, missing):
    (folder / missing).unlink()
    with pytest.raises(InputError, match=f"has no {missing}"):
        JNRF.from_pretrained(folder)


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(InputError, match="is not a model folder"):
        JNRF.from_pretrained(tmp_path / "nowhere")


def test_of_the_folder_of_a_run_its_model_is_named(folder, tmp_path):
    (tmp_path / "run").mkdir()
    folder.rename(tmp_path / "run/best")
    with pytest.raises(InputError, match="folder of a run; give its model") as told:
        JNRF.from_pretrained(tmp_path / "run")
    JNRF.from_pretrained(str(told.value).partition("give its model, ")[2])


def test_a_damaged_weight_file_is_named(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(InputError, match=r"model\.safetensors does not fit .* or is damaged"):
        JNRF.from_pretrained(folder)


def test_weights_of_another_size_are_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 16}))
    with pytest.raises(InputError, match="does not fit"):
        JNRF.from_pretrained(folder)


@pytest.mark.parametrize("content", ["{", '{"model_type": "jnrf", "schema": 3}', "[]"])
def test_a_damaged_config_is_named(folder, content):
    (folder / "config.json").write_text(content)
    with pytest.raises(InputError, match=r"config\.json"):
        JNRF.from_pretrained(folder)


def test_another_kind_of_model_is_refused(folder):
    (folder / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(InputError, match="'bert' model"):
        JNRF.from_pretrained(folder)


def test_a_setting_from_the_future_is_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"wavelets": True}))
    with pytest.raises(InputError, match="wavelets"):
        JNRF.from_pretrained(folder)


# ------------------------------------------------------------------ folders of strangers


def change(folder, **settings):
    """Other settings in a folder's config.json."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


def header_and_body(path) -> tuple[dict, bytes]:
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def write_weights(path, header: dict, body: bytes) -> None:
    content = json.dumps(header).encode()
    path.write_bytes(len(content).to_bytes(8, "little") + content + body)


IMPOSSIBLE = [
    *({"hidden_size": size} for size in (10**9, -2, True, "8", 8.0, None, float("nan"), [8])),
    *({"vocab_size": size} for size in (10**12, 10**9, 0, -1, "many")),
    *({"num_layers": n, "mixing_windows": []} for n in (10**6, 1000, 2**31 - 1, -1)),
    *({"tag_layers": 10**6}, {"relation_task_layers": 900}, {"input_layers": 1000}),
    {"num_layers": 10**6, "mixing_windows": [], "share_layers": True},
    *({"mixing_windows": windows} for windows in ([4, -1], [4, True], [4, 2**40], 4, "40")),
    *({"layer_dropout": share} for share in (float("nan"), -0.1, 1.5, "0.1", 10**400)),
    *({"crf": 1}, {"crf": "true"}, {"distance_unit": 0}, {"fourier_scale": float("inf")}),
    *({"expansion": 10**9}, {"relation_size": 10**9}, {"character_size": 10**9}),
    *({"relation_kind": "pairs", "label_embedding_size": n} for n in (10**9, -1)),
    {"relation_kind": "targets", "target_context": 2**31},
    *({"encoder_frame": frame} for frame in ([], [[], [], []], [[1.5], []], "[]", [[], [True]])),
    *({"auxiliary": tasks} for tasks in ([1], [{}], [{"tags": ["O"], "group": -1}])),
    {"auxiliary": [{"tags": ["B-X"], "group": 1}]},
    {"auxiliary": [{"tags": ["O", "B-X", "I-X"], "group": 1}] * 100},
    *({"behaviour": kind} for kind in (None, 3, ["standard"])),
    {"mask_id": 10**6},
]


@pytest.mark.parametrize("settings", IMPOSSIBLE, ids=lambda settings: str(settings)[:60])
def test_sizes_that_are_impossible_or_not_those_of_the_weights_are_refused(folder, settings):
    change(folder, **settings)
    with pytest.raises(InputError, match=r"config\.json") as error:
        JNRF.from_pretrained(folder)
    assert str(error.value).isprintable()


def test_claims_of_a_configuration_take_no_memory(folder, tmp_path):
    """In a process of its own, which may not take a gigabyte more than it has."""
    program = f"""
import json, resource, sys
from jnrf_ext import JNRF, InputError
folder = {str(folder)!r}
JNRF.from_pretrained(folder)
config = json.load(open(folder + "/config.json"))
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + 2**30, taken + 2**30))
for settings in {[s for s in IMPOSSIBLE if "nan" not in str(s) and "inf" not in str(s)]!r}:
    json.dump(config | settings, open(folder + "/config.json", "w"))
    try:
        JNRF.from_pretrained(folder)
        sys.exit(f"{{settings}} was let in")
    except InputError as error:
        if "memory" in str(error):
            sys.exit(f"{{settings}}: {{error}}")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


BAD_SCHEMAS = {
    "no O": ({"tags": ["B-Drug", "I-Drug"]}, "no 'O'"),
    "a tag twice": ({"tags": ["O", "B-Drug", "B-Drug"]}, "stands twice"),
    "a tag of no type": ({"tags": ["O", "B-"]}, "neither 'O' nor"),
    "a tag of no scheme": ({"tags": ["O", "Drug"]}, "neither 'O' nor"),
    "a number for a tag": ({"tags": ["O", 7]}, "must be names"),
    "half a character": ({"tags": ["O", "B-\ud800"]}, "surrogate"),
    "none is missing": ({"relations": ["Dosage-Drug"]}, "no 'none'"),
    "a relation twice": ({"relations": ["none", "X", "X"], "arguments": {}}, "stands twice"),
    "an unknown type": ({"arguments": {"Dosage-Drug": [["Dose", "Drug"]]}}, "'Dose', which no tag"),
    "an unknown relation": ({"arguments": {"X": []}}, "which is no relation"),
    "none with arguments": ({"arguments": {"none": []}}, "which is no relation"),
    "three arguments": ({"arguments": {"Dosage-Drug": [["Drug"] * 3]}}, "must be lists of"),
    "no arguments": ({"arguments": None}, "arguments is missing"),
    "too many types": (
        {"tags": ["O", *(f"B-{n}" for n in range(10**5))], "arguments": {}},
        "at most 500",
    ),
}


@pytest.mark.parametrize("name", BAD_SCHEMAS)
def test_a_schema_that_does_not_go_together_is_refused(folder, name):
    parts, complaint = BAD_SCHEMAS[name]
    change(folder, schema=SCHEMA.to_dict() | parts)
    with pytest.raises(InputError, match=complaint) as error:
        JNRF.from_pretrained(folder)
    assert "config.json" in str(error.value)


def test_iobes_needs_both_tags_of_a_type(folder):
    tags = [tag for tag in SCHEMA.tags if tag != "I-Drug"]
    change(folder, tag_scheme="IOBES", schema=SCHEMA.to_dict() | {"tags": tags})
    with pytest.raises(InputError, match="needs B- and I- of 'Drug'"):
        JNRF.from_pretrained(folder)


@pytest.mark.parametrize(
    "content", [b"[" * 10**6, b"\xff", b"{" + b" " * 9 * 2**20 + b"}", b'"jnrf"', b"1" * 5000]
)
def test_a_configuration_that_is_none_is_said(folder, content):
    (folder / "config.json").write_bytes(content)
    with pytest.raises(InputError, match=r"config\.json"):
        JNRF.from_pretrained(folder)


def weights_that_lie(header: dict, body: bytes) -> dict:
    """Name -> header, body, what the message says."""
    name = "tag_head.output.bias"
    entry = header[name]
    begin, end = entry["data_offsets"]

    def other(**change):
        return header | {name: entry | change}

    without = {k: v for k, v in header.items() if k != name}
    return {
        "missing": (without, body, "do not follow one another"),
        "renamed": (without | {"tag_head.bias": entry}, body, f"missing: {name}"),
        "extra": (
            header | {"more": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}},
            body,
            "not of this model: more",
        ),
        "another shape": (other(shape=[1, *entry["shape"]]), body, rf"{name} is \[1, 5\]"),
        "another dtype": (other(dtype="I32"), body, f"{name} is torch.int32"),
        "unknown dtype": (other(dtype="F4"), body, f"{name} has an unknown dtype"),
        "a dtype of no name": (other(dtype=["F32"]), body, f"{name} has an unknown dtype"),
        "a huge shape": (other(shape=[10**30]), body, f"{name} has not the bytes"),
        "a negative shape": (other(shape=[-5]), body, f"not describe {name}"),
        "a shape of booleans": (other(shape=[True]), body, f"not describe {name}"),
        "no offsets": (other(data_offsets=None), body, f"not describe {name}"),
        "offsets back": (other(data_offsets=[end, begin]), body, f"{name} has not the bytes"),
        "overlapping": (other(data_offsets=[begin - 4, end - 4]), body, "do not follow"),
        "no object": (header | {name: 3}, body, f"not describe {name}"),
        "more bytes": (header, body + b"\0", r"take [\d,]+ bytes, the file has"),
        "fewer bytes": (header, body[:-1], r"take [\d,]+ bytes, the file has"),
    }


LIES = ["missing", "renamed", "extra", "another shape", "another dtype", "unknown dtype"]
LIES += ["a dtype of no name", "a huge shape", "a negative shape", "a shape of booleans"]
LIES += ["no offsets", "offsets back", "overlapping", "no object", "more bytes", "fewer bytes"]


@pytest.mark.parametrize("how", LIES)
def test_weights_that_lie_are_refused_by_name(folder, how):
    path = folder / "model.safetensors"
    *changed, complaint = weights_that_lie(*header_and_body(path))[how]
    write_weights(path, *changed)
    with pytest.raises(InputError, match=rf"model\.safetensors does not fit .*{complaint}"):
        JNRF.from_pretrained(folder)


def test_every_lie_about_weights_is_told(folder):
    assert sorted(LIES) == sorted(weights_that_lie(*header_and_body(folder / "model.safetensors")))


@pytest.mark.parametrize("claimed", [0, 1, 8 * 2**20 + 1, 2**31, 2**63, 2**64 - 1])
def test_the_length_of_the_header_may_lie(folder, claimed):
    path = folder / "model.safetensors"
    path.write_bytes(claimed.to_bytes(8, "little") + path.read_bytes()[8:])
    with pytest.raises(InputError, match=r"is damaged \(its header"):
        JNRF.from_pretrained(folder)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9])
def test_weights_cut_short_anywhere_are_refused(folder, length):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(InputError, match=r"its header"):
        JNRF.from_pretrained(folder)


def test_a_name_that_stands_twice_in_the_header_is_refused(folder):
    path = folder / "model.safetensors"
    header, body = header_and_body(path)
    text = json.dumps(header)
    content = (text[:-1] + ', "tag_head.output.bias": 1}').encode()
    path.write_bytes(len(content).to_bytes(8, "little") + content + body)
    with pytest.raises(InputError, match="header is no JSON"):
        JNRF.from_pretrained(folder)


def test_weights_of_another_width_are_converted(folder):
    model = JNRF.from_pretrained(folder)
    half = {name: tensor.bfloat16() for name, tensor in model.state_dict().items()}
    save_file(half, folder / "model.safetensors")
    for name, tensor in JNRF.from_pretrained(folder).state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, half[name].float())


@pytest.mark.parametrize("moment", ["cut short", "replaced"])
def test_a_file_that_changes_while_it_is_read_does_no_harm(folder, monkeypatch, moment):
    path, state = folder / "model.safetensors", JNRF.from_pretrained(folder).state_dict()
    check = WeightFile.check

    def meanwhile(self, wanted):
        check(self, wanted)
        if moment == "cut short":
            with path.open("r+b") as file:
                file.truncate(path.stat().st_size - 16)
        else:
            write_atomically(path, b"another file")

    monkeypatch.setattr(WeightFile, "check", meanwhile)
    if moment == "cut short":
        with pytest.raises(InputError, match="cut short while it was read"):
            JNRF.from_pretrained(folder)
        return
    loaded = JNRF.from_pretrained(folder).state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in state.items())


def test_files_may_be_links_as_the_hub_has_them(folder, tmp_path):
    links = tmp_path / "snapshot"
    links.mkdir()
    for file in folder.iterdir():
        (links / file.name).symlink_to(file)
    assert JNRF.from_pretrained(links).config == JNRF.from_pretrained(folder).config


def test_loading_leaves_random_numbers_alone(folder):
    torch.manual_seed(3)
    wanted = torch.rand(3)
    torch.manual_seed(3)
    JNRF.from_pretrained(folder)
    assert torch.equal(torch.rand(3), wanted)


def test_a_pickle_in_the_place_of_weights_is_never_loaded(folder, tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(pickle.dumps(Trap()))
        with pytest.raises(InputError, match=name):
            JNRF.from_pretrained(folder)
        (folder / name).write_bytes(whole)
    assert not (tmp_path / "sprung").exists()


def test_weights_under_several_names_are_saved_once_and_tied_again(folder, tmp_path, monkeypatch):
    def with_two_names(model, config, tokenizer=None):
        build(model, config, tokenizer)
        model.tag_head.again = model.tag_head.output

    build = JNRF.__init__
    monkeypatch.setattr(JNRF, "__init__", with_two_names)
    model = JNRF.from_pretrained(folder)
    assert "tag_head.again.bias" in model.state_dict()
    model.save_pretrained(tmp_path / "again")
    header, _ = header_and_body(tmp_path / "again/model.safetensors")
    assert "tag_head.output.bias" in header
    assert "tag_head.again.bias" not in header
    loaded = JNRF.from_pretrained(tmp_path / "again")
    assert loaded.tag_head.again.weight is loaded.tag_head.output.weight
    assert torch.equal(loaded.tag_head.again.weight, model.tag_head.output.weight)


def test_weights_that_share_memory_without_being_one_are_saved_whole(folder, tmp_path):
    model = JNRF.from_pretrained(folder)
    model.tag_head.output.bias.data = torch.randn(2, len(model.tag_head.output.bias))[0]
    model.layers[0].fc1.bias.data = torch.randn(2, len(model.layers[0].fc1.bias))[1]
    model.save_pretrained(tmp_path / "again")
    again = JNRF.from_pretrained(tmp_path / "again").state_dict()
    assert all(torch.equal(again[name], weight) for name, weight in model.state_dict().items())


def test_a_refused_folder_leaves_gradients_on(folder):
    change(folder, num_layers=900, mixing_windows=[])
    for _ in range(2):
        with pytest.raises(InputError, match="tensors no such model is made"):
            JNRF.from_pretrained(folder)
        assert torch.is_grad_enabled()


# ------------------------------------------------------------------ their tokenizers


def test_a_tokenizer_with_more_ids_than_embeddings_is_refused(folder):
    greek = "αβγδεζηθικλμνξοπρστυφχψω"
    Tokenizer.train([f"more letters than aspirin has {greek}"], 200).save(folder / "tokenizer.json")
    with pytest.raises(InputError, match=r"tokenizer\.json gives ids up to \d+, the model has \d+"):
        JNRF.from_pretrained(folder)


def test_special_tokens_may_lie_above_the_embeddings(folder):
    path = folder / "tokenizer.json"
    description = json.loads(path.read_text())
    added = description["added_tokens"][0] | {"content": "<new>", "special": True, "id": 10**6}
    description["added_tokens"].append(added)
    path.write_text(json.dumps(description))
    model = JNRF.from_pretrained(folder)
    model.extract("aspirin <new> 5 mg")
    description["added_tokens"][-1]["special"] = False
    path.write_text(json.dumps(description))
    with pytest.raises(InputError, match="gives ids up to"):
        JNRF.from_pretrained(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace('"WordPiece"', '"Abacus"'),
        lambda text: "[" * 10**5,
        lambda text: "",
        lambda text: text.replace('"aspirin"', '"aspirin\\ud800"'),
        lambda text: " " * 65 * 2**20,
    ],
)
def test_a_damaged_or_huge_tokenizer_is_refused(folder, change):
    path = folder / "tokenizer.json"
    path.write_text(change(path.read_text()))
    with pytest.raises(InputError, match=r"tokenizer\.json"):
        JNRF.from_pretrained(folder)
