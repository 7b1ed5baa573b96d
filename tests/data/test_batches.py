"""Batches contain every example exactly once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convlens.data import batches

pytestmark = pytest.mark.smoke


@given(n=st.integers(1, 300), batch_size=st.integers(1, 320), shuffled=st.booleans())
def test_every_example_comes_once_and_only_the_last_batch_is_smaller(n: int, batch_size: int, shuffled: bool) -> None:
    parts = list(batches(n, batch_size, np.random.default_rng(n) if shuffled else None))
    assert all(part.dtype == np.int64 and part.ndim == 1 for part in parts)
    assert all(len(part) == batch_size for part in parts[:-1])
    assert 1 <= len(parts[-1]) <= batch_size
    together = np.concatenate(parts)
    assert np.array_equal(np.sort(together), np.arange(n))
    if not shuffled:
        assert np.array_equal(together, np.arange(n))


def test_the_generator_decides_the_order() -> None:
    def order(seed: int) -> list[list[int]]:
        return [batch.tolist() for batch in batches(50, 8, np.random.default_rng(seed))]

    assert order(1) == order(1)
    assert order(1) != order(2)
    rng = np.random.default_rng(1)
    first = [batch.tolist() for batch in batches(50, 8, rng)]
    assert first != [batch.tolist() for batch in batches(50, 8, rng)]


def test_the_generator_is_used_at_the_call() -> None:
    rng, twin = np.random.default_rng(3), np.random.default_rng(3)
    waiting = batches(50, 8, rng)
    twin.permutation(50)
    assert rng.random() == twin.random()
    assert len(list(waiting)) == 7


@pytest.mark.parametrize(
    ("n", "batch_size", "text"),
    [
        (0, 3, "batches needs n >= 1; got n 0, batch_size 3"),
        (-2, 3, "batches needs n >= 1; got n -2, batch_size 3"),
        (7, 0, "batches needs batch_size >= 1; got n 7, batch_size 0"),
        (7, -1, "batches needs batch_size >= 1; got n 7, batch_size -1"),
    ],
)
def test_bad_arguments_are_refused_at_the_call(n: int, batch_size: int, text: str) -> None:
    with pytest.raises(ValueError) as caught:
        batches(n, batch_size, None)
    assert str(caught.value) == text


def test_a_seed_is_not_a_generator() -> None:
    with pytest.raises(TypeError, match=r"rng must be a numpy.random.Generator or None; got 0"):
        batches(7, 2, 0)  # type: ignore[arg-type]
