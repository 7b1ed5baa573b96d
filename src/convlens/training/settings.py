"""The settings of a run, and the rule for which settings may change when it is resumed."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from convlens.engines import ENGINES, get_engine
from convlens.geometry import check_count, pair
from convlens.nn.schedules import SCHEDULES
from convlens.training.class_weights import check_class_weights
from convlens.training.options import check_augment, check_optimizer, default_rate

__all__ = ["CONVLENS", "KERAS", "TRAINERS", "Settings", "check_fixed", "go_on"]

# The trainers: convlens's own engines, or Keras on JAX (`convlens.interop.keras_trainer`)
CONVLENS, KERAS = "convlens", "keras"
TRAINERS = (CONVLENS, KERAS)


@dataclass(frozen=True)
class Settings:
    """The settings of a run. When it is resumed, only `epochs` and the location of the same data may change.

    model: a name of `convlens.models`, or where the network came from. learning_rate: None for the optimizer's usual
    one. schedule: a name of `convlens.nn.schedules.SCHEDULES`; the learning rate falls over all `epochs`. weight_decay,
    momentum: None for the optimizer's usual ones. augment: names of random changes with commas between, see
    `convlens.training.options`. class_weights: see `convlens.training.class_weights`; convlens's engines only. dropout:
    rate of the model's dropout layers. size, skip_broken, transposed: how the
    data are read, see `convlens.load`.
    """

    model: str = "lenet5"
    engine: str = "auto"
    data: str = "embedded"
    seed: int = 0
    batch_size: int = 32
    learning_rate: float | None = None
    epochs: int = 5
    early_stopping: int | None = None
    trainer: str = CONVLENS
    optimizer: str = "adam"
    schedule: str = "constant"
    weight_decay: float | None = None
    momentum: float | None = None
    augment: str = ""
    class_weights: str = ""
    dropout: float | None = None
    size: tuple[int, int] | None = None
    skip_broken: bool = False
    transposed: bool | None = None

    def __post_init__(self) -> None:
        for name, least in (("seed", 0), ("batch_size", 1), ("epochs", 1), ("early_stopping", 1)):
            value = getattr(self, name)
            if value is not None:
                check_count(name, value, least)
                self._set(name, int(value))  # JSON cannot hold NumPy numbers or paths
        self._set("data", str(self.data))
        self._set("optimizer", str(self.optimizer).lower())
        rate = default_rate(self.optimizer) if self.learning_rate is None else float(self.learning_rate)
        self._set("learning_rate", rate)
        for name in ("weight_decay", "momentum", "dropout"):
            if getattr(self, name) is not None:
                self._set(name, float(getattr(self, name)))
        check_optimizer(self.optimizer, rate, self.weight_decay, self.momentum)
        self._set("augment", check_augment(self.augment))
        self._set("class_weights", check_class_weights(self.class_weights))
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule must be one of {', '.join(SCHEDULES)}; got {self.schedule!r}")
        if self.dropout is not None and not (math.isfinite(self.dropout) and 0 <= self.dropout < 1):
            raise ValueError(f"dropout must be a rate from 0 to below 1; got {self.dropout!r}")
        if self.size is not None:
            self._set("size", pair("size", self.size, 1))
        self._check_trainer()

    @property
    def rate(self) -> float:
        """The learning rate, or its first value with a schedule."""
        assert self.learning_rate is not None
        return self.learning_rate

    def _check_trainer(self) -> None:
        if self.engine == KERAS:  # the old form, in old runs and in the old option --engine keras
            self._set("engine", "auto")
            self._set("trainer", KERAS)
        if self.trainer not in TRAINERS:
            raise ValueError(f"trainer must be one of {', '.join(TRAINERS)}; got {self.trainer!r}")
        if self.engine not in ("auto", *ENGINES):
            raise ValueError(f"engine must be one of auto, {', '.join(ENGINES)}; got {self.engine!r}")
        if self.trainer != KERAS:  # Keras trains its own model; the engine only evaluates the run later
            self._set("engine", get_engine(self.engine).name)
        elif self.class_weights:
            raise ValueError(f"class_weights need the trainer {CONVLENS}; got {self.trainer}")

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)


def go_on(settings: Settings, given: dict[str, Any]) -> Settings:
    """Return the settings of a resumed run, changed by the options `given`; ValueError if a fixed setting differs."""
    check_fixed(settings, given, "the run's")
    wanted = replace(settings, **given)
    if settings.schedule != "constant" and wanted.epochs != settings.epochs:
        raise ValueError(
            f"epochs must be the run's value, {settings.epochs}, since its learning rate falls over these epochs by "
            f"the schedule {settings.schedule}; got {wanted.epochs}"
        )
    return wanted


def check_fixed(settings: Settings, given: dict[str, Any], whose: str) -> None:
    """Raise ValueError if a setting `given` is not `whose` value ("the run's"). `data` and `epochs` may differ."""
    fixed = {name: value for name, value in given.items() if name not in ("data", "epochs")}
    wanted = replace(settings, **fixed)  # in the form in which settings are kept
    for name, value in fixed.items():
        if getattr(wanted, name) != getattr(settings, name):
            raise ValueError(f"{name} must be {whose} value, {getattr(settings, name)!r}; got {value!r}")
