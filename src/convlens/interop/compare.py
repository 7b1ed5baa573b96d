"""Compare engines: how much do they differ when they train the same network on the same batches, and why?

Each engine is compared with NumPy, in three ways. The first two do not depend on chance:

- `from_equal_states`: every engine starts each step from the same weights and the same state of Adam.
- `in_float64`: free runs in float64, of the engines that support it. In a free run an engine continues from its own
  weights.
- `free_runs`: free runs in float32, with several seeds. Two runs diverge when a unit switches (a ReLU or a pooling
  window that decides differently, see `interop.switches`), which is chance.

All engines have the same initial weights, batches and order of batches. If several maxima in a pooling window are
equal, the first one gets the gradient. All use the same settings of Adam, and NumPy's Adam uses the arithmetic of the
engine that it is compared with (`steppers.Arithmetic`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from convlens.arrays import Array
from convlens.data import Digits
from convlens.data.batches import batches
from convlens.engines import get_engine
from convlens.geometry import check_count
from convlens.interop.steppers import FLOAT64, STEPPERS, AdamBy, Arithmetic, Ours, State, Stepper
from convlens.interop.switches import NOISE, Switch, explain
from convlens.models.lenet5 import lenet5

__all__ = ["ENGINES", "Comparison", "Differences", "Percentiles", "Switched", "compare"]

ENGINES = tuple(name for name in STEPPERS if name != "browser")  # browser, the slowest, only if it is named
REFERENCE = "numpy"


class Percentiles(NamedTuple):
    """The median, the 99th percentile and the maximum of the differences of all steps"""

    median: float
    p99: float
    max: float


def percentiles(values: Sequence[float]) -> Percentiles:
    """Return the median, the 99th percentile and the maximum of the values."""
    return Percentiles(float(np.median(values)), float(np.percentile(values, 99)), float(np.max(values)))


class Switched(NamedTuple):
    """A step in which units switched

    step: the step's number, from 1. gradient: the relative difference of the gradient, before the effect of a switched
    unit is subtracted. units: the units that switched; None if no unit close to switching explains the difference
    """

    step: int
    gradient: float
    units: list[Switch] | None


@dataclass
class Differences:
    """The relative differences between an engine and NumPy, for each step from an equal state

    loss: |loss - loss'| / |loss|. gradient: ‖g - g'‖ / ‖g‖. update: ‖u - u'‖ / ‖u‖, where u is the update of the
    weights. If units switched in a step, g and u are NumPy's values with the same units switched, so that only rounding
    is left. `switched` lists these steps with their whole difference.
    """

    loss: list[float] = field(default_factory=list)
    gradient: list[float] = field(default_factory=list)
    update: list[float] = field(default_factory=list)
    switched: list[Switched] = field(default_factory=list)


@dataclass
class Comparison:
    """The result of `compare`, by engine

    steps: the differences in steps from equal states. float64: the largest differences of loss and weights in free runs
    in float64. free: the largest difference of the loss in free runs in float32, one for each seed
    """

    steps: dict[str, Differences]
    float64: dict[str, dict[str, float]]
    free: dict[str, list[float]]

    def as_json(self) -> dict[str, Any]:
        """Return the comparison for JSON: {"steps": count, "engines": {name: figures}}."""
        count = len(next(iter(self.steps.values())).loss)
        return {"steps": count, "engines": {name: self._engine(name) for name in self.steps}}

    def _engine(self, name: str) -> dict[str, Any]:
        found = self.steps[name]
        kinds = {"loss": found.loss, "gradient": found.gradient, "update": found.update}
        return {
            **{f"step_{kind}_difference": percentiles(values)._asdict() for kind, values in kinds.items()},
            "switched": [
                {
                    "step": one.step,
                    "gradient_difference": one.gradient,
                    "units": None if one.units is None else [unit._asdict() for unit in one.units],
                }
                for one in found.switched
            ],
            "float64_difference": self.float64.get(name),
            "free_loss_differences": self.free.get(name),
        }


def compare(
    digits: Digits,
    engines: tuple[str, ...] = ENGINES,
    *,
    steps: int = 200,
    batch_size: int = 32,
    seed: int = 0,
    free_seeds: int = 0,
    begins: Callable[[str], None] = lambda what: None,
) -> Comparison:
    """Train LeNet-5 for `steps` steps of Adam in each engine, and return the differences from NumPy.

    seed: seed of the initial weights and of the batches. free_seeds: number of free runs in float32; their seeds count
    from 0. begins: a function that is called with a description of each stage when it begins. ValueError for an unknown
    engine or one that is named twice.
    """
    for name in engines:
        if name not in STEPPERS:
            raise ValueError(f"each engine must be one of {', '.join(STEPPERS)}; got {name!r}")
    if not engines or len(set(engines)) < len(engines):
        raise ValueError(f"at least one engine must be named, each only once; got {', '.join(engines) or 'none'}")
    check_count("steps", steps, 1)
    check_count("batch_size", batch_size, 1)
    check_count("seed", seed, 0)
    check_count("free_seeds", free_seeds, 0)
    begins("each step from an equal state")
    sides = {name: STEPPERS[name]() for name in engines}
    found = from_equal_states(digits, sides, steps=steps, batch_size=batch_size, seed=seed)
    begins("free runs in float64")
    float64 = in_float64(digits, engines, steps=steps, batch_size=batch_size, seed=seed)
    free: dict[str, list[float]] = {name: [] for name in engines} if free_seeds else {}
    for one in range(free_seeds):
        begins(f"free runs in float32, seed {one}")
        for name, loss in free_runs(digits, sides, steps=steps, batch_size=batch_size, seed=one).items():
            free[name].append(loss)
    return Comparison(found, float64, free)


def from_equal_states(
    digits: Digits, sides: Mapping[str, Stepper], *, steps: int, batch_size: int, seed: int
) -> dict[str, Differences]:
    """Return the differences of each engine. Every step starts from the state after NumPy's last step."""
    reference = Ours(REFERENCE)
    reference.begin(_start(seed))
    found = {name: Differences() for name in sides}
    for number, x, labels in _steps(digits, steps, batch_size, seed):
        state = reference.state()
        wanted = reference.step(x, labels)
        for name, side in sides.items():
            side.begin(state)
            got = side.step(x, labels)
            mine, gradient = found[name], wanted.gradient
            if (whole := _difference(got.gradient, gradient)) > NOISE:
                at_state = lenet5(engine=REFERENCE)
                at_state.flat[...] = state.weights
                explained = explain(at_state, x, labels, got.gradient)
                mine.switched.append(Switched(number, whole, explained and explained.units))
                gradient = got.gradient - explained.left if explained else gradient
            mine.loss.append(abs(got.loss - wanted.loss) / abs(wanted.loss))
            mine.gradient.append(_difference(got.gradient, gradient))
            mine.update.append(_difference(got.weights - state.weights, _update(state, gradient, side.arithmetic)))
    return found


