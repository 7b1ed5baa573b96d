"""Schedules of the learning rate.

`LearningRateSchedule` and its subclasses are functions of the step, counted from 0, for an optimizer's `learning_rate`;
their names, arguments and results are Keras's. `StepDecay` is a function of the epoch, counted from 1, for the argument
`schedule` of `convlens.fit`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from convlens.geometry import check_count

__all__ = [
    "SCHEDULES",
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRate",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "StepDecay",
    "check_rate",
    "config_of",
    "over",
    "rate_at",
    "schedule_of",
]

LearningRate: TypeAlias = "float | Callable[[int], float]"


def check_rate(value: LearningRate, least: float | None = None) -> LearningRate:
    """Return a learning rate as a float, or the schedule itself; ValueError unless it is above 0 and finite.

    least: 0 if a learning rate of 0 is allowed too
    """
    if callable(value):
        return value
    try:
        rate = math.nan if isinstance(value, bool | str) else float(value)
    except (TypeError, ValueError):
        rate = math.nan
    if not (math.isfinite(rate) and (rate > 0 or rate == least)):
        rule = "above 0" if least is None else "of at least 0"
        raise ValueError(f"learning_rate must be a number {rule}; got {value!r}")
    return rate


def rate_at(rate: LearningRate, step: int) -> float:
    """Return the learning rate of a step, counted from 0; ValueError if a schedule gives none."""
    if not callable(rate):
        return rate
    found = float(rate(step))
    if not (math.isfinite(found) and found >= 0):
        raise ValueError(f"a schedule must give a learning rate of at least 0; got {found!r} for step {step}")
    return found


class LearningRateSchedule:
    """The base class of schedules by step. A subclass has `__call__(step)`, which returns the learning rate."""

    def get_config(self) -> dict[str, Any]:
        """Return the numbers by name, from which `from_config` makes an equal schedule."""
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Return the schedule whose `get_config` gave these numbers."""
        return cls(**config)

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        raise TypeError(f"{type(self).__name__} is a base class, not a schedule that can be called")


def _check(schedule: object, rates: tuple[str, ...], steps: tuple[str, ...] = ("decay_steps",)) -> None:
    """Raise ValueError unless the named fields are finite numbers of at least 0, or above 0 for steps."""
    for names, rule, least in ((rates, "of at least 0", 0.0), (steps, "above 0", math.ulp(0))):
        for name in names:
            value = getattr(schedule, name)
            known = isinstance(value, int | float) or hasattr(value, "__float__")
            if isinstance(value, bool) or not (known and math.isfinite(value) and value >= least):
                raise ValueError(f"{name} must be a number {rule}; got {value!r}")


def config_of(schedule: Any) -> dict[str, Any]:
    """Return a schedule in Keras's serialized form, or its name alone for a function of one's own."""
    if not isinstance(schedule, LearningRateSchedule) or type(schedule).__module__ != __name__:
        return {"class_name": getattr(schedule, "__name__", type(schedule).__name__), "config": None}
    return {
        "module": "keras.optimizers.schedules",
        "class_name": type(schedule).__name__,
        "config": schedule.get_config(),
        "registered_name": None,
    }


def schedule_of(config: Mapping[str, Any]) -> LearningRate:
    """Return the schedule of a serialized form; ValueError for one that convlens does not have."""
    kind = _kinds().get(str(config.get("class_name")))
    if kind is None or not isinstance(config.get("config"), Mapping):
        raise ValueError(
            f"a schedule must be one of {', '.join(_kinds())}; got {config.get('class_name')!r}: compile again with it"
        )
    found: LearningRate = kind.from_config(config["config"])
    return found


def _kinds() -> dict[str, type[LearningRateSchedule]]:
    """Return the schedules of this file by their names."""
    return {kind.__name__: kind for kind in LearningRateSchedule.__subclasses__() if kind.__module__ == __name__}


@dataclass(frozen=True)
class ExponentialDecay(LearningRateSchedule):
    """initial_learning_rate * decay_rate^(step / decay_steps); staircase: with step // decay_steps

    >>> rate = ExponentialDecay(0.1, decay_steps=100, decay_rate=0.5, staircase=True)
    >>> [rate(step) for step in (0, 99, 100, 250)]
    [0.1, 0.1, 0.05, 0.025]
    """

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    staircase: bool = False
    name: str = "ExponentialDecay"

    def __post_init__(self) -> None:
        _check(self, ("initial_learning_rate", "decay_rate"))

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        p = step / self.decay_steps
        return float(self.initial_learning_rate * self.decay_rate ** (math.floor(p) if self.staircase else p))


