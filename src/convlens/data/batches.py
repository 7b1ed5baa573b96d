"""Batches: arrays with the indices of the examples in each batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

__all__ = ["batches"]

Indices = np.ndarray[tuple[int], np.dtype[np.int64]]


def batches(n: int, batch_size: int, rng: np.random.Generator | None) -> Iterator[Indices]:
    """Yield the numbers 0 … n - 1, each once, in int64 arrays of `batch_size`. The last array may be smaller.

    `rng` shuffles them; it is advanced once, at the call. If `rng` is None, the numbers come in order.

    >>> [batch.tolist() for batch in batches(5, 2, None)]
    [[0, 1], [2, 3], [4]]

    Raises at the call: ValueError for n < 1 or batch_size < 1, TypeError if rng is not a Generator or None.
    """
    if n < 1:
        raise ValueError(f"batches needs n >= 1; got n {n}, batch_size {batch_size}")
    if batch_size < 1:
        raise ValueError(f"batches needs batch_size >= 1; got n {n}, batch_size {batch_size}")
    if rng is not None and not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator or None; got {rng!r}")
    order = np.arange(n, dtype=np.int64) if rng is None else rng.permutation(n).astype(np.int64, copy=False)
    return (order[start : start + batch_size] for start in range(0, n, batch_size))
