"""relation_decode: the pairs whose best class is not none."""

from __future__ import annotations

import pytest
import torch
from relation_inputs import (
    INSTRUCTION_SETS,
    distances_with_instruction_set,
    from_scores,
    operands,
)

from jnrf_ext import ops, reference


def lists(decoded) -> list[list]:
    return [t.tolist() for t in decoded]


def assert_same(ours, expected, tolerance=1e-12):
    assert lists(ours)[:3] == lists(expected)[:3]
    assert torch.allclose(ours[3], expected[3], rtol=tolerance, atol=0)
    assert [t.dtype for t in ours] == [t.dtype for t in expected]


def test_pairs_with_a_better_class_than_none_come_by_head_and_tail():
    scores = torch.tensor([[[0.0, 1.0, 0.5], [1.0, 0.0, 0.0]], [[0.0, 0.0, 2.0], [0.0, 3.0, 1.0]]])
    heads, tails, classes, probabilities = ops.relation_decode(*from_scores(scores), 0)
    assert heads.tolist() == [0, 1, 1]
    assert tails.tolist() == [0, 0, 1]
    assert classes.tolist() == [1, 2, 1]
    expected = scores.softmax(-1)
    assert torch.allclose(
        probabilities, torch.stack([expected[0, 0, 1], expected[1, 0, 2], expected[1, 1, 1]])
    )


def test_none_wins_ties_then_the_lowest_class():
    scores = torch.tensor([[[1.0, 2.0, 2.0], [2.0, 0.0, 2.0]]])
    assert lists(ops.relation_decode(*from_scores(scores), none_class=2))[:3] == [[], [], []]
    assert lists(ops.relation_decode(*from_scores(scores), none_class=0))[:3] == [[0], [0], [1]]


def test_bias_of_none_is_added_to_its_score():
    scores = torch.tensor([[[0.0, 1.0], [0.0, 3.0]]])
    assert lists(ops.relation_decode(*from_scores(scores), 0, none_bias=2.0))[:2] == [[0], [1]]
    assert lists(ops.relation_decode(*from_scores(scores), 0, none_bias=-9.0))[:2] == [
        [0, 0],
        [0, 1],
    ]


def test_best_tail_is_the_most_probable_then_the_nearest_then_the_first():
    scores = torch.tensor(
        [
            [[0.0, 1.0], [0.0, 5.0], [0.0, 2.0]],  # the middle one is most probable
            [[0.0, 4.0], [0.0, 4.0], [0.0, 4.0]],  # position 9 is the nearest
            [[0.0, 4.0], [0.0, 4.0], [9.0, 4.0]],  # both at distance 5
        ]
    )
    given = from_scores(scores, pos_w=[0, 8, 5], pos_u=[0, 10, 9])
    heads, tails, *_ = lists(ops.relation_decode(*given, 0, best_tail=True))
    assert heads == [0, 1, 2]
    assert tails == [1, 2, 0]


def test_only_allowed_classes_take_part():
    scores = torch.tensor([[[0.0, 5.0, 4.0], [0.0, 5.0, 4.0]]])
    allowed = torch.zeros(2, 2, 3, dtype=torch.bool)
    allowed[0, 1, 2] = True  # a head of type 0 and a tail of type 1 may have class 2
    types = {"type_w": torch.tensor([0]), "type_u": torch.tensor([0, 1])}
    decoded = ops.relation_decode(*from_scores(scores), 0, allowed=allowed, **types)
    assert lists(decoded)[:3] == [[0], [1], [2]]
    assert decoded[3].item() == pytest.approx(torch.tensor([0.0, 4.0]).softmax(0)[1].item())


@pytest.mark.parametrize("best_tail", [False, True])
@pytest.mark.parametrize("restricted", [False, True])
@pytest.mark.parametrize(
    "sizes",
    [
        ([1], [1], 1, 1),
        ([3, 0, 5, 2], [4, 2, 0, 9], 4, 5),
        ([30, 4], [130, 6], 9, 20),
        ([6], [1500], 9, 2),  # several tiles a document
    ],
)
def test_any_batch_gives_what_the_reference_gives(sizes, restricted, best_tail):
    given = operands(*sizes)
    settings = {"none_class": sizes[2] - 1, "none_bias": 1.0, "best_tail": best_tail}
    if restricted:
        generator = torch.Generator().manual_seed(3)
        settings |= {
            "allowed": torch.rand(3, 3, sizes[2], generator=generator) < 0.5,
            "type_w": torch.randint(0, 3, (sum(sizes[0]),), generator=generator),
            "type_u": torch.randint(0, 3, (sum(sizes[1]),), generator=generator),
        }
    ours = ops.relation_decode(*given, **settings)
    assert_same(ours, reference.relation_decode(*given, **settings))
    assert len(ours[0]) > 0 or sizes[2] == 1


