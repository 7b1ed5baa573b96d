"""Each layer: its shapes, its weights, its gradient compared with finite differences, and its errors."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from convlens import ops
from convlens.engines import numpy_engine
from convlens.gradcheck import check_vjp
from convlens.nn import (
    AveragePooling2D,
    Conv2D,
    Dense,
    Flatten,
    Layer,
    LocalResponseNormalization,
    MaxPooling2D,
)
from convlens.nn.layer import initial_weights

pytestmark = pytest.mark.smoke

# layer, input shape, output shape, kernel shape
LAYERS = {
    "conv": (Conv2D(4, (3, 2)), (7, 5, 2), (5, 4, 4), (3, 2, 2, 4)),
    "conv, same, strides, relu": (
        Conv2D(3, (2, 3), strides=(2, 1), padding="same", activation="relu"),
        (5, 4, 2),
        (3, 4, 3),
        (2, 3, 2, 3),
    ),
    "conv, course": (Conv2D(2, (2, 3), strides=(1, 2), padding="course"), (4, 5, 1), (4, 5, 2), (2, 3, 1, 2)),
    "conv, explicit": (Conv2D(2, (3, 2), padding=((1, 0), (0, 2))), (4, 3, 3), (3, 4, 2), (3, 2, 3, 2)),
    "conv, one integer": (Conv2D(2, 3, strides=2), (8, 5, 1), (3, 2, 2), (3, 3, 1, 2)),
    "conv, groups, tanh": (
        Conv2D(6, (2, 3), strides=(1, 2), activation="tanh", groups=2),
        (4, 5, 4),
        (3, 2, 6),
        (2, 3, 2, 6),
    ),
    "response norm": (LocalResponseNormalization(3, k=1.0, alpha=0.5, beta=0.6), (3, 4, 5), (3, 4, 5), None),
    "max": (MaxPooling2D((2, 3)), (5, 7, 2), (2, 2, 2), None),
    "max, strides": (MaxPooling2D((3, 2), strides=(1, 2)), (5, 7, 2), (3, 3, 2), None),
    "max, same": (MaxPooling2D((2, 3), strides=(2, 2), padding="same"), (5, 7, 2), (3, 4, 2), None),
    "max, one integer": (MaxPooling2D(2), (5, 7, 2), (2, 3, 2), None),
    "average": (AveragePooling2D(), (5, 7, 2), (2, 3, 2), None),
    "average, same": (AveragePooling2D((3, 2), strides=(2, 1), padding="same"), (5, 4, 1), (3, 4, 1), None),
    "flatten": (Flatten(), (3, 4, 2), (24,), None),
    "flatten, flat already": (Flatten(), (6,), (6,), None),
    "dense": (Dense(3), (5,), (3,), (5, 3)),
    "dense, relu": (Dense(4, activation="relu"), (3,), (4,), (3, 4)),
    "dense, sigmoid": (Dense(2, activation="sigmoid"), (5,), (2,), (5, 2)),
    "dense, gelu": (Dense(2, activation="gelu"), (5,), (2,), (5, 2)),
    "conv, silu": (Conv2D(3, (2, 3), activation="silu"), (4, 5, 2), (3, 3, 3), (2, 3, 2, 3)),
}
named = pytest.mark.parametrize(("layer", "shape", "out", "kernel"), LAYERS.values(), ids=LAYERS)


def inputs(layer, shape, n=3, seed=0):
    """Return x and weights in float64: x has no ties, and no pre-activation is near the kink of a ReLU."""
    rng = np.random.default_rng(seed)
    x = 0.1 * (rng.permutation(n * np.prod(shape)).reshape(n, *shape) - n * np.prod(shape) / 2) / np.prod(shape) ** 0.5
    weights = initial_weights(layer, shape, rng, np.dtype(np.float64))
    if "bias" in weights:  # biases far from 0, positive and negative
        far = 20 if layer.activation in (None, "relu") else 0.5  # tanh and sigmoid are flat farther away
        weights["bias"] += np.where(np.arange(len(weights["bias"])) % 2, far, -far)
    return x, weights


@named
def test_shapes_and_weights(layer, shape, out, kernel):
    assert layer.output_shape(shape) == out
    want = {"kernel": kernel, "bias": kernel[-1:]} if kernel else {}
    assert list(layer.weight_shapes(shape).items()) == list(want.items())
    weights = initial_weights(layer, shape, np.random.default_rng(0), np.dtype(np.float32))
    assert {name: w.shape for name, w in weights.items()} == want
    assert all(w.dtype == np.float32 for w in weights.values())
    if kernel:
        assert not weights["bias"].any() and weights["kernel"].all()


@named
def test_forward_gives_the_promised_shape_and_dtype(engine, layer, shape, out, kernel):
    for dtype in (np.float32, np.float64):
        x, weights = inputs(layer, shape)
        x, weights = x.astype(dtype), {name: w.astype(dtype) for name, w in weights.items()}
        y, _ = layer.forward(x, weights, engine)
        assert y.shape == (3, *out) and y.dtype == dtype


@named
def test_backward_is_the_gradient_of_forward(engine, layer, shape, out, kernel):
    x, weights = inputs(layer, shape)
    names = list(weights)

    def forward(x, *values):
        return layer.forward(x, dict(zip(names, values, strict=True)), engine)[0]

    def backward(dy, x, *values):
        given = dict(zip(names, values, strict=True))
        dx, found = layer.backward(dy, layer.forward(x, given, engine)[1], given, engine)
        assert list(found) == names
        return dx, *found.values()

    args = (x, *weights.values())
    check_vjp(forward, backward, args, rng=np.random.default_rng(1), step=1e-4)
    dy = np.random.default_rng(2).standard_normal((3, *out))
    _, saved = layer.forward(x, weights, engine)
    _, alone = layer.backward(dy, saved, weights, engine, need_dx=False)
    for name, gradient in zip(names, backward(dy, *args)[1:], strict=True):
        assert_array_equal(alone[name], gradient)


def test_a_relu_layer_has_some_units_on_and_some_off():
    """Check the test above: if all units were on, a wrong gradient could pass it."""
    for name, (layer, shape, _, _) in LAYERS.items():
        if getattr(layer, "activation", None) == "relu":
            x, weights = inputs(layer, shape)
            y, _ = layer.forward(x, weights, numpy_engine)
            assert 0.2 < (y > 0).mean() < 0.8, name


def test_layers_compute_what_ops_compute(engine):
    rng = np.random.default_rng(3)
    x, w, b = rng.standard_normal((2, 5, 6, 2)), rng.standard_normal((3, 2, 2, 4)), rng.standard_normal(4)
    conv = Conv2D(4, (3, 2), strides=(2, 1), padding="same", activation="relu")
    want = ops.relu_forward(ops.conv2d_forward(x, w, b, padding="same", stride=(2, 1), engine=engine))
    assert_array_equal(conv.forward(x, {"kernel": w, "bias": b}, engine)[0], want)
    pool = {"stride": (1, 2), "padding": "same", "engine": engine}
    for layer, function in (
        (MaxPooling2D((2, 3), strides=(1, 2), padding="same"), ops.max_pool2d_forward),
        (AveragePooling2D((2, 3), strides=(1, 2), padding="same"), ops.avg_pool2d_forward),
    ):
        assert_array_equal(layer.forward(x, {}, engine)[0], function(x, (2, 3), **pool))
    assert_array_equal(Flatten().forward(x, {}, engine)[0], [example.ravel() for example in x])


def test_activations_groups_and_response_norm_compute_what_ops_compute(engine):
    rng = np.random.default_rng(4)
    x, w, b = rng.standard_normal((2, 5, 6, 4)), rng.standard_normal((3, 2, 2, 6)), rng.standard_normal(6)
    z = ops.conv2d_forward(x, w, b, groups=2, engine=engine)
    flat, v, c = rng.standard_normal((3, 5)), rng.standard_normal((5, 2)), rng.standard_normal(2)
    for name, function in (("tanh", ops.tanh_forward), ("sigmoid", ops.sigmoid_forward)):
        conv, dense = Conv2D(6, (3, 2), activation=name, groups=2), Dense(2, activation=name)
        assert_array_equal(conv.forward(x, {"kernel": w, "bias": b}, engine)[0], function(z))
        want = function(ops.dense_forward(flat, v, c))
        assert_array_equal(dense.forward(flat, {"kernel": v, "bias": c}, engine)[0], want)
    numbers: dict[str, Any] = {"size": 2, "k": 1.5, "alpha": 0.3, "beta": 0.5}
    want = ops.local_response_norm_forward(x, **numbers)
    assert_array_equal(LocalResponseNormalization(**numbers).forward(x, {}, engine)[0], want)
    assert_array_equal(
        LocalResponseNormalization().forward(9 * x, {}, engine)[0], ops.local_response_norm_forward(9 * x)
    )


def test_max_pooling_gives_ties_to_the_first(engine):
    layer, x = MaxPooling2D((2, 2)), np.zeros((1, 2, 2, 1))
    _, saved = layer.forward(x, {}, engine)
    dx, _ = layer.backward(np.ones((1, 1, 1, 1)), saved, {}, engine)
    assert dx is not None
    assert_array_equal(dx.ravel(), [1, 0, 0, 0])


def test_other_names_of_an_activation_are_accepted():
    assert Dense(3, activation="swish") == Dense(3, activation="silu")
    assert Dense(3, activation="linear") == Dense(3)
    assert Conv2D(3, 2, activation="hard_swish").activation == "hard_silu"


def test_layers_are_values():
    assert Conv2D(3, (2, 1)) == Conv2D(3, (2, 1)) != Conv2D(3, (1, 2))
    assert hash(MaxPooling2D((2, 3))) == hash(MaxPooling2D((2, 3)))
    assert MaxPooling2D() != AveragePooling2D()  # type: ignore[comparison-overlap]  # on purpose
    with pytest.raises(dataclasses.FrozenInstanceError):
        Dense(3).units = 4  # type: ignore[misc]  # on purpose


ACTIVATIONS = (
    "relu, tanh, sigmoid, softmax, elu, exponential, gelu, hard_sigmoid, hard_silu, leaky_relu, relu6, selu, silu, "
    "softplus, softsign, linear, swish, hard_swish"
)
ILLEGAL = {
    "filters": (lambda: Conv2D(0, 3), "filters must be an integer of at least 1; got 0"),
    "groups": (lambda: Conv2D(4, 3, groups=0), "groups must be an integer of at least 1; got 0"),
    "groups of filters": (
        lambda: Conv2D(4, 3, groups=3),
        "filters must be divisible by groups; got 4 filters, 3 groups",
    ),
    "groups of channels": (
        lambda: Conv2D(4, 3, groups=2).output_shape((5, 4, 3)),
        "Conv2D needs channels divisible by groups; got (5, 4, 3), 2 groups",
    ),
    "norm's size": (lambda: LocalResponseNormalization(0), "size must be an integer of at least 1; got 0"),
    "norm's k": (lambda: LocalResponseNormalization(k=0), "k must be a number above 0; got 0"),
    "norm's beta": (lambda: LocalResponseNormalization(beta=-1), "beta must be a number of at least 0; got -1"),
    "norm of a vector": (
        lambda: LocalResponseNormalization().output_shape((5,)),
        "LocalResponseNormalization needs an input of shape (h, w, channels); got (5,)",
    ),
    "kernel": (lambda: Conv2D(1, (3, 0)), "kernel_size must be an integer of at least 1, or two of them; got (3, 0)"),
    "strides": (
        lambda: Conv2D(1, 3, strides=1.5),  # type: ignore[arg-type]  # on purpose
        "strides must be an integer of at least 1, or two of them; got 1.5",
    ),
    "activation": (
        lambda: Conv2D(1, 3, activation="g"),
        f"activation must be one of None, {ACTIVATIONS}; got 'g'",
    ),
    "pool": (lambda: MaxPooling2D(0), "pool_size must be an integer of at least 1, or two of them; got 0"),
    "pool strides": (
        lambda: AveragePooling2D(2, strides=(1, True)),
        "strides must be an integer of at least 1, or two of them; got (1, True)",
    ),
    "padding": (
        lambda: Conv2D(1, 2, padding="full"),
        "padding must be 'valid', 'same', 'course' or ((top, bottom), (left, right)) of integers of at least 0; "
        "got 'full'",
    ),
    "units": (lambda: Dense(-1), "units must be an integer of at least 1; got -1"),
    "dense activation": (
        lambda: Dense(2, activation="s"),
        f"activation must be one of None, {ACTIVATIONS}; got 's'",
    ),
    "conv on a vector": (
        lambda: Conv2D(1, 2).output_shape((5,)),
        "Conv2D needs an input of shape (h, w, channels); got (5,)",
    ),
    "pool on a vector": (
        lambda: AveragePooling2D().output_shape((5, 4)),
        "AveragePooling2D needs an input of shape (h, w, channels); got (5, 4)",
    ),
    "dense on an image": (
        lambda: Dense(3).output_shape((5, 4, 2)),
        "Dense needs an input of shape (in); got (5, 4, 2)",
    ),
    "kernel too large": (
        lambda: Conv2D(1, (2, 6)).output_shape((5, 4, 2)),
        "the kernel must fit into the padded input; got kernel (2, 6), padded input (5, 4)",
    ),
    "unknown padding": (
        lambda: MaxPooling2D(2, padding="SAME").output_shape((5, 4, 2)),
        "padding must be 'valid', 'same', 'course' or ((top, bottom), (left, right)) of integers of at least 0; "
        "got 'SAME'",
    ),
    "a window of padding alone": (
        lambda: MaxPooling2D((2, 3), padding=((0, 2), (1, 1))).output_shape((5, 4, 2)),
        "MaxPooling2D needs fewer rows of padding than the kernel has rows, so that every window sees some input; "
        "got padding (0, 2), kernel (2, 3)",
    ),
}


@pytest.mark.parametrize(("make", "message"), ILLEGAL.values(), ids=ILLEGAL)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError) as caught:
        make()
    assert str(caught.value) == message


def test_the_base_class_cannot_be_used_as_a_layer(engine):
    layer = Layer()
    assert layer.weight_shapes((1, 2, 3)) == {}
    for call in (
        lambda: layer.output_shape((1,)),
        lambda: layer.forward(np.zeros((1, 1)), {}, engine),
        lambda: layer.backward(np.zeros((1, 1)), None, {}, engine),
    ):
        with pytest.raises(TypeError, match=r"^Layer is a base class, not a layer that can run$"):
            call()
