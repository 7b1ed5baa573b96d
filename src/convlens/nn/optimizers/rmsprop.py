"""RMSprop: the gradient over the root of its mean square."""

from __future__ import annotations

from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.nn.optimizers.arguments import check_epsilon, check_fraction
from convlens.nn.optimizers.base import FlatOptimizer
from convlens.nn.schedules import LearningRate


class RMSprop(FlatOptimizer):
    """v = rho v + (1 - rho) g²;  w -= learning_rate g / sqrt(v + epsilon)

    momentum: p = momentum p + learning_rate g / sqrt(v + epsilon); w -= p. centered: a = rho a + (1 - rho) g, and
    v - a² (the variance) in place of v. As in Keras. Hinton 2012, "Neural Networks for Machine Learning", lecture 6e.
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, **common)
        self.rho, self.momentum = check_fraction("rho", rho), check_fraction("momentum", momentum)
        self.epsilon = check_epsilon(epsilon)
        if not isinstance(centered, bool | np.bool):
            raise TypeError(f"centered must be True or False; got {centered!r}")
        self.centered = bool(centered)
        self.slots = ("v", *(("momentum",) if self.momentum else ()), *(("average",) if self.centered else ()))

    def _rule(self, w: Array, g: Array, slots: list[Array], rate: float) -> None:
        v, *more = slots
        v *= self.rho
        v += g * g * (1 - self.rho)
        below = v + self.epsilon
        if self.centered:
            average = more[-1]
            average *= self.rho
            average += g * (1 - self.rho)
            below -= average * average
        step = g * rate / np.sqrt(below)
        if self.momentum:
            p = more[0]
            p *= self.momentum
            p += step
            w -= p
        else:
            w -= step
