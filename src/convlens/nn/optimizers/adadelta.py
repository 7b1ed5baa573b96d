"""Adadelta: the step's size follows from the sizes of the steps before."""

from __future__ import annotations

from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.nn.optimizers.arguments import check_epsilon, check_fraction
from convlens.nn.optimizers.base import FlatOptimizer
from convlens.nn.schedules import LearningRate


class Adadelta(FlatOptimizer):
    """v = rho v + (1 - rho) g²;  d = g sqrt(s + epsilon) / sqrt(v + epsilon);  s = rho s + (1 - rho) d²

    and w -= learning_rate d. Zeiler 2012, "ADADELTA", algorithm 1, has learning_rate 1; as in Keras it is 0.001 here.
    """

    slots = ("v", "s")

    def __init__(
        self, learning_rate: LearningRate = 0.001, rho: float = 0.95, epsilon: float = 1e-7, **common: Any
    ) -> None:
        super().__init__(learning_rate, **common)
        self.rho, self.epsilon = check_fraction("rho", rho), check_epsilon(epsilon)

    def _rule(self, w: Array, g: Array, slots: list[Array], rate: float) -> None:
        v, s = slots
        v *= self.rho
        v += g * g * (1 - self.rho)
        d = np.sqrt(s + self.epsilon) * g / np.sqrt(v + self.epsilon)
        s *= self.rho
        s += d * d * (1 - self.rho)
        w -= d * rate
