"""Schedules: the learning rate of each epoch, for the argument `schedule` of `convlens.fit`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from convlens.geometry import check_count


@dataclass(frozen=True)
class StepDecay:
    """The learning rate is divided by `by` at the start of each of the `epochs`.

    In epoch e it is learning_rate / by^k, where k is the number of `epochs` that are at most e. Krizhevsky et al. 2012,
    section 5, started at 0.01 and divided by 10 three times, each time that the validation error stopped improving.

    >>> rate = StepDecay(0.01, (3, 5))
    >>> [rate(epoch) for epoch in range(1, 7)]
    [0.01, 0.01, 0.001, 0.001, 0.0001, 0.0001]
    """

    learning_rate: float
    epochs: tuple[int, ...]
    by: float = 10.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(f"learning_rate must be a number above 0; got {self.learning_rate!r}")
        if not (math.isfinite(self.by) and self.by > 1):
            raise ValueError(f"by must be a number above 1; got {self.by!r}")
        if not isinstance(self.epochs, tuple):
            raise ValueError(f"epochs must be a tuple of integers; got {self.epochs!r}")
        for epoch in self.epochs:
            check_count("each of epochs", epoch, 2)
        if any(a >= b for a, b in zip(self.epochs, self.epochs[1:], strict=False)):
            raise ValueError(f"epochs must be in increasing order; got {self.epochs}")

    def __call__(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 1."""
        check_count("epoch", epoch, 1)
        return float(self.learning_rate / self.by ** sum(each <= epoch for each in self.epochs))
