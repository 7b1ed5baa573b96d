"""Every faulty variant of LeNet-5 has its own output, by which it is recognized."""

import pytest

from convlens.checker.lenets.expected import expected
from convlens.checker.lenets.mistakes import HINTS
from convlens.checker.lenets.output_mistakes import faulty_variants, output_mistake
from convlens.checker.lenets.variant import run_variant


@pytest.mark.usefixtures("remembered")
@pytest.mark.parametrize("seed", range(2))
def test_no_faulty_network_gives_the_right_output(seed):
    weights, batch = expected(seed).weights, expected(seed).batches[0]
    for likely, variant in faulty_variants():
        found = run_variant(weights, batch.x.astype(float), variant).output
        assert found.shape != batch.output.shape or abs(found - batch.output).max() > 1e-3, likely
        told = output_mistake(weights, batch, found)
        assert told is not None and told[0].mistake == likely.mistake
        assert likely.mistake in HINTS


def test_an_unknown_output_has_no_mistake():
    right = expected(0)
    assert output_mistake(right.weights, right.batches[0], right.batches[0].output[::-1]) is None
