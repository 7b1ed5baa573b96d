"""Nadam: Adam with Nesterov's step."""

from __future__ import annotations

from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.nn.optimizers.arguments import check_epsilon, check_fraction
from convlens.nn.optimizers.base import FlatOptimizer, bias_correction
from convlens.nn.schedules import LearningRate


class Nadam(FlatOptimizer):
    """w -= learning_rate (u_{t+1} m / (1 - U_{t+1}) + (1 - u_t) g / (1 - U_t)) / (sqrt(v') + epsilon)

    with m and v as in Adam, u_t = beta_1 (1 - 0.96^t / 2), U_t = u_1 u_2 … u_t and v' = v / (1 - beta_2^t) at step t.
    Dozat 2016, "Incorporating Nesterov Momentum into Adam", algorithm 2 with the warming schedule, as in Keras.
    """

    slots = ("m", "v")

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
        self._product = (0, 1.0)  # t and U_t; it follows from the step alone, so it is no part of the state

    def _u(self, step: int) -> float:
        return self.beta_1 * (1 - 0.5 * 0.96**step)

    def _products(self) -> float:
        """Return U_t of step number t = `step`, multiplied factor by factor from the last one known."""
        at, product = self._product if self._product[0] <= self.step else (0, 1.0)
        for step in range(at + 1, self.step + 1):
            product *= self._u(step)
        self._product = self.step, product
        return product

    def _rule(self, w: Array, g: Array, slots: list[Array], rate: float) -> None:
        m, v = slots
        m += (g - m) * (1 - self.beta_1)
        v += (g * g - v) * (1 - self.beta_2)
        product, u, u_next = self._products(), self._u(self.step), self._u(self.step + 1)
        ahead = m * (u_next / (1 - product * u_next)) + g * ((1 - u) / (1 - product))
        w -= ahead * rate / (np.sqrt(v / bias_correction(self.beta_2, self.step)) + self.epsilon)
