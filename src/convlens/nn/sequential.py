"""Sequential: the network that people write, with Keras's methods. `Stack` computes, `KerasMethods` trains."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, cast

import numpy as np
from numpy.typing import DTypeLike

from convlens.arrays import FLOATS, Array
from convlens.data.pixels import Pixels
from convlens.engines import get_engine
from convlens.geometry import check_count
from convlens.nn.higher import FUNCTIONS, higher
from convlens.nn.images import as_images
from convlens.nn.initializers import Initializer, he_normal
from convlens.nn.input import InputLayer, chain_from, sizes_of
from convlens.nn.keras_layer import Place, hidden, plain
from convlens.nn.keras_methods import KerasMethods
from convlens.nn.layer import Layer, Shape, Weights
from convlens.nn.names import check_name
from convlens.nn.specification import from_specification, to_specification
from convlens.nn.summary import summary_text
from convlens.nn.table import split_end, table
from convlens.ops import ACTIVATIONS

__all__ = ["Sequential"]

_BUILT = ("flat", "flat_state", "layer_weights", "table", "input_shape", "end", "fused", "penalties")
_IN_MEMORY: Any = np.ndarray | list | tuple | Pixels
_REFUSED = {
    "export": "model.save('model.onnx') or model.save('model.keras') writes a file that other programs load",
    "add_loss": "the loss is an argument of compile",
    "add_metric": "metrics are an argument of compile",
    "train_step": "a training step of one's own calls model.loss_gradient(x, labels, weight, gradient)",
    "quantize": "weights are float32 or float64; export to ONNX and quantize there",
}


class Result(np.ndarray):
    """What a model gives when it is called: an array, which has `numpy()` as Keras's tensors have"""

    def numpy(self) -> Array:
        """Return the plain array."""
        return self.view(np.ndarray)


def _in_memory(x: object) -> bool:
    return isinstance(x, _IN_MEMORY) or hasattr(x, "__array__")


def _float_type(dtype: DTypeLike) -> np.dtype[Any]:
    with suppress(TypeError):
        if (found := np.dtype(dtype)) in FLOATS:
            return found
        dtype = found
    raise ValueError(f"dtype must be float32 or float64; got {dtype}")


class _NotBuiltError(AttributeError, ValueError):
    """The error for an attribute that an unbuilt model does not have yet"""


