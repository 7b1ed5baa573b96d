"""A run is a folder. It can be killed at any moment and goes on to the same bits.

    checkpoint.safetensors   weights, optimizer state, settings and history at the end of an epoch: what resuming needs
    model.safetensors        the trained weights by name: the last epoch's, or the best one's with early stopping
    history.json             settings and figures, for people and programs

The checkpoint is written first and the other two follow from it, so that a kill in between loses nothing: going on
writes them again. One process at a time trains in a folder.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.data import Digits
from convlens.engines import ENGINES, get_engine
from convlens.geometry import check_count
from convlens.models import MODELS, build_model, recognise
from convlens.nn import Adam, Sequential
from convlens.storage.atomic import atomic_write
from convlens.storage.tensors import read_tensors, write_tensors
from convlens.training.loop import Batch, EarlyStopping, Epoch, best_epoch, check_data, train

CHECKPOINT, MODEL, HISTORY, REPORT = "checkpoint.safetensors", "model.safetensors", "history.json", "report.html"


KERAS = "keras"  # not an engine with kernels: a trainer, see `convlens.interop.keras_trainer`


def engine_name(name: str) -> str:
    """The engine that `name` stands for; ValueError for one that is none, ImportError for one that is not installed"""
    if name != KERAS and name not in ("auto", *ENGINES):
        raise ValueError(f"engine must be one of auto, {', '.join(ENGINES)}, {KERAS}; got {name!r}")
    return name if name == KERAS else get_engine(name).name


@dataclass(frozen=True)
class Settings:
    """What a run was asked to do. Once it has begun, only `epochs` and the place of the same data may change."""

    model: str = "lenet5"
    engine: str = "auto"
    data: str = "embedded"
    seed: int = 0
    batch_size: int = 32
    learning_rate: float = 0.001
    epochs: int = 5
    early_stopping: int | None = None

    def __post_init__(self) -> None:
        for name, least in (("seed", 0), ("batch_size", 1), ("epochs", 1), ("early_stopping", 1)):
            value = getattr(self, name)
            if value is not None:
                check_count(name, value, least)
                object.__setattr__(self, name, int(value))  # JSON knows no NumPy numbers, and no paths
        object.__setattr__(self, "learning_rate", float(self.learning_rate))
        object.__setattr__(self, "data", str(self.data))
        object.__setattr__(self, "engine", engine_name(self.engine))

    @property
    def kernels(self) -> str:
        """The engine of the model itself; Keras trains a model of its own."""
        return "auto" if self.engine == KERAS else self.engine


class Run:
    """A model, its optimizer and its history in a folder. Make one with `Run.start` or `Run.open`."""

    def __init__(self, folder: Path, settings: Settings, data_sha256: str) -> None:
        self.folder = folder
        self.settings = settings
        self.data_sha256 = data_sha256
        self.model: Sequential = build_model(settings.model, seed=settings.seed, engine=settings.kernels)
        self.optimizer = Adam(settings.learning_rate, engine=self.model.engine)
        self.epochs: list[Epoch] = []
        self._kept: Array = self.model.flat.copy()  # the weights of model.safetensors

    @classmethod
    def start(cls, folder: str | os.PathLike[str], settings: Settings, digits: Digits) -> Run:
        """A new run with its first checkpoint; FileExistsError if the folder holds a run already."""
        folder = Path(folder)
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(f"the output folder must be a folder; {folder} is a file")
        run = cls(folder, settings, digits.fingerprint)
        check_data(run.model, "training", digits.x_train, digits.y_train)
        check_data(run.model, "validation", digits.x_valid, digits.y_valid)
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            if held := holds_run(folder):
                raise FileExistsError(f"the output folder must not hold another run; {folder} holds {held}")
            run._save()
        return run

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Run:
        """The run in `folder` as its last checkpoint has it. Nothing is written."""
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
        """The number of the epoch with the lowest validation loss, 0 before the first."""
        return best_epoch([epoch.val_loss for epoch in self.epochs])

    @property
    def trained(self) -> Sequential:
        """The model that model.safetensors holds: that of the last epoch, or of the best one with early stopping."""
        model = build_model(self.settings.model, engine=self.settings.kernels)
        model.flat[...] = self._kept
        return model

    @property
    def finished(self) -> str | None:
        """Why there is nothing left to train, or None."""
        patience = self.settings.early_stopping
        if patience and EarlyStopping(patience).done([epoch.val_loss for epoch in self.epochs]):
            return f"stopped early, no lower validation loss since epoch {self.best}, whose weights are kept"
        if len(self.epochs) >= self.settings.epochs:
            return f"{len(self.epochs)} of {self.settings.epochs} epochs done"
        return None

    def train(
        self, digits: Digits, threads: int | None = None, trainer: Callable[..., Iterator[Batch | Epoch]] | None = None
    ) -> Iterator[Batch | Epoch]:
        """Train until `finished`, with the events of `training.train`; an epoch is saved before its event.

        `trainer` does it in place of `training.train`, with the same arguments but threads. It begins at the
        last checkpoint, whatever was broken off since, and puts right what a kill left behind or out.
        """
        if digits.fingerprint != self.data_sha256:
            raise ValueError(
                f"a run must go on with the data it began with, sha256 {self.data_sha256[:12]}…; "
                f"{digits.source} has {digits.fingerprint[:12]}…"
            )
        with _alone(self.folder):
            self._go_back()
            self._save()
            if self.finished:
                return
            for event in (trainer or partial(train, threads=threads))(
                self.model,
                digits.x_train,
                digits.y_train,
                optimizer=self.optimizer,
                validation=(digits.x_valid, digits.y_valid),
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
        """What history.json holds."""
        names = ("model", "engine", "data", "seed", "batch_size", "learning_rate")
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
    """Nobody else writes runs in `folder` meanwhile. The system ends this with the process, however that ends.

    What a killed process left half-written is removed.
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
            raise BlockingIOError(f"one process at a time trains in a folder; another one does in {folder}") from None
        except OSError:
            pass  # a file system without locks
        else:
            for left in folder.glob(".convlens-*.tmp"):
                left.unlink(missing_ok=True)
        yield
    finally:
        os.close(handle)


