"""Fixed scales inside a model: Rescaling by a factor, Normalization by a known mean and variance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

import numpy as np

from convlens.arrays import Array
from convlens.engines import Engine, specs
from convlens.nn.layer import Layer, Rng, Shape, Weights
from convlens.nn.numbers import check_axis, check_number

Numbers = float | tuple[float, ...]  # one number for all channels, or one for each


@dataclass(frozen=True)
class _Affine(Layer):
    """The base class of both: y = factor x + offset, with fixed numbers for each channel, the last axis"""

    def _factor_offset(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        raise TypeError(f"{type(self).__name__} is a base class, not a layer that can run")

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of the input"""
        for numbers in self._factor_offset():
            if len(numbers) not in (1, *shape[-1:]):
                raise ValueError(
                    f"{type(self).__name__} needs one number, or one for each of the channels of {shape}; "
                    f"got {len(numbers)}"
                )
        return shape

    def specs(self, shape: Shape) -> tuple[specs.Spec, ...]:
        """One specification"""
        return (specs.Affine(shape, *self._factor_offset()),)

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """y = factor x + offset"""
        factor, offset = (np.array(numbers, x.dtype) for numbers in self._factor_offset())
        y: Array = x * factor
        y += offset
        return y, None

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """dx = factor dy"""
        dx: Array = dy * np.array(self._factor_offset()[0], dy.dtype)
        return dx, {}


@dataclass(frozen=True)
class Rescaling(_Affine):
    """y = scale x + offset, for example Rescaling(1 / 255) for pixels. One number, or one for each channel"""

    scale: Numbers
    offset: Numbers = 0.0
    kind: ClassVar[str] = "rescaling"

    def __post_init__(self) -> None:
        for name in ("scale", "offset"):
            object.__setattr__(self, name, _numbers(name, getattr(self, name)))

    def _factor_offset(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        return _several(self.scale), _several(self.offset)


@dataclass(frozen=True)
class Normalization(_Affine):
    """y = (x - mean) / sqrt(variance), with known numbers: one for all channels, or one for each

    axis: -1, the last axis, or None for one mean and variance of all numbers. As in Keras, a square root below 1e-7
    counts as 1e-7. `adapt(x)` finds the numbers of some images, before the layer is put into a built model;
    `Normalization.of(x)` returns a layer with them.
    """

    axis: int | None = -1
    mean: Numbers | None = None
    variance: Numbers | None = None
    kind: ClassVar[str] = "normalization"

    def __post_init__(self) -> None:
        if self.axis is not None:
            check_axis("Normalization", self.axis)
        if (self.mean is None) != (self.variance is None):
            raise ValueError(
                f"Normalization needs both mean and variance, or adapt(x); got {self.mean!r}, {self.variance!r}"
            )
        if self.mean is None or self.variance is None:
            return
        for name in ("mean", "variance"):
            object.__setattr__(self, name, _numbers(name, getattr(self, name)))
        for value in _several(self.variance):
            check_number("variance", value, 0)
        count = max(len(_several(self.mean)), len(_several(self.variance)))
        for name in ("mean", "variance"):  # Keras wants both in the same form
            if isinstance(getattr(self, name), float) and isinstance(self.mean, tuple) | isinstance(
                self.variance, tuple
            ):
                object.__setattr__(self, name, (getattr(self, name),) * count)

    @classmethod
    def of(cls, x: Array) -> Normalization:
        """Return the layer that gives each channel of x (n, …, c) mean 0 and variance 1."""
        axes = tuple(range(np.ndim(x) - 1))
        mean, variance = np.mean(x, axes, dtype=np.float64), np.var(x, axes, dtype=np.float64)
        return cls(mean=tuple(map(float, np.ravel(mean))), variance=tuple(map(float, np.ravel(variance))))

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Take mean and variance of data (n, …, c): an array, or batches (x or (x, y)) one after the other.

        batch_size has no effect. steps: the number of batches that are taken, if there are batches.
        """
        if self.built:
            raise ValueError("adapt comes before the layer is put into a built model: its numbers are fixed there")
        if not (isinstance(data, np.ndarray | list) or hasattr(data, "__array__")):
            parts = (part[0] if isinstance(part, tuple | list) else part for part in data)
            data = np.concatenate([np.asarray(part) for part in islice(parts, steps)])
        found = np.asarray(data)
        if found.size == 0 or found.dtype.kind not in "biuf" or found.ndim == 0:
            raise ValueError(f"adapt needs numbers (n, …, c); got {found.dtype} {found.shape}")
        given = found.reshape(-1, found.shape[-1] if self.axis is not None and found.ndim > 1 else 1)
        made = type(self).of(given)
        for name in ("mean", "variance"):
            numbers = getattr(made, name)
            object.__setattr__(self, name, numbers if self.axis is not None else numbers[0])

    def _factor_offset(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        if self.mean is None:
            raise ValueError("Normalization needs mean and variance: norm.adapt(x) takes those of the images x")
        means, variances = _several(self.mean), _several(self.variance)
        if len(means) != len(variances):
            raise ValueError(f"Normalization needs as many means as variances; got {len(means)}, {len(variances)}")
        factor = tuple(1 / max(math.sqrt(variance), 1e-7) for variance in variances)
        return factor, tuple(-mean * f for mean, f in zip(means, factor, strict=True))


def _several(numbers: Numbers | None) -> tuple[float, ...]:
    assert numbers is not None
    return numbers if isinstance(numbers, tuple) else (numbers,)


def _numbers(name: str, given: Any) -> Numbers:
    """Return one number or a tuple of numbers; NumPy's arrays and numbers are accepted."""
    found = given.tolist() if isinstance(given, np.ndarray | np.generic) else given
    found = tuple(found) if isinstance(found, list | tuple) else found
    for number in found if isinstance(found, tuple) and found else (found,):
        check_number(name, number, -math.inf)
    return tuple(map(float, found)) if isinstance(found, tuple) else float(found)
