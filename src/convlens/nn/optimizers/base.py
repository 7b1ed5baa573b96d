"""The base class of the optimizers: it keeps the step counter, the learning rate, the slots, clipping and decay.

All optimizers work on one flat vector that holds the weights of all variables one after the other. A slot is a vector
of the optimizer's own, as long as the weights. It is made at the first step.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, Self

import numpy as np

from convlens.arrays import Array, is_plain, kind
from convlens.engines import Engine
from convlens.machine.memory import aligned
from convlens.nn.optimizers.arguments import OFF, check_weight_decay, refuse
from convlens.nn.optimizers.clipping import Clipping
from convlens.nn.schedules import LearningRate, check_rate, config_of, rate_at, schedule_of

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


class Rate(float):
    """A learning rate: a number, with `assign` and `numpy` as Keras's variables have them"""

    _owner: FlatOptimizer | None = None

    @classmethod
    def of(cls, owner: FlatOptimizer, value: float) -> Rate:
        """Return the learning rate of an optimizer."""
        made = cls(value)
        made._owner = owner
        return made

    def assign(self, value: float) -> None:
        """Set the learning rate of the optimizer."""
        if self._owner is None:
            raise ValueError("assign needs an optimizer's learning rate; this is a number alone")
        self._owner.learning_rate = float(value)

    def numpy(self) -> np.float32:
        """Return the number as NumPy's float32."""
        return np.float32(self)

    def __reduce__(self) -> tuple[type[float], tuple[float]]:
        return float, (float(self),)


