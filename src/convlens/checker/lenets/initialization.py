"""Check that kernels are drawn from he_normal, by their distribution. If not, from which distribution are they?"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from convlens.arrays import Array

__all__ = ["KINDS", "initialization_mistake"]

# he_normal is a normal distribution truncated at two deviations. Let phi(2) = exp(-2) / sqrt(2 pi) be its density there
# and P = erf(sqrt(2)) the share inside. The numbers inside have the mean square 1 - 4 phi(2) / P = 0.7737. The root of
# it, 0.8796, is their own deviation. The largest number is 2 / 0.8796 = 2.2737 of their own deviations.
_INSIDE = math.erf(math.sqrt(2))
_TRUNCATED_DEVIATION = 0.87962566103423978
_REACH = 2 / _TRUNCATED_DEVIATION

# Each of these three tests fails a right kernel with a probability of less than 1 in 30 million. The first limit is for
# the largest distance of the distribution functions, times sqrt(n) for n values. The distance is larger than t with
# probability 2 exp(-2 t^2), for t = 3 with 3.0e-8
_KOLMOGOROV = 3.0
_DEVIATIONS = 6.0  # largest distance of the mean square from the variance, in deviations: 6 has the probability 2e-9
_RARE = 1e-9  # smallest probability that none of n values is larger than the largest one found
_ROUNDING = 1.001  # float32 and implementations of the truncation may go a little beyond the limit

_SMALL = 1e6  # larger numbers fail at once: no initializer gives them, and their squares could overflow
_MOST = 400_000  # values that are used: four networks have 246,824, but a hostile guest may send more

_erf = np.vectorize(math.erf, otypes=[float])


def _normal(z: Array) -> Array:
    """Return the share of a normal distribution below z deviations."""
    return np.asarray(0.5 * (1 + _erf(z / math.sqrt(2))))


def _truncated(z: Array) -> Array:
    """Return the share of he_normal's numbers below z of their own deviations."""
    z = np.clip(z, -_REACH, _REACH)
    return np.asarray((_normal(z * _TRUNCATED_DEVIATION) - _normal(np.array(-2.0))) / _INSIDE)


def _uniform(z: Array) -> Array:
    """Return the share of a uniform distribution around 0 below z deviations."""
    return np.clip((z / math.sqrt(3) + 1) / 2, 0, 1)


def _other_distributions(inputs: int, outputs: int) -> Iterator[tuple[str, str, str, float]]:
    """Yield other initializations: the mistake, its name for the student, the distribution, the variance."""
    he, glorot = 2 / inputs, 2 / (inputs + outputs)
    yield "initializer_missing", "glorot_uniform, the default", "uniform", glorot
    yield "initializer_scale", "scale 1.0", "truncated", he / 2
    yield "initializer_uniform", "he_uniform", "uniform", he
    yield "initializer_uniform", "lecun_uniform", "uniform", he / 2
    yield "initializer_other", "glorot_normal", "truncated", glorot
    yield "initializer_fan_out", "the number of outputs in place of the number of inputs", "truncated", 2 / outputs
    yield (
        "initializer_other",
        "a truncated distribution whose deviation is too small",
        "truncated",
        he * _TRUNCATED_DEVIATION**2,
    )
    yield "initializer_not_truncated", "a normal distribution of the right variance", "normal", he
    yield "initializer_not_truncated", "a normal distribution of half the variance", "normal", he / 2
    for deviation in (0.1, 0.05, 0.01, 1.0):
        for name in ("normal", "truncated"):
            variance = deviation**2 * (_TRUNCATED_DEVIATION**2 if name == "truncated" else 1)
            yield "initializer_other", f"a {name} distribution with deviation {deviation:g}", name, variance


class Kind(NamedTuple):
    """A distribution with mean 0, in units z of its own deviation.

    below: the share of its numbers below z; reach: its largest number; fourth: the mean of z^4, so that the mean square
    of n values has the deviation sqrt((fourth - 1) / n)
    """

    below: Callable[[Array], Array]
    reach: float
    fourth: float


KINDS = {
    # The mean of x^4 inside two deviations is 3 * 0.7737 - 16 phi(2) / P = 1.4162; over 0.7737^2 that is 2.3655
    "truncated": Kind(_truncated, _REACH, 2.366),
    "uniform": Kind(_uniform, math.sqrt(3), 1.8),  # z is uniform from -sqrt(3) to sqrt(3): the mean of z^4 is 9 / 5
    "normal": Kind(_normal, math.inf, 3.0),
}


def _fits(values: Array, kind: str, variance: float) -> bool:
    """Return whether sorted values fit a distribution, by their variance, their largest value and their shares."""
    below, reach, fourth = KINDS[kind]
    z = values / math.sqrt(variance)
    n, largest = len(z), float(max(-z[0], z[-1]))
    if largest > reach * _ROUNDING or abs(float((z * z).mean()) - 1) > _DEVIATIONS * math.sqrt((fourth - 1) / n):
        return False
    inside = 2 * float(below(np.array(min(largest, reach)))) - 1
    if inside <= 0 or n * math.log(min(inside, 1.0)) < math.log(_RARE):
        return False  # among n values of this distribution one would be larger
    steps, shares = np.arange(n + 1) / n, below(z)
    return float(np.maximum(steps[1:] - shares, shares - steps[:-1]).max()) * math.sqrt(n) < _KOLMOGOROV


def initialization_mistake(kernels: Sequence[Array]) -> tuple[str, str] | None:
    """Return None if kernels are drawn from he_normal, else the end of a sentence and the name of the mistake.

    kernels: the kernel (..., inputs, outputs) of the same layer in several networks. Equal kernels count once:
    networks start from the same numbers if the initializer has a fixed seed, which one edition of the course asks for.
    """
    if not all(kernel.size and (np.abs(kernel) < _SMALL).all() for kernel in kernels):
        return f"starts with numbers that are not below {_SMALL:g}", "initializer_other"
    kernels = [one for k, one in enumerate(kernels) if not any(np.array_equal(one, other) for other in kernels[:k])]
    shape = kernels[0].shape
    window = math.prod(shape[:-2])
    inputs, outputs = window * shape[-2], window * shape[-1]
    values = np.sort(np.concatenate([np.ravel(kernel) for kernel in kernels])[:_MOST])
    if np.ptp(values) == 0:
        return f"starts with {values[0]:g} everywhere", "initializer_other"
    if _fits(values, "truncated", 2 / inputs):
        return None
    ratio, largest = float((values**2).mean() * inputs / 2), float(np.abs(values).max() * math.sqrt(inputs / 2))
    told = f"is not drawn from he_normal: its variance is {ratio:.2f} times he_normal's"
    if largest > _REACH * _ROUNDING:
        told += f"; its largest number is {largest:.2f} deviations, but he_normal ends at {_REACH:.2f}"
    for mistake, what, name, variance in _other_distributions(inputs, outputs):
        if _fits(values, name, variance):
            return f"{told}; it looks like {what}", mistake
    return told, "initializer_other"
