"""`fit`, `evaluate`, `train_on_batch` and `test_on_batch` of a compiled `Sequential`, as in Keras.

The steps are those of `EngineTrainer`: with the same seed, `model.fit` and `convlens.fit` give the same bits.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.data.pixels import Pixels
from convlens.geometry import check_count
from convlens.machine.memory import keep_memory
from convlens.machine.threads import usable_threads, workers
from convlens.nn import Sequential
from convlens.nn.images import as_dtype, as_images
from convlens.training.callbacks import CallbackList, History
from convlens.training.callbacks.console import interactive, say
from convlens.training.callbacks.progress import figures_text
from convlens.training.checks import Augment, check_finite
from convlens.training.compiling import Compiled, compiled
from convlens.training.examples import Arrays, Examples, Stream, examples, is_stream
from convlens.training.trainer import EngineTrainer

__all__ = ["evaluate_model", "fit_model", "predict_model", "test_on_batch", "train_on_batch"]

_EVALUATE_BATCH = 250  # images that a thread evaluates at a time, as in `trainer`
_SCALES = ("Rescaling", "Normalization", "BatchNormalization", "LayerNormalization")  # they make pixels small


class _Figures:
    """Loss and metrics over the batches of an epoch."""

    def __init__(self, model: Sequential, chosen: Compiled) -> None:
        self.model, self.chosen = model, chosen
        self.loss = self.images = 0.0
        for metric in chosen.metrics.values():
            metric.reset_state()

    def add(self, batch: Examples, losses: Array, logits: Array, penalty: float) -> None:
        """Take a batch: losses (n,) without weights, logits (n, classes), and the penalty of the weights before it."""
        weighted = losses if batch.weights is None else losses * batch.weights
        self.loss += float(weighted.sum(dtype=np.float64)) + penalty * len(losses)
        self.images += len(losses)
        if self.chosen.metrics:
            outputs = self.model.activated(logits)
            for name, metric in self.chosen.metrics.items():
                metric.update_state(batch.y, outputs, batch.weights if name in self.chosen.weighted else None)

    def logs(self, prefix: str = "") -> dict[str, float]:
        """Return the figures by name, sorted as Keras sorts them."""
        found = {"loss": self.loss / max(self.images, 1)}
        found |= {name: float(metric.result()) for name, metric in self.chosen.metrics.items()}
        return {prefix + name: found[name] for name in sorted(found)}


def fit_model(
    model: Sequential,
    x: Any = None,
    y: Any = None,
    batch_size: int | None = None,
    epochs: int = 1,
    verbose: str | int = "auto",
    callbacks: Any = None,
    validation_split: float = 0.0,
    validation_data: Any = None,
    shuffle: bool = True,
    class_weight: Mapping[int, float] | None = None,
    sample_weight: Any = None,
    initial_epoch: int = 0,
    steps_per_epoch: int | None = None,
    validation_steps: int | None = None,
    validation_batch_size: int | None = None,
    validation_freq: Any = 1,
    *,
    seed: int | None = None,
    threads: int | None = None,
    augment: Augment | None = None,
) -> History:
    """Train and return the History: `history` has the figures by name, one for each epoch, `epoch` the epochs from 0.

    x (n, h, w, c) numbers of any type, y (n,), (n, 1) or one-hot (n, classes); or x gives batches (x, y) or
    (x, y, weights) one after the other: a generator, a list, a tf.data.Dataset. batch_size: 32 by default.
    verbose: 0 for nothing, 1 for a progress bar, 2 for one line for each epoch; "auto" is 1 on a terminal, else 2.
    callbacks: objects of `convlens.callbacks`. validation_split: the last part of the examples is held out, before
    shuffling. validation_data: (x, y) or (x, y, weights). class_weight, sample_weight: the loss is
    sum(weight * loss) / n. initial_epoch: the epochs before it count as done. steps_per_epoch: batches of an epoch; the
    next epoch goes on where this one stopped. validation_freq: every how many epochs, or a list of epochs from 1.
    seed: the model's by default; epoch k shuffles with default_rng([seed, k]), and k goes on with each fit.
    threads, augment: see `convlens.training.train`.
    Raises ValueError for bad arguments, ArithmeticError when the loss is no longer finite.
    """
    chosen = compiled(model, "fit")
    if batch_size is not None:
        check_count("batch_size", batch_size, 1)
    check_count("epochs", epochs, 1)
    check_count("initial_epoch", initial_epoch, 0)
    for name, value in (("steps_per_epoch", steps_per_epoch), ("validation_steps", validation_steps)):
        if value is not None:
            check_count(name, value, 1)
    seed = model.seed if seed is None else seed
    if x is None:
        raise ValueError("fit needs images x and labels y; got no x")
    held: Examples | None = None
    source: Arrays | Stream
    if is_stream(x):
        for name, given in (("y", y), ("sample_weight", sample_weight), ("validation_split", validation_split or None)):
            if given is not None:
                raise ValueError(f"{name} is not taken when x gives batches; the batches are (x, y) or (x, y, weights)")
        source = Stream(model, chosen, "training", x, class_weight, seed if shuffle else None)
    else:
        model._ensure_built(x)
        found = examples(model, chosen, "training", x, y, sample_weight, class_weight)
        if validation_data is None and (not isinstance(validation_split, int | float) or validation_split):
            if not isinstance(validation_split, int | float) or not 0 < validation_split < 1:
                raise ValueError(f"validation_split must be from 0 to below 1; got {validation_split!r}")
            found, held = found.split(validation_split)
        _note_scale(model, chosen, found.x)
        source = Arrays(found, batch_size or 32, shuffle, seed, model.dtype)
    valid: Examples | Any = held if validation_data is None else _validation(model, chosen, validation_data)
    shown = _verbose(verbose)
    listed = CallbackList(
        callbacks,
        add_history=True,
        add_progbar=shown != 0,
        model=model,
        epochs=epochs,
        steps=steps_per_epoch or source.steps,
        verbose=shown,
    )
    if isinstance(source, Stream) and not model.built:
        source.given = _look_ahead(model, source.given)
    loss = chosen.training_loss(model)
    model.stop_training = False
    trainer = EngineTrainer(model, chosen.optimizer, threads=threads, seed=seed, augment=augment, loss=loss)
    logs: dict[str, float] = {}
    running: Iterator[Examples] | None = None
    with trainer:
        listed.on_train_begin()
        for epoch in range(initial_epoch, epochs):
            k = chosen.epochs = max(epoch, chosen.epochs) + 1
            if running is None or steps_per_epoch is None:
                running = source.run(k)
            logs, running = _epoch(model, chosen, trainer, running, source, listed, epoch, k, steps_per_epoch)
            if valid is not None and not model.stop_training and _is_due(validation_freq, epoch + 1):
                size = validation_batch_size or batch_size or 32
                logs |= _evaluate(model, chosen, valid, size, validation_steps, listed, "val_", threads)
            listed.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
        listed.on_train_end(logs)
    history = listed.history
    assert history is not None
    model.history = history
    return history


def _epoch(
    model: Sequential,
    chosen: Compiled,
    trainer: EngineTrainer,
    running: Iterator[Examples],
    source: Arrays | Stream,
    listed: CallbackList,
    epoch: int,
    k: int,
    steps: int | None,
) -> tuple[dict[str, float], Iterator[Examples]]:
    """Train one epoch -> its figures, and the iterator of batches for the next one"""
    listed.on_epoch_begin(epoch)
    figures, number = _Figures(model, chosen), 0
    while steps is None or number < steps:
        batch = next(running, None)
        if batch is None and steps is not None:  # another pass
            running = source.run(k + number)
            batch = next(running, None)
        if batch is None:
            break
        listed.on_train_batch_begin(number)
        penalty = sum(model.losses)
        found = trainer.parts(batch.x, batch.targets, (k, number + 1), None, batch.weights)
        losses, logits = (np.concatenate([part[i] for part in found]) for i in (0, 1))
        figures.add(batch, losses, logits, penalty)
        number += 1
        logs = figures.logs()
        listed.on_train_batch_end(number - 1, logs)
        if model.stop_training:
            break
        check_finite("the loss", figures.loss, f"in epoch {epoch + 1}, batch {number}")
    if number == 0:
        raise ValueError(
            f"training needs a batch in each epoch; epoch {epoch + 1} got none: a generator is used up once"
        )
    return figures.logs(), running


def _look_ahead(model: Sequential, given: Any) -> Any:
    """Build the model for the first batch, and return the batches with it."""
    again = iter(given)
    first = next(again, None)
    if first is None:
        raise ValueError("training needs a batch; got none")
    model._ensure_built(np.asarray(first[0]))
    if again is not given:
        return given

    def chained() -> Iterator[Any]:
        yield first
        yield from again

    return chained()


def _is_due(frequency: Any, epoch: int) -> bool:
    if isinstance(frequency, int):
        check_count("validation_freq", frequency, 1)
        return epoch % frequency == 0
    return epoch in frequency


def _verbose(verbose: str | int) -> int:
    if verbose == "auto":
        return 1 if interactive() else 2
    if verbose not in (0, 1, 2):
        raise ValueError(f"verbose must be 0, 1, 2 or 'auto'; got {verbose!r}")
    return int(verbose)


def _note_scale(model: Sequential, chosen: Compiled, x: Any) -> None:
    """Say once that pixels from 0 to 255 are trained as they are, unless a layer at the front makes them small."""
    if isinstance(x, Pixels) or "scale" in chosen.said or type(model.descriptions[0]).__name__ in _SCALES:
        return
    if x.dtype.kind in "iub" and x.dtype != bool and x[:1000].max() > 1:
        chosen.said.add("scale")
        logging.getLogger("convlens").warning(
            "The images are %s and are trained as they are, from %s to %s. Networks learn faster from small numbers: "
            "divide them, x / 255, or begin the network with layers.Rescaling(1 / 255).",
            x.dtype,
            x[:1000].min(),
            x[:1000].max(),
        )


def _validation(model: Sequential, chosen: Compiled, given: Any) -> Examples | Stream:
    if isinstance(given, tuple | list) and len(given) in (2, 3) and not isinstance(given[0], tuple):
        return examples(model, chosen, "validation", *given)
    if is_stream(given):
        return Stream(model, chosen, "validation", given)
    raise ValueError(f"validation_data must be a pair, images and labels; got {type(given).__name__}")


def _evaluate(
    model: Sequential,
    chosen: Compiled,
    given: Examples | Stream,
    batch_size: int,
    steps: int | None,
    listed: CallbackList | None,
    prefix: str,
    threads: int | None,
) -> dict[str, float]:
    """Return the figures of examples. The bits are the same for any number of threads."""
    loss = chosen.training_loss(model)
    keep_memory()

    def part(batch: Examples) -> tuple[Array, Array]:
        with np.errstate(all="ignore"):
            logits = model.logits(batch.x)
            return loss.forward(logits, batch.targets), logits

    if listed is not None:
        listed.on_test_begin()
    watched = listed is not None and any(_watches(each) for each in listed.callbacks)
    size = batch_size if watched or steps is not None else _EVALUATE_BATCH
    source = given if isinstance(given, Stream) else Arrays(given, size, False, 0, model.dtype)
    figures, number, penalty = _Figures(model, chosen), 0, sum(model.losses)
    with workers(usable_threads() if threads is None else threads) as pool:
        batches = source.run(1)
        while group := [batch for _, batch in zip(range(1 if watched else 8), batches, strict=False)]:
            if steps is not None:
                group = group[: steps - number]
            if watched and listed is not None:
                listed.on_test_batch_begin(number)
            found = pool.map(lambda k, group=group: part(group[k]), len(group))  # type: ignore[misc]
            for batch, (losses, logits) in zip(group, found, strict=True):
                figures.add(batch, losses, logits, penalty)
            number += len(group)
            if watched and listed is not None:
                listed.on_test_batch_end(number - 1, figures.logs())
            if steps is not None and number >= steps:
                break
    if number == 0:
        raise ValueError("an evaluation needs a batch; got none")
    if listed is not None:
        listed.on_test_end(figures.logs())
    return figures.logs(prefix)


def _watches(callback: Any) -> bool:
    """Return whether a callback has methods of its own for the batches of an evaluation."""
    from convlens.training.callbacks import Callback

    names = ("on_test_batch_begin", "on_test_batch_end")
    return any(getattr(type(callback), name, None) is not getattr(Callback, name) for name in names)


def evaluate_model(
    model: Sequential,
    x: Any = None,
    y: Any = None,
    batch_size: int | None = None,
    verbose: str | int = "auto",
    sample_weight: Any = None,
    steps: int | None = None,
    callbacks: Any = None,
    return_dict: bool = False,
) -> Any:
    """Return the loss, or [loss, metric, …], or with `return_dict` a dictionary. The arguments are those of `fit`."""
    chosen = compiled(model, "evaluate")
    if x is None:
        raise ValueError("evaluate needs images x and labels y; got no x")
    given: Examples | Stream
    if is_stream(x):
        if not model.built:
            x = _look_ahead(model, x)
        given = Stream(model, chosen, "evaluation", x)
    else:
        model._ensure_built(x)
        given = examples(model, chosen, "evaluation", x, y, sample_weight)
    shown = _verbose(verbose)
    listed = CallbackList(callbacks, model=model, verbose=shown, epochs=1, steps=steps)
    logs = _evaluate(model, chosen, given, batch_size or 32, steps, listed, "", None)
    if shown:
        say(f"{len(given.x)} images" + figures_text(logs) if isinstance(given, Examples) else figures_text(logs)[3:])
    return _answer(chosen, logs, return_dict)


def predict_model(model: Sequential, x: Any, batch_size: int, steps: int | None, callbacks: Any) -> Array:
    """x (n, h, w, c) -> what the last layer gives, computed in batches, before and after which callbacks are called"""
    check_count("batch_size", batch_size, 1)
    if is_stream(x):
        parts = (part[0] if isinstance(part, tuple | list) else part for part in x)
        x = np.concatenate([np.asarray(part) for part in (parts if steps is None else islice(parts, steps))])
        model._ensure_built(x)
    images = as_images("x", x, model.input_shape)
    starts = range(0, len(images), batch_size)[:steps]
    listed = CallbackList(callbacks, model=model, steps=len(starts), epochs=1, verbose=0)
    found = []
    listed.on_predict_begin()
    for k, start in enumerate(starts):
        listed.on_predict_batch_begin(k)
        found.append(model.activated(model.logits(as_dtype(images[start : start + batch_size], model.dtype))))
        listed.on_predict_batch_end(k, {"outputs": found[-1]})
    listed.on_predict_end()
    return np.concatenate(found)


def _answer(chosen: Compiled, logs: dict[str, float], return_dict: bool) -> Any:
    if return_dict:
        return logs
    found = [logs["loss"], *(logs[name] for name in chosen.names)]
    return found if len(found) > 1 else found[0]


def train_on_batch(model: Sequential, x: Any, y: Any, sample_weight: Any, class_weight: Any, return_dict: bool) -> Any:
    """Take one step on a batch -> the loss and the metrics before the step, as `evaluate` returns them"""
    chosen = compiled(model, "train_on_batch")
    found = examples(model, chosen, "training", x, y, sample_weight, class_weight).take(slice(None), model.dtype)
    chosen.steps += 1
    penalty = sum(model.losses)
    with EngineTrainer(model, chosen.optimizer, seed=model.seed, loss=chosen.training_loss(model)) as trainer:
        parts = trainer.parts(found.x, found.targets, (0, chosen.steps), None, found.weights)
    losses, logits = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    figures = _Figures(model, chosen)
    figures.add(found, losses, logits, penalty)
    if not math.isfinite(figures.loss):
        check_finite("the loss", figures.loss, "in this batch")
    return _answer(chosen, figures.logs(), return_dict)


def test_on_batch(model: Sequential, x: Any, y: Any, sample_weight: Any, return_dict: bool) -> Any:
    """Return the loss and the metrics on a batch, as `evaluate` returns them."""
    return evaluate_model(model, x, y, verbose=0, sample_weight=sample_weight, return_dict=return_dict)
