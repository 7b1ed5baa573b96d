"""Match the variables of a submitted network with the ten weights of LeNet-5: five kernels and five biases."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from convlens.arrays import Array
from convlens.models.lenet5 import lenet5

__all__ = ["LAYERS", "SHAPES", "canonical", "fitted", "places", "shape_mistake"]

# The layers that have a kernel and a bias, and the shapes of these ten weights
LAYERS = ("layer 1, convolution", "layer 3, convolution", "layer 5, dense", "layer 6, dense", "layer 7, dense")
SHAPES = tuple(view.shape for view in lenet5(engine="numpy").get_weights())


def places(shapes: Sequence[Sequence[int]]) -> list[int] | None:
    """Return for each variable the number of its weight in LeNet-5; None if the variables do not match.

    All ten weights have different sizes. So the order and the names of the variables do not matter, and a shape (1, 6)
    in place of (6,) or a transposed kernel is accepted.
    """
    sizes = [math.prod(shape) for shape in SHAPES]
    found = [math.prod(shape) for shape in shapes]
    return [sizes.index(size) for size in found] if sorted(found) == sorted(sizes) else None


def fitted(weights: Sequence[Array], shapes: Sequence[Sequence[int]]) -> list[Array]:
    """Return the ten weights in the order and the shapes of the variables, in float32."""
    found = []
    for place, shape in zip(places(shapes) or (), shapes, strict=True):
        value = weights[place].T if _transposed(shape, place) else weights[place]
        found.append(value.reshape(tuple(shape)).astype(np.float32))
    return found


def canonical(values: Sequence[Array], shapes: Sequence[Sequence[int]]) -> list[Array]:
    """Return the variables' values in LeNet-5's order and shapes, in float64: the inverse of `fitted`.

    Raise ValueError if a value has another shape than its variable.
    """
    found: dict[int, Array] = {}
    for place, shape, value in zip(places(shapes) or (), shapes, values, strict=True):
        if value.shape != tuple(shape):
            raise ValueError(f"a variable must have the shape {tuple(shape)}; got {value.shape}")
        turned = value.T if _transposed(shape, place) else value
        found[place] = turned.reshape(SHAPES[place]).astype(np.float64)
    return [found[place] for place in range(len(SHAPES))]


def _transposed(shape: Sequence[int], place: int) -> bool:
    """Return whether a variable of this shape holds the transposed kernel of a dense layer."""
    long = [size for size in shape if size > 1]
    return len(SHAPES[place]) == 2 and long == [size for size in SHAPES[place][::-1] if size > 1]


def shape_mistake(shapes: Sequence[Sequence[int]]) -> str:
    """Return the name of the likely mistake behind wrong shapes of the variables, "" if none is known."""
    kernels = [tuple(shape) for shape in shapes if len(shape) > 1]
    flat = [shape[0] for shape in kernels if len(shape) == 2][:1]
    if kernels and len(shapes) < 2 * len(kernels):
        return "no_bias"
    if any(len(shape) == 4 and shape[:2] != (5, 5) for shape in kernels):
        return "kernel_size"
    if flat and flat[0] != 400 and len(kernels) == 5:
        # 16 maps: 5 × 5 if right, 7 × 7 with "same" in both convolutions, 4 × 4 with "valid" in both, 6 × 6 if swapped
        return {784: "padding_same", 256: "padding_valid", 576: "padding_same"}.get(flat[0], "")
    return "units" if len(kernels) == 5 else "layer_other"
