"""Train and evaluate: events come out, nothing is printed.

A batch is cut into parts, at most 8, each with as many examples as the engine finds worth a thread. A part goes through
the whole network, there and back, on one of `threads` threads; then the parts' gradients are added up in order. The cut
depends on the batch alone, so the same seed gives the same bits for any number of threads. An engine with whole passes
of its own gets the batch in one part, and cuts and shares it by the same rule.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np

from convlens import ops
from convlens.arrays import Array, is_plain, kind
from convlens.data.batches import batches
from convlens.engines.partition import partition
from convlens.geometry import check_count
from convlens.machine.memory import aligned, keep_memory
from convlens.machine.threads import Workers, usable_threads, workers
from convlens.nn import Adam, Optimizer, Sequential
from convlens.ops.losses import Labels, check_labels

_EVALUATE_BATCH = 250


@dataclass(frozen=True)
class Batch:
    """A batch is done. `loss` and `accuracy` are means over the epoch so far, `seconds` the time since it began."""

    epoch: int
    batch: int
    batches: int
    images: int
    seconds: float
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Epoch:
    """An epoch is done. `seconds` is training alone; the validation figures are None without validation data."""

    epoch: int
    seconds: float
    images_per_second: float
    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None


@dataclass
class History:
    """What `fit` returns: the epochs, and as in Keras `history`, a list of figures by name."""

    epochs: list[Epoch] = field(default_factory=list)

    @property
    def history(self) -> dict[str, list[float | None]]:
        """The figures by name, e.g. history["val_accuracy"][-1]"""
        rows = [asdict(epoch) for epoch in self.epochs]
        return {name: [row[name] for row in rows] for name in ("loss", "accuracy", "val_loss", "val_accuracy")}


class Scores(NamedTuple):
    """What `evaluate` returns: means over the examples."""

    loss: float
    accuracy: float


Callback = Callable[[Batch | Epoch], object]
Schedule = Callable[[int], float]
Augment = Callable[[Array, "np.random.Generator"], Array]


class EarlyStopping:
    """Callback: stop when `val_loss` has not fallen below its lowest for `patience` epochs. Epoch 1 begins anew."""

    def __init__(self, patience: int) -> None:
        check_count("patience", patience, 1)
        self.patience = patience
        self._losses: list[float | None] = []

    def __call__(self, event: Batch | Epoch) -> bool:
        """True when it is time to stop."""
        if isinstance(event, Epoch):
            if event.val_loss is None:
                raise ValueError(f"EarlyStopping needs validation data; epoch {event.epoch} has no val_loss")
            if event.epoch == 1:
                self._losses.clear()
            self._losses.append(event.val_loss)
        return self.done(self._losses)

    def done(self, losses: list[float | None]) -> bool:
        """True if the lowest of these losses, one an epoch, is `patience` epochs back."""
        return len(losses) >= best_epoch(losses) + self.patience


def best_epoch(losses: list[float | None]) -> int:
    """The number, from 1, of the first epoch with the lowest loss; 0 if there is none.

    >>> best_epoch([0.5, 0.2, 0.2]), best_epoch([])
    (2, 0)
    """
    known = [(loss, k) for k, loss in enumerate(losses, 1) if loss is not None]
    return min(known)[1] if known else 0


def check_data(model: Sequential, name: str, x: Array, y: Labels) -> None:
    """A ValueError, calling the data `name`, unless x (n, h, w, c) and y (n,) are what the model takes."""
    model.check_images(f"{name} images", x)
    try:
        check_labels(y, len(x), model.output_shape[0])
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None


def _check_training(model: Sequential, x: Array, y: Labels, augment: Augment | None) -> None:
    """As `check_data`, and the model's dtype; with `augment` it is what that makes of an image that must be so."""
    seen = x
    if augment is not None:
        if not is_plain(x) or x.dtype.kind not in "fiu" or x.ndim != 4 or len(x) == 0:
            got = f"{x.dtype} {x.shape}" if is_plain(x) else kind(x)
            raise ValueError(f"training images must be numbers (n, h, w, c) with n of at least 1; got {got}")
        if not np.isfinite(x).all():
            bad = np.count_nonzero(~np.isfinite(x))
            raise ValueError(f"training images must be finite; got {bad} NaN or infinite numbers")
        seen = augment(x[:1], np.random.default_rng(0))
        model.check_images("training images, as augment makes them,", seen)
        if len(seen) != 1:
            raise ValueError(f"augment must make one image of one; got {len(seen)}")
        try:
            check_labels(y, len(x), model.output_shape[0])
        except ValueError as error:
            raise ValueError(f"training {error}") from None
    else:
        check_data(model, "training", x, y)
    if seen.dtype != model.dtype:
        made = "" if augment is None else ", as augment makes them,"
        raise ValueError(f"training images{made} must be {model.dtype} as the model is; got {seen.dtype}")


