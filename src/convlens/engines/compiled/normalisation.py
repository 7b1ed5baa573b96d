"""Batch normalisation in a fused pass: each block gives sums for its examples, and the batch's statistics follow.

Between two stages of a pass, all blocks wait for the statistics. They are computed in float64, from sums over single
planes, in the order of the blocks (Chan, Golub, LeVeque 1979, "Updating Formulae and a Pairwise Algorithm for Computing
Sample Variances").
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np

from convlens.arrays import Array
from convlens.engines.compiled import pointwise
from convlens.engines.compiled.image import Image
from convlens.engines.compiled.kernel import Call
from convlens.engines.compiled.registers import BYTES
from convlens.engines.specs import BatchNorm
from convlens.machine.memory import aligned


class Parameters(NamedTuple):
    """Views of a network's vectors: gamma, beta (None if the layer has none) and their place in a gradient; the running
    statistics and their places in the state"""

    gamma: Array | None
    beta: Array | None
    spans: tuple[slice | None, slice | None]
    moving_mean: Array
    moving_variance: Array
    places: tuple[slice, slice]


class _Sums(NamedTuple):
    """The sums of one block, each (planes, vector), and how many numbers of a plane are in each lane (vector,)"""

    shift: Array
    first: Array
    second: Array
    counts: Array


class Normalisation:
    """One normalisation of a network, for all blocks of a batch.

    training: whether the statistics are the batch's; else they are the running ones. by_example: whether examples are
    in lanes
    """

    def __init__(self, spec: BatchNorm, own: Parameters, per: int, by_example: bool, training: bool) -> None:
        self._spec, self._own, self._by_example, self._training = spec, own, by_example, training
        self._channels, dtype = spec.shape[-1], own.moving_mean.dtype
        self._wide = BYTES // dtype.itemsize
        self.factor, self.mean, self.offset, self.slope, self.rest = (
            aligned(per * self._wide, dtype) for _ in range(5)
        )
        self._per, self._blocks = per, list[_Sums]()
        self._inverse = np.ones(self._channels)
        self.mean_and_variance: tuple[Array, Array] | None = None

    def block(self, x: Image, y: Image, dx: Image, dy: Image, relu: bool) -> tuple[list[Call], Call, Call, Call]:
        """Return the calls of a block: before the statistics (in training), after them; in the backward likewise."""
        shift, first, second = (aligned((x.planes, self._wide), self.factor.dtype) for _ in range(3))
        lanes = [len(range(lane, x.run, self._wide)) for lane in range(self._wide)]
        self._blocks.append(_Sums(shift, first, second, x.rows * np.array(lanes, np.float64)))
        ahead = pointwise.moments(x=x, shift=shift, sums=first, squares=second)
        scale = pointwise.scale(x=x, a=self.factor, mean=self.mean, b=self.offset, per=self._per, y=y, relu=relu)
        back = pointwise.scale_back(
            dy=dy, y=y, relu=relu, x=x, per=self._per, mean=self.mean, sums=first, products=second
        )
        after = pointwise.scale_dx(
            dy=dy, x=x, a=self.factor, mean=self.mean, b=self.slope, c=self.rest, per=self._per, dx=dx
        )
        return [ahead] if self._training else [], scale, back, after

    def _rows(self, name: str) -> Array:
        """Return the sums of all blocks in float64, (…, channels, vector) or (…, per, vector)."""
        found = np.concatenate([getattr(sums, name) for sums in self._blocks], dtype=np.float64)
        return found.reshape(-1, self._channels if self._by_example else self._per, self._wide)

    @cached_property
    def _counts(self) -> Array:
        """How many numbers each of these sums has; all blocks are known when this is asked for."""
        found = np.concatenate([np.broadcast_to(sums.counts, sums.first.shape) for sums in self._blocks])
        return found.reshape(-1, self._channels if self._by_example else self._per, self._wide)

    @cached_property
    def _total(self) -> Array:
        return self._channel_sums(self._counts)

    def _channel_sums(self, rows: Array) -> Array:
        """Sums as `_rows` gives them -> (channels,)"""
        total: Array = rows.sum(axis=(0, 2)) if self._by_example else rows.sum(axis=0).reshape(-1)[: self._channels]
        return total

    def _spread(self, numbers: Array, vectors: Array) -> Array:
        """Put the numbers of the channels into vectors: with examples in lanes, each in all lanes."""
        if self._by_example:
            vectors.reshape(self._channels, self._wide)[...] = numbers[:, None]
        else:
            vectors[: self._channels] = numbers
        return vectors

    def set_running(self) -> None:
        """Take the running statistics."""
        self.mean_and_variance = self._own.moving_mean, self._own.moving_variance
        self._take(self._own.moving_mean.astype(np.float64), self._own.moving_variance.astype(np.float64))

    def set_batch(self) -> None:
        """Take the statistics of the batch, from the sums of its blocks."""
        counts, firsts = self._counts, self._rows("first")
        some = np.maximum(counts, 1)
        means = self._rows("shift") + firsts / some
        mean = self._channel_sums(means * counts) / self._total
        around = self._spread(mean, np.zeros(self._per * self._wide)).reshape(-1, self._wide)
        squares = self._rows("second") - firsts**2 / some + counts * (means - around) ** 2
        variance = np.maximum(self._channel_sums(squares) / self._total, 0)
        self.mean_and_variance = mean, variance
        self._take(mean, variance)

    def _take(self, mean: Array, variance: Array) -> None:
        self._inverse = 1 / np.sqrt(variance + self._spec.epsilon)
        self._spread(mean, self.mean)
        self._spread(self._inverse if self._own.gamma is None else self._own.gamma * self._inverse, self.factor)
        if self._own.beta is not None:
            self._spread(self._own.beta, self.offset)

    def gradients(self, gradient: Array) -> None:
        """Add the gradients of gamma and beta to `gradient`, and set the numbers from which dx is computed."""
        one, two = (self._channel_sums(self._rows(name)) for name in ("first", "second"))
        gamma, beta = self._own.spans
        if gamma is not None:
            gradient[gamma] += two * self._inverse
        if beta is not None:
            gradient[beta] += one
        if self._training:
            factor = self._inverse if self._own.gamma is None else self._own.gamma * self._inverse
            self._spread(-factor * self._inverse**2 * two / self._total, self.slope)
            self._spread(-factor * one / self._total, self.rest)

    def write_statistics(self, state: Array) -> None:
        """Write the statistics of the batch to their places in a vector like the network's running statistics."""
        assert self.mean_and_variance is not None
        for place, values in zip(self._own.places, self.mean_and_variance, strict=True):
            state[place] = values