@dataclass(frozen=True)
class InverseTimeDecay(LearningRateSchedule):
    """initial_learning_rate / (1 + decay_rate * step / decay_steps); staircase: with step // decay_steps"""

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    staircase: bool = False
    name: str = "InverseTimeDecay"

    def __post_init__(self) -> None:
        _check(self, ("initial_learning_rate", "decay_rate"))

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        p = step / self.decay_steps
        return float(self.initial_learning_rate / (1 + self.decay_rate * (math.floor(p) if self.staircase else p)))


@dataclass(frozen=True)
class PolynomialDecay(LearningRateSchedule):
    """(initial_learning_rate - end_learning_rate) * (1 - step / decay_steps)^power + end_learning_rate

    After decay_steps it stays at end_learning_rate. With cycle, decay_steps is multiplied until it reaches the step.
    """

    initial_learning_rate: float
    decay_steps: float
    end_learning_rate: float = 0.0001
    power: float = 1.0
    cycle: bool = False
    name: str = "PolynomialDecay"

    def __post_init__(self) -> None:
        _check(self, ("initial_learning_rate", "end_learning_rate", "power"))

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        whole = self.decay_steps * (max(1, math.ceil(step / self.decay_steps)) if self.cycle else 1)
        left = (1 - min(step, whole) / whole) ** self.power
        return float((self.initial_learning_rate - self.end_learning_rate) * left + self.end_learning_rate)


@dataclass(frozen=True)
class CosineDecay(LearningRateSchedule):
    """initial_learning_rate * ((1 - alpha) (1 + cos(π step / decay_steps)) / 2 + alpha)

    After decay_steps it stays at alpha * initial_learning_rate. With warmup_target, it first rises in a line from
    initial_learning_rate to warmup_target, in warmup_steps, and falls from there. Loshchilov and Hutter 2017, "SGDR",
    eq. 5.
    """

    initial_learning_rate: float
    decay_steps: float
    alpha: float = 0.0
    name: str = "CosineDecay"
    warmup_target: float | None = None
    warmup_steps: float = 0

    def __post_init__(self) -> None:
        targets = () if self.warmup_target is None else ("warmup_target",)
        _check(self, ("initial_learning_rate", "alpha", "warmup_steps", *targets))

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        top, warm = self.initial_learning_rate, 0.0
        if self.warmup_target is not None:
            top, warm = self.warmup_target, self.warmup_steps
            if step < warm:
                return float((top - self.initial_learning_rate) * step / warm + self.initial_learning_rate)
        done = min(step - warm, self.decay_steps) / self.decay_steps
        return float(top * ((1 - self.alpha) * 0.5 * (1 + math.cos(math.pi * done)) + self.alpha))


@dataclass(frozen=True)
class CosineDecayRestarts(LearningRateSchedule):
    """Cosine decay that starts again: period k has first_decay_steps * t_mul^k steps and begins at m_mul^k of the rate.

    Loshchilov and Hutter 2017, "SGDR", section 3.
    """

    initial_learning_rate: float
    first_decay_steps: float
    t_mul: float = 2.0
    m_mul: float = 1.0
    alpha: float = 0.0
    name: str = "SGDRDecay"

    def __post_init__(self) -> None:
        _check(self, ("initial_learning_rate", "m_mul", "alpha"), ("first_decay_steps",))
        if not (math.isfinite(self.t_mul) and self.t_mul >= 1):
            raise ValueError(f"t_mul must be a number of at least 1; got {self.t_mul!r}")

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        start, length, restarts = 0.0, float(self.first_decay_steps), 0
        if self.t_mul == 1:
            restarts = math.floor(step / length)
            start = restarts * length
        else:
            while step >= start + length:
                start, length, restarts = start + length, length * self.t_mul, restarts + 1
        cosine = 0.5 * self.m_mul**restarts * (1 + math.cos(math.pi * (step - start) / length))
        return float(self.initial_learning_rate * ((1 - self.alpha) * cosine + self.alpha))