class Sequential(KerasMethods):
    """A model of layers one after the other.

    layers: descriptions from `convlens.nn`; the first entry may be `Input(shape)`. A softmax or sigmoid at the end
    belongs to the loss and to `predict`: `end` is its name, `table` leaves it out, and `logits` are the numbers before
    it.
    input_shape: (h, w, c) of one example. Without it, the model is built by `build` or at the first data. seed: seed of
    the random kernels, which `initial` draws, and of `fit`. dtype: float32 to train, float64 to check. engine: see
    `convlens.engines.get_engine`. trainable: False freezes all layers.

    >>> from convlens.nn import Dense, Flatten, Input
    >>> model = Sequential([Input((4, 3, 1)), Flatten(), Dense(5, activation="softmax")])
    >>> model.count_params()
    65
    """

    def __init__(
        self,
        layers: Iterable[Layer | InputLayer | Sequential] | Layer | None = None,
        input_shape: Shape | None = None,
        trainable: bool = True,
        *,
        name: str | None = None,
        seed: int = 0,
        dtype: DTypeLike = np.float32,
        engine: str = "auto",
        initial: Initializer = he_normal,
    ) -> None:
        self.name = "sequential" if name is None else name
        self.descriptions = ()
        self.dtype = _float_type(dtype)
        self.engine, self.engine_name = get_engine(engine), engine
        check_count("seed", seed, 0)
        if not isinstance(self.name, str):
            raise TypeError(f"name must be a text; got {name!r}")
        check_name(self.name, "a network")
        if not callable(initial):
            raise TypeError(f"initial must be a function of convlens.nn.initializers; got {initial!r}")
        self.seed, self._initial = seed, initial
        self.frozen = frozenset()
        self.compiled: Any = None
        self.stop_training, self.history = False, None
        self._shape: Shape | None = None if input_shape is None else sizes_of("input_shape", input_shape)
        self._known: dict[int, Weights] = {}
        if layers is not None and not isinstance(layers, Layer | Iterable):
            raise TypeError(f"layers must be a list of layers; got {type(layers).__name__}")
        given = [] if layers is None else [layers] if isinstance(layers, Layer) else list(layers)
        for each in given:
            self._append(each)
        if not given and layers is not None:
            list(table((), ()))  # raises the error for a model without layers
        if self._shape is not None and self.descriptions:
            self._build(self._shape)
        if not trainable:
            self.trainable = False

    # ---------------------------------------------------------------- building

    def _append(self, layer: object) -> None:
        """Take the next entry of the list: a layer, an input shape, or a whole Sequential."""
        if isinstance(layer, InputLayer):
            if self.descriptions:
                raise ValueError("Input must be the first entry of a Sequential; got it after a layer")
            self._shape = layer.shape
            if layer.dtype in ("float64", np.float64):
                self.dtype = np.dtype(np.float64)
            return
        if isinstance(layer, Sequential):
            if not self.descriptions and self._shape is None:
                self._shape = layer._shape
            for each in layer.layers:
                self._append(each)
            return
        if not isinstance(layer, Layer):
            module = type(layer).__module__.split(".")[0]
            instead = f": write convlens.layers.{type(layer).__name__}" if module in ("keras", "tensorflow") else ""
            raise TypeError(f"a Sequential is made of layers of convlens; got {type(layer).__name__}{instead}")
        if not hasattr(type(layer), "kind"):
            raise TypeError(
                f"{type(layer).__name__} is a layer of one's own, and needs kind, output_shape, forward and backward: "
                "see convlens.nn.Layer; Keras's call(x) alone has no gradient here"
            )
        found, k = hidden(layer), len(self.descriptions)
        if found.place is not None:
            self._known[k] = {**found.place.weights, **found.place.state}
        if not layer.trainable:
            self.frozen |= {k}
        if self._shape is None and not self.descriptions:
            self._shape = found.input_shape or (found.place.input_shape if found.place is not None else None)
        self.descriptions = (*self.descriptions, plain(layer))

    def _build(self, input_shape: Shape) -> None:
        self._make(tuple(input_shape), self.seed, self._initial, self._known)
        self._shape, self._known = self.input_shape, {}

    def build(self, input_shape: Sequence[int | None] | None = None) -> None:
        """Make the weights. input_shape: (None, h, w, c), with the number of examples in front, as in Keras"""
        if input_shape is not None:
            shape = tuple(input_shape)[1:]
            if None in shape or not shape:
                raise ValueError(
                    f"build needs the size of every axis but the first, (None, h, w, c); got {input_shape}"
                )
            self._shape = cast(Shape, shape)
        if self._shape is None:
            raise ValueError("build needs the shape of the input, for example model.build((None, 28, 28, 1)); got none")
        self._build(self._shape)

    @property
    def built(self) -> bool:
        """Whether the model has its weights."""
        return "flat" in self.__dict__

    def _ensure_built(self, x: Any) -> None:
        if not self.built:
            self.build((None, *np.shape(x)[1:]))

    def _changed(self) -> None:
        """Build again after a change of the list of layers. Layers keep the weights that they have."""
        if self.built:
            self._known = {k: {n: w.copy() for n, w in found.items()} for k, found in enumerate(self.layer_weights)} | (
                self._known
            )
            for name in _BUILT:
                self.__dict__.pop(name)
        self.compiled = None
        if self._shape is not None and self.descriptions:
            self._build(self._shape)

    def add(self, layer: Layer | InputLayer | Sequential, rebuild: bool = True) -> None:
        """Add a layer at the end. `compile` has to be called again."""
        before = self.descriptions, self._shape, dict(self._known)
        self._append(layer)
        try:
            self._changed()
        except ValueError:
            self.descriptions, self._shape, self._known = before
            if self._shape is not None and self.descriptions:
                self._build(self._shape)
            raise

    def pop(self, rebuild: bool = True) -> Layer:
        """Remove the last layer and return it."""
        if not self.descriptions:
            raise ValueError("pop needs a model with a layer; got none")
        *most, last = self.descriptions
        self.descriptions = tuple(most)
        self.frozen -= {len(most)}
        self._known.pop(len(most), None)
        self._changed()
        self._known.pop(len(most), None)
        return last

    def __getattr__(self, name: str) -> Any:
        if name in _BUILT or ("flat" not in self.__dict__ and isinstance(getattr(type(self), name, None), property)):
            raise _NotBuiltError(
                f"{self.__dict__.get('name', 'this model')} has no {name} before it is built: begin the list of layers "
                "with Input(shape), call model.build((None, h, w, c)), or give it data"
            )
        if name in _REFUSED:
            raise AttributeError(f"Sequential has no {name}: {_REFUSED[name]}")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    # ---------------------------------------------------------------- layers and weights

    @property
    def layers(self) -> list[Layer]:
        """The layers in order. Layers of a built model have a name and weights: `model.layers[0].get_weights()`."""
        if not self.built:
            return list(self.descriptions)
        return [self._placed(k) for k in range(len(self.descriptions))]

    def _placed(self, k: int) -> Layer:
        found = copy.copy(self.descriptions[k])
        if k < len(self.table):
            name, weights = self.table[k].name, self.layer_weights[k]
            states = self.table[k].layer.state_shapes(self.table[k].input_shape)
        else:  # a softmax layer at the end, which belongs to the loss
            name, weights, states = found.name or found.kind, {}, {}
        place = Place(
            {name: w for name, w in weights.items() if name not in states},
            {name: w for name, w in weights.items() if name in states},
            lambda frozen: self._freeze(k, frozen),
            lambda output: self._symbol(k + output),
            self.table[k].input_shape if k < len(self.table) else self.output_shape,
        )
        found.__dict__.update(name=name, _hidden=hidden(found)._replace(place=place))
        return found

    def _freeze(self, k: int, frozen: bool | None) -> bool:
        if frozen is not None:
            self.frozen = self.frozen | {k} if frozen else self.frozen - {k}
        return k in self.frozen

    def get_layer(self, name: str | int | None = None, index: int | None = None) -> Layer:
        """Return the layer of this name or number; ValueError if there is none."""
        layers = self.layers
        index = name if isinstance(name, int) else index
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(f"index must be below {len(layers)}, the number of layers; got {index}")
            return layers[index]
        found = next((layer for layer in layers if layer.name == name), None)
        if found is None:
            raise ValueError(f"name must be one of {', '.join(str(layer.name) for layer in layers)}; got {name!r}")
        return found

    @property
    def trainable(self) -> bool:
        """Whether training changes any layer. It can be set for all layers at once."""
        return len(self.frozen) < len(self.descriptions) or not self.descriptions

    @trainable.setter
    def trainable(self, value: bool) -> None:
        """Freeze all layers (False), or none."""
        self.frozen = frozenset() if value else frozenset(range(len(self.descriptions)))

    @property
    def weights(self) -> list[Array]:
        """All weights as views, in the order of `get_weights`; `layer_weights` has them by layer and name."""
        return list(self.named_weights().values())

    @property
    def trainable_weights(self) -> list[Array]:
        """The weights that training changes, as views."""
        return [w for layer in self.layers for w in layer.trainable_weights]

    @property
    def non_trainable_weights(self) -> list[Array]:
        """The weights that training does not change, as views."""
        return [w for layer in self.layers for w in layer.non_trainable_weights]

    variables = weights
    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the output, (None, …), for an input (None, h, w, c)."""
        n, *sizes = input_shape
        shape = tuple(size for size in sizes if size is not None)
        trained, _ = split_end(self.descriptions, shape)
        return (n, *list(table(trained, shape))[-1].output_shape)

    # ---------------------------------------------------------------- results

    def __call__(self, x: object, training: bool | None = None) -> Any:
        """x (n, *input_shape) -> what the last layer gives. training: dropout drops, and statistics are the batch's"""
        if (chain := chain_from(x)) is not None:
            for layer in self.layers:
                chain = chain.then(layer)
            return chain
        self._ensure_built(x)
        images = np.asarray(as_images("x", x, self.input_shape), self.dtype)
        acts = training is None and any(row.layer.acts_when_called for row in self.table)
        if not (training or acts):
            return self.activated(self.logits(images)).view(Result)
        self._calls = getattr(self, "_calls", 0) + 1 if "_calls" in self.__dict__ else 1
        rng = np.random.default_rng([self.seed, self._calls])
        logits = self._called(images, rng) if acts else self.forward(images, rng)[0]
        return self.activated(logits).view(Result)

    call = __call__

    def predict(
        self,
        x: object,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        steps: int | None = None,
        callbacks: object = None,
    ) -> Array:
        """x (n, *input_shape) -> what the last layer gives: logits, or after a softmax at the end probabilities

        batch_size: images computed at a time, 500 by default. steps: the number of batches. callbacks: objects of
        `convlens.callbacks`, for which a batch has 32 images by default. verbose has no effect: a prediction shows
        nothing.
        """
        if here := _in_memory(x):
            self._ensure_built(x)
        if callbacks is not None or steps is not None or not here:
            found: Array = higher(FUNCTIONS["predict"])(self, x, batch_size or 32, steps, callbacks)
            return found
        return self.all_outputs(as_images("x", x, self.input_shape), batch_size)

    def predict_on_batch(self, x: object) -> Array:
        """x (n, *input_shape) -> what the last layer gives"""
        return self.predict(x)

    def probabilities(self, x: object) -> Array:
        """x (n, *input_shape) -> probabilities (n, classes), whether the model ends in a softmax or in logits"""
        self._ensure_built(x)
        return ACTIVATIONS[self.to_probabilities].forward(self.all_logits(as_images("x", x, self.input_shape)))

    # ---------------------------------------------------------------- text and files

    def summary_text(self) -> str:
        """Return the table of layers as text: name, kind, output shape, parameters."""
        return summary_text(self)

    def summary(
        self,
        line_length: int | None = None,
        positions: object = None,
        print_fn: Callable[[str], object] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: object = None,
    ) -> None:
        """Print the table of layers. print_fn: a function that gets the text in place of the standard output

        The other arguments are Keras's and have no effect.
        """
        text = self.summary_text()
        if print_fn is not None:
            print_fn(text)
        else:
            sys.stdout.write(text + "\n")

    def get_config(self) -> dict[str, Any]:
        """Return the network's specification, see `convlens.nn.specification`."""
        return to_specification(self.descriptions, self.input_shape, self.name, self.dtype)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Sequential:
        """Return a new network with the specification that `get_config` gave."""
        found = from_specification(config)
        return cls(found.layers, found.input_shape, name=found.name, dtype=found.dtype)

    def to_json(self, **words: Any) -> str:
        """Return the network's specification as JSON text."""
        return json.dumps(self.get_config(), **words)
