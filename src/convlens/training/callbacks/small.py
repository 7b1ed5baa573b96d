"""Two small callbacks: one ends a training whose loss is not finite, one is made of functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from convlens.training.callbacks.callback import Callback, Logs
from convlens.training.callbacks.console import say

__all__ = ["LambdaCallback", "TerminateOnNaN"]


class TerminateOnNaN(Callback):
    """End the training when the loss is NaN or infinite. Without it, such a training ends in an ArithmeticError.

    raise_error: raise RuntimeError in place of a quiet end
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Look at the loss after each batch."""
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            if self.raise_error:
                raise RuntimeError(f"the loss must be finite; got {loss} in batch {batch}: try a lower learning rate")
            say(f"Batch {batch}: Invalid loss, terminating training")
            self.model.stop_training = True


class LambdaCallback(Callback):
    """A callback made of functions: LambdaCallback(on_epoch_end=lambda epoch, logs: …). Each is named as its method."""

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **others: Callable[..., Any],
    ) -> None:
        super().__init__()
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **others,
        }
        for name, function in given.items():
            if not (name.startswith("on_") and hasattr(Callback, name)):
                known = ", ".join(each for each in dir(Callback) if each.startswith("on_"))
                raise TypeError(f"LambdaCallback has no method {name!r}; the methods are {known}")
            if function is not None:
                if not callable(function):
                    raise TypeError(f"{name} must be a function; got {function!r}")
                setattr(self, name, function)
