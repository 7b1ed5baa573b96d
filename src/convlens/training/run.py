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
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from convlens.data import Digits
from convlens.models import build_model
from convlens.nn import Optimizer, Sequential
from convlens.storage.atomic import atomic_write
from convlens.storage.tensors import read_tensors, write_tensors
from convlens.training.callbacks.early_stopping import EarlyStopping, best_epoch
from convlens.training.checks import LOWER, check_data, check_training
from convlens.training.class_weights import class_weights
from convlens.training.divergence import lower_rate
from convlens.training.events import Epoch, Event
from convlens.training.loop import run_epochs
from convlens.training.model_file import MODEL, build, describe, save_model
from convlens.training.model_source import Wanted, check_output, make_model, rebuilt
from convlens.training.options import make_augment, make_optimizer, with_dropout
from convlens.training.settings import Settings, go_on
from convlens.training.stored_images import Images, of_digits, read_images
from convlens.training.trainer import EngineTrainer, Trainer

__all__ = ["CHECKPOINT", "EXPLORER", "HISTORY", "REPORT", "MakeTrainer", "Run", "holds_run"]

MakeTrainer: TypeAlias = Callable[[Sequential, Optimizer], Trainer]

_STATE = "running_statistics"
CHECKPOINT, HISTORY, REPORT, EXPLORER = "checkpoint.safetensors", "history.json", "report.html", "explore.html"


