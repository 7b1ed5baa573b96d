"""Checks of the images and classes that a model is asked to take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from convlens.geometry import check_count
from convlens.nn import Layer, Sequential, he_normal

__all__ = ["make"]


def make(
    name: str,
    layers: Sequence[Layer],
    input_shape: object,
    *,
    seed: int,
    dtype: DTypeLike,
    engine: str,
    initial: Any = he_normal,
) -> Sequential:
    """Return the model; ValueError that names the model, the images' size and the first layer that does not fit."""
    shape = tuple(input_shape) if isinstance(input_shape, tuple | list) else ()
    if len(shape) != 3:
        raise ValueError(f"input_shape must be (h, w, c); got {input_shape!r}")
    for size in shape:
        check_count("each number of input_shape", size, 1)
    h, w, c = map(int, shape)
    try:
        return Sequential(
            layers, (h, w, c), name=name, seed=seed, dtype=np.dtype(dtype), engine=engine, initial=initial
        )
    except ValueError as error:
        if not str(error).startswith("layer "):
            raise
        raise ValueError(f"{name} needs larger images; with {h} × {w} pixels, {error}") from None
