"""Early stopping: training ends when a figure, usually the validation loss, no longer gets better."""

from __future__ import annotations

from typing import Any

from convlens.geometry import check_count
from convlens.training.callbacks.callback import Logs
from convlens.training.callbacks.console import say
from convlens.training.callbacks.monitor import Monitor
from convlens.training.events import Epoch, Event

__all__ = ["EarlyStopping", "best_epoch"]


class EarlyStopping(Monitor):
    """Stop training when `monitor` has not become better for `patience` epochs. The arguments are Keras's.

    monitor, mode, min_delta: see `Monitor`. verbose: 1 to say when it stops. baseline: the figure must also become
    better than this one. restore_best_weights: at the end the model gets the weights of its best epoch.
    start_from_epoch: epochs before this one, counted from 0, are not looked at.
    `EarlyStopping(3)` is `EarlyStopping(patience=3)`.
    """

    def __init__(
        self,
        monitor: str | int = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        if not isinstance(monitor, str):
            check_count("patience", monitor, 1)
            patience, monitor = monitor, "val_loss"
        super().__init__(monitor, mode, min_delta)
        check_count("patience", patience, 0)
        check_count("start_from_epoch", start_from_epoch, 0)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self.on_train_begin()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget the last training."""
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best: float | None = None
        self.best_weights: list[Any] | None = None
        self._stops = False

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Look at the figure of the epoch; set `model.stop_training` when patience is at its end."""
        if epoch < self.start_from_epoch:
            return
        current = self.value(epoch, logs)
        if self.restore_best_weights and self.best_weights is None:
            self._keep(epoch)
        self.wait += 1
        if self.improves(current, self.best):
            self.best, self.best_epoch = current, epoch
            if self.restore_best_weights:
                self._keep(epoch)
            if self.baseline is None or self.improves(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch, self._stops = epoch, True
            if self.model is not None:
                self.model.stop_training = True

    def _keep(self, epoch: int) -> None:
        self.best_epoch = epoch
        self.best_weights = None if self.model is None else self.model.get_weights()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Give the model its best weights back, with `restore_best_weights`."""
        if self.stopped_epoch > 0 and self.verbose:
            say(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                say(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)

    def __call__(self, event: Event) -> bool:
        """Return True if training must stop after this event; for trainings that hand out events. Epoch 1 resets it."""
        if isinstance(event, Epoch):
            if event.epoch == 1:
                self.on_train_begin()
            figures = {"loss": event.loss, "accuracy": event.accuracy}
            if event.val_loss is not None:
                figures |= {"val_loss": event.val_loss, "val_accuracy": event.val_accuracy or 0.0}
            self.on_epoch_end(event.epoch - 1, figures)
        return self._stops

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
