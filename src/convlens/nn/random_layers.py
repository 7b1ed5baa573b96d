"""Layers that change images at random during training: RandomFlip, RandomRotation, RandomZoom and their relatives.

At prediction they give their input. Each image has numbers of its own from the generator of the training, and the
backward goes through the same change. The arguments are Keras's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from convlens.arrays import Array
from convlens.engines import Engine, specs
from convlens.nn.layer import Layer, Rng, Shape, Weights, expect
from convlens.ops.resample import Sampling, resample_backward, resample_forward, sampling

__all__ = [
    "RandomBrightness",
    "RandomContrast",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
]

Factor = float | tuple[float, float]

_FILLS = ("reflect", "wrap", "nearest", "constant")


def _bounds(name: str, value: Any, least: float = -math.inf, most: float = math.inf) -> Any:
    """Return a factor as a pair: a number f stands for (-f, f). ValueError unless both are within least … most."""
    if isinstance(value, list | tuple | np.ndarray):
        given = tuple(value)
    else:
        given = (-value, value) if isinstance(value, int | float) and value >= 0 else (value, value)
    if len(given) != 2 or not all(isinstance(x, int | float | np.number) and math.isfinite(x) for x in given):
        raise ValueError(f"{name} must be a number or a pair of numbers; got {value!r}")
    low, high = (float(x) for x in given)
    if not least <= low <= high <= most:
        raise ValueError(f"{name} must be from {least} to {most}, the smaller number first; got {value!r}")
    return low, high


@dataclass(frozen=True)
class _Random(Layer):
    """The base class: y = x at prediction"""

    draws: ClassVar[bool] = True
    acts_when_called: ClassVar[bool] = True

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of the input"""
        expect(type(self).__name__, shape, "h w channels")
        return shape

    def specs(self, shape: Shape) -> tuple[specs.Spec, ...]:
        """One specification, which holds the layer"""
        return (specs.Random(shape, self),)


@dataclass(frozen=True)
class RandomFlip(_Random):
    """Each image is mirrored with probability 1/2.

    mode: "horizontal", left and right; "vertical", top and bottom; "horizontal_and_vertical", each on its own.
    """

    mode: str = "horizontal_and_vertical"
    kind: ClassVar[str] = "random_flip"

    def __post_init__(self) -> None:
        if self.mode not in ("horizontal", "vertical", "horizontal_and_vertical"):
            raise ValueError(f"mode must be horizontal, vertical or horizontal_and_vertical; got {self.mode!r}")

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """Return y, and for each image whether it was mirrored: (down, right)."""
        if rng is None:
            return x, None
        chosen = rng.random((2, len(x))) < 0.5
        chosen[0] &= "vertical" in self.mode
        chosen[1] &= "horizontal" in self.mode
        return _mirror(x, chosen), chosen

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """dx is dy, mirrored back"""
        return dy if saved is None else _mirror(dy, saved), {}


def _mirror(x: Array, chosen: Array) -> Array:
    y, (down, right) = x.copy(), map(np.flatnonzero, chosen)
    y[down] = y[down, ::-1]
    y[right] = y[right, :, ::-1]
    return y


@dataclass(frozen=True)
class _Moved(_Random):
    """The base class of changes of the place: y[n, i, j] = x[n, at (i, j) moved], between pixels bilinear"""

    def _matrices(self, n: int, h: int, w: int, rng: Rng) -> Array:
        """Return for each image (2, 3): (row, column) in x = matrix (row, column, 1) in y, from the centre."""
        raise TypeError(f"{type(self).__name__} is a base class, not a layer that can run")

    def _check(self) -> None:
        for name, known in (("fill_mode", _FILLS), ("interpolation", ("bilinear", "nearest"))):
            if (value := getattr(self, name)) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}; got {value!r}")
        if not (isinstance(value := getattr(self, "fill_value"), int | float) and math.isfinite(value)):  # noqa: B009
            raise ValueError(f"fill_value must be a finite number; got {value!r}")

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """Return y, and the places that each of its pixels was read at."""
        if rng is None:
            return x, None
        n, h, w, _ = x.shape
        fill_mode, interpolation, fill_value = (
            getattr(self, name) for name in ("fill_mode", "interpolation", "fill_value")
        )
        at: Sampling = sampling(self._matrices(n, h, w, rng), (h, w), fill_mode, interpolation)
        return resample_forward(x, at, float(fill_value)), (at, x.shape)

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """dx: each pixel of dy goes back to the places that it was read at"""
        if saved is None or not need_dx:
            return dy, {}
        return resample_backward(dy, *saved), {}


@dataclass(frozen=True)
class RandomRotation(_Moved):
    """Each image is turned about its centre. factor f: by an angle between -2π f and 2π f, or between 2π times a pair

    fill_mode: what is outside the image: "reflect" (d c b a | a b c d | d c b a), "wrap", "nearest", or "constant", the
    fill_value. interpolation: "bilinear" or "nearest".
    """

    factor: Factor
    fill_mode: str = "reflect"
    interpolation: str = "bilinear"
    fill_value: float = 0.0
    kind: ClassVar[str] = "random_rotation"

    def __post_init__(self) -> None:
        object.__setattr__(self, "factor", _bounds("factor", self.factor))
        self._check()

    def _matrices(self, n: int, h: int, w: int, rng: Rng) -> Array:
        angle = 2 * math.pi * rng.uniform(*_pair(self.factor), n)
        cos, sin, zero = np.cos(angle), np.sin(angle), np.zeros(n)
        return np.array([[cos, sin, zero], [-sin, cos, zero]]).transpose(2, 0, 1)


