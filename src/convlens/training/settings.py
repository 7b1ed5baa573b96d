"""The settings of a run, and the rule for which settings may change when it is resumed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from convlens.engines import ENGINES, get_engine
from convlens.geometry import check_count

__all__ = ["CONVLENS", "KERAS", "TRAINERS", "Settings", "go_on"]

# The trainers: convlens's own engines, or Keras on JAX (`convlens.interop.keras_trainer`)
CONVLENS, KERAS = "convlens", "keras"
TRAINERS = (CONVLENS, KERAS)


@dataclass(frozen=True)
class Settings:
    """The settings of a run. When it is resumed, only `epochs` and the location of the same data may change."""

    model: str = "lenet5"
    engine: str = "auto"
    data: str = "embedded"
    seed: int = 0
    batch_size: int = 32
    learning_rate: float = 0.001
    epochs: int = 5
    early_stopping: int | None = None
    trainer: str = CONVLENS

    def __post_init__(self) -> None:
        for name, least in (("seed", 0), ("batch_size", 1), ("epochs", 1), ("early_stopping", 1)):
            value = getattr(self, name)
            if value is not None:
                check_count(name, value, least)
                object.__setattr__(self, name, int(value))  # JSON cannot hold NumPy numbers or paths
        object.__setattr__(self, "learning_rate", float(self.learning_rate))
        object.__setattr__(self, "data", str(self.data))
        if self.engine == KERAS:  # the old form, in old runs and in the old option --engine keras
            object.__setattr__(self, "engine", "auto")
            object.__setattr__(self, "trainer", KERAS)
        if self.trainer not in TRAINERS:
            raise ValueError(f"trainer must be one of {', '.join(TRAINERS)}; got {self.trainer!r}")
        if self.engine not in ("auto", *ENGINES):
            raise ValueError(f"engine must be one of auto, {', '.join(ENGINES)}; got {self.engine!r}")
        if self.trainer != KERAS:  # Keras trains its own model; the engine only evaluates the run later
            object.__setattr__(self, "engine", get_engine(self.engine).name)


def go_on(settings: Settings, given: dict[str, Any]) -> Settings:
    """Return the settings of a resumed run, changed by the options `given`; ValueError if a fixed setting differs."""
    for name, value in given.items():
        if name not in ("epochs", "data") and value != getattr(settings, name):
            raise ValueError(f"{name} must be the run's value, {getattr(settings, name)!r}; got {value!r}")
    return replace(settings, **given)
