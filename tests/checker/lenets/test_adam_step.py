"""A training step is compared with a step of Adam, in every weight. Only NumPy is needed."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.support.lenet5_checks import adam

from convlens.checker.checks import Failed
from convlens.checker.lenets.adam_step import check_first_step, check_second_step
from convlens.checker.lenets.expected import adam_steps, expected


@pytest.fixture(scope="module")
def right():
    return expected(0)


def moved(right, epsilon=1e-8):
    """Return the weights after a step on the first batch, and the gradients."""
    gradient = right.gradient(right.weights, right.batches[0])
    after = adam(right.weights, gradient, epsilon)
    return [w.astype(np.float32).astype(float) for w in after], gradient


def test_a_step_of_adam_is_accepted(right):
    after, gradient = moved(right)
    check_first_step(right.weights, after, gradient, 1e-8, [], False)
    for w, a, g in zip(right.weights, after, gradient, strict=True):
        assert_allclose(w - a, adam_steps([g], 1e-8), rtol=0, atol=2e-7)


@pytest.mark.parametrize("place", range(10))
def test_one_weight_with_another_step_is_found(right, place):
    after, gradient = moved(right)
    k = np.unravel_index(abs(gradient[place]).argmax(), gradient[place].shape)
    after[place][k] += 2e-6
    with pytest.raises(Failed, match="one step moves"):
        check_first_step(right.weights, after, gradient, 1e-8, [], False)


def test_the_expected_step_is_shown_only_on_request(right):
    after, gradient = moved(right, 1e-7)
    for reveal in (False, True):
        with pytest.raises(Failed) as raised:
            check_first_step(right.weights, after, gradient, 1e-8, [], reveal)
        assert ("expected" in str(raised.value)) == reveal
        assert raised.value.mistake == "optimizer_epsilon"


def test_the_second_step_depends_on_both_gradients(right):
    after, first = moved(right)
    second = right.gradient(after, right.batches[1])
    later = [a - adam_steps([f, s], 1e-8) for a, f, s in zip(after, first, second, strict=True)]
    check_second_step(after, later, [first, second], 1e-8)
    alone = [a - adam_steps([s], 1e-8) for a, s in zip(after, second, strict=True)]
    with pytest.raises(Failed, match="the second step of training is not Adam's"):
        check_second_step(after, alone, [first, second], 1e-8)
