"""A callback that writes the figures of each epoch into a CSV file."""

from __future__ import annotations

import csv
import os

from convlens.storage.paths import as_path
from convlens.training.callbacks.callback import Callback, Logs

__all__ = ["CSVLogger"]


class CSVLogger(Callback):
    """One row for each epoch, counted from 0, with its figures by name in order, as Keras writes it.

    filename: the file. separator: between the numbers. append: keep the rows that the file has. The file is closed
    after each row, so a training that is killed loses none.
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        super().__init__()
        if not isinstance(separator, str) or len(separator) != 1:
            raise ValueError(f"separator must be one character; got {separator!r}")
        self.filename, self.separator, self.append = as_path("filename", filename), separator, append
        self._names: list[str] | None = None
        self._header = True

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Make the file, empty unless `append`."""
        self._names = None
        self._header = not (self.append and self.filename.exists() and self.filename.stat().st_size)
        with self.filename.open("a" if self.append else "w", encoding="utf-8"):
            pass

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the row of the epoch; a figure that it does not have is NA."""
        logs = logs or {}
        if self._names is None:
            self._names = sorted(logs)
            if not any(name.startswith("val_") for name in self._names):
                self._names += [f"val_{name}" for name in self._names]  # validation may come in a later epoch
        with self.filename.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=self.separator)
            if self._header:
                writer.writerow(["epoch", *self._names])
                self._header = False
            writer.writerow([epoch, *(logs.get(name, "NA") for name in self._names)])
