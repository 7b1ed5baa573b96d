"""What the checks of tasks 4 and 5 are made of, with NumPy alone: the network, its start, a step of Adam, the table."""

import dataclasses
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.coursework.test_lenet5_files import adam

from convlens.checker.checks import Failed
from convlens.checker.lenets import network as lenets
from convlens.checker.lenets.bench import raised
from convlens.checker.lenets.expected import SHAPES, adam_steps, canonical, expected, fitted, places
from convlens.checker.lenets.mistakes import HINTS, accuracies, losses, output_mistake, sketches
from convlens.checker.lenets.sketch import trace
from convlens.checker.lenets.start import start_mistake
from convlens.checker.lenets.step import first_step, second_step
from convlens.checker.lenets.table import WANTED, difference
from convlens.checker.sandbox.guest_side.lenets import plain
from convlens.models.lenet5 import LAYERS
from convlens.nn import Conv2D, Dense, MaxPooling2D, he_normal


@pytest.fixture(scope="module")
def right():
    return expected(0)


# The network -------------------------------------------------------------------------------------------------------


def test_the_sketch_is_the_library_network(right):
    x = right.batches[0].x.astype(float)
    right.model.set_weights(right.weights)
    assert_allclose(trace(right.weights, x).output, right.model.predict(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_batches_tell_wrong_from_right(seed):
    for batch in expected(seed).batches:
        assert (batch.x == 0).mean() > 0.5
        assert batch.accuracy == 17 / 30
        assert batch.output.std(axis=0).max() > 0.05  # outputs differ between examples
        for _, value in losses(batch, batch.logits):
            assert abs(value - batch.loss) > 1e-3
        for _, value in accuracies(batch, batch.output):
            assert abs(value - batch.accuracy) > 1e-3


@pytest.mark.parametrize("seed", range(2))
def test_no_mistaken_network_gives_the_right_output(seed):
    weights, batch = expected(seed).weights, expected(seed).batches[0]
    for likely, sketch in sketches():
        found = trace(weights, batch.x.astype(float), sketch).output
        assert found.shape != batch.output.shape or abs(found - batch.output).max() > 1e-3, likely
        assert output_mistake(weights, batch, found)[0].mistake == likely.mistake
        assert likely.mistake in HINTS


def test_an_unknown_output_has_no_mistake(right):
    assert output_mistake(right.weights, right.batches[0], right.batches[0].output[::-1]) is None


def test_the_weights_are_float32_as_they_are(right):
    assert all(np.array_equal(w.astype(np.float32), w) for w in right.weights)


def test_weights_fit_variables_in_any_order_and_turned(right):
    shapes = [(120, 400), (1, 1, 1, 6), (6, 1), *(SHAPES[k] for k in (9, 8, 7, 6, 5, 3, 2))]
    assert places(shapes) is None  # twice six numbers, no first kernel
    shapes = [(120, 400), (1, 1, 1, 6), (5, 5, 1, 6), (10, 84), *(SHAPES[k] for k in (9, 7, 6, 5, 3, 2))]
    values = fitted(right.weights, shapes)
    assert [value.shape for value in values] == shapes
    assert_allclose(values[0], right.weights[4].T)
    for back, weight in zip(canonical(values, shapes), right.weights, strict=True):
        assert_allclose(back, weight)


def test_a_variable_of_another_shape_than_it_says_is_an_error(right):
    values = fitted(right.weights, SHAPES)
    with pytest.raises(ValueError, match=r"must have the shape \(6,\); got \(3,\)"):
        canonical([values[0], values[1][:3], *values[2:]], SHAPES)


# The start ---------------------------------------------------------------------------------------------------------

KERNELS = SHAPES[::2]


@pytest.mark.parametrize("shape", KERNELS)
def test_he_normal_is_always_accepted(shape):
    rng = np.random.default_rng(0)
    for _ in range(5 if np.prod(shape) > 10000 else 100):
        assert start_mistake([he_normal(shape, rng, np.float32).astype(float) for _ in range(2)]) is None


def draws(shape, rng):
    inputs = np.prod(shape[:-1])
    outputs = np.prod(shape) // shape[-2]
    limit = np.sqrt(6 / inputs)
    yield "initializer_scale", he_normal(shape, rng, float) / np.sqrt(2)
    yield "initializer_uniform", rng.uniform(-limit, limit, shape)
    yield "initializer_missing", rng.uniform(-1, 1, shape) * np.sqrt(6 / (inputs + outputs))
    yield "initializer_not_truncated", rng.standard_normal(shape) * np.sqrt(2 / inputs)
    yield "initializer_other", np.full(shape, 0.1)
    yield "initializer_other", np.full(shape, np.nan)
    yield "initializer_other", abs(he_normal(shape, rng, float))


@pytest.mark.parametrize("shape", KERNELS[1:])
def test_other_starts_are_named(shape):
    rng = np.random.default_rng(0)
    for (mistake, first), (_, second) in zip(draws(shape, rng), draws(shape, rng), strict=True):
        assert start_mistake([first, second])[1] == mistake


def test_the_same_start_twice_is_no_start_of_its_own():
    kernel = he_normal((84, 10), np.random.default_rng(0), float)
    assert start_mistake([kernel, kernel.copy()])[1] == "initializer_shared"


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (
            np.sqrt(0.5),
            "does not start from he_normal: its variance is 0.50 times he_normal's; it looks like scale 1.0",
        ),
        (2.0, "does not start from he_normal: its variance is 4.00 times he_normal's, its largest number 4.5"),
    ],
)
def test_another_start_is_told_in_terms_of_the_right_one(factor, said):
    rng = np.random.default_rng(0)
    found, _ = start_mistake([factor * he_normal((400, 120), rng, float) for _ in range(2)])
    assert re.sub(r"0\.(49|50|51)", "0.50", re.sub(r"(3\.9|4\.0)\d", "4.00", found)).startswith(said)


