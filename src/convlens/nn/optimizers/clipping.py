"""Gradient clipping, by value or by norm."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from convlens.arrays import Array


@dataclass(frozen=True)
class Clipping:
    """How gradients are made smaller before a step. At most one of the three is given, as in Keras.

    clipnorm: g * clipnorm / |g| for each variable whose norm |g| is larger. global_clipnorm: the same for the gradient
    of all variables as one vector. clipvalue: each number is moved into -clipvalue … clipvalue.
    Pascanu et al. 2013, "On the difficulty of training recurrent neural networks", algorithm 1, is clipping by norm.
    """

    clipnorm: float | None = None
    clipvalue: float | None = None
    global_clipnorm: float | None = None

    def __post_init__(self) -> None:
        given = {name: value for name, value in vars(self).items() if value is not None}
        if len(given) > 1:
            raise ValueError(f"only one of clipnorm, clipvalue and global_clipnorm can be given; got {given}")
        for name, value in given.items():
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a number above 0; got {value!r}")

    def clip(self, gradient: Array, variables: Mapping[str, int] | None) -> Array:
        """gradient (size,) -> the clipped gradient (size,); the argument stays as it is.

        variables: the size of each variable by name, in the order of the vector. `clipnorm` needs them.
        """
        if self.clipvalue is not None:
            return np.clip(gradient, -self.clipvalue, self.clipvalue)
        if self.global_clipnorm is not None:
            return gradient * _scale(gradient, self.global_clipnorm)
        if self.clipnorm is not None:
            if variables is None:
                raise ValueError("clipnorm needs the sizes of the variables; call build with them first")
            found, start = np.empty_like(gradient), 0
            for size in variables.values():
                part = gradient[start : start + size]
                found[start : start + size] = part * _scale(part, self.clipnorm)
                start += size
            return found
        return gradient


def _scale(g: Array, most: float) -> float:
    """Return most / |g| if the norm |g| is above `most`, else 1; NaN if |g| is not finite."""
    norm = math.sqrt(float(np.square(g, dtype=np.float64).sum()))
    if not math.isfinite(norm):
        return math.nan
    return most / max(norm, most)
