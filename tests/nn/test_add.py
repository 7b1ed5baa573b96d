"""Add: a residual block as one layer that holds layers."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.support.layers import check_layer, images, refused, weights_of
from tests.support.small import patterns

from convlens.engines import numpy_engine
from convlens.nn import (
    SGD,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    ReLU,
    Sequential,
)
from convlens.nn.specification import from_specification, to_specification
from convlens.training.trainer import EngineTrainer

SHAPE = (6, 5, 3)
CONV = Conv2D(3, (3, 2), padding="same", activation="tanh")
BLOCK = Add(
    (Conv2D(4, (3, 2), strides=(2, 1), padding="same", use_bias=False), BatchNormalization(epsilon=0.1)),
    (Conv2D(4, 1, strides=(2, 1)), BatchNormalization(epsilon=0.1, scale=False)),
    activation="silu",
)


@pytest.mark.parametrize(
    ("layer", "out", "weights"),
    [
        (Add((CONV,)), SHAPE, {"branch_0/kernel": (3, 2, 3, 3), "branch_0/bias": (3,)}),
        (
            BLOCK,
            (3, 5, 4),
            {
                "branch_0/kernel": (3, 2, 3, 4),
                "branch_1/gamma": (4,),
                "branch_1/beta": (4,),
                "shortcut_0/kernel": (1, 1, 3, 4),
                "shortcut_0/bias": (4,),
                "shortcut_1/beta": (4,),
            },
        ),
        (
            Add((Add((CONV,)), Dropout(0.5))),
            SHAPE,
            {"branch_0/branch_0/kernel": (3, 2, 3, 3), "branch_0/branch_0/bias": (3,)},
        ),
    ],
    ids=["plain", "with a shortcut", "in another"],
)
def test_the_layer(layer, out, weights, quick_engine):
    check_layer(layer, SHAPE, out, weights, quick_engine, training=True)


def test_it_adds_the_input():
    x, own = images(SHAPE), weights_of(Add((CONV,)), SHAPE)
    branch, _ = CONV.forward(x, {"kernel": own["branch_0/kernel"], "bias": own["branch_0/bias"]}, numpy_engine)
    assert_array_equal(Add((CONV,)).forward(x, own, numpy_engine)[0], branch + x)


def test_it_is_like_its_layers():
    assert (BLOCK.whole_batch, BLOCK.draws) == (True, False)
    assert (Add((CONV,)).whole_batch, Add((CONV, Dropout(0.5))).draws) == (False, True)
    assert Add(CONV) == Add([CONV]) == Add((CONV,))  # type: ignore[arg-type]  # on purpose


def test_the_running_statistics_of_its_layers_move(rng):
    x, own = images(SHAPE), weights_of(BLOCK, SHAPE)
    _, saved = BLOCK.forward(x, own, numpy_engine, rng)
    found = BLOCK.new_state(saved, own)
    assert list(found) == list(BLOCK.state_shapes(SHAPE))
    assert all((found[name] != own[name]).all() for name in found)
    inner, _ = BLOCK.branch[0].forward(x, {"kernel": own["branch_0/kernel"]}, numpy_engine)
    want = 0.99 * own["branch_1/moving_mean"] + 0.01 * inner.mean((0, 1, 2))
    assert_allclose(found["branch_1/moving_mean"], want, rtol=1e-12)


def test_the_weights_layer_by_layer():
    block = Add((Add((BatchNormalization(),)), BLOCK.branch[0]), (BLOCK.branch[0],))
    own = weights_of(block, SHAPE)
    assert [name.split("/", 1)[1] for name in block.in_order(own)] == [
        *(f"branch_0/{name}" for name in ("gamma", "beta", "moving_mean", "moving_variance")),
        *("kernel", "kernel"),
    ]
    assert block.in_order(own).keys() == own.keys()


def resnet(engine="auto"):
    conv: dict[str, Any] = {"padding": "same", "use_bias": False}
    block = Add((Conv2D(4, 3, **conv), BatchNormalization(), ReLU(), Conv2D(4, 3, **conv), BatchNormalization()))
    layers = [Conv2D(4, (2, 3)), block, ReLU(), GlobalAveragePooling2D(), Dense(3, activation="softmax")]
    return Sequential(layers, (5, 4, 1), seed=3, engine=engine)


def test_a_network_of_blocks_learns():
    x, y = patterns(96)
    model = resnet()
    with EngineTrainer(model, SGD(0.3), threads=2) as trainer:
        losses = [trainer.step(x, y, (1, batch), None)[0] for batch in range(1, 21)]
    assert losses[-1] < losses[0] / 2
    assert model.flat_state.size == 16 and model.named_weights()["add/branch_4/moving_mean"].shape == (4,)


def test_the_specification_gives_the_same_network():
    model = resnet("numpy")
    found = from_specification(to_specification(model.layers, model.input_shape, model.name, model.dtype))
    assert list(found.layers) == list(model.layers)
    again = Sequential(found.layers, found.input_shape, seed=3, engine="numpy")
    assert again.specs() == model.specs() and again.flat.tobytes() == model.flat.tobytes()


def test_bad_arguments_are_refused():
    none = "branch must have at least one layer: Add((Conv2D(…), …)) adds their output to the input"
    assert refused(lambda: Add(())) == refused(Add) == none
    assert refused(lambda: Add((CONV, "relu"))).startswith("branch must be a tuple of layers; got (Conv2D(")  # type: ignore[arg-type]  # on purpose
    assert refused(lambda: Add((Conv2D(4, 1),)).output_shape(SHAPE)) == (
        "branch and shortcut must give the same shape; got (6, 5, 4) and (6, 5, 3) from (6, 5, 3)"
    )
    assert refused(lambda: Add((CONV, Flatten(), Conv2D(2, 1))).output_shape(SHAPE)) == (
        "branch_2: Conv2D needs an input of shape (h, w, channels); got (90,)"
    )
    with pytest.raises(ValueError, match=r"^layer add: shortcut_0: Dense needs an input of shape"):
        Sequential([Add((CONV,), (Dense(3),))], SHAPE)


def test_a_block_keeps_no_rng_between_passes():
    block, x = Add((Dropout(0.5),)), images(SHAPE)
    one, _ = block.forward(x, {}, numpy_engine, np.random.default_rng(1))
    other, _ = block.forward(x, {}, numpy_engine, np.random.default_rng(1))
    assert_array_equal(one, other)
    assert_array_equal(block.forward(x, {}, numpy_engine)[0], 2 * x)