def holds_run(folder: Path) -> str | None:
    """The name of a run's file in `folder`, or None."""
    return next((name for name in (CHECKPOINT, MODEL, HISTORY, REPORT) if (folder / name).exists()), None)


def save_model(path: str | os.PathLike[str], model: Sequential, *, untrained: bool = False) -> None:
    """Write the model's weights by name, as safetensors. `load_model` refuses untrained ones.

    ValueError, and nothing is written, for a model that `load_model` could not build again from its name.
    """
    if recognise(model) != model.name or model.dtype != np.float32:
        raise ValueError(
            f"a model that is saved must be one of {', '.join(MODELS)}, in float32; got {model.name} in {model.dtype}"
        )
    write_tensors(Path(path), model.named_weights(), {"model": model.name, "untrained": untrained})


def load_model(path: str | os.PathLike[str], engine: str = "auto") -> Sequential:
    """The trained model of a run's folder, or of a model.safetensors file"""
    path = Path(path)
    if path.is_dir():
        path = path / MODEL
    tensors, about = read_tensors(path)
    name = about.get("model")
    if about.get("untrained"):
        raise ValueError(f"{path} must hold a trained model; its run has not finished an epoch")
    if name not in MODELS:
        raise ValueError(f"{path} must hold the weights of one of {', '.join(MODELS)}; its model is {name!r}")
    model = build_model(name, engine=engine)
    own = model.named_weights()
    if own.keys() != tensors.keys():
        raise ValueError(f"{path} must hold the weights {', '.join(own)}; it holds {', '.join(tensors)}")
    try:
        model.set_weights([tensors[name] for name in own])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return model


def go_on(settings: Settings, given: dict[str, Any]) -> Settings:
    """The settings of a run that goes on, with options `given` again: what is fixed must not differ."""
    for name, value in given.items():
        if name not in ("epochs", "data") and value != getattr(settings, name):
            raise ValueError(f"{name} must be that of the run, {getattr(settings, name)!r}; got {value!r}")
    return replace(settings, **given)
