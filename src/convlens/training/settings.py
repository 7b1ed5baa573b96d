"""What a run was asked to do, and what of it may change when it goes on"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from convlens.engines import ENGINES, get_engine
from convlens.geometry import check_count

__all__ = ["CONVLENS", "KERAS", "TRAINERS", "Settings", "go_on"]

# Who trains: one of our engines, or Keras on JAX (`convlens.interop.keras_trainer`)
CONVLENS, KERAS = "convlens", "keras"
TRAINERS = (CONVLENS, KERAS)


@dataclass(frozen=True)
class Settings:
    """What a run was asked to do. Once it has begun, only `epochs` and the place of the same data may change."""

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
                object.__setattr__(self, name, int(value))  # JSON knows no NumPy numbers, and no paths
        object.__setattr__(self, "learning_rate", float(self.learning_rate))
        object.__setattr__(self, "data", str(self.data))
        if self.engine == KERAS:  # as the command line and the first runs say it
            object.__setattr__(self, "engine", "auto")
            object.__setattr__(self, "trainer", KERAS)
        if self.trainer not in TRAINERS:
            raise ValueError(f"trainer must be one of {', '.join(TRAINERS)}; got {self.trainer!r}")
        if self.engine not in ("auto", *ENGINES):
            raise ValueError(f"engine must be one of auto, {', '.join(ENGINES)}; got {self.engine!r}")
        if self.trainer != KERAS:  # Keras trains a model of its own: the engine is whoever evaluates it later
            object.__setattr__(self, "engine", get_engine(self.engine).name)


def go_on(settings: Settings, given: dict[str, Any]) -> Settings:
    """The settings of a run that goes on, with options `given` again: what is fixed must not differ."""
    for name, value in given.items():
        if name not in ("epochs", "data") and value != getattr(settings, name):
            raise ValueError(f"{name} must be that of the run, {getattr(settings, name)!r}; got {value!r}")
    return replace(settings, **given)
