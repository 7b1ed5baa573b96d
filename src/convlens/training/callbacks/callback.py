"""The base class of callbacks: an object whose methods are called while a model trains. The names are Keras's."""

from __future__ import annotations

from typing import Any, TypeAlias

__all__ = ["Callback", "Logs"]

Logs: TypeAlias = "dict[str, Any]"  # figures by name, for example {"loss": 0.3, "val_accuracy": 0.9}


class Callback:
    """A callback that does nothing. A subclass overrides the methods that it needs.

    Epochs and batches count from 0. In `on_epoch_end`, `logs` has the figures of the epoch: "loss", "accuracy", and
    with validation data "val_loss" and "val_accuracy". What a callback writes into `logs`, the later ones see.
    `self.model.stop_training = True` ends the training. `self.params` has "epochs", "steps" and "verbose".
    """

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self._model: Any = None

    @property
    def model(self) -> Any:
        """The model that trains."""
        return getattr(self, "_model", None)  # a subclass may leave out super().__init__()

    def set_model(self, model: Any) -> None:
        """Take the model that trains."""
        self._model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Take the numbers of the training: "epochs", "steps" for each epoch, "verbose"."""
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Called once before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Called once after the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Called before each epoch."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Called after each epoch and its validation."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before each step."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after each step; the figures are means over the epoch so far."""
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of `on_train_batch_end`."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Called before an evaluation."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Called after an evaluation."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before each batch of an evaluation."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after each batch of an evaluation."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Called before a prediction."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Called after a prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before each batch of a prediction."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after each batch of a prediction."""
