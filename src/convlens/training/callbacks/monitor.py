"""The base class of callbacks that watch one figure."""

from __future__ import annotations

import math

from convlens.training.callbacks.callback import Callback, Logs

__all__ = ["Monitor"]

_LESS, _MORE = ("loss", "error", "mse", "mae"), ("acc", "accuracy", "precision", "recall", "auc", "f1_score")


class Monitor(Callback):
    """monitor: the name of the figure. mode: "min" if less is better, "max" if more is; "auto" decides by the name.

    min_delta: a change of at most this much is no improvement
    """

    def __init__(self, monitor: str, mode: str = "auto", min_delta: float = 0.0) -> None:
        super().__init__()
        name = type(self).__name__
        if not isinstance(monitor, str):
            raise TypeError(f"monitor must be the name of a figure, for example 'val_loss'; got {monitor!r}")
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"mode must be one of auto, min, max; got {mode!r}")
        if not math.isfinite(min_delta):
            raise ValueError(f"min_delta must be a finite number; got {min_delta!r}")
        self.monitor, self.mode, self.min_delta = monitor, mode, abs(min_delta)
        figure = monitor.removeprefix("val_")
        if mode == "auto":
            if not figure.endswith(_LESS + _MORE):
                raise ValueError(
                    f"{name} cannot tell whether less or more of {monitor!r} is better; add mode='min' or mode='max'"
                )
            mode = "min" if figure.endswith(_LESS) else "max"
        self._sign = 1 if mode == "min" else -1

    def improves(self, value: float, best: float | None) -> bool:
        """Return whether a value is better than the best one by more than `min_delta`."""
        return best is None or self._sign * value + self.min_delta < self._sign * best

    def value(self, epoch: int, logs: Logs | None) -> float:
        """Return the monitored figure; ValueError if the epoch, counted from 0, has none: it names the ones it has."""
        found = (logs or {}).get(self.monitor)
        if found is None:
            names, own = ", ".join(logs or ()), type(self).__name__
            if self.monitor.startswith("val_") and not any(name.startswith("val_") for name in logs or ()):
                raise ValueError(f"{own} needs validation data; epoch {epoch + 1} has no {self.monitor}, only {names}")
            raise ValueError(f"{own} needs the figure {self.monitor!r}; epoch {epoch + 1} has {names}")
        return float(found)
