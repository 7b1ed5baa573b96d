"""A progress bar for each epoch, in Keras's layout."""

from __future__ import annotations

import time
from typing import Any

from convlens.training.callbacks.callback import Callback, Logs
from convlens.training.callbacks.console import interactive, say

__all__ = ["ProgbarLogger", "figures_text"]

_WIDTH = 20
_EVERY = 0.1  # seconds between two drawings of the bar


class ProgbarLogger(Callback):
    """Show the progress of each epoch and its figures.

    `params["verbose"]`: 1 or "auto" for a bar, 2 for one line for each epoch, 0 for nothing. Where the output is not a
    terminal, the bar is written once, at the end of the epoch.
    """

    def __init__(self) -> None:
        super().__init__()
        self._begin = self._drawn = 0.0
        self._batch = self._wide = 0

    @property
    def verbose(self) -> int:
        """0, 1 or 2"""
        found = self.params.get("verbose", 1)
        return 1 if found in ("auto", True) else int(found)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the number of the epoch, counted from 1."""
        self._begin, self._drawn, self._batch, self._wide = time.perf_counter(), 0.0, 0, 0
        epochs = self.params.get("epochs")
        if self.verbose:
            say(f"Epoch {epoch + 1}" + (f"/{epochs}" if epochs else ""))

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Draw the bar again, at most ten times a second."""
        self._batch = batch + 1
        now = time.perf_counter()
        if self.verbose == 1 and interactive() and now - self._drawn >= _EVERY:
            self._drawn = now
            self._draw(self._bar(logs or {}, done=False))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the figures of the epoch."""
        if self.verbose == 1:
            self._draw(self._bar(logs or {}, done=True))
            say("")
        elif self.verbose:
            steps = self.params.get("steps") or self._batch
            say(f"{self._batch}/{steps} - {self._time(done=True)}{figures_text(logs or {})}")

    def _draw(self, text: str) -> None:
        """Write over the last bar."""
        start = "\r" if self._wide else ""
        say(start + text.ljust(self._wide), end="")
        self._wide = len(text)

    def _bar(self, logs: Logs, *, done: bool) -> str:
        steps = self.params.get("steps") or self._batch
        full = _WIDTH * self._batch // max(steps, 1)
        bar = "━" * full + " " * (_WIDTH - full)
        return f"{self._batch:>{len(str(steps))}}/{steps} {bar} {self._time(done=done)}{figures_text(logs)}"

    def _time(self, *, done: bool) -> str:
        """The seconds of the epoch when it is done, else the seconds that are left; and the time of a step."""
        spent = time.perf_counter() - self._begin
        step = spent / max(self._batch, 1)
        steps = self.params.get("steps") or self._batch
        shown = spent if done else step * (steps - self._batch)
        return f"{shown:.0f}s {_duration(step)}/step"


def _duration(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.0f}s"
    return f"{seconds * 1e3:.0f}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us"


def figures_text(logs: dict[str, Any]) -> str:
    """Return the figures by name, validation last, with four digits or, when small, in powers of ten."""
    names = sorted(logs, key=lambda name: (name.startswith("val_"), name))
    return "".join(f" - {name}: {_number(logs[name])}" for name in names)


def _number(value: Any) -> str:
    number = float(value)
    return f"{number:.4f}" if abs(number) > 1e-3 or number == 0 else f"{number:.4e}"
