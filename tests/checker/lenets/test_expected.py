"""The expected numbers equal the numbers of convlens's own network, and every known mistake gives other numbers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from convlens.checker.lenets.expected import expected
from convlens.checker.lenets.loss_mistakes import accuracies, losses
from convlens.checker.lenets.variant import run_variant


@pytest.fixture(scope="module")
def right():
    return expected(0)


def test_the_right_variant_equals_convlens_s_network(right):
    x = right.batches[0].x.astype(float)
    right.model.set_weights(right.weights)
    assert_allclose(run_variant(right.weights, x).output, right.model.predict(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_batches_distinguish_wrong_from_right(seed):
    for batch in expected(seed).batches:
        assert (batch.x == 0).mean() > 0.5
        assert batch.accuracy == 17 / 30
        assert batch.output.std(axis=0).max() > 0.05  # outputs differ between examples
        for _, value in losses(batch, batch.logits):
            assert abs(value - batch.loss) > 1e-3
        for _, value in accuracies(batch, batch.output):
            assert abs(value - batch.accuracy) > 1e-3


def test_the_weights_are_float32_as_they_are(right):
    assert all(np.array_equal(w.astype(np.float32), w) for w in right.weights)
