"""Initializers: functions that draw the first numbers of a kernel. The random generator is an argument.

`INITIALIZERS` holds all by their names in Keras. fan_in and fan_out are the numbers of inputs and outputs that a weight
is one of: for a kernel (kh, kw, ci, co) they are kh kw ci and kh kw co, for a kernel (in, out) in and out. Numbers are
drawn in float64 and then rounded to the dtype, so both dtypes get the same numbers up to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from convlens.arrays import Array

Initializer: TypeAlias = "Callable[[tuple[int, ...], np.random.Generator, np.dtype], Array]"  # returns a kernel

_TRUNCATED_STD = 0.87962566103423978  # standard deviation of a standard normal distribution cut off at -2 and 2


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return fan_in and fan_out as in Keras."""
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    cells = math.prod(shape[:-2])
    return cells * shape[-2], cells * shape[-1]


def _truncated(shape: tuple[int, ...], rng: np.random.Generator, dtype: DTypeLike, stddev: float) -> Array:
    """Draw from a normal distribution cut off at 2 standard deviations; stddev is that of what remains."""
    values = rng.standard_normal(shape)
    while (far := np.abs(values) > 2).any():
        values[far] = rng.standard_normal(int(far.sum()))
    return (values * (stddev / _TRUNCATED_STD)).astype(dtype)


def _uniform(shape: tuple[int, ...], rng: np.random.Generator, dtype: DTypeLike, limit: float) -> Array:
    return rng.uniform(-limit, limit, shape).astype(dtype)


def he_normal(shape: tuple[int, ...], rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """Draw from a truncated normal distribution with standard deviation sqrt(2 / fan_in).

    This equals Keras's he_normal and VarianceScaling(scale=2.0). shape is (in, out) or (kh, kw, ci, co); fan_in is the
    product of all axes but the last. The numbers are drawn in float64 and then rounded to the dtype, so both dtypes get
    the same numbers up to rounding. He et al. 2015, "Delving Deep into Rectifiers", section 2.2.
    """
    return _truncated(shape, rng, dtype, math.sqrt(2 / math.prod(shape[:-1])))


def he_uniform(shape: tuple[int, ...], rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """Draw from a uniform distribution between -limit and limit, limit = sqrt(6 / fan_in); He et al. 2015"""
    return _uniform(shape, rng, dtype, math.sqrt(6 / _fans(shape)[0]))


def glorot_normal(shape: tuple[int, ...], rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """Draw from a truncated normal distribution with standard deviation sqrt(2 / (fan_in + fan_out))

    Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks".
    """
    return _truncated(shape, rng, dtype, math.sqrt(2 / sum(_fans(shape))))


def glorot_uniform(shape: tuple[int, ...], rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """Draw from a uniform distribution from -limit to limit, limit = sqrt(6 / (fan_in + fan_out)): Keras's default"""
    return _uniform(shape, rng, dtype, math.sqrt(6 / sum(_fans(shape))))


def lecun_normal(shape: tuple[int, ...], rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """Draw from a truncated normal distribution with standard deviation sqrt(1 / fan_in); the one for SELU"""
    return _truncated(shape, rng, dtype, math.sqrt(1 / _fans(shape)[0]))


def lecun_uniform(shape: tuple[int, ...], rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """Draw from a uniform distribution between -limit and limit, limit = sqrt(3 / fan_in)"""
    return _uniform(shape, rng, dtype, math.sqrt(3 / _fans(shape)[0]))


def random_normal(shape: tuple[int, ...], rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """Draw from a normal distribution with standard deviation 0.05, as in Keras"""
    return (0.05 * rng.standard_normal(shape)).astype(dtype)


def random_uniform(shape: tuple[int, ...], rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """Draw from a uniform distribution between -0.05 and 0.05, as in Keras"""
    return _uniform(shape, rng, dtype, 0.05)


def truncated_normal(shape: tuple[int, ...], rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """Draw from a normal distribution with standard deviation 0.05, cut off at 2 standard deviations, as in Keras"""
    return _truncated(shape, rng, dtype, 0.05 * _TRUNCATED_STD)


def zeros(shape: tuple[int, ...], rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """Return zeros."""
    return np.zeros(shape, dtype)


def ones(shape: tuple[int, ...], rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """Return ones."""
    return np.ones(shape, dtype)


INITIALIZERS: dict[str, Initializer] = {
    "he_normal": he_normal,
    "he_uniform": he_uniform,
    "glorot_normal": glorot_normal,
    "glorot_uniform": glorot_uniform,
    "lecun_normal": lecun_normal,
    "lecun_uniform": lecun_uniform,
    "random_normal": random_normal,
    "random_uniform": random_uniform,
    "truncated_normal": truncated_normal,
    "zeros": zeros,
    "ones": ones,
}
