"""The base class of all layers. A layer is a description without state: its weights are an argument of each call.

`forward(x, weights, engine, rng)` returns (y, saved), where `saved` holds what the backward needs.
`backward(dy, saved, weights, engine)` returns (dx, gradients by name). Because a layer keeps no state, several threads
can run one model at once, and pictures can be drawn from the saved values of a pass. The running statistics of a
normalisation are weights too: they have no gradient, and `new_state` returns their next values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

import numpy as np

from convlens.arrays import FLOATS, Array
from convlens.engines import Engine, numpy_engine
from convlens.engines.specs import Spec
from convlens.nn.initializer_texts import initializer
from convlens.nn.initializers import Initializer, he_normal
from convlens.nn.input import chain_from
from convlens.nn.keras_layer import KerasLayer, Place, hidden
from convlens.ops import ACTIVATIONS, OTHER_NAMES

Shape = tuple[int, ...]
Weights = dict[str, Array]
Rng: TypeAlias = "np.random.Generator"  # a string, since NumPy loads numpy.random only when it is first used


@dataclass(frozen=True)
class Layer(KerasLayer):
    """The methods of a layer. Shapes are those of one example, without the batch axis.

    name: the layer's name in a model; by default the model names it after its kind
    """

    name: str | None = field(default=None, kw_only=True)
    kind: ClassVar[str]
    draws: ClassVar[bool] = False  # whether the layer draws random numbers during training
    acts_when_called: ClassVar[bool] = False  # whether a call without `training` is one of training, as in Keras
    whole_batch: ClassVar[bool] = False  # whether the layer needs a batch in one part, for statistics over the batch

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the output for an input of `shape`; ValueError if the input does not fit."""
        raise TypeError(f"{type(self).__name__} is a base class, not a layer that can run")

    def weight_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Return the shapes of the weights by name, for an input of `shape`; a kernel comes before its bias."""
        return {}

    def state_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Return the shapes of the weights that have no gradient, such as running statistics, by name."""
        return {}

    def specs(self, shape: Shape) -> tuple[Spec, ...] | None:
        """Return the layer's specifications for an input of `shape`; None if the layer has none.

        They are plain numbers for engines and exporters, see `convlens.engines.specs`.
        """
        return None

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """x (n, *shape) -> y (n, *output_shape(shape)), and the values that `backward` needs

        An `rng` means training: a layer may draw random numbers from it, and a normalisation uses the statistics of the
        batch. None means prediction.
        """
        raise TypeError(f"{type(self).__name__} is a base class, not a layer that can run")

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """dy of y's shape -> dx of x's shape (may be None unless `need_dx`), and the weights' gradients by name"""
        raise TypeError(f"{type(self).__name__} is a base class, not a layer that can run")

    def new_state(self, saved: Any, weights: Weights) -> Weights:
        """Return the next values of the weights in `state_shapes`, after a forward pass of training that `saved`."""
        return {}

    def initial(self, name: str, size: Shape, rng: Rng, dtype: np.dtype[Any], kernel: Initializer) -> Array:
        """Return the first value of the trained weight `name`: a bias is zero, `kernel` draws all others.

        A field of the layer goes first: `kernel_initializer` for "kernel", `bias_initializer` for "bias",
        `depthwise_initializer` for "depthwise_kernel", …
        """
        own = getattr(self, f"{name.removesuffix('_kernel')}_initializer", None)
        if own is not None:
            return initializer(own)(size, rng, dtype)
        return np.zeros(size, dtype) if name.split("/")[-1] == "bias" else kernel(size, rng, dtype)

    def regularizer(self, name: str) -> str | None:
        """Return the penalty of the trained weight `name`, see `convlens.nn.regularizer_texts`; None for none.

        It is a field of the layer: `kernel_regularizer` for "kernel", `depthwise_regularizer` for "depthwise_kernel", …
        """
        found: str | None = getattr(self, f"{name.removesuffix('_kernel')}_regularizer", None)
        return found

    def momentum_of(self, name: str) -> float:
        """Return how much of a running statistic each step of training keeps: see `BatchNormalization`."""
        raise NotImplementedError(f"{type(self).__name__} has no running statistic {name}")

    def initial_state(self, shape: Shape) -> dict[str, float]:
        """Return the first value of each weight in `state_shapes`, by name."""
        return dict.fromkeys(self.state_shapes(shape), 0.0)

    def split_end(self) -> tuple[Layer | None, str | None]:
        """Return the layer without an activation that belongs to the loss, and that activation's name, or None.

        A last layer's softmax or sigmoid belongs to the loss, which computes from logits. The layer is None if nothing
        else is left of it.
        """
        return self, None

    def __call__(self, x: object, training: bool | None = None) -> Any:
        """x (n, …) -> y, for one layer alone. Its weights are drawn at the first call, from default_rng(0).

        In a model, the layer has the model's weights. training: a dropout drops only with True. Of an `Input`, or of
        what another layer gave for it, a `Symbol` for `convlens.Model`.
        """
        if (chain := chain_from(x)) is not None:
            return chain.then(self)
        if isinstance(x, list | tuple) and any(chain_from(each) is not None for each in x):
            raise TypeError(
                f"{type(self).__name__} takes one input: a network is one chain of layers, and nn.Add((layer, …)) adds "
                "what a branch gives to its input"
            )
        if not isinstance(x, np.ndarray | list | tuple) and not hasattr(x, "__array__"):
            raise TypeError(
                f"{type(self).__name__} is called with an array (n, …), or with an Input; got {type(x).__name__}"
            )
        given = np.asarray(x)
        place = hidden(self).place
        dtype = given.dtype if given.dtype in FLOATS else np.dtype(np.float32)
        if place is None:
            place = self._draw(given.shape[1:], dtype)
        named = {**place.weights, **place.state}
        dtype = next((w.dtype for w in named.values()), dtype)
        rng = None
        if self.acts_when_called if training is None else training:
            calls = self.__dict__.get("_calls", 0)
            rng = np.random.default_rng([0, calls] if calls else 0)
            self.__dict__["_calls"] = calls + 1
        y, _ = self.forward(given.astype(dtype, copy=False), named, numpy_engine, rng)
        return y

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Draw the layer's weights for inputs (None, …), from default_rng(0), unless it has some."""
        if hidden(self).place is None:
            shape = tuple(size for size in tuple(input_shape)[1:] if size is not None)
            if len(shape) != len(tuple(input_shape)) - 1:
                raise ValueError(f"build needs the size of every axis but the first; got {tuple(input_shape)}")
            self._draw(shape, np.dtype(np.float32))

    def _draw(self, shape: Shape, dtype: np.dtype[Any]) -> Place:
        """Give the layer weights of its own, and return them."""
        self.output_shape(shape)
        weights = initial_weights(self, shape, np.random.default_rng(0), dtype)
        sizes, starts = self.state_shapes(shape), self.initial_state(shape)
        state = {name: np.full(size, starts[name], dtype) for name, size in sizes.items()}
        place = Place(weights, state, lambda frozen: not hidden(self).trainable)
        self.__dict__["_hidden"] = hidden(self)._replace(place=place)
        return place


