"""Adam and AdamW."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.engines import Engine, numpy_engine
from convlens.nn.optimizers.arguments import check_epsilon, check_fraction
from convlens.nn.optimizers.base import FlatOptimizer, bias_correction
from convlens.nn.schedules import LearningRate, rate_at


class Adam(FlatOptimizer):
    """m += (1 - beta_1)(g - m);  v += (1 - beta_2)(g² - v);  w -= a m / (sqrt(v) + epsilon)

    with a = learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t) at step t. As in Keras, epsilon is 1e-7 and is added to
    sqrt(v) before the bias correction. Kingma and Ba 2015, "Adam", the note at the end of section 2.
    amsgrad: sqrt of the largest v so far. Reddi et al. 2018, "On the Convergence of Adam and Beyond", algorithm 2.
    engine: the engine that computes the update; None for the model's, or NumPy without a model.
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        *,
        engine: Engine | None = None,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, **common)
        self.beta_1, self.beta_2 = check_fraction("beta_1", beta_1), check_fraction("beta_2", beta_2)
        self.epsilon = check_epsilon(epsilon)
        if not isinstance(amsgrad, bool | np.bool):
            raise TypeError(f"amsgrad must be True or False; got {amsgrad!r}")
        self.amsgrad = bool(amsgrad)
        self.engine: Engine = engine or numpy_engine
        self._own_engine = engine is not None
        self.slots = ("m", "v", "v_max") if self.amsgrad else ("m", "v")

    def build(self, variables: Mapping[str, int], engine: Engine | None = None) -> None:
        """Tell the name and size of each variable, and the engine: see `FlatOptimizer.build`."""
        super().build(variables, engine)
        if engine is not None and not self._own_engine:
            self.engine = engine

    def _apply(self, w: Array, g: Array, slots: list[Array], rate: float) -> None:
        if self.amsgrad:
            super()._apply(w, g, slots, rate)
        else:
            m, v = slots
            self.engine.adam(w, m, v, g, self.rate(), self.beta_1, self.beta_2, self.epsilon)

    def _rule(self, w: Array, g: Array, slots: list[Array], rate: float) -> None:
        m, v, v_max = slots
        m += (g - m) * (1 - self.beta_1)
        v += (g * g - v) * (1 - self.beta_2)
        np.maximum(v_max, v, out=v_max)
        w -= m * self.rate() / (np.sqrt(v_max) + self.epsilon)

    def rate(self) -> float:
        """Return a, the step size of step number `step`."""
        rate = rate_at(self._rate, self.step - 1)  # a schedule counts from 0
        return rate * math.sqrt(bias_correction(self.beta_2, self.step)) / bias_correction(self.beta_1, self.step)


class AdamW(Adam):
    """Adam with decoupled weight decay: w -= weight_decay * learning_rate * w before each step of Adam.

    Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2. The decay is 0.004, as in Keras.
    `exclude_from_weight_decay(var_names=["bias"])` leaves the biases out.
    """

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        *,
        engine: Engine | None = None,
        **common: Any,
    ) -> None:
        if weight_decay is None:
            raise ValueError("weight_decay must be a number of at least 0; got None: Adam is AdamW without it")
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, engine=engine, weight_decay=weight_decay, **common
        )
