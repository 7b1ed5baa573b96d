"""Initializers by their names in Keras, and as fields of a layer."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.support.layers import refused

from convlens import initializers
from convlens.nn import Conv2D, Dense, DepthwiseConv2D, Flatten, SeparableConv2D, Sequential
from convlens.nn.initializer_texts import NUMBERS, known_initializer
from convlens.nn.initializers import INITIALIZERS
from convlens.nn.layer import initial_weights


@pytest.mark.frameworks
@pytest.mark.parametrize("name", INITIALIZERS)
@pytest.mark.parametrize("shape", [(7, 5, 40, 60), (300, 200)])
def test_the_distribution_is_keras(keras, name, shape):
    mine = INITIALIZERS[name](shape, np.random.default_rng(0), np.dtype(np.float32))
    theirs = np.asarray(keras.initializers.get(name)(shape))
    assert mine.shape == shape and mine.dtype == np.float32
    assert_allclose(mine.std(), theirs.std(), rtol=0.02)
    assert_allclose(mine.mean(), theirs.mean(), atol=0.02 * (theirs.std() or 1))
    if "uniform" in name or "truncated" in name:
        assert_allclose(np.abs(mine).max(), np.abs(theirs).max(), rtol=0.01)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_the_dtype_does_not_matter_beyond_rounding(name):
    one, other = (INITIALIZERS[name]((3, 4), np.random.default_rng(1), np.dtype(d)) for d in ("float32", "float64"))
    assert_allclose(one, other, rtol=1e-6)


def test_a_layers_own_initializer_goes_first():
    def wanted(layer, shape):
        rng = np.random.default_rng(0)
        return {name: np.unique(w) for name, w in initial_weights(layer, shape, rng, np.dtype("float32")).items()}

    found = wanted(Conv2D(2, 3, kernel_initializer="ones", bias_initializer="Ones"), (5, 5, 1))
    assert [values.tolist() for values in found.values()] == [[1], [1]]
    found = wanted(DepthwiseConv2D(2, depthwise_initializer="zeros"), (5, 4, 3))
    assert [values.tolist() for values in found.values()] == [[0], [0]]
    found = wanted(SeparableConv2D(2, 2, depthwise_initializer="ones", pointwise_initializer="zeros"), (5, 4, 3))
    assert [values.tolist() for values in found.values()] == [[1], [0], [0]]
    assert len(wanted(Dense(4), (3,))["kernel"]) == 12


def test_the_model_of_layers_with_initializers():
    model = Sequential([Flatten(), Dense(3, kernel_initializer="ones"), Dense(2)], (2, 2, 1), engine="numpy")
    named = model.named_weights()
    assert (named["dense/kernel"] == 1).all() and not (named["dense_1/kernel"] == 1).any()


def test_both_spellings_of_keras():
    assert Dense(3, kernel_initializer="GlorotUniform") == Dense(3, kernel_initializer="glorot_uniform")
    assert known_initializer("x", None) is None
    assert refused(lambda: Dense(3, kernel_initializer="he")) == (
        "kernel_initializer must be one of None, he_normal, he_uniform, glorot_normal, glorot_uniform, lecun_normal, "
        "lecun_uniform, random_normal, random_uniform, truncated_normal, zeros, ones, constant, variance_scaling, "
        "orthogonal, identity; got 'he'"
    )
    assert refused(lambda: Conv2D(3, 2, bias_initializer=0)).startswith("bias_initializer must be one of None, ")  # type: ignore[arg-type]  # on purpose


def test_kerass_classes_give_the_names():
    made = [getattr(initializers, name)() for name in initializers.__all__ if name != "get"]
    assert sorted(made) == sorted(NUMBERS)
    assert initializers.get("HeUniform") is INITIALIZERS["he_uniform"]
    assert Dense(3, kernel_initializer=initializers.LecunNormal()).kernel_initializer == "lecun_normal"
    assert refused(lambda: initializers.RandomNormal(stddev=-1)) == "stddev of random_normal must be at least 0; got -1"
