"""A run is a folder. A run that is killed at any moment and resumed gives the same bits as one that never stopped.

    checkpoint.safetensors   all that resuming needs: weights, optimizer state, settings and history after an epoch
    model.safetensors        the trained weights by name, of the last epoch, or of the best epoch with early stopping
    history.json             settings and figures, for people and programs

The checkpoint is written first. The other two files follow from it, so a kill in between loses nothing: resuming
writes them again. Only one process at a time may train in a folder.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from convlens.arrays import Array
from convlens.data import Digits
from convlens.models import build_model
from convlens.nn import Adam, Sequential
from convlens.storage.atomic import atomic_write
from convlens.storage.tensors import read_tensors, write_tensors
from convlens.training.callbacks.early_stopping import EarlyStopping, best_epoch
from convlens.training.checks import check_data, check_training
from convlens.training.events import Epoch, Event
from convlens.training.loop import run_epochs
from convlens.training.model_file import MODEL, save_model
from convlens.training.settings import Settings, go_on
from convlens.training.trainer import EngineTrainer, Trainer

__all__ = ["CHECKPOINT", "HISTORY", "REPORT", "MakeTrainer", "Run", "holds_run"]

MakeTrainer: TypeAlias = Callable[[Sequential, Adam], Trainer]

CHECKPOINT, HISTORY, REPORT = "checkpoint.safetensors", "history.json", "report.html"


class Run:
    """A model, its optimizer and its history in a folder. Create it with `Run.start` or `Run.open`."""

    def __init__(self, folder: Path, settings: Settings, data_sha256: str) -> None:
        self.folder = folder
        self.settings = settings
        self.data_sha256 = data_sha256
        self.model: Sequential = build_model(settings.model, seed=settings.seed, engine=settings.engine)
        self.optimizer = Adam(settings.learning_rate, engine=self.model.engine)
        self.epochs: list[Epoch] = []
        self._kept: Array = self.model.flat.copy()  # the weights in model.safetensors

    @classmethod
    def start(cls, folder: str | os.PathLike[str], settings: Settings, digits: Digits) -> Run:
        """Create a new run and write its first checkpoint; FileExistsError if the folder already holds a run."""
        folder = Path(folder)
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(f"the output folder must be a folder; {folder} is a file")
        run = cls(folder, settings, digits.fingerprint)
        check_data(run.model, "training", digits.images("train"), digits.y_train)
        check_data(run.model, "validation", digits.images("valid"), digits.y_valid)
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            if held := holds_run(folder):
                raise FileExistsError(f"the output folder must not hold another run; {folder} holds {held}")
            run._save()
        return run

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Run:
        """Return the run in `folder` in the state of its last checkpoint. This writes nothing."""
        folder = Path(folder)
        path = folder / CHECKPOINT
        tensors, about = read_tensors(path)
        try:
            run = cls(folder, Settings(**about["settings"]), about["data_sha256"])
            run.epochs = [Epoch(**row) for row in about["epochs"]]
            weights = tensors.pop("weights")
            kept = tensors.pop("kept", weights)
            if not weights.shape == kept.shape == run.model.flat.shape:
                raise ValueError(
                    f"{run.model.name} has {run.model.flat.size} weights; got {weights.shape}, {kept.shape}"
                )
            run.model.flat[...], run._kept[...] = weights, kept
            run.optimizer.set_state(tensors)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} must be a checkpoint of this version of convlens; it is not: {error}") from None
        return run

    @property
    def best(self) -> int:
        """The number of the epoch with the lowest validation loss; 0 before the first epoch."""
        return best_epoch([epoch.val_loss for epoch in self.epochs])

    @property
    def trained(self) -> Sequential:
        """The model in model.safetensors: the model after the last epoch, or after the best one with early stopping."""
        model = build_model(self.settings.model, engine=self.settings.engine)
        model.flat[...] = self._kept
        return model

    @property
    def finished(self) -> str | None:
        """The reason why training is finished, as a sentence; None if there is more to train."""
        patience = self.settings.early_stopping
        if patience and EarlyStopping(patience).done([epoch.val_loss for epoch in self.epochs]):
            return f"stopped early, no lower validation loss since epoch {self.best}, whose weights are kept"
        if len(self.epochs) >= self.settings.epochs:
            return f"{len(self.epochs)} of {self.settings.epochs} epochs done"
        return None

    def train(
        self, digits: Digits, threads: int | None = None, trainer: MakeTrainer | None = None
    ) -> Generator[Event, None, None]:
        """Train until `finished` and yield the events of `training.train`; each epoch is saved before its event.

        trainer: a function that makes another trainer, such as Keras, in place of the run's own engine. Training starts
        from the last checkpoint: an unfinished epoch is done again, and files that a kill left out are written.
        """
        if digits.fingerprint != self.data_sha256:
            raise ValueError(
                f"a resumed run needs the data that it started with, sha256 {self.data_sha256[:12]}…; "
                f"{digits.source} has {digits.fingerprint[:12]}…"
            )
        with _alone(self.folder):
            self._go_back()
            self._save()
            if self.finished:
                return
            make = trainer or partial(EngineTrainer, threads=threads, seed=self.settings.seed)
            check_training(self.model, digits.images("train"), digits.y_train, None)
            check_data(self.model, "validation", digits.images("valid"), digits.y_valid)
            for event in run_epochs(
                make(self.model, self.optimizer),
                self.model,
                digits.images("train"),
                digits.y_train,
                validation=(digits.images("valid"), digits.y_valid),
                epochs=self.settings.epochs,
                batch_size=self.settings.batch_size,
                seed=self.settings.seed,
                first_epoch=len(self.epochs) + 1,
            ):
                if isinstance(event, Epoch):
                    self.epochs.append(event)
                    if not self.settings.early_stopping or self.best == event.epoch:
                        self._kept[...] = self.model.flat
                    self._save()
                yield event
                if isinstance(event, Epoch) and self.finished:
                    return

    def _go_back(self) -> None:
        saved = Run.open(self.folder)
        go_on(saved.settings, asdict(self.settings))
        self.epochs, self.optimizer, self._kept = saved.epochs, saved.optimizer, saved._kept
        self.model.flat[...] = saved.model.flat

    def history(self) -> dict[str, Any]:
        """Return the content of history.json."""
        names = ("model", "engine", "trainer", "data", "seed", "batch_size", "learning_rate")
        return {name: getattr(self.settings, name) for name in names} | {"epochs": [asdict(e) for e in self.epochs]}

    def _save(self) -> None:
        about = {
            "settings": asdict(self.settings),
            "data_sha256": self.data_sha256,
            "epochs": [asdict(epoch) for epoch in self.epochs],
        }
        tensors = {"weights": self.model.flat, **self.optimizer.get_state()}
        if self.settings.early_stopping:
            tensors["kept"] = self._kept
        write_tensors(self.folder / CHECKPOINT, tensors, about)
        save_model(self.folder / MODEL, self.trained, untrained=not self.epochs)
        with atomic_write(self.folder / HISTORY) as file:
            file.write(json.dumps(self.history(), indent=1).encode() + b"\n")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Lock `folder`, so that no other process writes a run in it; BlockingIOError if another process holds the lock.

    The system releases the lock when the process ends in any way. Temporary files of a killed process are removed.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(
                f"only one process at a time may train in a folder; another one is training in {folder}"
            ) from None
        except OSError:
            pass  # the file system has no locks
        else:
            for left in folder.glob(".convlens-*.tmp"):
                left.unlink(missing_ok=True)
        yield
    finally:
        os.close(handle)


def holds_run(folder: Path) -> str | None:
    """Return the name of the first run file found in `folder`, or None."""
    return next((name for name in (CHECKPOINT, MODEL, HISTORY, REPORT) if (folder / name).exists()), None)
