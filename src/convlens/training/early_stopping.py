"""Early stopping: training ends when the validation loss no longer falls."""

from __future__ import annotations

from convlens.geometry import check_count
from convlens.training.events import Epoch, Event

__all__ = ["EarlyStopping", "best_epoch"]


class EarlyStopping:
    """A callback that stops training when `val_loss` has not reached a new minimum for `patience` epochs.

    Epoch 1 resets it, so one object can serve several trainings.
    """

    def __init__(self, patience: int) -> None:
        check_count("patience", patience, 1)
        self.patience = patience
        self._losses: list[float | None] = []

    def __call__(self, event: Event) -> bool:
        """Return True if training must stop now."""
        if isinstance(event, Epoch):
            if event.val_loss is None:
                raise ValueError(f"EarlyStopping needs validation data; epoch {event.epoch} has no val_loss")
            if event.epoch == 1:
                self._losses.clear()
            self._losses.append(event.val_loss)
        return self.done(self._losses)

    def done(self, losses: list[float | None]) -> bool:
        """Return True if the lowest of the losses, one for each epoch, is at least `patience` epochs old."""
        return len(losses) >= best_epoch(losses) + self.patience


def best_epoch(losses: list[float | None]) -> int:
    """Return the number, counted from 1, of the first epoch with the lowest loss; 0 if no epoch has a loss.

    >>> best_epoch([0.5, 0.2, 0.2]), best_epoch([])
    (2, 0)
    """
    known = [(loss, k) for k, loss in enumerate(losses, 1) if loss is not None]
    return min(known)[1] if known else 0
