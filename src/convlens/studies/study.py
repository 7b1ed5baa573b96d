"""What a study is made of: arms, which differ in one thing; a protocol, which they share; claims about them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from convlens.nn import Layer
from convlens.training.checks import Augment

__all__ = ["GUESSING", "MEASURES", "Arm", "Claim", "Measure", "Protocol", "Run", "Study"]


@dataclass(frozen=True)
class Arm:
    """A network, and how it is trained where that is what differs.

    start: a factor on the initial kernels, which have standard deviation sqrt(2 / fan_in).
    """

    name: str
    layers: tuple[Layer, ...]
    start: float = 1.0
    augment: Augment | None = None


@dataclass(frozen=True)
class Protocol:
    """How each run is done: SGD with momentum on `digits` digits; all others are test digits.

    rates: learning rates to choose from, for each arm its own: the one with the lowest mean over `pilots` runs of other
    seeds, which are not counted. The rate falls to a tenth for the last quarter of the epochs, unless `stops`.
    level: a training error, and `every` how many steps apart it is measured, on the first 1,000 training digits as the
    network answers them. stops: a run ends where it is reached.
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
    """`says`: in words that `measure` is less in arm `less` than in arm `more`; and what the paper says, and where."""

    says: str
    measure: str
    less: str
    more: str
    section: str
    paper: str


@dataclass(frozen=True)
class Study:
    """`choose` is the measure by which an arm's learning rate is chosen; `notes` say what the paper did otherwise."""

    name: str
    title: str
    arms: tuple[Arm, ...]
    protocol: Protocol
    choose: str
    claims: tuple[Claim, ...]
    notes: str

    def arm(self, name: str) -> Arm:
        """The arm of that name"""
        return next(arm for arm in self.arms if arm.name == name)

    def count(self, seeds: int) -> int:
        """How many runs it takes"""
        return len(self.arms) * (len(self.protocol.rates) * self.protocol.pilots + seeds)

    def measures(self) -> tuple[str, ...]:
        """What the claims are about, in their order"""
        return tuple(dict.fromkeys(claim.measure for claim in self.claims))

    def heading(self, measure: str) -> str:
        """What a table of that measure is called"""
        return MEASURES[measure].title.format(level=self.protocol.level)

    def settings(self) -> dict[str, Any]:
        """All that the numbers of a run depend on, but its arm, rate and seed: what runs in one file have in common"""
        arms = repr([(arm.name, arm.layers, arm.start, arm.augment) for arm in self.arms])
        protocol = {field.name: getattr(self.protocol, field.name) for field in fields(self.protocol)}
        return {"study": self.name, **protocol, "networks": hashlib.sha256(arms.encode()).hexdigest()[:16]}


@dataclass(frozen=True)
class Run:
    """One training. epochs: until the level was reached, None if it was not or there is none; gap: test less training
    loss. A run whose numbers overflow has diverged and counts as `GUESSING`.
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
    def parse(cls, value: Mapping[str, Any]) -> Run:
        """A run from a file's line; ValueError, KeyError or TypeError for another line"""
        run = cls(**value)
        numbers = (run.rate, run.seed, run.train_error, run.test_error, run.gap, run.seconds, run.epochs or 0)
        if not isinstance(run.arm, str) or not all(isinstance(number, int | float) for number in numbers):
            raise ValueError("a run has a name and numbers")
        return run


GUESSING = {"train_error": 0.9, "test_error": 0.9, "gap": 0.0}  # of ten classes


@dataclass(frozen=True)
class Measure:
    """How a measure is written: times `factor`, with so many decimals; `unit` is that of differences."""

    title: str
    factor: float
    unit: str
    decimals: int


MEASURES = {
    "epochs": Measure("epochs until the training error is {level:.0%}", 1, "epochs", 2),
    "test_error": Measure("test error, %", 100, "points", 2),
    "gap": Measure("test loss less training loss", 1, "", 3),
}
