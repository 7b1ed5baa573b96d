"""The residual block as one layer that holds layers: the sum of two chains of layers with the same input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from convlens.arrays import Array
from convlens.engines import Engine, specs
from convlens.nn.initializers import Initializer
from convlens.nn.layer import Layer, Rng, Shape, Weights, activate, activate_backward, known_activation


class Part(NamedTuple):
    """A layer in a block: the prefix of its weights' names, "branch_0/" or "shortcut_0/", and its input's shape"""

    prefix: str
    layer: Layer
    shape: Shape


class _Pass(NamedTuple):
    """A layer's part of a forward pass: the names' prefix, the layer, what it saved for its backward"""

    prefix: str
    layer: Layer
    saved: Any


class _Saved(NamedTuple):
    branch: list[_Pass]
    shortcut: list[_Pass]
    kept: Array


@dataclass(frozen=True)
class Add(Layer):
    """A residual block: y = activation(branch(x) + shortcut(x)); He et al. 2016, "Deep residual learning"

    branch, shortcut: layers, one after the other. Without a shortcut x itself is added. Both must give the same shape.
    A network of such blocks, for example ResNet-20, needs no graph:

        Add((Conv2D(16, 3, padding="same", use_bias=False), BatchNormalization(), ReLU(),
             Conv2D(16, 3, padding="same", use_bias=False), BatchNormalization()), activation="relu")

    Keras's Add takes two tensors of a functional model instead. The export writes this block as such a model. The
    weights of the layers are called "branch_0/kernel", …, "shortcut_0/kernel", ….
    """

    branch: tuple[Layer, ...] = ()
    shortcut: tuple[Layer, ...] = ()
    activation: str | None = None
    kind: ClassVar[str] = "add"

    def __post_init__(self) -> None:
        for name in ("branch", "shortcut"):
            layers = getattr(self, name)
            layers = (layers,) if isinstance(layers, Layer) else layers
            if not isinstance(layers, list | tuple) or not all(isinstance(layer, Layer) for layer in layers):
                raise ValueError(f"{name} must be a tuple of layers; got {layers!r}")
            object.__setattr__(self, name, tuple(layers))
        if not self.branch:
            raise ValueError("branch must have at least one layer: Add((Conv2D(…), …)) adds their output to the input")
        object.__setattr__(self, "activation", known_activation(self.activation))
        for flag in ("draws", "whole_batch"):  # of this block, as of its layers
            object.__setattr__(self, flag, any(getattr(layer, flag) for layer in (*self.branch, *self.shortcut)))

    def parts(self, shape: Shape) -> Iterator[Part]:
        """Yield the layers of both chains, the branch first, for an input of `shape`."""
        for name in ("branch", "shortcut"):
            yield from self._chain(name, shape)

    def _chain(self, name: str, shape: Shape) -> Iterator[Part]:
        for k, layer in enumerate(getattr(self, name)):
            yield Part(f"{name}_{k}/", layer, shape)
            shape = self._after(f"{name}_{k}", layer, shape)

    def _after(self, where: str, layer: Layer, shape: Shape) -> Shape:
        try:
            return layer.output_shape(shape)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from None

    def _end(self, name: str, shape: Shape) -> Shape:
        """Return the shape that a chain gives."""
        for k, layer in enumerate(getattr(self, name)):
            shape = self._after(f"{name}_{k}", layer, shape)
        return shape

    def output_shape(self, shape: Shape) -> Shape:
        """The shape that both chains give"""
        branch, shortcut = self._end("branch", shape), self._end("shortcut", shape)
        if branch != shortcut:
            raise ValueError(f"branch and shortcut must give the same shape; got {branch} and {shortcut} from {shape}")
        return branch

    def weight_shapes(self, shape: Shape) -> dict[str, Shape]:
        """The trained weights of all layers, "branch_0/kernel", …"""
        return {
            prefix + name: size
            for prefix, layer, own in self.parts(shape)
            for name, size in layer.weight_shapes(own).items()
        }

    def state_shapes(self, shape: Shape) -> dict[str, Shape]:
        """The running statistics of all layers, "branch_1/moving_mean", …"""
        return {
            prefix + name: size
            for prefix, layer, own in self.parts(shape)
            for name, size in layer.state_shapes(own).items()
        }

    def in_order(self, weights: Weights) -> Weights:
        """Return the block's weights layer by layer, each layer's running statistics after its trained weights."""
        found: Weights = {}
        for name in ("branch", "shortcut"):
            for k, layer in enumerate(getattr(self, name)):
                own = own_weights(weights, f"{name}_{k}/")
                own = layer.in_order(own) if isinstance(layer, Add) else own
                found |= {f"{name}_{k}/{key}": w for key, w in own.items()}
        return found

    def initial(self, name: str, size: Shape, rng: Rng, dtype: np.dtype[Any], kernel: Initializer) -> Array:
        """The first value that the layer gives its weight"""
        place, _, rest = name.partition("/")
        chain, _, k = place.rpartition("_")
        layer: Layer = getattr(self, chain)[int(k)]
        return layer.initial(rest, size, rng, dtype, kernel)

    def regularizer(self, name: str) -> str | None:
        """The penalty that the layer gives its weight"""
        place, _, rest = name.partition("/")
        chain, _, k = place.rpartition("_")
        layer: Layer = getattr(self, chain)[int(k)]
        return layer.regularizer(rest)

    def momentum_of(self, name: str) -> float:
        """The momentum of the layer's running statistic"""
        place, _, rest = name.partition("/")
        chain, _, k = place.rpartition("_")
        layer: Layer = getattr(self, chain)[int(k)]
        return layer.momentum_of(rest)

    def initial_state(self, shape: Shape) -> dict[str, float]:
        """The first running statistics of all layers"""
        return {
            prefix + name: value
            for prefix, layer, own in self.parts(shape)
            for name, value in layer.initial_state(own).items()
        }

    def specs(self, shape: Shape) -> tuple[specs.Spec, ...] | None:
        """One specification that holds those of the layers, and one for the activation; None if a layer has none"""
        chains: dict[str, list[tuple[Any, ...]]] = {"branch": [], "shortcut": []}
        for prefix, layer, own in self.parts(shape):
            found = layer.specs(own)
            if found is None:
                return None
            chains[prefix.rpartition("_")[0]].append(found)
        out = self.output_shape(shape)
        both = specs.Residual(shape, out, tuple(chains["branch"]), tuple(chains["shortcut"]))
        return (both, *specs.activation(self.activation, out))

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """y = activation(branch(x) + shortcut(x))"""
        ends, passes = [], []
        for name in ("branch", "shortcut"):
            end, found = x, []
            for k, layer in enumerate(getattr(self, name)):
                prefix = f"{name}_{k}/"
                end, saved = layer.forward(end, own_weights(weights, prefix), engine, rng)
                found.append(_Pass(prefix, layer, saved))
            ends.append(end)
            passes.append(found)
        y, kept = activate(self.activation, ends[0] + ends[1])
        return y, _Saved(passes[0], passes[1], kept)

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """dx is the sum of both chains' gradients."""
        dz = activate_backward(self.activation, dy, saved.kept)
        gradients: Weights = {}
        ends = [
            _chain_back(dz, passes, weights, engine, need_dx, gradients) for passes in (saved.branch, saved.shortcut)
        ]
        names = [name for name in weights if name in gradients]
        dx = ends[0] + ends[1] if ends[0] is not None and ends[1] is not None else None
        return dx, {name: gradients[name] for name in names}

    def new_state(self, saved: Any, weights: Weights) -> Weights:
        """The next running statistics of all layers"""
        return {
            prefix + name: value
            for prefix, layer, own in (*saved.branch, *saved.shortcut)
            for name, value in layer.new_state(own, own_weights(weights, prefix)).items()
        }


def own_weights(weights: Weights, prefix: str) -> Weights:
    """Return the weights of one layer, by its own names."""
    return {name.removeprefix(prefix): w for name, w in weights.items() if name.startswith(prefix)}


def _chain_back(
    dy: Array, passes: Sequence[_Pass], weights: Weights, engine: Engine, need_dx: bool, gradients: Weights
) -> Array | None:
    """Return the gradient of a chain's input, and put the gradients of its weights into `gradients`."""
    dx: Array | None = dy
    for k in reversed(range(len(passes))):
        prefix, layer, saved = passes[k]
        assert dx is not None
        dx, found = layer.backward(dx, saved, own_weights(weights, prefix), engine, need_dx=need_dx or k > 0)
        gradients |= {prefix + name: gradient for name, gradient in found.items()}
    return dx
