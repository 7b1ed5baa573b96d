"""The end of a network (softmax, sigmoid), names of layers, running statistics as weights without a gradient."""

import dataclasses
from typing import ClassVar

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from convlens import ops
from convlens.nn import SGD, Dense, Flatten, Layer, Sequential
from convlens.training import train

pytestmark = pytest.mark.smoke


@pytest.mark.parametrize("end", ["softmax", "sigmoid"])
def test_a_softmax_or_sigmoid_at_the_end_belongs_to_the_loss_and_predict_gives_it(end):
    plain = Sequential([Flatten(), Dense(3)], (2, 3, 1), dtype=np.float64, engine="numpy")
    model = Sequential([Flatten(), Dense(3, activation=end)], (2, 3, 1), dtype=np.float64, engine="numpy")
    x = np.random.default_rng(0).standard_normal((4, 2, 3, 1))
    assert model.end == end and plain.end is None
    assert model.descriptions[-1] == Dense(3, activation=end), "the layers stay as they were written"
    assert_array_equal(model.logits(x), plain.logits(x))
    assert_array_equal(plain.predict(x), plain.logits(x))
    want = 1 / (1 + np.exp(-plain.logits(x))) if end == "sigmoid" else ops.softmax_forward(plain.logits(x))
    assert_allclose(model.predict(x), want, rtol=1e-12)
    assert_array_equal(model.probabilities(x), model.predict(x))
    assert f"{end}: part of the loss and of predict" in model.summary_text()


def test_a_layer_keeps_the_name_that_it_was_given():
    layers = [Flatten(), Dense(4, name="dense_1"), Dense(2), Dense(3, name="out")]
    model = Sequential(layers, (2, 3, 1), engine="numpy")
    assert [row.name for row in model.table] == ["flatten", "dense_1", "dense", "out"]
    with pytest.raises(ValueError) as caught:
        Sequential([Flatten(name="a"), Dense(3, name="a")], (2, 3, 1))
    assert str(caught.value) == "the names of layers must differ; got 'a' twice"


@dataclasses.dataclass(frozen=True)
class Centre(Layer):
    """y = x - mean of the batch; at prediction the running mean, which moves halfway with each step"""

    kind: ClassVar[str] = "centre"
    whole_batch: ClassVar[bool] = True

    def output_shape(self, shape):
        return shape

    def state_shapes(self, shape):
        return {"moving_mean": shape}

    def initial_state(self, shape):
        return {"moving_mean": 0.5}

    def forward(self, x, weights, engine, rng=None):
        mean = x.mean(axis=0) if rng is not None else weights["moving_mean"]
        return x - mean, mean

    def backward(self, dy, saved, weights, engine, need_dx=True):
        return dy - dy.mean(axis=0), {}

    def new_state(self, saved, weights):
        return {"moving_mean": (weights["moving_mean"] + saved) / 2}


def test_running_statistics_are_weights_without_a_gradient():
    model = Sequential([Flatten(), Centre(), Dense(3)], (1, 2, 1), dtype=np.float64, engine="numpy")
    assert model.flat.size == 9 and model.flat_state.tolist() == [0.5, 0.5] and model.count_params() == 11
    assert list(model.named_weights()) == ["centre/moving_mean", "dense/kernel", "dense/bias"]
    x, labels = np.array([[[[1.0], [2.0]]], [[[3.0], [6.0]]]]), np.array([0, 2])
    gradient, state = np.zeros(9), np.zeros(2)
    model.loss_gradient(x, labels, 0.5, gradient, rng=np.random.default_rng(0), state=state)
    assert state.tolist() == [1.25, 2.25], "halfway from 0.5 to the means 2 and 4"
    assert model.flat_state.tolist() == [0.5, 0.5], "the caller decides whether the step counts"
    optimizer = SGD(0.1)
    list(train(model, x, labels, optimizer=optimizer, epochs=2, batch_size=2, threads=2))
    assert model.flat_state.tolist() == [1.625, 3.125]
    model.set_weights(model.get_weights())
    assert model.flat_state.tolist() == [1.625, 3.125]