def _update(state: State, gradient: Array, arithmetic: Arithmetic) -> Array:
    """Return the update of the weights that NumPy's Adam makes from a state, in the arithmetic of another engine."""
    adam = AdamBy(arithmetic, get_engine(REFERENCE))
    adam.set_state({"step": np.array(state.steps), "m": state.m, "v": state.v})
    weights = state.weights.copy()
    adam.update(weights, gradient)
    return weights - state.weights


def _difference(got: Array, wanted: Array) -> float:
    """‖got - wanted‖ / ‖wanted‖"""
    return float(np.linalg.norm(got - wanted) / np.linalg.norm(wanted))


def in_float64(
    digits: Digits, engines: Sequence[str], *, steps: int, batch_size: int, seed: int
) -> dict[str, dict[str, float]]:
    """Return the largest absolute differences of loss and weights in free runs in float64, for the engines that support
    float64."""
    sides = {name: FLOAT64[name]() for name in engines if name in FLOAT64}
    references = {side.arithmetic: Ours(REFERENCE, np.float64, side.arithmetic) for side in sides.values()}
    weights, m, v, _ = _start(seed)
    start = State(weights.astype(np.float64), m.astype(np.float64), v.astype(np.float64), 0)
    for side in (*references.values(), *sides.values()):
        side.begin(start)
    found = {name: {"loss": 0.0, "weights": 0.0} for name in sides}
    for _, x, labels in _steps(digits, steps, batch_size, seed):
        steps_wanted = {key: side.step(x, labels) for key, side in references.items()}
        for name, side in sides.items():
            got, wanted, mine = side.step(x, labels), steps_wanted[side.arithmetic], found[name]
            mine["loss"] = max(mine["loss"], abs(got.loss - wanted.loss))
            mine["weights"] = max(mine["weights"], float(np.abs(got.weights - wanted.weights).max()))
    return found


def free_runs(
    digits: Digits, sides: Mapping[str, Stepper], *, steps: int, batch_size: int, seed: int
) -> dict[str, float]:
    """Return each engine's largest absolute difference of the loss in a free run in float32."""
    references = {side.arithmetic: Ours(REFERENCE, np.float32, side.arithmetic) for side in sides.values()}
    for side in (*references.values(), *sides.values()):
        side.begin(_start(seed))
    found = dict.fromkeys(sides, 0.0)
    for _, x, labels in _steps(digits, steps, batch_size, seed):
        wanted = {key: side.step(x, labels).loss for key, side in references.items()}
        for name, side in sides.items():
            found[name] = max(found[name], abs(side.step(x, labels).loss - wanted[side.arithmetic]))
    return found


def _start(seed: int) -> State:
    """Return initial weights, and the state of Adam before its first step."""
    weights = lenet5(seed=seed, engine=REFERENCE).flat
    return State(weights, np.zeros_like(weights), np.zeros_like(weights), 0)


def _steps(digits: Digits, steps: int, size: int, seed: int) -> Iterator[tuple[int, Array, Array]]:
    """Yield number, images and labels of each step, epoch after epoch."""
    images = digits.images("train")
    number = epoch = 0
    while number < steps:
        epoch += 1
        for chosen in batches(len(images), size, np.random.default_rng([seed, epoch])):
            number += 1
            yield number, images[chosen], digits.y_train[chosen]
            if number == steps:
                return
