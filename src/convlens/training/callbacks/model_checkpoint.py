"""A callback that saves the model while it trains."""

from __future__ import annotations

import os
from pathlib import Path

from convlens.geometry import check_count
from convlens.storage.paths import as_path
from convlens.training.callbacks.callback import Logs
from convlens.training.callbacks.console import say
from convlens.training.callbacks.monitor import Monitor

__all__ = ["ModelCheckpoint"]


class ModelCheckpoint(Monitor):
    """Save the model after each epoch, by `model.save`, or by `model.save_weights`. The arguments are Keras's.

    filepath: a path with figures in braces: "{epoch:02d}-{val_loss:.2f}.keras" is "03-0.25.keras" after the third
    epoch. monitor, mode: see `Monitor`. save_best_only: only when the figure has become better;
    initial_value_threshold: better than this one, too. save_weights_only: the weights alone. save_freq: "epoch", or a
    number of batches. verbose: 1 to say what is saved.
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode)
        self.filepath = str(as_path("filepath", filepath))
        if save_freq != "epoch":
            check_count('save_freq, if not "epoch",', save_freq, 1)
        self.verbose, self.save_freq = verbose, save_freq
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self.best = initial_value_threshold
        self._epoch = self._batches = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Note the epoch."""
        self._epoch = epoch

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Save after each `save_freq` batches."""
        self._batches += 1
        if self.save_freq != "epoch" and self._batches % int(self.save_freq) == 0:
            self._save(self._epoch, {"batch": batch + 1, **(logs or {})})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save, if the figure has become better or every epoch is saved."""
        if self.save_freq == "epoch":
            self._save(epoch, logs or {})

    def _save(self, epoch: int, logs: Logs) -> None:
        path = self.path(epoch, logs)
        if self.save_best_only:
            current = self.value(epoch, logs)
            best = "None" if self.best is None else f"{self.best:.5f}"
            if not self.improves(current, self.best):
                if self.verbose:
                    say(f"\nEpoch {epoch + 1}: {self.monitor} did not improve from {best}")
                return
            if self.verbose:
                changed = f"{self.monitor} improved from {best} to {current:.5f}"
                say(f"\nEpoch {epoch + 1}: {changed}, saving model to {path}")
            self.best = current
        elif self.verbose:
            say(f"\nEpoch {epoch + 1}: saving model to {path}")
        if path.is_dir():
            raise IsADirectoryError(f"filepath must be a file; {path} is a folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)

    def path(self, epoch: int, logs: Logs) -> Path:
        """Return the path for an epoch, counted from 0; in the name it counts from 1, as in Keras."""
        known = {**logs, "epoch": epoch + 1}
        try:
            return Path(self.filepath.format(**known))
        except (KeyError, ValueError, IndexError) as error:
            raise ValueError(
                f"filepath must have only figures of the training in braces, {', '.join(known)}; got "
                f"{self.filepath!r}: {error}"
            ) from None
