"""The parts of a study: arms that differ in one thing, a recipe that all arms share, and claims about the arms."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from convlens.nn import Layer
from convlens.training.checks import Augment

__all__ = ["GUESSING", "MEASURES", "Arm", "Claim", "Measure", "Recipe", "Study", "StudyRun"]


@dataclass(frozen=True)
class Arm:
    """One of the variants that a study compares: a network, and the parts of its training that may differ.

    start: a factor for the initial kernels; without it their standard deviation is sqrt(2 / fan_in).
    augment: a random change of the training images; None for no change.
    """

    name: str
    layers: tuple[Layer, ...]
    start: float = 1.0
    augment: Augment | None = None


@dataclass(frozen=True)
class Recipe:
    """How each run is trained: SGD with momentum on `digits` digits. All other digits are test digits.

    rates: the learning rates to choose from. Each arm gets the rate with the lowest mean over `pilots` pilot runs.
    Pilot runs have other seeds and are not counted. In the last quarter of the epochs the rate is divided by 10, unless
    `stops` is true.
    level: a training error to reach; None for no level. It is measured every `every` steps, on the first 1,000 training
    digits, without dropout.
    stops: whether a run ends when it reaches the level.
    """

    digits: int
    epochs: int
    batch_size: int = 32
    rates: tuple[float, ...] = (0.005, 0.02, 0.08)
    pilots: int = 2
    momentum: float = 0.9
    weight_decay: float = 0.0005
    level: float | None = None
    every: int = 16
    stops: bool = False


@dataclass(frozen=True)
class Claim:
    """The claim that `measure` is less in arm `less` than in arm `more`.

    says: the claim in words. section, paper: the section of the paper and what it says there.
    """

    says: str
    measure: str
    less: str
    more: str
    section: str
    paper: str


@dataclass(frozen=True)
class Study:
    """A study. choose: the measure that chooses the learning rate of each arm. notes: differences from the paper."""

    name: str
    title: str
    arms: tuple[Arm, ...]
    recipe: Recipe
    choose: str
    claims: tuple[Claim, ...]
    notes: str

    def arm(self, name: str) -> Arm:
        """Return the arm with this name."""
        return next(arm for arm in self.arms if arm.name == name)

    def count(self, seeds: int) -> int:
        """Return the number of runs, pilots included."""
        return len(self.arms) * (len(self.recipe.rates) * self.recipe.pilots + seeds)

    def measures(self) -> tuple[str, ...]:
        """Return the measures of the claims, each once, in the order of the claims."""
        return tuple(dict.fromkeys(claim.measure for claim in self.claims))

    def heading(self, measure: str) -> str:
        """Return the title for a table of this measure."""
        return MEASURES[measure].title.format(level=self.recipe.level)

    def settings(self) -> dict[str, Any]:
        """Return everything, except arm, rate and seed, that the numbers of a run depend on.

        All runs in one file have the same settings.
        """
        arms = repr([(arm.name, arm.layers, arm.start, arm.augment) for arm in self.arms])
        recipe = {field.name: getattr(self.recipe, field.name) for field in fields(self.recipe)}
        return {"study": self.name, **recipe, "networks": hashlib.sha256(arms.encode()).hexdigest()[:16]}


@dataclass(frozen=True)
class StudyRun:
    """One training run.

    epochs: how many epochs it took to reach the level; None if the level was not reached or there is none.
    gap: the test loss minus the training loss.
    diverged: the numbers overflowed; the errors and the gap are then those of `GUESSING`.
    """

    arm: str
    rate: float
    seed: int
    epochs: float | None
    train_error: float
    test_error: float
    gap: float
    diverged: bool
    seconds: float

    @classmethod
    def parse(cls, value: Mapping[str, Any]) -> StudyRun:
        """Make a run from a line of the file. Raises ValueError, KeyError or TypeError if it does not hold a run."""
        run = cls(**value)
        numbers = (run.rate, run.seed, run.train_error, run.test_error, run.gap, run.seconds, run.epochs or 0)
        if not isinstance(run.arm, str) or not all(isinstance(number, int | float) for number in numbers):
            raise ValueError("a run must have a name and numbers")
        return run


GUESSING = {"train_error": 0.9, "test_error": 0.9, "gap": 0.0}  # random guesses among ten classes


@dataclass(frozen=True)
class Measure:
    """How a measure is printed: multiplied by `factor`, with `decimals` decimals. unit: the unit of differences."""

    title: str
    factor: float
    unit: str
    decimals: int


MEASURES = {
    "epochs": Measure("epochs until the training error is {level:.0%}", 1, "epochs", 2),
    "test_error": Measure("test error, %", 100, "points", 2),
    "gap": Measure("test loss minus training loss", 1, "", 3),
}
