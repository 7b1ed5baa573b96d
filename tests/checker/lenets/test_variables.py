"""Variables in any order, and in equivalent shapes, are matched with LeNet-5's weights."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from convlens.checker.lenets import network_checks
from convlens.checker.lenets.expected import expected
from convlens.checker.lenets.variables import SHAPES, canonical, fitted, places


@pytest.fixture(scope="module")
def right():
    return expected(0)


def test_weights_fit_variables_in_any_order_and_transposed(right):
    shapes = [(120, 400), (1, 1, 1, 6), (6, 1), *(SHAPES[k] for k in (9, 8, 7, 6, 5, 3, 2))]
    assert places(shapes) is None  # twice six numbers, no first kernel
    shapes = [(120, 400), (1, 1, 1, 6), (5, 5, 1, 6), (10, 84), *(SHAPES[k] for k in (9, 7, 6, 5, 3, 2))]
    values = fitted(right.weights, shapes)
    assert [value.shape for value in values] == shapes
    assert_allclose(values[0], right.weights[4].T)
    for back, weight in zip(canonical(values, shapes), right.weights, strict=True):
        assert_allclose(back, weight)


def test_a_value_of_another_shape_than_its_variable_is_an_error(right):
    values = fitted(right.weights, SHAPES)
    with pytest.raises(ValueError, match=r"must have the shape \(6,\); got \(3,\)"):
        canonical([values[0], values[1][:3], *values[2:]], SHAPES)


def test_the_number_of_parameters():
    assert sum(np.prod(shape) for shape in SHAPES) == network_checks.PARAMETERS
