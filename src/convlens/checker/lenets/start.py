"""Do kernels start from he_normal? Judged by their distribution, and if not, which one it looks like."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from convlens.arrays import Array

__all__ = ["start_mistake"]

# Of a normal distribution cut off at two deviations: the deviation of what is left, and the largest in terms of it
_LEFT = 0.87962566103423978
_CUT = 2 / _LEFT
# A right start fails each of these less than once in thirty million times
_FAR = 3.0  # Kolmogorov-Smirnov's distance, times the root of the number of values
_DEVIATIONS = 6.0  # of the variance of so many values
_RARE = 1e-9
_SMALL = 1e6
_MOST = 400_000  # values that are looked at: more than all of LeNet-5's kernels have in four networks
_INSIDE = math.erf(math.sqrt(2))  # of a normal distribution, between -2 and 2 deviations

_erf = np.vectorize(math.erf, otypes=[float])


def _normal(z: Array) -> Array:
    return np.asarray(0.5 * (1 + _erf(z / math.sqrt(2))))


def _truncated(z: Array) -> Array:
    """The share of he_normal's numbers below z deviations (of what is left)"""
    z = np.clip(z, -_CUT, _CUT)
    return np.asarray((_normal(z * _LEFT) - _normal(np.array(-2.0))) / _INSIDE)


def _uniform(z: Array) -> Array:
    return np.clip((z / math.sqrt(3) + 1) / 2, 0, 1)


def _others(inputs: int, outputs: int) -> Iterator[tuple[str, str, str, float]]:
    """Mistake, its name for people, distribution, variance"""
    he, glorot = 2 / inputs, 2 / (inputs + outputs)
    yield "initializer_missing", "glorot_uniform, the default", "uniform", glorot
    yield "initializer_scale", "scale 1.0", "truncated", he / 2
    yield "initializer_uniform", "he_uniform", "uniform", he
    yield "initializer_uniform", "lecun_uniform", "uniform", he / 2
    yield "initializer_other", "glorot_normal", "truncated", glorot
    yield "initializer_fan_out", "the number of outputs in place of that of inputs", "truncated", 2 / outputs
    yield "initializer_other", "the truncated distribution's own deviation is too small", "truncated", he * _LEFT**2
    yield "initializer_not_truncated", "a normal distribution of the right variance", "normal", he
    yield "initializer_not_truncated", "a normal distribution of half the variance", "normal", he / 2
    for deviation in (0.1, 0.05, 0.01, 1.0):
        for name in ("normal", "truncated"):
            variance = deviation**2 * (_LEFT**2 if name == "truncated" else 1)
            yield "initializer_other", f"a {name} distribution with deviation {deviation:g}", name, variance


# shares below a number; the largest; the fourth moment; all in terms of the deviation
_KINDS: dict[str, tuple[Callable[[Array], Array], float, float]] = {
    "truncated": (_truncated, _CUT, 2.366),
    "uniform": (_uniform, math.sqrt(3), 1.8),
    "normal": (_normal, math.inf, 3.0),
}


def _from(values: Array, kind: str, variance: float) -> bool:
    """May these sorted values be from that distribution? By its shape, its variance and how far it reaches"""
    shares, reach, fourth = _KINDS[kind]
    z = values / math.sqrt(variance)
    n, largest = len(z), float(max(-z[0], z[-1]))
    if largest > reach * 1.001 or abs(float((z * z).mean()) - 1) > _DEVIATIONS * math.sqrt((fourth - 1) / n):
        return False
    inside = 2 * float(shares(np.array(min(largest, reach)))) - 1
    if inside <= 0 or n * math.log(min(inside, 1.0)) < math.log(_RARE):
        return False  # so many values of that distribution reach further
    steps, below = np.arange(n + 1) / n, shares(z)
    return float(np.maximum(steps[1:] - below, below - steps[:-1]).max()) * math.sqrt(n) < _FAR


def start_mistake(kernels: Sequence[Array]) -> tuple[str, str] | None:
    """One layer's kernel (..., inputs, outputs) in several networks: None for he_normal, or else a sentence's end and
    the name of the mistake"""
    if not all(kernel.size and (np.abs(kernel) < _SMALL).all() for kernel in kernels):
        return f"starts from numbers that are not below {_SMALL:g}", "initializer_other"
    for k, kernel in enumerate(kernels):
        if any(np.array_equal(kernel, other) for other in kernels[:k]) and np.ptp(kernel) > 0:
            return "starts from the same numbers in two networks", "initializer_shared"
    shape = kernels[0].shape
    window = math.prod(shape[:-2])
    inputs, outputs = window * shape[-2], window * shape[-1]
    values = np.sort(np.concatenate([np.ravel(kernel) for kernel in kernels])[:_MOST])
    if np.ptp(values) == 0:
        return f"starts from {values[0]:g} everywhere", "initializer_other"
    if _from(values, "truncated", 2 / inputs):
        return None
    ratio, largest = float((values**2).mean() * inputs / 2), float(np.abs(values).max() * math.sqrt(inputs / 2))
    told = f"does not start from he_normal: its variance is {ratio:.2f} times he_normal's"
    if largest > _CUT * 1.001:
        told += f", its largest number {largest:.2f} deviations, where he_normal ends at {_CUT:.2f}"
    for mistake, what, name, variance in _others(inputs, outputs):
        if _from(values, name, variance):
            return f"{told}; it looks like {what}", mistake
    return told, "initializer_other"
