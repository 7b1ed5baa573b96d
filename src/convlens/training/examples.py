"""Examples as people give them to `fit` and `evaluate`: arrays, or batches one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from convlens.arrays import Array, is_plain, kind
from convlens.data.batches import batches
from convlens.data.pixels import Pixels
from convlens.nn import Sequential
from convlens.nn.images import Images, as_dtype, as_images
from convlens.nn.targets import example_weights
from convlens.training.compiling import Compiled

__all__ = ["Arrays", "Examples", "Stream", "examples", "is_stream"]


class Examples(NamedTuple):
    """Images x (n, h, w, c), labels y as they were given (n, …), the loss's targets (n, …), weights (n,) or None"""

    x: Any
    y: Any
    targets: Any
    weights: Array | None

    def take(self, chosen: Any, dtype: np.dtype[Any]) -> Examples:
        """Return the chosen examples, with images of the dtype."""
        weights = None if self.weights is None else self.weights[chosen]
        return Examples(as_dtype(self.x[chosen], dtype), self.y[chosen], self.targets[chosen], weights)

    def split(self, fraction: float) -> tuple[Examples, Examples]:
        """Return the first part and the last `fraction` of the examples, as Keras's validation_split does."""
        n = len(self.x)
        at = int(n * (1 - fraction))
        if not 0 < at < n:
            raise ValueError(f"validation_split must leave examples in both parts; got {fraction!r} of {n} examples")
        return self._span(0, at), self._span(at, n)

    def _span(self, start: int, stop: int) -> Examples:
        x: Images = (
            Pixels(self.x.raw[start:stop], self.x.scale, self.x.dtype)
            if isinstance(self.x, Pixels)
            else self.x[start:stop]
        )
        weights = None if self.weights is None else self.weights[start:stop]
        return Examples(x, self.y[start:stop], self.targets[start:stop], weights)


def examples(
    model: Sequential,
    chosen: Compiled,
    name: str,
    x: Any,
    y: Any,
    sample_weight: Any = None,
    class_weight: Mapping[int, float] | None = None,
) -> Examples:
    """Return checked examples. `name` stands in the errors: "training", "validation", "evaluation"."""
    images = as_images(f"{name} images", x, model.input_shape)
    if y is None:
        raise ValueError(f"{name} needs labels y; got none")
    if isinstance(y, list | tuple) and len(y) == 1 and np.ndim(y[0]) > 0 and len(y[0]) == len(images):
        y = y[0]  # Keras's list of outputs, with one of them
    labels = _plain(f"{name} labels", y)
    if labels.ndim == 0 or len(labels) != len(images):
        raise ValueError(f"{name} needs one label for each image; got {len(images)} images, labels {labels.shape}")
    targets = chosen.targets(model, labels, f"{name} labels")
    integers = None
    if class_weight is not None:
        integers = labels.argmax(axis=1) if labels.ndim == 2 and labels.shape[1] > 1 else labels.reshape(-1).astype(int)
    weights = example_weights(
        integers, len(images), class_weight=class_weight, sample_weight=sample_weight, dtype=model.dtype
    )
    return Examples(images, labels, targets, weights)


def _plain(name: str, values: object) -> Array:
    """Return values as an array; ValueError for rows of several lengths, and for a masked array."""
    if isinstance(values, np.ndarray) and not is_plain(values):
        raise ValueError(f"{name} must be a plain array; got {kind(values)}")
    try:
        return np.asarray(values)
    except ValueError:
        raise ValueError(f"{name} must be numbers, or rows of one length") from None


def is_stream(x: object) -> bool:
    """Return whether x gives batches one after the other: a generator, a list of batches, a tf.data.Dataset …"""
    if isinstance(x, np.ndarray | Pixels | Mapping | str | bytes) or hasattr(x, "__array__"):
        return False
    if isinstance(x, list | tuple):
        return bool(x) and isinstance(x[0], tuple)
    return isinstance(x, Iterable)


class Arrays:
    """All examples in memory, in batches. Pass k is shuffled with default_rng([seed, k])."""

    def __init__(self, given: Examples, batch_size: int, shuffle: bool, seed: int, dtype: np.dtype[Any]) -> None:
        self.given, self.batch_size, self.shuffle, self.seed, self.dtype = given, batch_size, shuffle, seed, dtype
        self.steps: int | None = -(-len(given.x) // batch_size)

    def run(self, k: int) -> Iterator[Examples]:
        """Yield the batches of pass k, counted from 1."""
        rng = np.random.default_rng([self.seed, k]) if self.shuffle else None
        for chosen in batches(len(self.given.x), self.batch_size, rng):
            yield self.given.take(chosen, self.dtype)


class Stream:
    """Batches (x, y) or (x, y, weights) as another object gives them, in its order."""

    def __init__(
        self,
        model: Sequential,
        chosen: Compiled,
        name: str,
        given: Any,
        class_weight: Mapping[int, float] | None = None,
        seed: int | None = None,
    ) -> None:
        self.seed = seed
        self.model, self.chosen, self.name, self.given, self.class_weight = model, chosen, name, given, class_weight
        try:
            self.steps: int | None = len(given)
        except TypeError:
            self.steps = None

    def _batches(self, k: int) -> Iterator[Any]:
        """Yield what `given` gives; a `PyDataset` in an order from default_rng([seed, k]), unless `seed` is None."""
        if self.seed is None or not hasattr(self.given, "num_batches"):
            yield from self.given
        else:
            for place in np.random.default_rng([self.seed, k]).permutation(len(self.given)):
                yield self.given[int(place)]
        if self.name == "training" and callable(ended := getattr(self.given, "on_epoch_end", None)):
            ended()

    def run(self, k: int) -> Iterator[Examples]:
        """Yield the batches of one pass."""
        for batch in self._batches(k):
            if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
                got = f"{len(batch)} parts" if isinstance(batch, tuple | list) else type(batch).__name__
                raise ValueError(f"a batch must be a pair, images and labels, or these with weights; got {got}")
            x, y, *weight = (np.asarray(part) for part in batch)
            self.model._ensure_built(x)
            found = examples(self.model, self.chosen, self.name, x, y, weight[0] if weight else None, self.class_weight)
            yield found.take(slice(None), self.model.dtype)