@dataclass(frozen=True)
class RandomTranslation(_Moved):
    """Each image is shifted by parts of its height and width, between -f and f, or between a pair of numbers.

    The other arguments are those of `RandomRotation`.
    """

    height_factor: Factor
    width_factor: Factor
    fill_mode: str = "reflect"
    interpolation: str = "bilinear"
    fill_value: float = 0.0
    kind: ClassVar[str] = "random_translation"

    def __post_init__(self) -> None:
        for name in ("height_factor", "width_factor"):
            object.__setattr__(self, name, _bounds(name, getattr(self, name), -1, 1))
        self._check()

    def _matrices(self, n: int, h: int, w: int, rng: Rng) -> Array:
        down, right = rng.uniform(*_pair(self.height_factor), n) * h, rng.uniform(*_pair(self.width_factor), n) * w
        one, zero = np.ones(n), np.zeros(n)
        return np.array([[one, zero, -down], [zero, one, -right]]).transpose(2, 0, 1)


@dataclass(frozen=True)
class RandomZoom(_Moved):
    """Each image is made smaller (a factor above 0) or larger (below 0): 0.2 shows 1.2 times as many rows.

    width_factor: None keeps the proportions. The other arguments are those of `RandomRotation`.
    """

    height_factor: Factor
    width_factor: Factor | None = None
    fill_mode: str = "reflect"
    interpolation: str = "bilinear"
    fill_value: float = 0.0
    kind: ClassVar[str] = "random_zoom"

    def __post_init__(self) -> None:
        object.__setattr__(self, "height_factor", _bounds("height_factor", self.height_factor, -1))
        if self.width_factor is not None:
            object.__setattr__(self, "width_factor", _bounds("width_factor", self.width_factor, -1))
        self._check()

    def _matrices(self, n: int, h: int, w: int, rng: Rng) -> Array:
        rows = 1 + rng.uniform(*_pair(self.height_factor), n)
        columns = rows if self.width_factor is None else 1 + rng.uniform(*_pair(self.width_factor), n)
        zero = np.zeros(n)
        return np.array([[rows, zero, zero], [zero, columns, zero]]).transpose(2, 0, 1)


@dataclass(frozen=True)
class RandomContrast(_Random):
    """y = (x - mean) f + mean for each channel of an image, f between 1 - factor and 1 + factor, moved into value_range

    factor: a number, or a pair (a, b) for f between 1 - a and 1 + b
    """

    factor: Factor
    value_range: tuple[float, float] = (0.0, 255.0)
    kind: ClassVar[str] = "random_contrast"

    def __post_init__(self) -> None:
        given = self.factor if _is_pair(self.factor) else (self.factor, self.factor)
        if not all(0 <= _bounds("factor", part)[1] <= 1 for part in given):  # type: ignore[union-attr]
            raise ValueError(f"factor must be from 0 to 1; got {self.factor!r}")
        object.__setattr__(self, "factor", tuple(map(float, given)))  # type: ignore[arg-type]
        object.__setattr__(self, "value_range", _bounds("value_range", self.value_range))

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """Return y, the factors, and where y was inside the range."""
        if rng is None:
            return x, None
        less, more = _pair(self.factor)
        f = (1 + rng.uniform(-less, more, (len(x), 1, 1, 1))).astype(x.dtype)
        mean = x.mean(axis=(1, 2), keepdims=True)
        return _clipped((x - mean) * f + mean, self.value_range, f)

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """dx = f dz + (1 - f) mean(dz), where dz is dy inside the range and 0 outside"""
        if saved is None:
            return dy, {}
        f, inside = saved
        dz = dy * inside
        dx: Array = f * dz + (1 - f) * dz.mean(axis=(1, 2), keepdims=True)
        return dx, {}


@dataclass(frozen=True)
class RandomBrightness(_Random):
    """y = x + f (high - low) for each image, f between -factor and factor, moved into value_range (low, high)"""

    factor: Factor
    value_range: tuple[float, float] = (0.0, 255.0)
    kind: ClassVar[str] = "random_brightness"

    def __post_init__(self) -> None:
        object.__setattr__(self, "factor", _bounds("factor", self.factor, -1, 1))
        object.__setattr__(self, "value_range", _bounds("value_range", self.value_range))

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """Return y, and where it was inside the range."""
        if rng is None:
            return x, None
        low, high = self.value_range
        f = (rng.uniform(*_pair(self.factor), (len(x), 1, 1, 1)) * (high - low)).astype(x.dtype)
        return _clipped(x + f, self.value_range, None)

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """dx is dy inside the range and 0 outside"""
        return dy if saved is None else dy * saved[1], {}


def _clipped(y: Array, bounds: tuple[float, float], f: Array | None) -> tuple[Array, Any]:
    low, high = (y.dtype.type(bound) for bound in bounds)
    return np.clip(y, low, high), (f, (y >= low) & (y <= high))


def _is_pair(factor: Any) -> bool:
    return isinstance(factor, list | tuple | np.ndarray)


def _pair(factor: Any) -> tuple[float, float]:
    low, high = factor
    return low, high
