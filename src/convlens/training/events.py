"""The events of training (`Batch`, `Epoch`) and the results of training and evaluation (`History`, `Scores`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import NamedTuple, TypeAlias

__all__ = ["Batch", "Callback", "Epoch", "Event", "History", "Scores"]


@dataclass(frozen=True)
class Batch:
    """The event after a batch. `loss` and `accuracy` are means over the epoch so far; `seconds` is the epoch's time."""

    epoch: int
    batch: int
    batches: int
    images: int
    seconds: float
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Epoch:
    """The event after an epoch. `seconds` counts only training.

    val_loss and val_accuracy are None without validation data.
    """

    epoch: int
    seconds: float
    images_per_second: float
    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None


@dataclass
class History:
    """The result of `fit`: the epochs, and `history` as in Keras, a dictionary of lists of figures."""

    epochs: list[Epoch] = field(default_factory=list)

    @property
    def history(self) -> dict[str, list[float | None]]:
        """The figures by name, one for each epoch, for example history["val_accuracy"][-1]"""
        rows = [asdict(epoch) for epoch in self.epochs]
        return {name: [row[name] for row in rows] for name in ("loss", "accuracy", "val_loss", "val_accuracy")}


class Scores(NamedTuple):
    """The result of `evaluate`: means over the examples."""

    loss: float
    accuracy: float


Event: TypeAlias = Batch | Epoch
Callback: TypeAlias = Callable[[Event], object]
