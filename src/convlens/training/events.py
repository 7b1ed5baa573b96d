"""What training tells while it goes on, and what it leaves: batches, epochs, a history, scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import NamedTuple, TypeAlias

__all__ = ["Batch", "Callback", "Epoch", "Event", "History", "Scores"]


@dataclass(frozen=True)
class Batch:
    """A batch is done. `loss` and `accuracy` are means over the epoch so far, `seconds` the time since it began."""

    epoch: int
    batch: int
    batches: int
    images: int
    seconds: float
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Epoch:
    """An epoch is done. `seconds` is training alone; the validation figures are None without validation data."""

    epoch: int
    seconds: float
    images_per_second: float
    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None


@dataclass
class History:
    """What `fit` returns: the epochs, and as in Keras `history`, a list of figures by name."""

    epochs: list[Epoch] = field(default_factory=list)

    @property
    def history(self) -> dict[str, list[float | None]]:
        """The figures by name, e.g. history["val_accuracy"][-1]"""
        rows = [asdict(epoch) for epoch in self.epochs]
        return {name: [row[name] for row in rows] for name in ("loss", "accuracy", "val_loss", "val_accuracy")}


class Scores(NamedTuple):
    """What `evaluate` returns: means over the examples."""

    loss: float
    accuracy: float


Event: TypeAlias = Batch | Epoch
Callback: TypeAlias = Callable[[Event], object]
