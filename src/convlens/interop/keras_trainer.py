"""Training by Keras on JAX, with the events of `training.train`; on several hosts, each its part of a batch.

The weights and Adam's state begin as the model's and the optimizer's and are put back into them after each epoch, so
that a run's folder is the same whoever trained.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.data import load
from convlens.data.batches import batches
from convlens.interop.frameworks import load_keras
from convlens.interop.hosts import Team
from convlens.interop.keras_model import to_keras
from convlens.models import build_model
from convlens.nn import Adam, Sequential
from convlens.ops.losses import Labels
from convlens.training.loop import Batch, Epoch, Scores, check_data, check_finite
from convlens.training.run import Run, Settings

_EVALUATE_BATCH = 500


class _Trainer:
    """A Keras model that is trained in a team, in place of `model`"""

    def __init__(self, model: Sequential, optimizer: Adam, team: Team) -> None:
        keras = load_keras("jax", "the engine keras")
        self._team, self._model, self._optimizer = team, model, optimizer
        if team.size > 1:
            data_parallel = keras.distribution.DataParallel(auto_shard_dataset=False)
            keras.distribution.set_distribution(data_parallel)
        self._keras = to_keras(model, "jax", softmax=False, initializer="zeros")  # the same on all hosts
        self._adam = keras.optimizers.Adam(
            optimizer.learning_rate, beta_1=optimizer.beta_1, beta_2=optimizer.beta_2, epsilon=optimizer.epsilon
        )
        self._adam.build(self._keras.trainable_variables)
        self._keras.compile(
            optimizer=self._adam,
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            weighted_metrics=["accuracy"],
        )
        self._put_state()

    def _slots(self, name: str) -> list[Any]:
        """Adam's variables of that name, in the order of the weights"""
        return [v for v in self._adam.variables if v.path.endswith(f"_{name}")]

    def _put_state(self) -> None:
        state = self._optimizer.get_state()
        self._adam.iterations.assign(int(state["step"]))
        for ours, theirs in (("m", "momentum"), ("v", "velocity")):
            if ours in state:
                for variable, value in zip(self._slots(theirs), self._views(state[ours]), strict=True):
                    variable.assign(value)

    def _views(self, flat: Array) -> list[Array]:
        return [value for views in self._model.views(flat) for value in views.values()]

    def put_back(self) -> None:
        """Weights and state into the model and the optimizer"""
        self._model.set_weights(self._keras.get_weights())
        state = {"step": np.array(int(self._adam.iterations.numpy()), np.int64)}
        for ours, theirs in (("m", "momentum"), ("v", "velocity")):
            state[ours] = np.concatenate([np.asarray(v).ravel() for v in self._slots(theirs)])
        self._optimizer.set_state(state)

    def _mine(self, x: Array, y: Labels) -> tuple[Array, Labels, Array]:
        """This rank's part of a batch, and the weights of its examples: 0 for what makes the parts equal"""
        n, size, rank = len(x), self._team.size, self._team.rank
        each = -(-n // size)
        at = np.arange(rank * each, (rank + 1) * each)
        weights = np.where(at < n, each * size / n, 0).astype(np.float32)
        at = np.minimum(at, n - 1)
        return x[at], y[at], weights

    def step(self, x: Array, y: Labels) -> tuple[float, float]:
        """Train on a whole batch: mean loss, accuracy"""
        x, y, weights = self._mine(x, y)
        found = self._keras.train_on_batch(x, y, weights, return_dict=True)
        return float(found["loss"]), float(found["accuracy"])

    def evaluate(self, x: Array, y: Labels) -> Scores:
        """Mean loss and accuracy"""
        loss = hits = 0.0
        for first in range(0, len(x), _EVALUATE_BATCH):
            part = slice(first, first + _EVALUATE_BATCH)
            mine, labels, weights = self._mine(x[part].astype(np.float32, copy=False), y[part])
            found = self._keras.test_on_batch(mine, labels, weights, return_dict=True)
            count = len(y[part])
            loss += float(found["loss"]) * count
            hits += float(found["accuracy"]) * count
        return Scores(loss / len(x), hits / len(x))


def train(
    model: Sequential,
    x: Array,
    y: Labels,
    *,
    optimizer: Adam,
    validation: tuple[Array, Labels],
    epochs: int = 1,
    batch_size: int = 32,
    seed: int = 0,
    first_epoch: int = 1,
    team: Team | None = None,
) -> Iterator[Batch | Epoch]:
    """Train epochs first_epoch … epochs by Keras on JAX; the events, the arguments and the batches of `training.train`

    Every rank of a team calls this with the same arguments but the epochs, of which the leader's count.
    Raises as `training.train` does.
    """
    team = team or Team()
    check_data(model, "training", x, y)
    check_data(model, "validation", *validation)
    model.flat[...] = team.share(model.flat)
    _share_state(optimizer, model.flat.size, team)
    first_epoch = int(team.tell(first_epoch))
    trainer, epoch = _Trainer(model, optimizer, team), first_epoch
    while team.tell(epoch <= epochs):
        begin = time.perf_counter()
        loss_sum, hits, images = 0.0, 0, 0
        order = np.random.default_rng([seed, epoch])
        for number, chosen in enumerate(batches(len(x), batch_size, order), 1):
            loss, accuracy = trainer.step(x[chosen], y[chosen])
            loss_sum += loss * len(chosen)
            hits += round(accuracy * len(chosen))
            images += len(chosen)
            check_finite("the loss", loss_sum, f"in epoch {epoch}, batch {number}")
            now = time.perf_counter()
            seconds = now - begin
            yield Batch(epoch, number, -(-len(x) // batch_size), images, seconds, loss_sum / images, hits / images)
            begin += time.perf_counter() - now
        trainer.put_back()
        check_finite("the weights", float(np.abs(model.flat).max()), f"after epoch {epoch}")
        scores = trainer.evaluate(*validation)
        check_finite("the validation loss", scores.loss, f"after epoch {epoch}")
        try:
            yield Epoch(epoch, seconds, images / seconds, loss_sum / images, hits / images, *scores)
        except GeneratorExit:  # the leader has had enough, and the others wait for its word
            team.tell(False)
            raise
        epoch += 1


def _share_state(optimizer: Adam, size: int, team: Team) -> None:
    """The leader's state of Adam to all"""
    state: dict[str, Array] = {
        "step": np.zeros((), np.int64),
        "m": np.zeros(size, np.float32),
        "v": np.zeros(size, np.float32),
    }
    state |= optimizer.get_state()
    optimizer.set_state({name: team.share(value) for name, value in state.items()})


# ---------------------------------------------------------------- a run, led and followed


def lead(run: Run, team: Team | None = None) -> Callable[..., Iterator[Batch | Epoch]]:
    """The trainer for `run.train`; the others in the team are told what to do"""
    if team is not None:
        team.tell({"settings": asdict(run.settings), "data_sha256": run.data_sha256})
        team.agree(None)
    return partial(train, team=team)


def follow(team: Team, given: dict[str, Any]) -> Iterator[Batch | Epoch]:
    """Train with a leader, as its run's settings say; ValueError on all ranks if what is `given` here differs

    `data` may be another place of the same data.
    """
    told = team.tell()
    settings, digits, complaint = Settings(**told["settings"]), None, None
    for name, value in given.items():
        if name not in ("data", "epochs") and value != getattr(settings, name):
            complaint = f"{name} must be the leader's, {getattr(settings, name)!r}; got {value!r}"
    try:
        digits = load(given.get("data", settings.data))
        if digits.fingerprint != told["data_sha256"]:
            complaint = (
                f"the data must be the leader's, sha256 {told['data_sha256'][:12]}…; "
                f"{digits.source} has {digits.fingerprint[:12]}…"
            )
    except (ValueError, OSError) as error:
        complaint = str(error)
    team.agree(complaint)
    assert digits is not None
    model = build_model(settings.model, seed=settings.seed, engine=settings.kernels)
    yield from train(
        model,
        digits.x_train,
        digits.y_train,
        optimizer=Adam(settings.learning_rate),
        validation=(digits.x_valid, digits.y_valid),
        batch_size=settings.batch_size,
        seed=settings.seed,
        team=team,
    )
