"""Adamax: Adam with the largest gradient in place of its mean square."""

from __future__ import annotations

from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.nn.optimizers.arguments import check_epsilon, check_fraction
from convlens.nn.optimizers.base import FlatOptimizer, bias_correction
from convlens.nn.schedules import LearningRate


class Adamax(FlatOptimizer):
    """m += (1 - beta_1)(g - m);  u = max(beta_2 u, |g|);  w -= learning_rate m / ((1 - beta_1^t)(u + epsilon))

    Kingma and Ba 2015, "Adam", section 7.1. epsilon is Keras's addition.
    """

    slots = ("m", "u")

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_1, self.beta_2 = check_fraction("beta_1", beta_1), check_fraction("beta_2", beta_2)
        self.epsilon = check_epsilon(epsilon)

    def _rule(self, w: Array, g: Array, slots: list[Array], rate: float) -> None:
        m, u = slots
        m += (g - m) * (1 - self.beta_1)
        np.maximum(u * self.beta_2, np.abs(g), out=u)
        w -= m * (rate / bias_correction(self.beta_1, self.step)) / (u + self.epsilon)
