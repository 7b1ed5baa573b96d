"""Layers that only change a shape, or nothing: Reshape, ZeroPadding2D, Identity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from convlens.arrays import Array
from convlens.engines import Engine, specs
from convlens.geometry import Pads, as_padding, check_count
from convlens.nn.layer import Layer, Rng, Shape, Weights, expect


@dataclass(frozen=True)
class Reshape(Layer):
    """Gives the numbers of an example another shape, the last axis fastest. One size may be -1: what is left."""

    target_shape: tuple[int, ...]
    kind: ClassVar[str] = "reshape"

    def __post_init__(self) -> None:
        target = self.target_shape
        target = tuple(target) if isinstance(target, list | tuple) else (target,)
        for size in target:
            if size != -1:
                check_count("target_shape", size, 1)
        if target.count(-1) > 1:
            raise ValueError(f"target_shape must have -1 at most once; got {target}")
        object.__setattr__(self, "target_shape", tuple(int(size) for size in target))

    def output_shape(self, shape: Shape) -> Shape:
        """The target shape, without -1"""
        count, known = math.prod(shape), math.prod(size for size in self.target_shape if size != -1)
        found = tuple(count // known if size == -1 else size for size in self.target_shape)
        if math.prod(found) != count:
            raise ValueError(f"target_shape must have the {count} numbers of {shape}; got {self.target_shape}")
        return found

    def specs(self, shape: Shape) -> tuple[specs.Spec, ...]:
        """One specification, a change of shape"""
        return (specs.Reshape(shape, self.output_shape(shape)),)

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """y = x, reshaped"""
        return x.reshape(len(x), *self.output_shape(x.shape[1:])), x.shape

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """dx = dy, in the shape of x"""
        return dy.reshape(saved), {}


@dataclass(frozen=True)
class ZeroPadding2D(Layer):
    """Zeros around each image, (h, w, c) -> (top + h + bottom, left + w + right, c)

    padding: ((top, bottom), (left, right)); (rows, columns) for the same number on both sides; or one number for all
    """

    padding: int | tuple[int, int] | Pads = (1, 1)
    kind: ClassVar[str] = "zero_padding2d"

    def __post_init__(self) -> None:
        given: Any = self.padding
        sides = tuple(given) if isinstance(given, list | tuple) else (given, given)
        pairs = tuple(tuple(side) if isinstance(side, list | tuple) else (side, side) for side in sides)
        try:
            object.__setattr__(self, "padding", as_padding(pairs))
        except ValueError:
            raise ValueError(
                "padding must be an integer of at least 0, two of them, or ((top, bottom), (left, right)); "
                f"got {given!r}"
            ) from None

    @property
    def _pads(self) -> Pads:
        pads: Any = self.padding
        return pads  # type: ignore[no-any-return]  # __post_init__ gave it this form

    def output_shape(self, shape: Shape) -> Shape:
        """(h, w, c) -> (top + h + bottom, left + w + right, c)"""
        expect("ZeroPadding2D", shape, "h w channels")
        rows, columns = self._pads
        return shape[0] + sum(rows), shape[1] + sum(columns), shape[2]

    def specs(self, shape: Shape) -> tuple[specs.Spec, ...]:
        """One specification"""
        return (specs.Pad(shape, self._pads),)

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """y = x with zeros around each image"""
        return np.pad(x, ((0, 0), *self._pads, (0, 0))), x.shape

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """dx = dy without the frame"""
        (top, _), (left, _) = self._pads
        return np.ascontiguousarray(dy[:, top : top + saved[1], left : left + saved[2]]), {}


@dataclass(frozen=True)
class Identity(Layer):
    """y = x"""

    kind: ClassVar[str] = "identity"

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of the input"""
        return shape

    def specs(self, shape: Shape) -> tuple[specs.Spec, ...]:
        """No specification: nothing is computed."""
        return ()

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """y = x"""
        return x, None

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """dx = dy"""
        return dy, {}
