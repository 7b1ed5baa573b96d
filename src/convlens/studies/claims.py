"""Whether a claim held: the rule that makes a sentence of numbers.

Two arms are compared seed by seed, since a seed gives both the same digits, weights to start from and batches. With
d_s the difference at seed s, in the direction that the claim has it, m their mean and e = sd(d) / sqrt(n) its standard
error: m >= 2 e and m > 0, it held; m <= -2 e and m < 0, it did not; else nobody could tell. For five seeds that is a
weak rule: where there is no difference, chance alone passes it in each direction about one time in 17.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["COULD_NOT_TELL", "DID_NOT_HOLD", "HELD", "RULE", "Difference", "Spread", "compare", "spread"]

HELD, DID_NOT_HOLD, COULD_NOT_TELL = "held", "did not hold", "could not tell"
RULE = (
    "The rule: a claim held if the mean difference, seed by seed, is at least two standard errors its way; "
    "it did not hold if it is two the other way."
)


@dataclass(frozen=True)
class Spread:
    """Values, one a seed; their mean and standard deviation, with n - 1."""

    mean: float
    deviation: float
    values: tuple[float, ...]


@dataclass(frozen=True)
class Difference:
    """Differences, one a seed; their mean, its standard error, and the verdict on them."""

    mean: float
    error: float
    values: tuple[float, ...]
    verdict: str


def spread(values: Sequence[float]) -> Spread:
    """Mean and standard deviation of at least two values

    >>> spread([1.0, 2.0, 3.0])
    Spread(mean=2.0, deviation=1.0, values=(1.0, 2.0, 3.0))
    """
    if len(values) < 2:
        raise ValueError(f"a spread needs at least 2 values; got {len(values)}")
    mean = math.fsum(values) / len(values)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
    return Spread(mean, deviation, tuple(values))


def compare(less: Sequence[float], more: Sequence[float]) -> Difference:
    """Whether `less` is less than `more`, which has a value for the same seeds in the same order

    >>> compare([1.0, 2.0, 3.0], [2.0, 2.5, 4.5]).verdict
    'held'
    >>> compare([1.0, 2.0, 3.0], [2.0, 1.0, 3.0]).verdict
    'could not tell'
    """
    if len(less) != len(more):
        raise ValueError(f"arms are compared over the same seeds; got {len(less)} and {len(more)} values")
    found = spread([b - a for a, b in zip(less, more, strict=True)])
    error = found.deviation / math.sqrt(len(less))
    if found.mean and abs(found.mean) >= 2 * error:
        verdict = HELD if found.mean > 0 else DID_NOT_HOLD
    else:
        verdict = COULD_NOT_TELL
    return Difference(found.mean, error, found.values, verdict)
