"""The trainer that uses Keras on JAX. It can train on several hosts, which each take a part of every batch.

Keras's weights and the state of its optimizer start as copies of convlens's. They are copied back after each epoch, so
a run's folder has the same content for every trainer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from types import TracebackType
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.data import Pixels, load
from convlens.interop.frameworks import load_keras
from convlens.interop.hosts import Hosts
from convlens.interop.keras_model import keras_weights, to_keras
from convlens.nn import SGD, Adam, Optimizer, Sequential
from convlens.nn.optimizers.clipping import Clipping
from convlens.ops.losses import Labels
from convlens.training.checks import check_data
from convlens.training.events import Event, Scores
from convlens.training.loop import run_epochs
from convlens.training.model_file import build
from convlens.training.options import make_optimizer
from convlens.training.run import MakeTrainer, Run
from convlens.training.settings import Settings

__all__ = ["KerasTrainer", "follow", "lead"]

# The parts of the optimizers' state: convlens's name, Keras's name
_SLOTS = {Adam: {"m": "momentum", "v": "velocity"}, SGD: {"velocity": "momentum"}}
_EVALUATE_BATCH = 500  # images of one call: few enough for memory, and enough that the calls themselves cost little


class KerasTrainer:
    """A `convlens.training.Trainer` that trains a Keras copy of `model`, alone or together with other hosts

    Every host calls the same methods with the same arguments. The weights and state at the start are the leader's.
    """

    def __init__(self, model: Sequential, optimizer: Optimizer, hosts: Hosts | None = None, *, seed: int = 0) -> None:
        if not isinstance(optimizer, Adam | SGD) or not _plain(optimizer):
            raise ValueError(f"Keras trains with plain adam or sgd; got {optimizer}")
        self._hosts, self._model, self._optimizer, self._seed = hosts or Hosts(), model, optimizer, seed
        self._whole = any(row.layer.whole_batch for row in model.table)

    def __enter__(self) -> KerasTrainer:
        keras, hosts, optimizer = load_keras("jax", "training by Keras"), self._hosts, self._optimizer
        self._model.flat[...] = hosts.share(self._model.flat)
        if self._model.flat_state.size:
            self._model.flat_state[...] = hosts.share(self._model.flat_state)
        _share_state(optimizer, self._model.flat.size, hosts)
        if hosts.size > 1:
            data_parallel = keras.distribution.DataParallel(auto_shard_dataset=False)
            keras.distribution.set_distribution(data_parallel)
            keras.utils.set_random_seed(self._seed)  # JAX refuses first values that differ between hosts
        self._keras = to_keras(self._model, "jax", softmax=False, initializer="zeros")  # the same on all hosts
        self._steps = _keras_optimizer(keras, optimizer)
        self._steps.build(self._keras.trainable_variables)
        self._keras.compile(
            optimizer=self._steps,
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            weighted_metrics=["accuracy"],
        )
        self._put_state()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing: JAX ends its own threads."""

    def goes_on(self, wanted: bool) -> bool:
        """Return whether the leading host begins another epoch."""
        return bool(self._hosts.tell(wanted))

    def _slots(self, name: str) -> list[Any]:
        """Return the optimizer's variables in Keras whose path ends in the name, in the order of the weights."""
        theirs = [v for v in self._steps.variables if v.path.endswith(f"_{name}")]
        at = {id(variable): k for k, variable in enumerate(self._keras.trainable_variables)}
        trained = [variable for variable in keras_weights(self._model, self._keras).values() if id(variable) in at]
        return [theirs[at[id(variable)]] for variable in trained]

    def _put_state(self) -> None:
        state = self._optimizer.get_state()
        self._steps.iterations.assign(int(state["step"]))
        for ours, theirs in _SLOTS[type(self._optimizer)].items():
            if ours in state:
                for variable, value in zip(self._slots(theirs), self._views(state[ours]), strict=True):
                    variable.assign(value)

    def _views(self, flat: Array) -> list[Array]:
        return [value for views in self._model.views(flat) for value in views.values()]

    def end_epoch(self) -> None:
        """Copy Keras's weights and state into the model and the optimizer."""
        named = self._model.named_weights()
        for name, variable in keras_weights(self._model, self._keras).items():
            named[name][...] = np.asarray(variable)
        state = {"step": np.array(int(self._steps.iterations.numpy()), np.int64)}
        for ours, theirs in _SLOTS[type(self._optimizer)].items():
            if ours not in self._optimizer.slots:
                continue
            state[ours] = np.concatenate([np.asarray(v).ravel() for v in self._slots(theirs)])
        self._optimizer.set_state(state)

    def _draw(self, epoch: int) -> None:
        """Seed the dropout of an epoch, by the run's seed, equally on all hosts and after a resume."""
        generators = [layer.seed_generator for layer in self._keras.layers if hasattr(layer, "seed_generator")]
        for k, generator in enumerate(generators):
            seeds = np.random.SeedSequence((self._seed, epoch, k)).generate_state(2)
            generator.state.assign(seeds.astype(generator.state.dtype))

    def _mine(self, x: Array, y: Labels) -> tuple[Array, Labels, Array]:
        """Return this host's part of a batch: images, labels and the weight of each example.

        All parts have the same size. Examples that fill the last part have weight 0. They would change the statistics
        of a batch, so a network that has them takes the whole batch on each host where it cannot be cut evenly.
        """
        n, size, rank = len(x), self._hosts.size, self._hosts.rank
        if self._whole and n % size:
            return x, y, np.full(n, 0 if rank else size, np.float32)  # dropout draws for the first host as for one
        each = -(-n // size)
        at = np.arange(rank * each, (rank + 1) * each)
        weights = np.where(at < n, each * size / n, 0).astype(np.float32)
        at = np.minimum(at, n - 1)
        return x[at], y[at], weights

    def step(self, x: Array, labels: Labels, place: tuple[int, int], learning_rate: float | None) -> tuple[float, int]:
        """Train on a whole batch: see `convlens.training.Trainer`"""
        if place[1] == 1:
            self._draw(place[0])
        if learning_rate is not None:
            self._steps.learning_rate.assign(learning_rate)
        images, mine, weights = self._mine(x, labels)
        found = self._keras.train_on_batch(images, mine, weights, return_dict=True)
        return float(found["loss"]) * len(x), round(float(found["accuracy"]) * len(x))

    def evaluate(self, x: Array | Pixels, labels: Labels) -> Scores:
        """Return mean loss and accuracy."""
        loss = hits = 0.0
        for start in range(0, len(x), _EVALUATE_BATCH):
            part = slice(start, start + _EVALUATE_BATCH)
            images, mine, weights = self._mine(x[part].astype(np.float32, copy=False), labels[part])
            found = self._keras.test_on_batch(images, mine, weights, return_dict=True)
            count = len(labels[part])
            loss += float(found["loss"]) * count
            hits += float(found["accuracy"]) * count
        return Scores(loss / len(x), hits / len(x))


def _plain(optimizer: Adam | SGD) -> bool:
    decays = optimizer.weight_decay or getattr(optimizer, "coupled_weight_decay", 0)
    others = decays or optimizer.clipping != Clipping() or getattr(optimizer, "amsgrad", False)
    return type(optimizer) in _SLOTS and not others


def _keras_optimizer(keras: Any, optimizer: Adam | SGD) -> Any:
    """Return Keras's optimizer with the same numbers. Its state is still to be set."""
    if isinstance(optimizer, SGD):
        return keras.optimizers.SGD(optimizer.learning_rate, optimizer.momentum, optimizer.nesterov)
    return keras.optimizers.Adam(optimizer.learning_rate, optimizer.beta_1, optimizer.beta_2, optimizer.epsilon)


def _share_state(optimizer: Adam | SGD, size: int, hosts: Hosts) -> None:
    """Copy the leader's state of the optimizer to all hosts."""
    state: dict[str, Array] = {"step": np.zeros((), np.int64)}
    state |= {name: np.zeros(size, np.float32) for name in optimizer.slots}
    state |= optimizer.get_state()
    optimizer.set_state({name: hosts.share(value) for name, value in state.items()})


# ---------------------------------------------------------------- a run, led and followed


def lead(run: Run, hosts: Hosts | None = None) -> MakeTrainer:
    """Return the function that makes the trainer for `run.train`, after telling the other hosts the run's settings."""
    if hosts is not None:
        told = {"settings": asdict(run.settings), "specification": run.specification}
        hosts.tell({**told, "data_sha256": run.data_sha256, "epochs": len(run.epochs)})
        hosts.agree(None)
    return partial(KerasTrainer, hosts=hosts, seed=run.settings.seed)


def follow(hosts: Hosts, given: dict[str, Any]) -> Iterator[Event]:
    """Train with a leading host, by its run's settings, and yield the events.

    Raises ValueError on all hosts if a setting `given` on this host differs from the leader's. Only `data` may differ,
    as another location of the same data, and `epochs` is ignored.
    """
    told = hosts.tell()
    settings, digits, complaint = Settings(**told["settings"]), None, None
    for name, value in given.items():
        if name not in ("data", "epochs") and value != getattr(settings, name):
            complaint = f"{name} must be the leader's value, {getattr(settings, name)!r}; got {value!r}"
    try:
        digits = load(
            given.get("data", settings.data),
            size=settings.size,
            skip_broken=settings.skip_broken,
            transposed=settings.transposed,
            seed=settings.seed,
        )
        if digits.fingerprint != told["data_sha256"]:
            complaint = (
                f"the data must be the leader's, sha256 {told['data_sha256'][:12]}…; "
                f"{digits.source} has {digits.fingerprint[:12]}…"
            )
    except (ValueError, OSError) as error:
        complaint = str(error)
    hosts.agree(complaint)
    assert digits is not None
    model = build(told["specification"], settings.engine)
    check_data(model, "training", digits.images("train"), digits.y_train)
    check_data(model, "validation", digits.images("valid"), digits.y_valid)
    yield from run_epochs(
        KerasTrainer(
            model, make_optimizer(settings.optimizer, settings.rate, None, settings.momentum), hosts, seed=settings.seed
        ),
        model,
        digits.images("train"),
        digits.y_train,
        validation=(digits.images("valid"), digits.y_valid),
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        seed=settings.seed,
        first_epoch=told["epochs"] + 1,
    )
