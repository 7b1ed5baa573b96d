"""Adagrad: the gradient over the root of the sum of all squares so far."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.nn.optimizers.arguments import check_epsilon
from convlens.nn.optimizers.base import FlatOptimizer
from convlens.nn.schedules import LearningRate


class Adagrad(FlatOptimizer):
    """s += g²;  w -= learning_rate g / sqrt(s + epsilon), where s begins at initial_accumulator_value

    As in Keras. Duchi et al. 2011, "Adaptive Subgradient Methods", section 1.1.
    """

    slots = ("s",)

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, **common)
        if not (math.isfinite(initial_accumulator_value) and initial_accumulator_value >= 0):
            raise ValueError(
                f"initial_accumulator_value must be a number of at least 0; got {initial_accumulator_value!r}"
            )
        self.initial_accumulator_value, self.epsilon = float(initial_accumulator_value), check_epsilon(epsilon)

    def _start_of(self, slot: str) -> float:
        return self.initial_accumulator_value

    def _rule(self, w: Array, g: Array, slots: list[Array], rate: float) -> None:
        (s,) = slots
        s += g * g
        w -= g * rate / np.sqrt(s + self.epsilon)