ENDS = ("softmax", "sigmoid")  # the activations that can belong to the loss


def expect(layer: str, shape: Shape, letters: str) -> None:
    """Raise ValueError unless the shape has one axis for each of the letters."""
    axes = letters.split()
    if len(shape) != len(axes):
        raise ValueError(f"{layer} needs an input of shape ({', '.join(axes)}); got {shape}")


def known_activation(activation: Any) -> str | None:
    """Return the name of an activation in `convlens.ops.ACTIVATIONS`, or None for none ("linear").

    "swish" is "silu", as in Keras. A function of `convlens.activations` or `keras.activations` stands for its name.
    Raises ValueError for any other name.
    """
    if callable(activation) and getattr(activation, "__name__", None) in {*ACTIVATIONS, *OTHER_NAMES}:
        activation = activation.__name__
    if isinstance(activation, str):
        activation = OTHER_NAMES.get(activation, activation)
    if activation is not None and (not isinstance(activation, str) or activation not in ACTIVATIONS):
        raise ValueError(
            f"activation must be one of None, {', '.join([*ACTIVATIONS, *OTHER_NAMES])}; got {activation!r}"
        )
    name: str | None = activation
    return name


def activate(activation: str | None, z: Array) -> tuple[Array, Array]:
    """Return y = activation(z), or y = z if the activation is None, and the array that the backward needs."""
    if activation is None:
        return z, z
    function = ACTIVATIONS[activation]
    y = function.forward(z)
    return y, z if function.from_input else y


def activate_backward(activation: str | None, dy: Array, kept: Array) -> Array:
    """dy -> dz, computed from the array that `activate` returned beside y = activation(z)"""
    return dy if activation is None else ACTIVATIONS[activation].backward(dy, kept)


def initial_weights(
    layer: Layer, shape: Shape, rng: Rng, dtype: np.dtype[Any], initial: Initializer = he_normal
) -> Weights:
    """Return the layer's first trained weights by name, see `Layer.initial`."""
    return {name: layer.initial(name, size, rng, dtype, initial) for name, size in layer.weight_shapes(shape).items()}
