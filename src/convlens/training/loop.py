"""The loop over epochs and batches. It yields events and prints nothing."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterable

import numpy as np

from convlens.arrays import Array
from convlens.data.batches import batches
from convlens.data.pixels import Pixels
from convlens.geometry import check_count
from convlens.machine.memory import keep_memory
from convlens.machine.threads import usable_threads, workers
from convlens.nn import Adam, Optimizer, Sequential
from convlens.ops.losses import Labels
from convlens.training.callbacks.callback import Callback as KerasCallback
from convlens.training.callbacks.callback_list import CallbackList, InTraining, follow
from convlens.training.checks import Augment, check_data, check_finite, check_training, check_validation
from convlens.training.events import Batch, Callback, Epoch, Event, History, Scores
from convlens.training.trainer import EngineTrainer, Trainer, score

__all__ = ["Schedule", "evaluate", "fit", "run_epochs", "train"]

Schedule = Callable[[int], float]


def run_epochs(
    trainer: Trainer,
    model: Sequential,
    x: Array | Pixels,
    y: Labels,
    *,
    validation: tuple[Array | Pixels, Labels] | None,
    epochs: int,
    batch_size: int,
    seed: int,
    first_epoch: int = 1,
    schedule: Schedule | None = None,
) -> Generator[Event, None, None]:
    """Train epochs first_epoch … epochs; yield a `Batch` after each batch and an `Epoch` after each epoch.

    Epoch k shuffles with default_rng([seed, k]), so a run that continues from the end of an epoch gives the same bits
    as a run that never stopped. `Pixels` are converted a batch at a time. Raises ArithmeticError when the loss or the
    weights are no longer finite.
    """
    count = -(-len(x) // batch_size)
    with trainer:
        epoch = first_epoch
        while trainer.goes_on(epoch <= epochs):
            learning_rate = None if schedule is None else _rate(schedule, epoch)
            begin = time.perf_counter()
            loss_sum, hits, images = 0.0, 0, 0
            for number, chosen in enumerate(batches(len(x), batch_size, np.random.default_rng([seed, epoch])), 1):
                loss, right = trainer.step(x[chosen], y[chosen], (epoch, number), learning_rate)
                loss_sum += loss
                hits += right
                images += len(chosen)
                check_finite("the loss", loss_sum, f"in epoch {epoch}, batch {number}", steps=epoch + number - 2)
                now = time.perf_counter()
                seconds = now - begin
                yield Batch(epoch, number, count, images, seconds, loss_sum / images, hits / images)
                begin += time.perf_counter() - now  # the time of the caller between events is not training time
            trainer.end_epoch()
            check_finite("the weights", float(np.maximum(model.flat.max(), -model.flat.min())), f"after epoch {epoch}")
            scores = trainer.evaluate(*validation) if validation is not None else None
            if scores is not None:
                check_finite("the validation loss", scores.loss, f"after epoch {epoch}")
            event = Epoch(epoch, seconds, images / seconds, loss_sum / images, hits / images, *(scores or (None, None)))
            try:
                yield event
            except GeneratorExit:  # the caller stops here, but other hosts still wait to hear whether to continue
                trainer.goes_on(False)
                raise
            epoch += 1


def _rate(schedule: Schedule, epoch: int) -> float:
    rate = float(schedule(epoch))
    if not (math.isfinite(rate) and rate > 0):
        raise ValueError(f"schedule must give a learning rate above 0; got {rate!r} for epoch {epoch}")
    return rate


def train(
    model: Sequential,
    x: Array | Pixels,
    y: Labels,
    *,
    optimizer: Optimizer,
    validation: tuple[Array | Pixels, Labels] | None = None,
    epochs: int = 1,
    batch_size: int = 32,
    seed: int = 0,
    threads: int | None = None,
    first_epoch: int = 1,
    schedule: Schedule | None = None,
    augment: Augment | None = None,
) -> Generator[Event, None, None]:
    """Train epochs first_epoch … epochs; yield a `Batch` after each batch and an `Epoch` after each epoch.

    x (n, h, w, c) of the model's dtype, y (n,) labels. threads: number of threads, by default one for each core; the
    same seed gives the same bits for any number. schedule: a function from epoch to learning rate. augment: a function
    that changes the images of one part of a batch before the network sees them, see `convlens.data.augmentation`.
    Augmentation and the network's layers draw their random numbers from default_rng([seed, epoch, batch, part]), where
    parts count from 0.
    Raises ValueError for bad arguments, ArithmeticError when the loss or the weights are no longer finite.
    """
    threads = usable_threads() if threads is None else threads
    counts = {"epochs": epochs, "batch_size": batch_size, "threads": threads, "first_epoch": first_epoch}
    for name, value in counts.items():
        check_count(name, value, 1)
    check_count("seed", seed, 0)
    check_training(model, x, y, augment)
    check_validation(model, validation)
    yield from run_epochs(
        EngineTrainer(model, optimizer, threads=threads, seed=seed, augment=augment),
        model,
        x,
        y,
        validation=validation,
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        first_epoch=first_epoch,
        schedule=schedule,
    )


def fit(
    model: Sequential,
    x: Array | Pixels,
    y: Labels,
    *,
    optimizer: Optimizer | None = None,
    validation: tuple[Array | Pixels, Labels] | None = None,
    epochs: int = 1,
    batch_size: int = 32,
    seed: int = 0,
    threads: int | None = None,
    callbacks: Iterable[Callback | KerasCallback] = (),
    schedule: Schedule | None = None,
    augment: Augment | None = None,
) -> History:
    """Train and return the History. The arguments are those of `train`; the optimizer defaults to Adam().

    Each callback is a function or an object of `convlens.callbacks`. A function is called with each event; if it
    returns True after an Epoch, training ends there. An object's methods are called as in Keras.
    """
    history, callbacks = History(), list(callbacks)
    functions = [callback for callback in callbacks if not isinstance(callback, KerasCallback)]
    objects = [callback for callback in callbacks if isinstance(callback, KerasCallback)]
    optimizer = optimizer or Adam(engine=model.engine)
    known = isinstance(x, np.ndarray | Pixels) and isinstance(batch_size, int) and batch_size > 0  # `train` checks both
    steps = -(-len(x) // batch_size) if known else None
    listed = CallbackList(objects, model=InTraining(model, optimizer), epochs=epochs, steps=steps, verbose=1)
    events = train(
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
    )
    for event in follow(events, listed, epochs=epochs) if objects else events:
        if isinstance(event, Epoch):
            history.epochs.append(event)
        stops = [callback(event) is True for callback in functions]
        if isinstance(event, Epoch) and any(stops):
            break
    return history


def evaluate(
    model: Sequential, x: Array | Pixels, y: Labels, *, threads: int | None = None, predicted: Labels | None = None
) -> Scores:
    """Return mean loss and accuracy on x (n, h, w, c), y (n,). The bits are the same for any number of threads.

    predicted: a vector int64 (n,), which gets the predicted labels
    """
    threads = usable_threads() if threads is None else threads
    check_count("threads", threads, 1)
    check_data(model, "evaluation", x, y)
    keep_memory()
    with workers(threads) as pool:
        return score(model, x, y, pool, predicted)
