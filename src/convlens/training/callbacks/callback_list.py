"""A list of callbacks that is called as one callback, and `follow`, which calls it along a training's events."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any

from convlens.training.callbacks.callback import Callback, Logs
from convlens.training.callbacks.history import History
from convlens.training.callbacks.progress import ProgbarLogger
from convlens.training.events import Batch, Epoch, Event

__all__ = ["CallbackList", "InTraining", "follow", "logs_of"]


class CallbackList(Callback):
    """Callbacks in order. Each method calls the method of all of them, with one copy of the logs that they share.

    callbacks: a callback, a list of them, or None. add_history, add_progbar: add a `History` and a `ProgbarLogger` at
    the end, unless the list has one. params: "epochs", "steps", "verbose".
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        super().__init__()
        self.callbacks = list(_flat(callbacks))
        if add_history and self.history is None:
            self.callbacks.append(History())
        if add_progbar and not any(isinstance(each, ProgbarLogger) for each in self.callbacks):
            self.callbacks.append(ProgbarLogger())
        if model is not None:
            self.set_model(model)
        self.set_params(params)

    @property
    def history(self) -> History | None:
        """The first `History` of the list, or None."""
        return next((each for each in self.callbacks if isinstance(each, History)), None)

    def append(self, callback: Callback) -> None:
        """Add a callback at the end."""
        self.callbacks.append(callback)

    def set_model(self, model: Any) -> None:
        """Give the model to all callbacks."""
        super().set_model(model)
        for each in self.callbacks:
            each.set_model(model)

    def set_params(self, params: dict[str, Any]) -> None:
        """Give the numbers of the training to all callbacks."""
        super().set_params(params)
        for each in self.callbacks:
            each.set_params(params)

    @property
    def stops(self) -> bool:
        """Whether a callback has set `model.stop_training`."""
        return bool(getattr(self.model, "stop_training", False))

    def _all(self, method: str, *place: int, logs: Logs | None) -> None:
        shared = dict(logs or {})
        for each in self.callbacks:
            getattr(each, method)(*place, shared)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Call `on_train_begin` of each callback."""
        self._all("on_train_begin", logs=logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Call `on_train_end` of each callback."""
        self._all("on_train_end", logs=logs)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Call `on_epoch_begin` of each callback."""
        self._all("on_epoch_begin", epoch, logs=logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Call `on_epoch_end` of each callback."""
        self._all("on_epoch_end", epoch, logs=logs)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Call `on_train_batch_begin` of each callback."""
        self._all("on_train_batch_begin", batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Call `on_train_batch_end` of each callback."""
        self._all("on_train_batch_end", batch, logs=logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Call `on_test_begin` of each callback."""
        self._all("on_test_begin", logs=logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Call `on_test_end` of each callback."""
        self._all("on_test_end", logs=logs)

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Call `on_test_batch_begin` of each callback."""
        self._all("on_test_batch_begin", batch, logs=logs)

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Call `on_test_batch_end` of each callback."""
        self._all("on_test_batch_end", batch, logs=logs)

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Call `on_predict_batch_begin` of each callback."""
        self._all("on_predict_batch_begin", batch, logs=logs)

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Call `on_predict_batch_end` of each callback."""
        self._all("on_predict_batch_end", batch, logs=logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Call `on_predict_begin` of each callback."""
        self._all("on_predict_begin", logs=logs)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Call `on_predict_end` of each callback."""
        self._all("on_predict_end", logs=logs)


def _flat(callbacks: object) -> Iterable[Any]:
    """Yield the callbacks of a nested list; TypeError for what is not a callback of convlens."""
    if callbacks is None:
        return
    if isinstance(callbacks, Callback):
        yield callbacks
    elif isinstance(callbacks, Iterable) and not isinstance(callbacks, str):
        for each in callbacks:
            yield from _flat(each)
    else:
        kind, module = type(callbacks).__name__, type(callbacks).__module__.split(".")[0]
        if isinstance(callbacks, type):
            instead = f": write {callbacks.__name__}(...)"
        else:
            instead = f": write convlens.callbacks.{kind}(...)" if module in ("keras", "tensorflow") else ""
        raise TypeError(
            f"each callback must be an object of a subclass of convlens.callbacks.Callback; got {kind}{instead}"
        )


class InTraining:
    """The model as callbacks see it when the optimizer is not a part of the model: all else is the model's own."""

    def __init__(self, model: Any, optimizer: Any) -> None:
        self._of, self.optimizer, self.stop_training = model, optimizer, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._of, name)


def logs_of(event: Event) -> Logs:
    """Return the figures of an event by name, those that it has.

    >>> logs_of(Batch(epoch=1, batch=2, batches=9, images=64, seconds=0.1, loss=0.5, accuracy=0.75))
    {'loss': 0.5, 'accuracy': 0.75}
    """
    names = ("loss", "accuracy", "val_loss", "val_accuracy")
    found = {name: getattr(event, name, None) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def follow(
    events: Generator[Event, None, None],
    callbacks: CallbackList,
    *,
    epochs: int,
    first_epoch: int = 1,
    logs: Callable[[Event], Logs] = logs_of,
) -> Generator[Event, None, None]:
    """Yield the events of a training and call the callbacks before and after each epoch and batch.

    events: as `convlens.training.train` yields them. first_epoch … epochs count from 1, as in `train`; callbacks get
    epochs and batches counted from 0. logs: a function from event to figures by name. When a callback has set
    `model.stop_training`, the training ends: after the batch, or after the epoch. When the loss is not finite, the
    callbacks hear of the batch with it; if one of them stops the training then, no error is raised.
    """
    callbacks.on_train_begin()
    epoch, batch, last = first_epoch - 1, 0, False
    figures: Logs = {}
    try:
        while epoch < epochs:
            if batch == 0:
                callbacks.on_epoch_begin(epoch)
            if not last:
                callbacks.on_train_batch_begin(batch)
            try:
                event = next(events, None)
            except ArithmeticError:
                callbacks.on_train_batch_end(batch - last, {**figures, "loss": float("nan")})
                if not callbacks.stops:
                    raise
                callbacks.on_epoch_end(epoch, {**figures, "loss": float("nan")})
                break
            if event is None:
                break
            figures = logs(event)
            if isinstance(event, Batch):
                callbacks.on_train_batch_end(batch, figures)
                batch, last = batch + 1, event.batch == event.batches
                yield event
                if callbacks.stops and not last:
                    callbacks.on_epoch_end(epoch, figures)
                    break
            else:
                assert isinstance(event, Epoch)
                callbacks.on_epoch_end(epoch, figures)
                epoch, batch, last = epoch + 1, 0, False
                yield event
                if callbacks.stops:
                    break
    except GeneratorExit:
        events.close()
        callbacks.on_train_end(figures)
        raise
    events.close()
    callbacks.on_train_end(figures)