def test_packed_documents_decode_like_each_alone():
    given = operands([7, 0, 20, 3], [40, 5, 0, 6], 5, 17, torch.float32)
    expected = [[], [], [], []]
    for b in range(4):
        heads, tails, classes, probabilities = ops.relation_decode(*given.document(b), 0)
        found = (heads + given.cu_w[b], tails + given.cu_u[b], classes, probabilities)
        for column, part in zip(expected, lists(found), strict=True):
            column += part
    assert lists(ops.relation_decode(*given, 0)) == expected


def test_bits_do_not_depend_on_the_threads():
    given = operands([150, 9], [300, 70], 9, 20, torch.float32)
    threads = torch.get_num_threads()
    try:
        results = []
        for count in (1, 2):
            torch.set_num_threads(count)
            results.append(lists(ops.relation_decode(*given, 0)))
    finally:
        torch.set_num_threads(threads)
    assert results[0] == results[1]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("r", [0, 1, 2])
def test_pairs_without_a_probability_are_left_out(value, r):
    scores = torch.tensor([[[0.0, 1.0, 0.0], [0.0, 1.0, 2.0]]])
    scores[0, 0, r] = value
    given = from_scores(scores)
    assert lists(ops.relation_decode(*given, 0))[:3] == [[0], [1], [2]]


@pytest.mark.parametrize(("heads", "tails"), [([], []), ([0], [0]), ([3], [0]), ([0, 0], [2, 1])])
def test_no_pairs_decode_to_nothing(heads, tails):
    decoded = ops.relation_decode(*operands(heads, tails, 3, 2), 0)
    assert lists(decoded) == [[], [], [], []]


def test_trainable_inputs_are_accepted_and_give_constants():
    decoded = ops.relation_decode(*operands([2], [3], 3, 2).trainable(), 0)
    assert not decoded[3].requires_grad


@pytest.mark.parametrize("isa", INSTRUCTION_SETS)
def test_every_instruction_set_decodes_alike(isa):
    in_float32, in_float64 = distances_with_instruction_set(isa)["relation_decode"]
    assert in_float32 < 2e-6
    assert in_float64 < 1e-13


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"none_class": 3}, "relation_decode: none_class 3 is not one of the 3 classes"),
        ({"type_u": None}, "allowed, type_w and type_u belong together"),
        ({"allowed": torch.ones(2, 3, 3).bool()}, r"allowed must be \[2, 2, 3\], not \[2, 3, 3\]"),
        ({"allowed": torch.ones(2, 2, 3)}, "allowed must be torch.bool"),
        ({"type_w": torch.zeros(1).long()}, r"type_w must be \[2\], not \[1\]"),
    ],
)
def test_wrong_arguments_are_named_with_what_they_are(change, message):
    given = operands([2], [4], 3, 2)._asdict() | {
        "none_class": 0,
        "allowed": torch.ones(2, 2, 3).bool(),
        "type_w": torch.zeros(2).long(),
        "type_u": torch.zeros(4).long(),
    }
    with pytest.raises(ValueError, match=message):
        ops.relation_decode(**(given | change))


def test_types_that_do_not_exist_are_named():
    given = operands([2], [4], 3, 2)
    types = torch.zeros(2).long(), torch.tensor([0, 0, 2, 0])
    with pytest.raises(RuntimeError, match="type_u is 2 in row 2, which is not one of the 2 types"):
        ops.relation_decode(*given, 0, 0.0, False, torch.ones(2, 2, 3).bool(), *types)


def test_opcheck_passes():
    given = operands([2, 1], [3, 2], 3, 4)
    rule = torch.ones(1, 1, 3).bool(), torch.zeros(3).long(), torch.zeros(5).long()
    for settings in ((None, None, None), rule):
        torch.library.opcheck(
            torch.ops.jnrf.relation_decode.default, (*given, 0, 0.0, True, *settings)
        )


def test_compiles_into_one_graph_where_dynamic_shapes_are_captured():
    given = operands([2, 4], [3, 2], 3, 4)

    def decode(*tensors):
        heads, tails, classes, probabilities = ops.relation_decode(*tensors, 0)
        return heads, tails, classes, 2 * probabilities

    with torch._dynamo.config.patch(capture_dynamic_output_shape_ops=True):
        compiled = torch.compile(decode, backend="aot_eager", fullgraph=True)
        assert lists(compiled(*given)) == lists(decode(*given))
