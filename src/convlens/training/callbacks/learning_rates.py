"""Callbacks that change the learning rate: by a function of the epoch, or when a figure no longer gets better."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from convlens.geometry import check_count
from convlens.training.callbacks.callback import Callback, Logs
from convlens.training.callbacks.console import say
from convlens.training.callbacks.monitor import Monitor

__all__ = ["LearningRateScheduler", "ReduceLROnPlateau"]


class LearningRateScheduler(Callback):
    """Set the learning rate of each epoch: schedule(epoch, learning_rate) or schedule(epoch), epochs counted from 0.

    verbose: 1 to say the new learning rate
    """

    def __init__(self, schedule: Callable[..., Any], verbose: int = 0) -> None:
        super().__init__()
        if not callable(schedule):
            raise TypeError(f"schedule must be a function of the epoch and the learning rate; got {schedule!r}")
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Set the learning rate of the epoch."""
        optimizer = self.model.optimizer
        rate: Any = self.schedule(epoch, optimizer.learning_rate) if self._takes_two() else self.schedule(epoch)
        if isinstance(rate, bool | str) or not hasattr(rate, "__float__"):
            raise ValueError(f"schedule must return a learning rate, a number; got {rate!r} for epoch {epoch}")
        optimizer.learning_rate = float(rate)
        if self.verbose:
            say(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {float(rate)}.")

    def _takes_two(self) -> bool:
        try:
            inspect.signature(self.schedule).bind(0, 0.0)
        except TypeError:
            return False
        except ValueError:  # a function of C without a signature
            return True
        return True

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Add "learning_rate" to the figures of the epoch."""
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


class ReduceLROnPlateau(Monitor):
    """Multiply the learning rate by `factor` when `monitor` has not become better for `patience` epochs.

    monitor, mode, min_delta: see `Monitor`. cooldown: after that, this many epochs are not counted. min_lr: the
    learning rate does not fall below it. verbose: 1 to say the new learning rate. The arguments are Keras's.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 0.0001,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        if not 0 < factor < 1:
            raise ValueError(f"factor must be above 0 and below 1; got {factor!r}")
        if not min_lr >= 0:
            raise ValueError(f"min_lr must be a number of at least 0; got {min_lr!r}")
        check_count("patience", patience, 0)
        check_count("cooldown", cooldown, 0)
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self.on_train_begin()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget the last training."""
        self.best: float | None = None
        self.wait = self.cooldown_counter = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Look at the figure of the epoch; add "learning_rate", the one of this epoch, to the figures."""
        optimizer = self.model.optimizer
        rate = float(optimizer.learning_rate)
        if logs is not None:
            logs["learning_rate"] = rate
        current = self.value(epoch, logs)
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self.improves(current, self.best):
            self.best, self.wait = current, 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience and rate > self.min_lr:
                optimizer.learning_rate = max(rate * self.factor, self.min_lr)
                self.cooldown_counter, self.wait = self.cooldown, 0
                if self.verbose:
                    new = optimizer.learning_rate
                    say(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {new}.")

    def in_cooldown(self) -> bool:
        """Return whether the epochs after a reduction are not counted yet."""
        return self.cooldown_counter > 0
