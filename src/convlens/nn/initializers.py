"""Initializers: functions that draw the first numbers of a kernel. The random generator is an argument."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from convlens.arrays import Array

Initializer: TypeAlias = "Callable[[tuple[int, ...], np.random.Generator, np.dtype], Array]"  # returns a kernel

_TRUNCATED_STD = 0.87962566103423978  # standard deviation of a standard normal distribution cut off at -2 and 2


def he_normal(shape: tuple[int, ...], rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """Draw from a truncated normal distribution with standard deviation sqrt(2 / fan_in).

    This equals Keras's he_normal and VarianceScaling(scale=2.0). shape is (in, out) or (kh, kw, ci, co); fan_in is the
    product of all axes but the last. The numbers are drawn in float64 and then rounded to the dtype, so both dtypes get
    the same numbers up to rounding. He et al. 2015, "Delving Deep into Rectifiers", section 2.2.
    """
    values = rng.standard_normal(shape)
    while (far := np.abs(values) > 2).any():
        values[far] = rng.standard_normal(int(far.sum()))
    return (values * (math.sqrt(2 / math.prod(shape[:-1])) / _TRUNCATED_STD)).astype(dtype)
