"""Activation, ReLU, LeakyReLU, ELU and Softmax as layers."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tests.support.layers import check_layer, images, refused

from convlens import ops
from convlens.engines import numpy_engine
from convlens.nn import ELU, Activation, Dense, Flatten, LeakyReLU, ReLU, Sequential, Softmax
from convlens.ops import ACTIVATIONS

SHAPE = (4, 3, 2)


@pytest.mark.parametrize(
    "layer",
    [
        *map(Activation, [*ACTIVATIONS, "linear"]),
        ReLU(),
        ReLU(max_value=0.5, negative_slope=0.25, threshold=0.125),
        ReLU(0.75),
        LeakyReLU(),
        LeakyReLU(0.1),
        ELU(),
        ELU(0.5),
        Softmax(),
    ],
    ids=str,
)
def test_the_layer(layer, quick_engine):
    check_layer(layer, SHAPE, SHAPE, {}, quick_engine)


def test_they_compute_what_ops_compute():
    x = 3 * images(SHAPE)
    bounds: dict[str, Any] = {"max_value": 2.0, "negative_slope": 0.5, "threshold": 1.0}
    for layer, want in (
        (Activation("swish"), ops.silu_forward(x)),
        (Activation("linear"), x),
        (ReLU(), ops.relu_forward(x)),
        (ReLU(**bounds), ops.threshold_relu_forward(x, **bounds)),
        (LeakyReLU(), ops.leaky_relu_forward(x, 0.3)),
        (ELU(2), ops.elu_forward(x, 2)),
        (Softmax(), ops.softmax_forward(x)),
    ):
        assert_array_equal(layer.forward(x, {}, numpy_engine)[0], want)


@pytest.mark.parametrize("last", [Softmax(), Activation("softmax")])
def test_a_softmax_at_the_end_belongs_to_the_loss(last):
    model = Sequential([Flatten(), Dense(3), last], SHAPE, engine="numpy")
    same = Sequential([Flatten(), Dense(3, activation="softmax")], SHAPE, engine="numpy")
    x = images(SHAPE).astype(np.float32)
    assert model.end == "softmax" and model.specs() == same.specs()
    assert_array_equal(model.predict(x), same.predict(x))


def test_relu_without_variants_is_the_activation():
    assert ReLU().specs(SHAPE) == Activation("relu").specs(SHAPE)


def test_bad_arguments_are_refused():
    assert refused(lambda: ReLU(max_value=-1)) == "max_value must be a number of at least 0; got -1"
    assert refused(lambda: ReLU(threshold=float("nan"))) == "threshold must be a number of at least 0; got nan"
    assert refused(lambda: LeakyReLU(True)) == "negative_slope must be a number of at least 0; got True"
    assert refused(lambda: ELU("1")) == "alpha must be a number of at least 0; got '1'"  # type: ignore[arg-type]  # on purpose
    assert refused(lambda: Activation("gellu")).endswith("swish, hard_swish; got 'gellu'")
