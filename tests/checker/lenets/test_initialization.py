"""Kernels from he_normal are accepted, other distributions are named, and the table has the right moments."""

import math
import re

import numpy as np
import pytest

from convlens.checker.lenets.initialization import KINDS, initialization_mistake
from convlens.checker.lenets.variables import SHAPES
from convlens.nn import he_normal

KERNELS = SHAPES[::2]
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


@pytest.mark.parametrize("shape", KERNELS)
def test_he_normal_is_always_accepted(shape):
    rng = np.random.default_rng(0)
    for _ in range(5 if np.prod(shape) > 10000 else 100):
        assert initialization_mistake([he_normal(shape, rng, FLOAT32).astype(float) for _ in range(2)]) is None


def draws(shape, rng):
    """Return kernels that are not drawn from he_normal, each with its mistake."""
    inputs = np.prod(shape[:-1])
    outputs = np.prod(shape) // shape[-2]
    limit = np.sqrt(6 / inputs)
    yield "initializer_scale", he_normal(shape, rng, FLOAT64) / np.sqrt(2)
    yield "initializer_uniform", rng.uniform(-limit, limit, shape)
    yield "initializer_missing", rng.uniform(-1, 1, shape) * np.sqrt(6 / (inputs + outputs))
    yield "initializer_not_truncated", rng.standard_normal(shape) * np.sqrt(2 / inputs)
    yield "initializer_other", np.full(shape, 0.1)
    yield "initializer_other", np.full(shape, np.nan)
    yield "initializer_other", abs(he_normal(shape, rng, FLOAT64))


@pytest.mark.parametrize("shape", KERNELS[1:])
def test_other_distributions_are_named(shape):
    rng = np.random.default_rng(0)
    for (mistake, first), (_, second) in zip(draws(shape, rng), draws(shape, rng), strict=True):
        found = initialization_mistake([first, second])
        assert found is not None and found[1] == mistake


def test_networks_that_start_with_the_same_numbers_count_once():
    kernel = he_normal((84, 10), np.random.default_rng(0), FLOAT64)
    assert initialization_mistake([kernel] * 100) is None
    found = initialization_mistake([kernel / np.sqrt(2)] * 4)
    assert found is not None and found[1] == "initializer_scale"


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (
            np.sqrt(0.5),
            "is not drawn from he_normal: its variance is 0.50 times he_normal's; it looks like scale 1.0",
        ),
        (2.0, "is not drawn from he_normal: its variance is 4.00 times he_normal's; its largest number is 4.5"),
    ],
)
def test_the_message_compares_the_variance_with_he_normal(factor, said):
    rng = np.random.default_rng(0)
    found = initialization_mistake([factor * he_normal((400, 120), rng, FLOAT64) for _ in range(2)])
    assert found is not None
    assert re.sub(r"0\.(49|50|51)", "0.50", re.sub(r"(3\.9|4\.0)\d", "4.00", found[0])).startswith(said)


@pytest.mark.parametrize("kind", KINDS)
def test_each_distribution_has_deviation_1_and_the_fourth_moment_of_the_table(kind):
    below, reach, fourth = KINDS[kind]
    edges = np.linspace(-min(reach, 12), min(reach, 12), 200_001)
    middles, shares = (edges[1:] + edges[:-1]) / 2, np.diff(below(edges))
    assert shares.sum() == pytest.approx(1, abs=1e-9)
    assert (shares * middles**2).sum() == pytest.approx(1, abs=1e-6)
    assert (shares * middles**4).sum() == pytest.approx(fourth, abs=1e-3)


def test_the_deviation_of_he_normal_agrees_with_its_definition():
    density, inside = math.exp(-2) / math.sqrt(2 * math.pi), math.erf(math.sqrt(2))
    assert KINDS["truncated"].reach == pytest.approx(2 / math.sqrt(1 - 4 * density / inside), rel=1e-12)
