"""`Model(inputs, outputs)`: a chain of layers written as calls, and the outputs of a model's inner layers.

inputs = Input((28, 28, 1))
x = Flatten()(inputs)
model = Model(inputs, Dense(10, activation="softmax")(x))
extractor = Model(model.inputs, [layer.output for layer in model.layers])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.nn.images import as_dtype, as_images
from convlens.nn.input import Symbol, chain_from
from convlens.nn.sequential import Result, Sequential

__all__ = ["Extractor", "Model"]

_ONE_CHAIN = (
    "a network is one chain of layers from its input to its output; nn.Add((layer, …)) adds what a branch gives to its "
    "input, and two outputs are two networks"
)


class Model(Sequential):
    """A network whose layers were called one after the other, from an `Input` to `outputs`.

    It is a `Sequential` of these layers; `layers` does not list the input. If all outputs are those of layers of one
    built model, the result is an `Extractor`. Raises ValueError for several inputs or for branches.
    """

    def __new__(cls, inputs: Any = None, outputs: Any = None, name: str | None = None, **words: Any) -> Any:
        """Return a Model, or an `Extractor`."""
        source, chains, alone = _chains(inputs, outputs)
        if isinstance(source, Sequential) and all(_is_part(chain, source) for chain in chains):
            return Extractor(source, [len(chain.layers) for chain in chains], alone, name)
        if alone:
            return super().__new__(cls)
        longest = max(chains, key=lambda chain: len(chain.layers))
        if any(chain.layers != longest.layers[: len(chain.layers)] for chain in chains):
            raise ValueError(f"outputs must lie on one chain; got {len(chains)} branches: {_ONE_CHAIN}")
        model = Model(inputs, longest, name=name, **words)
        return Extractor(model, [len(chain.layers) for chain in chains], alone, name)

    def __init__(self, inputs: Any = None, outputs: Any = None, name: str | None = None, **words: Any) -> None:
        source, (chain,), _ = _chains(inputs, outputs)
        super().__init__(
            chain.layers, tuple(size for size in _shape(source) if size is not None), name=name or "functional", **words
        )

    def __init_subclass__(cls, **words: Any) -> None:
        """Refuse classes of one's own with a `call`."""
        raise TypeError(
            f"convlens has no subclasses of Model, such as {cls.__name__}: a function of one's own that returns a "
            "Sequential makes a network, and a subclass of convlens.nn.Layer with forward and backward makes a layer"
        )


def _shape(source: Any) -> tuple[int | None, ...]:
    found = chain_from(source) if not isinstance(source, Sequential) else None
    return tuple(source.input_shape) if found is None else found.shape[1:]


def _chains(inputs: Any, outputs: Any) -> tuple[Any, list[Symbol], bool]:
    """Return the source of all outputs, the chain to each, and whether there is one output, not in a list."""
    if inputs is None or outputs is None:
        raise TypeError("Model needs inputs and outputs: Model(inputs, outputs), or Sequential([Input(shape), …])")
    start = chain_from(inputs)
    if start is None:
        got = f"{len(inputs)} inputs" if isinstance(inputs, list | tuple) else type(inputs).__name__
        got = "a dictionary" if isinstance(inputs, dict) else got
        raise ValueError(f"inputs must be one Input; got {got}: {_ONE_CHAIN}")
    if isinstance(outputs, dict):
        raise ValueError(f"outputs must be what layers give, one or a list; got a dictionary: {_ONE_CHAIN}")
    alone = not isinstance(outputs, list | tuple)
    chains = [chain_from(each) for each in ([outputs] if alone else outputs)]
    found = [chain for chain in chains if chain is not None]
    if len(found) != len(chains) or not found:
        raise ValueError(f"outputs must be what layers give for the input, such as Dense(3)(inputs); got {outputs!r}")
    if any(chain.source is not start.source for chain in found) or start.layers:
        raise ValueError("outputs must be computed from inputs; got those of another Input or model")
    return start.source, found, alone


def _is_part(chain: Symbol, model: Sequential) -> bool:
    """Return whether a chain is the first layers of a built model."""
    own = model.layers[: len(chain.layers)]
    return len(own) == len(chain.layers) and all(
        one.name == other.name and one.weights_in(other) for one, other in zip(own, chain.layers, strict=True)
    )


class Extractor:
    """The outputs of some layers of a model, whose weights it shares. `places`: how many layers are before each."""

    def __init__(self, model: Sequential, places: Sequence[int], alone: bool, name: str | None = None) -> None:
        self.model, self.places, self.alone, self.name = model, tuple(places), alone, name or "functional"

    @property
    def layers(self) -> list[Any]:
        """The layers of the model up to the last output"""
        return self.model.layers[: max(self.places)]

    @property
    def output_shape(self) -> Any:
        """The shape of one example's output, or a list of them"""
        shapes = [self._shape(place) for place in self.places]
        return shapes[0] if self.alone else shapes

    def _shape(self, place: int) -> tuple[int, ...]:
        table = self.model.table
        return self.model.input_shape if place == 0 else table[min(place, len(table)) - 1].output_shape

    def _values(self, x: Array, training: bool) -> list[Array]:
        """x (n, …) -> the outputs"""
        model, wanted = self.model, set(self.places)
        last, found = len(model.descriptions), {0: x}
        for k, layer in enumerate(model.walk(x, np.random.default_rng(model.seed) if training else None), 1):
            x = layer.y
            if k in wanted and k < last:
                found[k] = x
            if k >= max(wanted) and k < last:
                break
        if last in wanted:
            found[last] = model.activated(x)
        return [found[place] for place in self.places]

    def __call__(self, x: Any, training: bool = False) -> Any:
        """x (n, …) -> the output, or a list of outputs"""
        images = np.asarray(as_images("x", x, self.model.input_shape), self.model.dtype)
        found = [y.view(Result) for y in self._values(images, training)]
        return found[0] if self.alone else found

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """x (n, …) -> the output, or a list of outputs, computed `batch_size` (32) images at a time

        verbose, steps and callbacks have no effect.
        """
        images = as_images("x", x, self.model.input_shape)
        size = batch_size or 32
        parts = [
            self._values(as_dtype(images[k : k + size], self.model.dtype), False) for k in range(0, len(images), size)
        ]
        found = [np.concatenate(each) for each in zip(*parts, strict=True)]
        return found[0] if self.alone else found

    predict_on_batch = predict

    def get_layer(self, name: str | int | None = None, index: int | None = None) -> Any:
        """Return the layer of this name or number; ValueError if there is none."""
        return self.model.get_layer(name, index)

    def summary(self, **words: Any) -> None:
        """Print the table of the model whose outputs these are."""
        self.model.summary(**words)

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and hasattr(Sequential, name):
            raise AttributeError(
                f"outputs of inner layers have no {name}: they are computed with the weights of the model, so train, "
                "change or save the model itself"
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
