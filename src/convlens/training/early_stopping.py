"""When to stop: the validation loss falls no more"""

from __future__ import annotations

from convlens.geometry import check_count
from convlens.training.events import Epoch, Event

__all__ = ["EarlyStopping", "best_epoch"]


class EarlyStopping:
    """Callback: stop when `val_loss` has not fallen below its lowest for `patience` epochs. Epoch 1 begins anew."""

    def __init__(self, patience: int) -> None:
        check_count("patience", patience, 1)
        self.patience = patience
        self._losses: list[float | None] = []

    def __call__(self, event: Event) -> bool:
        """True when it is time to stop."""
        if isinstance(event, Epoch):
            if event.val_loss is None:
                raise ValueError(f"EarlyStopping needs validation data; epoch {event.epoch} has no val_loss")
            if event.epoch == 1:
                self._losses.clear()
            self._losses.append(event.val_loss)
        return self.done(self._losses)

    def done(self, losses: list[float | None]) -> bool:
        """True if the lowest of these losses, one an epoch, is `patience` epochs back."""
        return len(losses) >= best_epoch(losses) + self.patience


def best_epoch(losses: list[float | None]) -> int:
    """The number, from 1, of the first epoch with the lowest loss; 0 if there is none.

    >>> best_epoch([0.5, 0.2, 0.2]), best_epoch([])
    (2, 0)
    """
    known = [(loss, k) for k, loss in enumerate(losses, 1) if loss is not None]
    return min(known)[1] if known else 0