class Run:
    """A model, its optimizer and its history in a folder. Create it with `Run.start` or `Run.open`.

    The folder holds the model's specification, so a run with a network of one's own goes on without the code that made
    the network.
    """

    def __init__(self, folder: Path, settings: Settings, data_sha256: str, model: Sequential, images: Images) -> None:
        self.folder = folder
        self.settings = settings
        self.data_sha256 = data_sha256
        self.model, self.images = model, images
        self.specification = describe(model)
        self.optimizer: Optimizer = make_optimizer(*_rates(settings))
        self.epochs: list[Epoch] = []
        # the weights and the running statistics in model.safetensors
        self._kept, self._kept_state = model.flat.copy(), model.flat_state.copy()

    @classmethod
    def start(
        cls,
        folder: str | os.PathLike[str] | Callable[[], Path],
        settings: Settings,
        digits: Digits,
        model: Sequential | None = None,
        *,
        check: Callable[[Sequential], None] | None = None,
    ) -> Run:
        """Create a new run and write its first checkpoint; FileExistsError if the folder already holds a run.

        folder: the folder, or a function that makes a new folder when everything else is checked. model: the network to
        train, in place of the one that `settings.model` names. check: a function that raises an error for a network
        that the trainer cannot train.
        """
        if not callable(folder):
            folder = Path(folder)
            if folder.exists() and not folder.is_dir():
                raise NotADirectoryError(f"the output folder must be a folder; {folder} is a file")
        h, w, c = digits.pixels_train.shape[1:]
        wanted = Wanted((h, w, c), digits.classes, settings.seed)
        if model is None:
            model = make_model(settings.model, wanted, settings.engine)
        else:
            check_output(model, wanted, "model")
            model = rebuilt(model, settings.engine, "model")
        if settings.dropout is not None:
            model = _with_dropout(model, settings)
        run = cls(Path(), settings, digits.fingerprint, model, of_digits(digits))
        check_data(run.model, "training", digits.images("train"), digits.y_train)
        check_data(run.model, "validation", digits.images("valid"), digits.y_valid)
        class_weights(settings.class_weights, digits)  # it checks the names
        if check is not None:
            check(run.model)
        run.folder = folder() if callable(folder) else folder
        run.folder.mkdir(parents=True, exist_ok=True)
        with _alone(run.folder):
            if held := holds_run(run.folder):
                raise FileExistsError(f"the output folder must not hold another run; {run.folder} holds {held}")
            run._save()
        return run

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Run:
        """Return the run in `folder` in the state of its last checkpoint. This writes nothing."""
        folder = Path(folder)
        path = folder / CHECKPOINT
        tensors, about = read_tensors(path)
        try:
            settings = Settings(**about["settings"])
            if "specification" in about:
                model = build(about["specification"], settings.engine)
                model.frozen = frozenset(map(int, about.get("frozen", ())))
            else:  # an old version stored only the name
                model = build_model(settings.model, engine=settings.engine)
            images = read_images(about.get("images"), model.input_shape, model.output_shape[-1])
            run = cls(folder, settings, about["data_sha256"], model, images)
            run.epochs = [Epoch(**row) for row in about["epochs"]]
            weights, state = tensors.pop("weights"), tensors.pop(_STATE, model.flat_state)
            kept, kept_state = tensors.pop("kept", weights), tensors.pop(f"kept_{_STATE}", state)
            for own, one, two in ((model.flat, weights, kept), (model.flat_state, state, kept_state)):
                if not own.shape == one.shape == two.shape:
                    raise ValueError(f"{model.name} has {own.size} weights; got {one.shape}, {two.shape}")
            model.flat[...], run._kept[...] = weights, kept
            model.flat_state[...], run._kept_state[...] = state, kept_state
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
        model = build(self.specification, self.settings.engine)
        model.flat[...], model.flat_state[...] = self._kept, self._kept_state
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
            train, valid = (digits.images(part, self.model.dtype) for part in ("train", "valid"))
            augment = make_augment(self.settings.augment, digits)
            check_training(self.model, train, digits.y_train, augment)
            check_data(self.model, "validation", valid, digits.y_valid)
            self._follow_schedule(len(digits.y_train))
            make = trainer or partial(
                EngineTrainer,
                threads=threads,
                seed=self.settings.seed,
                augment=augment,
                class_weights=class_weights(self.settings.class_weights, digits),
            )
            events = run_epochs(
                make(self.model, self.optimizer),
                self.model,
                train,
                digits.y_train,
                validation=(valid, digits.y_valid),
                epochs=self.settings.epochs,
                batch_size=self.settings.batch_size,
                seed=self.settings.seed,
                first_epoch=len(self.epochs) + 1,
            )
            try:
                for event in events:
                    if isinstance(event, Epoch):
                        self.epochs.append(event)
                        if not self.settings.early_stopping or self.best == event.epoch:
                            self._kept[...], self._kept_state[...] = self.model.flat, self.model.flat_state
                        self._save()
                    yield event
                    if isinstance(event, Epoch) and self.finished:
                        return
            except ArithmeticError as error:
                if not str(error).endswith(LOWER):
                    raise
                raise ArithmeticError(f"{error}, such as {lower_rate(self.settings.rate)}") from None

    def record(self, epochs: Sequence[Epoch]) -> None:
        """Take over epochs that were trained elsewhere, such as in the explorer's page, and save.

        The model and the optimizer must have the state after the last of them.
        """
        with _alone(self.folder):
            self.epochs = list(epochs)
            self._kept[...], self._kept_state[...] = self.model.flat, self.model.flat_state
            self._save()

    def _follow_schedule(self, images: int) -> None:
        """Make the optimizer again with the schedule for the number of batches, in the same state."""
        if self.settings.schedule != "constant":
            steps = self.settings.epochs * -(-images // self.settings.batch_size)
            state = self.optimizer.get_state()
            self.optimizer = make_optimizer(*_rates(self.settings), schedule=self.settings.schedule, steps=steps)
            self.optimizer.set_state(state)

    def _go_back(self) -> None:
        saved = Run.open(self.folder)
        go_on(saved.settings, asdict(self.settings))
        self.epochs, self.optimizer = saved.epochs, saved.optimizer
        self._kept, self._kept_state = saved._kept, saved._kept_state
        self.model.flat[...], self.model.flat_state[...] = saved.model.flat, saved.model.flat_state

    def history(self) -> dict[str, Any]:
        """Return the content of history.json."""
        settings = asdict(self.settings)
        names = (
            *("model", "engine", "trainer", "data", "seed", "batch_size"),
            *("optimizer", "learning_rate", "schedule", "weight_decay", "momentum", "augment", "dropout"),
            "class_weights",
            *("size", "skip_broken", "transposed"),
        )
        return {
            **{name: settings[name] for name in names},
            "network": self.model.name,
            "parameters": self.model.count_params(),
            "input_shape": list(self.model.input_shape),
            "class_names": list(self.images.class_names),
            "epochs": [asdict(epoch) for epoch in self.epochs],
        }

    def _save(self) -> None:
        about = {
            "settings": asdict(self.settings),
            "data_sha256": self.data_sha256,
            "epochs": [asdict(epoch) for epoch in self.epochs],
            "specification": self.specification,
            "frozen": sorted(self.model.frozen),
            "images": self.images.to_json(),
        }
        tensors = {"weights": self.model.flat, _STATE: self.model.flat_state}
        if self.settings.early_stopping:
            tensors |= {"kept": self._kept, f"kept_{_STATE}": self._kept_state}
        tensors = {name: vector for name, vector in tensors.items() if vector.size} | self.optimizer.get_state()
        write_tensors(self.folder / CHECKPOINT, tensors, about)
        save_model(self.folder / MODEL, self.trained, untrained=not self.epochs, images=self.images)
        with atomic_write(self.folder / HISTORY) as file:
            file.write(json.dumps(self.history(), indent=1).encode() + b"\n")


def _rates(settings: Settings) -> tuple[str, float, float | None, float | None]:
    """Return the arguments of `make_optimizer`."""
    return settings.optimizer, settings.rate, settings.weight_decay, settings.momentum


def _with_dropout(model: Sequential, settings: Settings) -> Sequential:
    """Return the model with `settings.dropout`, and with the same weights."""
    assert settings.dropout is not None
    found = Sequential(
        with_dropout(model.descriptions, settings.dropout),
        model.input_shape,
        name=model.name,
        dtype=model.dtype,
        engine=settings.engine,
    )
    found.flat[...], found.flat_state[...] = model.flat, model.flat_state
    last = len(model.descriptions) - 1
    added = len(found.descriptions) > len(model.descriptions)  # before the last layer
    found.frozen = frozenset(k + (added and k == last) for k in model.frozen)
    return found


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
