"""Stochastic gradient descent, with momentum and Nesterov's step."""

from __future__ import annotations

from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.nn.optimizers.arguments import check_fraction, check_weight_decay
from convlens.nn.optimizers.base import FlatOptimizer
from convlens.nn.schedules import LearningRate


class SGD(FlatOptimizer):
    """v = momentum * v - learning_rate * g;  w += v;  with nesterov: w += momentum * v - learning_rate * g

    Without momentum, w -= learning_rate * g. This equals Keras's SGD, with its decoupled `weight_decay`. Sutskever et
    al. 2013, "On the importance of initialization and momentum in deep learning", eq. 1-4.

    coupled_weight_decay: v = momentum * v - coupled_weight_decay * learning_rate * w - learning_rate * g, so the decay
    enters the momentum. Krizhevsky et al. 2012, section 5, use momentum 0.9 and 0.0005. It equals an L2 penalty of
    coupled_weight_decay / 2 * |w|², and PyTorch's `weight_decay`.
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float | None = None,
        *,
        coupled_weight_decay: float = 0.0,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, **common)
        if not isinstance(nesterov, bool | np.bool):
            raise TypeError(f"nesterov must be True or False; got {nesterov!r}")
        self.momentum, self.nesterov = check_fraction("momentum", momentum), bool(nesterov)
        self.coupled_weight_decay = check_weight_decay("coupled_weight_decay", coupled_weight_decay)
        self.slots = ("velocity",) if self.momentum else ()

    def _rule(self, w: Array, g: Array, slots: list[Array], rate: float) -> None:
        push = g * rate
        pull = w * (self.coupled_weight_decay * rate) if self.coupled_weight_decay else None
        if not slots:
            if pull is not None:
                w -= pull
            w -= push
            return
        (v,) = slots
        v *= self.momentum
        for part in (pull, push):
            if part is not None:
                v -= part
        w += v
        if self.nesterov:  # so far w has moved by v = m v' - push; it shall move by m v - push
            w -= v
            w += v * self.momentum
            for part in (pull, push):
                if part is not None:
                    w -= part