@dataclass(frozen=True, init=False)
class PiecewiseConstantDecay(LearningRateSchedule):
    """values[k], where k is the number of boundaries below the step; a boundary itself belongs to the value before it.

    >>> rate = PiecewiseConstantDecay([100, 200], [0.1, 0.01, 0.001])
    >>> [rate(step) for step in (0, 100, 101, 200, 201)]
    [0.1, 0.1, 0.01, 0.01, 0.001]
    """

    boundaries: tuple[float, ...]
    values: tuple[float, ...]
    name: str

    def __init__(
        self,
        boundaries: list[float] | tuple[float, ...],
        values: list[float] | tuple[float, ...],
        name: str = "PiecewiseConstant",
    ) -> None:
        object.__setattr__(self, "boundaries", tuple(boundaries))
        object.__setattr__(self, "values", tuple(values))
        object.__setattr__(self, "name", name)
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"values must have one number more than boundaries; got {len(self.values)} values and "
                f"{len(self.boundaries)} boundaries"
            )
        if any(a >= b for a, b in zip(self.boundaries, self.boundaries[1:], strict=False)):
            raise ValueError(f"boundaries must be in increasing order; got {self.boundaries}")
        for value in self.values:
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"each of values must be a number of at least 0; got {value!r}")

    def __call__(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        return float(self.values[sum(boundary < step for boundary in self.boundaries)])


def _three_parts(rate: float, steps: int) -> LearningRate:
    return PiecewiseConstantDecay([steps // 2, steps * 3 // 4], [rate, rate / 10, rate / 100]) if steps > 3 else rate


# Schedules by name, for a training of a known number of steps, as the command line uses them
SCHEDULES: dict[str, Callable[[float, int], LearningRate]] = {
    "constant": lambda rate, steps: rate,
    "cosine": lambda rate, steps: CosineDecay(rate, steps),
    "linear": lambda rate, steps: PolynomialDecay(rate, steps, end_learning_rate=0.0),
    "exponential": lambda rate, steps: ExponentialDecay(rate, steps, 0.01),
    "steps": _three_parts,
}


def over(name: str, learning_rate: float, steps: int) -> LearningRate:
    """Return a learning rate for an optimizer that falls over a training of `steps` steps.

    "constant": it does not fall. "cosine": to 0, by half a cosine. "linear": to 0, in a line. "exponential": to a
    hundredth, by the same factor at each step. "steps": by 10 at the half and at three quarters of the training.

    >>> over("cosine", 0.1, 1000)(500)
    0.05
    """
    if name not in SCHEDULES:
        raise ValueError(f"schedule must be one of {', '.join(SCHEDULES)}; got {name!r}")
    check_count("steps", steps, 1)
    rate = check_rate(learning_rate)
    if callable(rate):
        raise ValueError(f"learning_rate must be a number above 0; got {rate!r}")
    return SCHEDULES[name](rate, steps)


@dataclass(frozen=True)
class StepDecay:
    """The learning rate is divided by `by` at the start of each of the `epochs`.

    In epoch e it is learning_rate / by^k, where k is the number of `epochs` that are at most e. Krizhevsky et al. 2012,
    section 5, started at 0.01 and divided by 10 three times, each time that the validation error stopped improving.

    >>> rate = StepDecay(0.01, (3, 5))
    >>> [rate(epoch) for epoch in range(1, 7)]
    [0.01, 0.01, 0.001, 0.001, 0.0001, 0.0001]
    """

    learning_rate: float
    epochs: tuple[int, ...]
    by: float = 10.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(f"learning_rate must be a number above 0; got {self.learning_rate!r}")
        if not (math.isfinite(self.by) and self.by > 1):
            raise ValueError(f"by must be a number above 1; got {self.by!r}")
        if not isinstance(self.epochs, tuple):
            raise ValueError(f"epochs must be a tuple of integers; got {self.epochs!r}")
        for epoch in self.epochs:
            check_count("each of epochs", epoch, 2)
        if any(a >= b for a, b in zip(self.epochs, self.epochs[1:], strict=False)):
            raise ValueError(f"epochs must be in increasing order; got {self.epochs}")

    def __call__(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 1."""
        check_count("epoch", epoch, 1)
        return float(self.learning_rate / self.by ** sum(each <= epoch for each in self.epochs))
