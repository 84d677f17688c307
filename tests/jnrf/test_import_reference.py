"""A checkpoint of the authors' code gives the same logits and scores here."""

from __future__ import annotations

import json
import pickle

import pytest
import torch
from authors_model import AuthorsModel

from jnrf.import_reference import import_reference
from jnrf_ext import JNRF, InputError, Tokenizer

# LabelEncoder sorts: B-..., I-..., O; and relations end in Z.
TYPES = ["ADE", "Dosage", "Drug", "Duration", "Form", "Frequency", "Reason", "Route", "Strength"]
TAGS = [f"B-{t}" for t in TYPES] + [f"I-{t}" for t in TYPES] + ["O"]
RELATIONS = [f"{t}-Drug" for t in TYPES if t != "Drug"] + ["Z"]
DRUG = [TAGS.index("B-Drug"), TAGS.index("I-Drug")]
OTHERS = [i for i in range(len(TAGS) - 1) if i not in DRUG]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A reference checkpoint with its labels and tokenizer, and the model it came from."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("reference")
    tokenizer = Tokenizer.train(["warfarin 5 mg daily for atrial fibrillation"] * 3, 60)
    theirs = AuthorsModel(
        tokenizer.vocab_size + 4, 24, 16, 2, 3, len(TAGS), len(RELATIONS), DRUG, OTHERS
    )
    torch.save(theirs.state_dict(), folder / "state.pt")
    (folder / "labels.json").write_text(json.dumps({"tags": TAGS, "relations": RELATIONS}))
    tokenizer.save(folder / "tokenizer.json")
    return folder, theirs.eval()


def load(folder):
    return import_reference(folder / "state.pt", folder / "labels.json", folder / "tokenizer.json")


def packed(lengths, vocabulary):
    generator = torch.Generator().manual_seed(sum(lengths))
    ids = torch.randint(vocabulary, (sum(lengths),), generator=generator)
    bounds = torch.tensor([0, *lengths]).cumsum(0).int()
    return ids, bounds


@pytest.mark.parametrize("lengths", [[1], [2], [37], [128], [997], [64, 1, 300, 15], [2048]])
def test_logits_and_scores_equal_the_authors(checkpoint, lengths):
    folder, theirs = checkpoint
    ours = load(folder)
    ids, bounds = packed(lengths, theirs.embedding.num_embeddings)
    with torch.no_grad():
        output = ours(ids, bounds, return_scores=True)
        for index, document in enumerate(ids.split(lengths)):
            logits, scores, heads, _ = theirs(document)
            start = int(bounds[index])
            chosen = slice(int(output.cu_heads[index]), int(output.cu_heads[index + 1]))
            assert (output.tag_logits[start : start + len(document)] - logits).abs().max() < 1e-4
            assert torch.equal(output.heads[chosen] - start, heads)
            # d^2 alpha reaches tens of thousands: the tolerance is relative beyond 1.
            torch.testing.assert_close(output.relation_scores[index], scores, rtol=2e-6, atol=1e-4)


def test_documents_beyond_the_stored_positions_work(checkpoint):
    folder, theirs = checkpoint
    ids, bounds = packed([15_100], theirs.embedding.num_embeddings)
    with torch.no_grad():
        logits = load(folder)(ids, bounds).tag_logits
    assert logits.shape == (15_100, len(TAGS))
    assert logits.isfinite().all()


def test_the_paper_sizes_have_the_published_number_of_parameters():
    from jnrf_ext import JNRFConfig, Schema

    schema = Schema(TAGS, RELATIONS, {r: [tuple(r.split("-"))] for r in RELATIONS[:-1]}, "Z")
    with torch.device("meta"):
        model = JNRF(JNRFConfig.reference(schema=schema))
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    frozen = sum(p.numel() for p in model.parameters() if not p.requires_grad)
    assert (trainable, frozen) == (37_821_742, 22_268_928)


def test_the_imported_model_survives_saving(checkpoint, tmp_path):
    folder, theirs = checkpoint
    ours = load(folder)
    ours.save_pretrained(tmp_path / "model")
    again = JNRF.from_pretrained(tmp_path / "model")
    ids, bounds = packed([50], theirs.embedding.num_embeddings)
    with torch.no_grad():
        assert torch.equal(ours(ids, bounds).tag_logits, again(ids, bounds).tag_logits)
    assert again.config.behaviour == "reference"


def test_a_pickle_with_code_is_refused(checkpoint, tmp_path):
    folder, _ = checkpoint

    class Evil:
        def __reduce__(self):
            return (print, ("this must never run",))

    (tmp_path / "state.pt").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(InputError, match="not a state_dict of the reference model"):
        import_reference(tmp_path / "state.pt", folder / "labels.json", folder / "tokenizer.json")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("nonsense", "not a label file"),
        ('{"tags": ["B-A", "O"]}', "not a label file"),
        ('{"tags": ["B-A"], "relations": ["Z"]}', 'lacks the empty label "O"'),
        ('{"tags": ["B-A", "O"], "relations": ["A-A"]}', 'lacks the empty label "Z"'),
        ('{"tags": ["B-A", "O"], "relations": ["MODIFY", "Z"]}', "not named HEAD-TAIL"),
        (
            '{"tags": ["B-A", "O"], "relations": ["r", "Z"], "arguments": {"r": [["x", "A"]]}}',
            r"labels\.json: .*x",
        ),
    ],
)
def test_a_label_file_that_does_not_fit_says_what_to_do(checkpoint, tmp_path, labels, message):
    folder, _ = checkpoint
    (tmp_path / "labels.json").write_text(labels)
    with pytest.raises(InputError, match=message):
        import_reference(folder / "state.pt", tmp_path / "labels.json", folder / "tokenizer.json")


def test_labels_of_another_size_are_refused(checkpoint, tmp_path):
    folder, _ = checkpoint
    known = [["Drug", "Drug"]]
    labels = {"tags": TAGS[1:], "relations": RELATIONS, "arguments": {"ADE-Drug": known}}
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    with pytest.raises(InputError, match="do not belong together"):
        import_reference(folder / "state.pt", tmp_path / "labels.json", folder / "tokenizer.json")
