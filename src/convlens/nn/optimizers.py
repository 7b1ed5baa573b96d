"""Optimizers: each updates one flat vector of weights in place. Its state can be saved and restored."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from convlens.arrays import Array
from convlens.engines import Engine, numpy_engine
from convlens.machine.memory import aligned

_BLOCK = 1 << 17  # numbers updated at a time, so that they are still in the cache when they are needed again


class Optimizer(Protocol):
    """The attributes and methods of an optimizer that `convlens.training.loop` uses."""

    learning_rate: float

    def update(self, weights: Array, gradient: Array) -> None:
        """One step: change `weights` (size,) in place, given their `gradient` (size,)."""

    def get_state(self) -> dict[str, Array]:
        """Return copies of the whole state. After `set_state` with them, training continues bit for bit."""

    def set_state(self, state: dict[str, Array]) -> None:
        """Continue from a state that `get_state` returned."""


class _Flat:
    """The base class of the optimizers: a step counter, and the slots.

    A slot is a vector of the optimizer's own, as long as the weights. It is made at the first step.
    """

    slots: tuple[str, ...] = ()

    def __init__(self, learning_rate: float) -> None:
        if not (math.isfinite(learning_rate) and learning_rate > 0):
            raise ValueError(f"learning_rate must be a number above 0; got {learning_rate!r}")
        self.learning_rate = learning_rate
        self.step = 0
        self._slots: dict[str, Array] = {}

    def _begin(self, weights: Array) -> list[Array]:
        self.step += 1
        for name in self.slots:
            if name not in self._slots:
                self._slots[name] = aligned(weights.size, weights.dtype)
        return [self._slots[name] for name in self.slots]

    def get_state(self) -> dict[str, Array]:
        """Return copies of the whole state. After `set_state` with them, training continues bit for bit."""
        return {"step": np.array(self.step, np.int64), **{k: v.copy() for k, v in self._slots.items()}}

    def set_state(self, state: dict[str, Array]) -> None:
        """Continue from a state that `get_state` returned."""
        self.step = int(state["step"])
        self._slots = {name: aligned(state[name].size, state[name].dtype) for name in self.slots if name in state}
        for name, slot in self._slots.items():
            slot[...] = state[name]


class SGD(_Flat):
    """v = momentum * v - weight_decay * learning_rate * w - learning_rate * g;  w += v

    Krizhevsky et al. 2012, section 5, use momentum 0.9 and weight_decay 0.0005. Without weight_decay this equals
    Keras's SGD: Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning", eq. 1-2.
    """

    slots = ("velocity",)

    def __init__(self, learning_rate: float = 0.01, momentum: float = 0.0, weight_decay: float = 0.0) -> None:
        super().__init__(learning_rate)
        if not (math.isfinite(weight_decay) and weight_decay >= 0):
            raise ValueError(f"weight_decay must be a number of at least 0; got {weight_decay!r}")
        self.weight_decay = weight_decay
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must be from 0 to below 1; got {momentum!r}")
        self.momentum = momentum

    def update(self, weights: Array, gradient: Array) -> None:
        """One step: change `weights` (size,) in place, given their `gradient` (size,)."""
        (velocity,) = self._begin(weights)
        spare = np.empty(min(_BLOCK, weights.size), weights.dtype)
        for start in range(0, weights.size, _BLOCK):
            w, v, g = (array[start : start + _BLOCK] for array in (weights, velocity, gradient))
            more = spare[: len(w)]
            v *= self.momentum
            if self.weight_decay:
                v -= np.multiply(w, self.weight_decay * self.learning_rate, out=more)
            v -= np.multiply(g, self.learning_rate, out=more)
            w += v


class Adam(_Flat):
    """m += (1 - beta_1)(g - m);  v += (1 - beta_2)(g² - v);  w -= a m / (sqrt(v) + epsilon)

    with a = learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t) at step t. As in Keras, epsilon is 1e-7 and is added to
    sqrt(v) before the bias correction. Kingma and Ba 2015, "Adam", the note at the end of section 2. `engine` computes
    the update.
    """

    slots = ("m", "v")

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        *,
        engine: Engine = numpy_engine,
    ) -> None:
        super().__init__(learning_rate)
        for name, beta in (("beta_1", beta_1), ("beta_2", beta_2)):
            if not 0 <= beta < 1:
                raise ValueError(f"{name} must be from 0 to below 1; got {beta!r}")
        self.beta_1, self.beta_2, self.epsilon, self.engine = beta_1, beta_2, epsilon, engine

    def update(self, weights: Array, gradient: Array) -> None:
        """One step: change `weights` (size,) in place, given their `gradient` (size,)."""
        m, v = self._begin(weights)
        self.engine.adam(weights, m, v, gradient, self.rate(), self.beta_1, self.beta_2, self.epsilon)

    def rate(self) -> float:
        """Return a, the step size of step number `step`."""
        return self.learning_rate * math.sqrt(1 - self.beta_2**self.step) / (1 - self.beta_1**self.step)
