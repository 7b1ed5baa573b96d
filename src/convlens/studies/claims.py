"""The rule that decides from the numbers whether a claim held.

Two arms are compared seed by seed: a seed gives both arms the same digits, initial weights and batches. d_s is the
difference at seed s, positive in the direction of the claim. m is the mean of the differences, and
e = sd(d) / sqrt(n) is its standard error.

- m >= 2 e and m > 0: the claim held.
- m <= -2 e and m < 0: the claim did not hold.
- otherwise: the runs could not tell.

With five seeds this is a weak rule. If there is no difference, each of the first two cases happens by chance about one
time in 17.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["COULD_NOT_TELL", "DID_NOT_HOLD", "HELD", "RULE", "Difference", "Spread", "compare", "spread"]

HELD, DID_NOT_HOLD, COULD_NOT_TELL = "held", "did not hold", "could not tell"
RULE = (
    "The rule: a claim held if the mean of the differences, seed by seed, is at least two standard errors in the "
    "direction of the claim. It did not hold if the mean is at least two standard errors in the opposite direction."
)


@dataclass(frozen=True)
class Spread:
    """One value for each seed, their mean, and their standard deviation (with n - 1)."""

    mean: float
    deviation: float
    values: tuple[float, ...]


@dataclass(frozen=True)
class Difference:
    """One difference for each seed, their mean, its standard error, and the verdict by the rule."""

    mean: float
    error: float
    values: tuple[float, ...]
    verdict: str


def spread(values: Sequence[float]) -> Spread:
    """Compute the mean and the standard deviation of at least two values. Raises ValueError for fewer.

    >>> spread([1.0, 2.0, 3.0])
    Spread(mean=2.0, deviation=1.0, values=(1.0, 2.0, 3.0))
    """
    if len(values) < 2:
        raise ValueError(f"a spread needs at least 2 values; got {len(values)}")
    mean = math.fsum(values) / len(values)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))
    return Spread(mean, deviation, tuple(values))


def compare(less: Sequence[float], more: Sequence[float]) -> Difference:
    """Decide whether the values `less` are below the values `more`. Both are in the order of the seeds.

    Raises ValueError if they have different lengths.

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
