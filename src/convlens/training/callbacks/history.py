"""The callback that keeps the figures of each epoch."""

from __future__ import annotations

from typing import Any

from convlens.training.callbacks.callback import Callback, Logs

__all__ = ["History"]


class History(Callback):
    """`history`: the figures by name, one for each epoch, as in Keras; `epoch`: the epochs, counted from 0.

    `Sequential.fit` returns one, for example history.history["val_accuracy"][-1].
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget the last training's epochs; its figures stay until they are overwritten, as in Keras."""
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Keep the figures of the epoch."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