def _rate(schedule: Schedule, epoch: int) -> float:
    rate = float(schedule(epoch))
    if not (math.isfinite(rate) and rate > 0):
        raise ValueError(f"schedule must give a learning rate above 0; got {rate!r} for epoch {epoch}")
    return rate


def check_finite(name: str, value: float, where: str) -> None:
    """An ArithmeticError, saying where, unless the value is finite."""
    if not math.isfinite(value):
        raise ArithmeticError(f"{name} must stay finite; got {value} {where}: a lower learning rate may help")


def train(
    model: Sequential,
    x: Array,
    y: Labels,
    *,
    optimizer: Optimizer,
    validation: tuple[Array, Labels] | None = None,
    epochs: int = 1,
    batch_size: int = 32,
    seed: int = 0,
    threads: int | None = None,
    first_epoch: int = 1,
    schedule: Schedule | None = None,
    augment: Augment | None = None,
) -> Iterator[Batch | Epoch]:
    """Train epochs first_epoch … epochs and yield a `Batch` after each batch, an `Epoch` after each epoch.

    x (n, h, w, c) of the model's dtype, y (n,) labels. Epoch k shuffles with default_rng([seed, k]), so a run that goes
    on from an epoch's end (weights, optimizer state) gives the bits of one that never stopped.
    threads: all cores unless given. schedule: epoch -> the optimizer's learning rate in it. augment: changes the images
    of a part of a batch, before the network sees them, see `convlens.data.augmentation`. What is drawn there and by the
    network's layers comes from default_rng([seed, epoch, batch, part]), part being counted from 0.
    Raises ValueError for bad arguments, ArithmeticError when the loss or the weights are no longer finite.
    """
    threads = usable_threads() if threads is None else threads
    counts = {"epochs": epochs, "batch_size": batch_size, "threads": threads, "first_epoch": first_epoch}
    for name, value in counts.items():
        check_count(name, value, 1)
    check_count("seed", seed, 0)
    _check_training(model, x, y, augment)
    if validation is not None:
        if not isinstance(validation, tuple | list) or len(validation) != 2:
            raise ValueError(f"validation must be a pair, images and labels; got {type(validation).__name__}")
        check_data(model, "validation", *validation)
    cuts = partition(min(batch_size, len(x)), model.engine.least_part)
    gradients = [aligned(model.flat.size, model.dtype) for _ in cuts]

    draws = augment is not None or any(layer.draws for layer in model.layers)

    def part(place: tuple[int, int], chosen: Array, cuts: list[slice], k: int) -> tuple[float, int]:
        mine = chosen[cuts[k]]
        images, labels = x[mine], y[mine]
        rng = np.random.default_rng([seed, *place, k]) if draws else None
        if augment is not None:
            assert rng is not None
            images = augment(images, rng)
        with np.errstate(all="ignore"):
            loss, logits = model.loss_gradient(images, labels, 1 / len(chosen), gradients[k], threads, rng)
        return float(loss.sum(dtype=np.float64)), int((logits.argmax(axis=1) == labels).sum())

    keep_memory()
    with np.errstate(all="ignore"):
        # What compiles at its first use does so before the clock starts
        model.loss_gradient(np.zeros((1, *model.input_shape), model.dtype), y[:1], 1.0, gradients[0])
    with workers(threads) as crew:
        for epoch in range(first_epoch, epochs + 1):
            if schedule is not None:
                optimizer.learning_rate = _rate(schedule, epoch)
            begin = time.perf_counter()
            loss_sum, hits, images = 0.0, 0, 0
            order = np.random.default_rng([seed, epoch])
            for number, chosen in enumerate(batches(len(x), batch_size, order), 1):
                cuts = partition(len(chosen), model.engine.least_part)
                for part_loss, part_hits in crew.map(partial(part, (epoch, number), chosen, cuts), len(cuts)):
                    loss_sum += part_loss
                    hits += part_hits
                images += len(chosen)
                check_finite("the loss", loss_sum, f"in epoch {epoch}, batch {number}")
                with np.errstate(all="ignore"):
                    for other in gradients[1 : len(cuts)]:
                        gradients[0] += other
                    optimizer.update(model.flat, gradients[0])
                now = time.perf_counter()
                seconds = now - begin
                yield Batch(epoch, number, -(-len(x) // batch_size), images, seconds, loss_sum / images, hits / images)
                begin += time.perf_counter() - now  # what the caller does meanwhile is not training
            check_finite("the weights", float(np.maximum(model.flat.max(), -model.flat.min())), f"after epoch {epoch}")
            scores = _evaluate(model, *validation, crew) if validation is not None else None
            if scores is not None:
                check_finite("the validation loss", scores.loss, f"after epoch {epoch}")
            yield Epoch(epoch, seconds, images / seconds, loss_sum / images, hits / images, *(scores or (None, None)))


def fit(
    model: Sequential,
    x: Array,
    y: Labels,
    *,
    optimizer: Optimizer | None = None,
    validation: tuple[Array, Labels] | None = None,
    epochs: int = 1,
    batch_size: int = 32,
    seed: int = 0,
    threads: int | None = None,
    callbacks: Iterable[Callback] = (),
    schedule: Schedule | None = None,
    augment: Augment | None = None,
) -> History:
    """Train and return the History. The arguments are those of `train`; the optimizer is Adam() unless given.

    Each callback is called with each event; when one returns True after an Epoch, the training ends there.
    """
    history, callbacks = History(), list(callbacks)
    optimizer = optimizer or Adam(engine=model.engine)
    for event in train(
        model,
        x,
        y,
        optimizer=optimizer,
        validation=validation,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        threads=threads,
        schedule=schedule,
        augment=augment,
    ):
        if isinstance(event, Epoch):
            history.epochs.append(event)
        stops = [callback(event) is True for callback in callbacks]
        if isinstance(event, Epoch) and any(stops):
            break
    return history


def evaluate(model: Sequential, x: Array, y: Labels, *, threads: int | None = None) -> Scores:
    """Mean loss and accuracy on x (n, h, w, c), y (n,). The same bits for any number of threads."""
    threads = usable_threads() if threads is None else threads
    check_count("threads", threads, 1)
    check_data(model, "evaluation", x, y)
    keep_memory()
    with workers(threads) as crew:
        return _evaluate(model, x, y, crew)


def _evaluate(model: Sequential, x: Array, y: Labels, crew: Workers) -> Scores:
    def part(k: int) -> tuple[float, int]:
        mine = slice(k * _EVALUATE_BATCH, (k + 1) * _EVALUATE_BATCH)
        labels = y[mine]
        with np.errstate(all="ignore"):
            logits = model.logits(x[mine].astype(model.dtype, copy=False))
            loss = ops.softmax_cross_entropy_forward(logits, labels)
        return float(loss.sum(dtype=np.float64)), int((logits.argmax(axis=1) == labels).sum())

    losses, hits = zip(*crew.map(part, -(-len(x) // _EVALUATE_BATCH)), strict=True)
    return Scores(sum(losses) / len(x), sum(hits) / len(x))
