"""he_normal: reproducible, the same numbers in both dtypes, and the same distribution as in Keras."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from convlens.nn import he_normal

SHAPES = [((5, 3, 4, 1500), 60), ((60, 1500), 60), ((1, 1, 3, 20000), 3)]
CUT = 2 / 0.87962566103423978  # the largest value, in standard deviations of the truncated normal distribution


def draw(shape, seed=0, dtype=np.float64):
    return he_normal(shape, np.random.default_rng(seed), np.dtype(dtype))


@pytest.mark.smoke
@pytest.mark.parametrize(("shape", "fan_in"), SHAPES)
def test_mean_deviation_and_bounds(shape, fan_in):
    values = draw(shape) / math.sqrt(2 / fan_in)
    assert values.shape == shape
    assert abs(values.mean()) < 4 / math.sqrt(values.size)
    assert values.std() == pytest.approx(1, abs=0.01)
    assert 0.98 * CUT < np.abs(values).max() <= CUT


@pytest.mark.smoke
def test_the_constant_is_the_deviation_of_a_normal_distribution_cut_at_two():
    density = math.exp(-2) / math.sqrt(2 * math.pi)
    left = math.sqrt(1 - 4 * density / math.erf(math.sqrt(2)))
    assert left == pytest.approx(2 / CUT, rel=1e-14)


@pytest.mark.smoke
def test_the_seed_decides_and_the_dtype_does_not():
    shape = (3, 2, 4, 5)
    assert_array_equal(draw(shape, 1), draw(shape, 1))
    assert not np.array_equal(draw(shape, 1), draw(shape, 2))
    single = draw(shape, 1, np.float32)
    assert single.dtype == np.float32
    assert_array_equal(single, draw(shape, 1).astype(np.float32))


def test_one_generator_gives_different_numbers_at_each_call():
    rng = np.random.default_rng(0)
    first, second = (he_normal((4, 5), rng, np.dtype(np.float32)) for _ in range(2))
    assert not np.array_equal(first, second)


@pytest.mark.frameworks
@pytest.mark.parametrize(("shape", "fan_in"), SHAPES)
def test_keras_draws_from_the_same_distribution(keras, shape, fan_in):
    ours = draw(shape, 3)
    theirs = np.asarray(keras.initializers.HeNormal(seed=3)(shape))
    assert ours.std() == pytest.approx(theirs.std(), rel=0.02)
    assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=0.02)
    assert np.abs(theirs).max() <= CUT * math.sqrt(2 / fan_in) * 1.0001
    steps = np.linspace(0.01, 0.99, 50)
    assert_allclose(np.quantile(ours, steps), np.quantile(theirs, steps), atol=0.03 * math.sqrt(2 / fan_in))