class FlatOptimizer:
    """The base class of the optimizers. A subclass says its `slots` and its rule, `_rule`.

    learning_rate: a number above 0, or a schedule: a function from the number of the step, counted from 0, to the
    learning rate. weight_decay: w -= weight_decay * learning_rate * w before the step, as in Keras ("decoupled").
    clipnorm, clipvalue, global_clipnorm: see `Clipping`; at most one of them. name: a name of the user's own.
    """

    slots: tuple[str, ...] = ()

    def __init__(
        self,
        learning_rate: LearningRate,
        *,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
        **others: Any,
    ) -> None:
        refuse(type(self).__name__, others)
        self.name = name or type(self).__name__.lower()
        self._rate = self._first_rate = check_rate(learning_rate)
        self.weight_decay = check_weight_decay("weight_decay", weight_decay)
        self.clipping = Clipping(clipnorm, clipvalue, global_clipnorm)
        self.step = 0
        self._slots: dict[str, Array] = {}
        self._variables: dict[str, int] | None = None
        self._built_for: int | None = None  # the number of weights of all variables
        self._excluded: tuple[str, ...] = ()

    @property
    def learning_rate(self) -> Rate:
        """The learning rate of the next step. It can be set, unless it follows a schedule."""
        return Rate.of(self, rate_at(self._rate, self.step))

    @learning_rate.setter
    def learning_rate(self, value: LearningRate) -> None:
        """Set a number of at least 0, or another schedule; TypeError for a number when a schedule is followed."""
        if callable(self._rate) and not callable(value):
            raise TypeError(
                f"the learning rate of this {type(self).__name__} follows the schedule {self._rate!r}, so it cannot be "
                f"set to {value!r}; give the optimizer a number, and the number can be changed"
            )
        self._rate = check_rate(value, least=0)

    @property
    def iterations(self) -> int:
        """The number of steps so far; Keras's name for `step`"""
        return self.step

    def build(self, variables: Mapping[str, int], engine: Engine | None = None) -> None:
        """Tell the name and size of each variable, in the order of the flat vector; the trainer calls this.

        `clipnorm` needs the sizes, `exclude_from_weight_decay` the names. engine: the engine that computes the update,
        unless the optimizer got one of its own
        """
        self._variables = dict(variables)
        self._built_for = sum(variables.values())

    def exclude_from_weight_decay(
        self, var_list: Iterable[str] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Leave variables out of weight decay.

        var_list: full names such as "dense/bias". var_names: regular expressions; a variable is left out if one of them
        is found in its name, for example ["bias"].
        """
        for name, value in (("var_list", var_list), ("var_names", var_names)):
            if isinstance(value, str) or not all(isinstance(each, str) for each in value or ()):
                raise TypeError(f"{name} must be a list of names such as 'dense/bias'; got {value!r}")
        exact = tuple(f"^{re.escape(each)}$" for each in var_list or ())
        self._excluded = (*exact, *(var_names or ()))

    def update(self, weights: Array, gradient: Array) -> None:
        """One step: change `weights` (size,) in place, given their `gradient` (size,)."""
        self._check(weights, gradient)
        rate = rate_at(self._rate, self.step)
        self.step += 1
        for name in self.slots:
            if name not in self._slots:
                self._slots[name] = aligned(weights.size, weights.dtype)
                self._slots[name][...] = self._start_of(name)
        gradient = self.clipping.clip(gradient, self._variables)
        if self.weight_decay:
            for span in self._decaying(weights.size):
                weights[span] *= 1 - self.weight_decay * rate
        self._apply(weights, gradient, [self._slots[name] for name in self.slots], rate)

    def _check(self, weights: Array, gradient: Array) -> None:
        """Raise ValueError unless all vectors have one size; an engine reads and writes as many numbers as weights."""
        for name, vector in (("weights", weights), ("gradient", gradient)):
            if not is_plain(vector) or vector.ndim != 1:
                got = f"{vector.dtype} {vector.shape}" if is_plain(vector) else kind(vector)
                raise ValueError(f"{name} must be a vector (size,); got {got}")
        if gradient.size != weights.size:
            raise ValueError(f"gradient must have {weights.size} numbers, one for each weight; got {gradient.size}")
        if not weights.flags.writeable:
            raise ValueError("weights must be a vector that can be written; got one that is read only")
        sizes = [slot.size for slot in self._slots.values()]
        if self._built_for is not None:
            sizes.append(self._built_for)
        if (wrong := next((size for size in sizes if size != weights.size), None)) is not None:
            raise ValueError(f"{type(self).__name__} was built for {wrong} weights; got {weights.size}")

    def _decaying(self, size: int) -> list[slice]:
        """Return the spans of the flat vector that weight decay changes; neighbours are joined."""
        if not self._excluded:
            return [slice(0, size)]
        if self._variables is None:
            raise ValueError("exclude_from_weight_decay needs the names of the variables; call build with them first")
        spans: list[slice] = []
        at = 0
        for name, count in self._variables.items():
            if not any(re.search(pattern, name) for pattern in self._excluded):
                start = spans.pop().start if spans and spans[-1].stop == at else at
                spans.append(slice(start, at + count))
            at += count
        return spans

    def _apply(self, w: Array, g: Array, slots: list[Array], rate: float) -> None:
        """Apply the rule to the whole vector, a block at a time."""
        for start in range(0, w.size, _BLOCK):
            block = slice(start, start + _BLOCK)
            self._rule(w[block], g[block], [slot[block] for slot in slots], rate)

    def _rule(self, w: Array, g: Array, slots: list[Array], rate: float) -> None:
        """Change w (k,) and the slots (k,) in place, given the gradient g (k,) and the learning rate."""
        raise TypeError(f"{type(self).__name__} is a base class, not an optimizer that has a rule")

    def _start_of(self, slot: str) -> float:
        """Return the number with which a slot begins."""
        return 0.0

    def get_state(self) -> dict[str, Array]:
        """Return copies of the whole state. After `set_state` with them, training continues bit for bit.

        "step" counts the steps. "learning_rate" is there only when it was changed after the optimizer was made.
        """
        state = {"step": np.array(self.step, np.int64), **{name: slot.copy() for name, slot in self._slots.items()}}
        if not callable(self._rate) and self._rate != self._first_rate:
            state["learning_rate"] = np.array(self._rate, np.float64)
        return state

    def set_state(self, state: dict[str, Array]) -> None:
        """Continue from a state that `get_state` returned."""
        self.step = int(state["step"])
        if not callable(self._rate):
            self._rate = float(state["learning_rate"]) if "learning_rate" in state else self._first_rate
        self._slots = {name: aligned(state[name].size, state[name].dtype) for name in self.slots if name in state}
        for name, slot in self._slots.items():
            slot[...] = state[name]

    def get_config(self) -> dict[str, Any]:
        """Return the settings by their names in Keras, from which `from_config` makes an equal optimizer."""
        rate = config_of(self._rate) if callable(self._rate) else self._rate
        found = {"name": self.name, "learning_rate": rate, "weight_decay": self.weight_decay or None}
        found |= vars(self.clipping) | OFF
        for each in type(self).__mro__:
            for name in inspect.signature(each.__init__).parameters if issubclass(each, FlatOptimizer) else ():
                if name not in found and isinstance(getattr(self, name, None), bool | int | float | str):
                    found[name] = getattr(self, name)
        return found

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return a new optimizer with the settings that `get_config` gave."""
        words = dict(config)
        if isinstance(words.get("learning_rate"), Mapping):
            words["learning_rate"] = schedule_of(words["learning_rate"])
        if cls.__name__ == "AdamW":
            words["weight_decay"] = words.get("weight_decay") or 0.0
        return cls(**words)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(learning_rate={self._rate!r})"


def bias_correction(beta: float, step: int) -> float:
    """Return 1 - beta^step: by it a running mean that began at 0 is too small after `step` steps."""
    return 1 - math.pow(beta, step)
