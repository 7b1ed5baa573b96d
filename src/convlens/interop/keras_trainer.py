"""The trainer that uses Keras on JAX. It can train on several hosts, which each take a part of every batch.

Keras's weights and optimizer state start as copies of the model's and the optimizer's. They are copied back after each
epoch, so a run's folder has the same content for every trainer.
"""

from __future__ import annotations

import random
from types import TracebackType
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.data import Pixels
from convlens.interop.frameworks import load_keras
from convlens.interop.hosts import Hosts
from convlens.interop.keras_model import keras_weights, to_keras
from convlens.interop.keras_optimizers import KerasOptimizer, check_optimizer
from convlens.interop.keras_own_layers import with_own_layers
from convlens.nn import Optimizer, Sequential
from convlens.nn.optimizers import FlatOptimizer
from convlens.ops.losses import Labels
from convlens.training.checks import Augment
from convlens.training.events import Scores

__all__ = ["KerasTrainer"]

_EVALUATE_BATCH = 500  # images of one call: few enough for memory, and enough that the calls themselves cost little


class KerasTrainer:
    """A `convlens.training.Trainer` that trains a Keras copy of `model`, alone or together with other hosts

    Every host calls the same methods with the same arguments. The weights and state at the start are the leader's.
    seed: seeds dropout and augmentation. Keras draws the masks of dropout, from a seed for each epoch and layer. So a
    resumed run has the same masks, but convlens's engines have others. augment: gets each whole batch and
    default_rng([seed, epoch, batch, 0]).
    """

    def __init__(
        self,
        model: Sequential,
        optimizer: Optimizer,
        hosts: Hosts | None = None,
        *,
        seed: int = 0,
        augment: Augment | None = None,
    ) -> None:
        self._hosts, self._model, self._optimizer = hosts or Hosts(), model, check_optimizer(optimizer)
        self._seed, self._augment = seed, augment
        self._whole = any(row.layer.whole_batch for row in model.table)
        self._parallel: Any = None

    def __enter__(self) -> KerasTrainer:
        keras, hosts, model = load_keras("jax", "training by Keras"), self._hosts, self._model
        model.flat[...] = hosts.share(model.flat)
        if model.flat_state.size:
            model.flat_state[...] = hosts.share(model.flat_state)
        _share_state(self._optimizer, model, hosts)
        if hosts.size > 1:
            self._parallel = _data_parallel(keras)
            keras.distribution.set_distribution(self._parallel)
            # JAX refuses first values that differ between hosts. Keras draws the first seed of a random layer from
            # Python's generator; its own `set_random_seed` would also import TensorFlow, which takes seconds.
            random.seed(self._seed)
        if model.penalties:
            raise ValueError(
                "the Keras trainer adds no penalty of the weights to the loss; leave out the layers' regularizers, or "
                "train with convlens's engine"
            )
        module = with_own_layers(keras)
        self._keras = to_keras(model, "jax", softmax=False, initializer="zeros", module=module)  # the same on all hosts
        self._freeze()
        trainable = self._keras.trainable_variables
        known = {id(variable) for variable in trainable}
        theirs = keras_weights(model, self._keras)
        self._updates = KerasOptimizer(keras, self._optimizer)
        self._updates.begin(model, trainable, {name: each for name, each in theirs.items() if id(each) in known})
        self._keras.compile(
            optimizer=self._updates.made,
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            weighted_metrics=["accuracy"],
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing: JAX ends its own threads."""

    def goes_on(self, wanted: bool) -> bool:
        """Return whether the leading host begins another epoch."""
        return bool(self._hosts.tell(wanted))

    def _freeze(self) -> None:
        """Freeze Keras's layers that belong to a frozen layer of the model."""
        rows = self._model.table
        frozen = {rows[k].name for k in self._model.frozen if k < len(rows)}
        layers = {layer.name: layer for layer in self._keras.layers}
        for name in self._model.named_weights():
            *path, _ = name.split("/")
            if path[0] in frozen:
                layers["_".join(path)].trainable = False

    def _begin_epoch(self, epoch: int) -> None:
        """Seed Keras's random layers, the same way on all hosts and in a resumed run."""
        for k, layer in enumerate(self._keras.layers):
            generator = getattr(layer, "seed_generator", None)
            if generator is not None:
                (seed,) = np.random.SeedSequence([self._seed, epoch, k]).generate_state(1)
                generator.state.assign(np.array([seed, 0], np.uint32))

    def end_epoch(self) -> None:
        """Copy Keras's weights and state into the model and the optimizer."""
        named = self._model.named_weights()
        for name, variable in keras_weights(self._model, self._keras).items():
            named[name][...] = np.asarray(variable)
        self._updates.end_epoch()

    def _mine(self, x: Array, y: Labels, *, together: bool = False) -> tuple[Array, Labels, Array]:
        """Return this host's part of a batch: images, labels and the weight of each example.

        All parts have the same size. Examples that fill the last part have weight 0. They would change statistics over
        the batch. So with `together`, every host gets the whole batch if the parts would need such examples.
        """
        n, size, rank = len(x), self._hosts.size, self._hosts.rank
        whole = size == 1 or (together and n % size != 0)
        if self._parallel is not None:
            self._parallel.whole = whole
        if whole:
            return x, y, np.ones(n, np.float32)
        each = -(-n // size)
        at = np.arange(rank * each, (rank + 1) * each)
        weights = np.where(at < n, each * size / n, 0).astype(np.float32)
        at = np.minimum(at, n - 1)
        return x[at], y[at], weights

    def step(self, x: Array, labels: Labels, place: tuple[int, int], learning_rate: float | None) -> tuple[float, int]:
        """Train on a whole batch: see `convlens.training.Trainer`"""
        if place[1] == 1:
            self._begin_epoch(place[0])
        if self._augment is not None:
            x = self._augment(x, np.random.default_rng([self._seed, *place, 0]))
        self._updates.follow_rate(learning_rate)
        images, mine, weights = self._mine(x, labels, together=self._whole)
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


def _data_parallel(keras: Any) -> Any:
    """Return Keras's distribution in which the hosts share the data. With `whole`, each host has all data."""

    class Parallel(keras.distribution.DataParallel):  # type: ignore[misc]
        whole = False

        def get_data_layout(self, data_shape: tuple[int, ...]) -> Any:
            if self.whole:
                return keras.distribution.TensorLayout([None] * len(data_shape), self.device_mesh)
            return super().get_data_layout(data_shape)

    return Parallel(auto_shard_dataset=False)


def _share_state(optimizer: FlatOptimizer, model: Sequential, hosts: Hosts) -> None:
    """Copy the leader's optimizer state and learning rate to all hosts."""
    if hosts.size == 1:
        return
    state: dict[str, Array] = {"step": np.zeros((), np.int64)}
    for slot in optimizer.slots:
        state[slot] = np.full(model.flat.size, optimizer._start_of(slot), model.dtype)
    state |= optimizer.get_state()
    state.pop("learning_rate", None)
    state = {name: hosts.share(value) for name, value in state.items()}
    state["learning_rate"] = np.array(hosts.tell(optimizer.learning_rate))  # as text: JAX would round it to float32
    optimizer.set_state(state)