# What is told of an error -------------------------------------------------------------------------------------------

GRAPH = """Graph execution error:

Detected at node 'Placeholder' defined at (most recent call last):
    File "/run/convlens/guest_side/fork_server.py", line 57, in main
    File "4-lenet5.py", line 6, in lenet5
Node: 'Placeholder'
You must feed a value for placeholder tensor 'Placeholder' with dtype float and shape [?,3]
\t [[{{node Placeholder}}]]

Original stack trace for 'Placeholder':
  File "/usr/lib/python3/ops.py", line 1221, in from_node_def
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GRAPH, "You must feed a value for placeholder tensor 'Placeholder' with dtype float and shape [?,3]"),
        ("out of bounds. for '{{node a}} = B[i=1](c, d)'", "out of bounds"),
        (
            "3 and 2 for '{{node a}} = B[](c, d)' with input shapes: [?,3], [2,2].",
            "3 and 2 with input shapes: [?,3], [2,2].",
        ),
        ("two\nlines", "two\nlines"),
        ("", ""),
    ],
)
def test_what_tensorflow_puts_around_an_error_is_left_out(text, said):
    assert plain(text) == said


def test_the_first_line_of_a_statement_is_quoted():
    said = "module 'tensorflow.compat.v1' has no attribute 'x'"
    told = raised({"type": "NameError", "message": said, "line": 9, "code": "y = tf.layers.Conv2D(6,\nname='a')"})
    assert str(told) == f"NameError: {said} (line 9: `y = tf.layers.Conv2D(6,`)"


# A step of Adam ----------------------------------------------------------------------------------------------------


def moved(right, epsilon=1e-8):
    """The weights after a step of the first batch, and the gradients"""
    gradient = right.gradient(right.weights, right.batches[0])
    after = adam(right.weights, gradient, epsilon)
    return [w.astype(np.float32).astype(float) for w in after], gradient


def test_adam_is_adam(right):
    after, gradient = moved(right)
    first_step(right.weights, after, gradient, 1e-8, [], False)
    for w, a, g in zip(right.weights, after, gradient, strict=True):
        assert_allclose(w - a, adam_steps([g], 1e-8), rtol=0, atol=2e-7)


@pytest.mark.parametrize("place", range(10))
def test_one_weight_that_moves_otherwise_is_found(right, place):
    after, gradient = moved(right)
    k = np.unravel_index(abs(gradient[place]).argmax(), gradient[place].shape)
    after[place][k] += 2e-6
    with pytest.raises(Failed, match="one step moves"):
        first_step(right.weights, after, gradient, 1e-8, [], False)


def test_the_expected_step_is_told_on_request_alone(right):
    after, gradient = moved(right, 1e-7)
    for reveal in (False, True):
        with pytest.raises(Failed) as raised:
            first_step(right.weights, after, gradient, 1e-8, [], reveal)
        assert ("expected" in str(raised.value)) == reveal
        assert raised.value.mistake == "optimizer_epsilon"


def test_the_second_step_mixes_both_gradients(right):
    after, first = moved(right)
    second = right.gradient(after, right.batches[1])
    later = [a - adam_steps([f, s], 1e-8) for a, f, s in zip(after, first, second, strict=True)]
    second_step(after, later, [first, second], 1e-8)
    alone = [a - adam_steps([s], 1e-8) for a, s in zip(after, second, strict=True)]
    with pytest.raises(Failed, match="the second step of training is not Adam's"):
        second_step(after, alone, [first, second], 1e-8)


# The table ---------------------------------------------------------------------------------------------------------


def test_the_table_is_that_of_the_library():
    rows = [layer for layer in LAYERS if isinstance(layer, Conv2D | MaxPooling2D | Dense)]
    assert len(rows) == len(WANTED)
    for layer, row in zip(rows, WANTED, strict=True):
        if isinstance(layer, Dense):
            assert (row.kind, row.units) == ("dense", layer.units)
        elif isinstance(layer, Conv2D):
            want = ("convolution", layer.kernel_size, layer.filters, layer.strides, layer.padding)
            assert (row.kind, row.size, row.units, row.strides, row.padding) == want
        else:
            assert (row.kind, row.size, row.strides) == ("max pool", layer.pool_size, layer.strides)
    assert sum(np.prod(shape) for shape in SHAPES) == lenets.PARAMETERS


CHANGES = [
    (0, {"padding": "valid"}, 'layer 1, convolution: padding "valid" where the task says "same"', "padding_valid"),
    (2, {"padding": "same"}, 'layer 3, convolution: padding "same" where the task says "valid"', "padding_same"),
    (2, {"size": (5, 3)}, "layer 3, convolution: kernels of 5 × 3 where the task says 5 × 5", "kernel_size"),
    (2, {"strides": (2, 2)}, "layer 3, convolution: strides 2 × 2 where the task says 1 × 1", "conv_stride"),
    (1, {"kind": "average pool"}, "layer 2: average pool where the task says max pool", "average_pool"),
    (3, {"size": (3, 3)}, "layer 4, max pool: windows of 3 × 3 where the task says 2 × 2", "pool_size"),
    (3, {"strides": (1, 1)}, "layer 4, max pool: strides 1 × 1 where the task says 2 × 2", "pool_stride"),
    (4, {"units": 100}, "layer 5, dense: 100 outputs where the task says 120", "units"),
    (5, {"bias": False}, "layer 6, dense: no bias is added", "no_bias"),
    (5, {"activations": ()}, "layer 6, dense: no activation where the task says relu", "activation_missing"),
    (5, {"activations": ("softmax",)}, "layer 6, dense: softmax, which belongs to layer 7", "softmax_wrong_layer"),
    (6, {"activations": ()}, "layer 7, dense: no activation where the task says softmax", "softmax_missing"),
    (6, {"activations": ("relu", "softmax")}, "layer 7, dense: relu and softmax where", "relu_on_logits"),
]


@pytest.mark.parametrize(("place", "change", "message", "mistake"), CHANGES)
def test_a_row_that_differs_is_told(place, change, message, mistake):
    rows = list(WANTED)
    rows[place] = dataclasses.replace(rows[place], **change)
    found = difference(rows)
    assert found.message.startswith(message)
    assert found.mistake == mistake


def test_rows_too_few_and_too_many_are_told():
    assert difference(WANTED) is None
    assert difference(WANTED[:6]).message == "layer 7, dense is missing"
    assert difference([*WANTED, WANTED[1]]).message == "after layer 7 there is one more, max pool"


def test_a_pool_that_pads_nothing_is_no_difference():
    rows = [dataclasses.replace(row, padding="same") if "pool" in row.kind else row for row in WANTED]
    assert difference(rows) is None
