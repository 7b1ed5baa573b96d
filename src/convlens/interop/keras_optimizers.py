"""Keras's optimizers in place of convlens's, with the same settings. The state goes both ways."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.interop.layers import in_words
from convlens.nn import Optimizer, Sequential
from convlens.nn.optimizers import OPTIMIZERS, FlatOptimizer, Nadam

__all__ = ["KerasOptimizer", "check_optimizer"]

# The end of Keras's name for each slot of convlens's optimizers
_SLOTS = {
    "sgd": {"velocity": "momentum"},
    "adam": {"m": "momentum", "v": "velocity", "v_max": "velocity_hat"},
    "adamw": {"m": "momentum", "v": "velocity", "v_max": "velocity_hat"},
    "rmsprop": {"v": "velocity", "momentum": "momentum", "average": "average_gradient"},
    "adadelta": {"v": "accumulated_grad", "s": "accumulated_delta_var"},
    "adagrad": {"s": "accumulator"},
    "adamax": {"m": "momentum", "u": "norm"},
    "nadam": {"m": "momentum", "v": "velocity"},
}
# The settings that have the same name in Keras
_SETTINGS = (
    *("momentum", "nesterov", "beta_1", "beta_2", "epsilon", "amsgrad"),
    *("rho", "centered", "initial_accumulator_value"),
)


def check_optimizer(optimizer: Optimizer) -> FlatOptimizer:
    """Return the optimizer; TypeError or ValueError unless Keras has the same one."""
    if not isinstance(optimizer, FlatOptimizer) or type(optimizer) not in OPTIMIZERS.values():
        kinds = in_words(kind.__name__ for kind in OPTIMIZERS.values())
        raise TypeError(f"Keras trains with {kinds}; got {type(optimizer).__name__}")
    if decay := getattr(optimizer, "coupled_weight_decay", 0):
        raise ValueError(f"Keras's SGD has no coupled_weight_decay, only weight_decay; got {decay}")
    if optimizer._excluded:
        raise ValueError("the Keras trainer applies weight decay to all weights; got exclude_from_weight_decay")
    return optimizer


class KerasOptimizer:
    """Keras's optimizer `made`, which goes on from the state of convlens's `ours`

    convlens's slots are vectors as long as `model.flat`. Keras has a variable for each slot and each trained weight.
    """

    def __init__(self, keras: Any, ours: Optimizer) -> None:
        self._ours, self._name = check_optimizer(ours), type(ours).__name__.lower()
        clips = {name: value for name, value in vars(self._ours.clipping).items() if value is not None}
        settings = {name: getattr(ours, name) for name in _SETTINGS if hasattr(ours, name)}
        decay = self._ours.weight_decay or (0.0 if self._name == "adamw" else None)
        self._rate = self._ours.learning_rate
        self.made = getattr(keras.optimizers, type(ours).__name__)(self._rate, weight_decay=decay, **clips, **settings)

    def begin(self, model: Sequential, variables: Sequence[Any], trained: dict[str, Any]) -> None:
        """Make Keras's slots and copy convlens's state into them.

        variables: Keras's variables to train, in its order. trained: the same variables by the names of
        `model.named_weights()`
        """
        self._model, self._trained = model, trained
        self._at = {id(variable): k for k, variable in enumerate(variables)}
        self.made.build(variables)
        state = self._ours.get_state()
        self.made.iterations.assign(int(state["step"]))
        for ours, theirs in self._slots().items():
            if ours in state:
                for name, value in self._views(state[ours]).items():
                    theirs[name].assign(value)
        if isinstance(self._ours, Nadam):  # the product of the momenta so far follows from the step
            factors = (self._ours.beta_1 * (1 - 0.5 * 0.96**t) for t in range(1, self._ours.step + 1))
            self.made._u_product.assign(math.prod(factors))

    def _slots(self) -> dict[str, dict[str, Any]]:
        """Return Keras's variable for each slot and each name in `trained`."""
        ends = _SLOTS[self._name]
        found = {}
        for slot in self._ours.slots:
            all_ = [variable for variable in self.made.variables if variable.path.endswith(f"_{ends[slot]}")]
            found[slot] = {name: all_[self._at[id(variable)]] for name, variable in self._trained.items()}
        return found

    def _views(self, flat: Array) -> dict[str, Array]:
        """Return the parts of a vector as long as `model.flat` by the names in `trained`."""
        rows = zip(self._model.table, self._model.views(flat), strict=True)
        named = {f"{row.name}/{name}": value for row, views in rows for name, value in views.items()}
        return {name: named[name] for name in self._trained}

    def follow_rate(self, learning_rate: float | None) -> None:
        """Give Keras the learning rate of the next step: the one given, or the optimizer's own, which may fall."""
        if learning_rate is not None:
            self._ours.learning_rate = learning_rate
        rate = self._ours.learning_rate
        if rate != self._rate:
            self.made.learning_rate.assign(rate)
            self._rate = rate
        self._ours.step += 1

    def end_epoch(self) -> None:
        """Copy Keras's state into convlens's optimizer."""
        state = self._ours.get_state()
        state["step"] = np.array(int(self.made.iterations.numpy()), np.int64)
        for slot, theirs in self._slots().items():
            if slot not in state:
                state[slot] = np.full(self._model.flat.size, self._ours._start_of(slot), self._model.dtype)
            for name, value in self._views(state[slot]).items():
                value[...] = np.asarray(theirs[name])
        self._ours.set_state(state)
