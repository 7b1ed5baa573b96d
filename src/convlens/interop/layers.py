"""What our layers are in Keras and in ONNX: the one table, for writers and readers.

ONNX and an engine's fused pass know a layer by its specifications (`Layer.specs`, plain numbers). Keras knows it by the
names of its class and of its fields, which are Keras's own. Whatever a writer or Keras does not know is refused by
name, a field that was added to a layer or to a specification included: no file may lose something in silence.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from convlens import nn
from convlens.arrays import Array
from convlens.engines import specs
from convlens.engines.specs import Spec
from convlens.geometry import Pads, Pair
from convlens.nn.layer import Layer, Weights

__all__ = ["ACTIVATIONS", "TRAINING_ALONE", "Graph", "KerasWords", "in_keras", "keras_words", "named", "write_onnx"]


class ActivationWords(NamedTuple):
    """The function in `keras.activations`, the operator of ONNX"""

    keras: str
    onnx: str


# By the names in `convlens.ops.ACTIVATIONS`
ACTIVATIONS = {
    "relu": ActivationWords("relu", "Relu"),
    "tanh": ActivationWords("tanh", "Tanh"),
    "sigmoid": ActivationWords("sigmoid", "Sigmoid"),
}


# ---------------------------------------------------------------- Keras


# Settings of a Keras layer that count while Keras trains, and not for what the network computes
TRAINING_ALONE = frozenset(
    {
        "activity_regularizer",
        "bias_constraint",
        "bias_initializer",
        "bias_regularizer",
        "dtype",
        "kernel_constraint",
        "kernel_initializer",
        "kernel_regularizer",
        "name",
        "seed",
        "trainable",
    }
)


def in_keras(module: Any) -> dict[str, type[Layer]]:
    """Our layers by name, as far as `module`, which is `keras.layers`, has a layer of that name"""
    ours = (getattr(nn, name) for name in nn.__all__)
    kinds = [kind for kind in ours if isinstance(kind, type) and issubclass(kind, Layer) and kind is not Layer]
    return {kind.__name__: kind for kind in kinds if hasattr(module, kind.__name__)}


def named(kinds: Iterable[str]) -> str:
    """The kinds as a list in words"""
    *most, last = kinds
    return f"{', '.join(most)} and {last}"


class KerasWords(NamedTuple):
    """fields: of our layer, which Keras has too; fixed: the other settings in Keras, with the values that ours has"""

    fields: tuple[str, ...]
    fixed: Mapping[str, Any]


def keras_words(module: Any, kind: type[Layer]) -> KerasWords:
    """How a layer is told in Keras; a ValueError for a field that Keras does not have

    Our layers and their fields have Keras's names (docs/decisions/06-specifications.md). What Keras can vary beyond
    them stays as its constructor has it, for a layer of ours computes what Keras's does by default.
    """
    theirs = inspect.signature(getattr(module, kind.__name__)).parameters
    fields = tuple(field.name for field in dataclasses.fields(kind))
    for name in fields:
        if name not in theirs:
            raise ValueError(f"{name} cannot go to Keras, whose {kind.__name__} has no such setting")
    fixed = {
        name: setting.default
        for name, setting in theirs.items()
        if setting.kind is setting.POSITIONAL_OR_KEYWORD and name not in {*fields, *TRAINING_ALONE}
    }
    if "data_format" in fixed:
        fixed["data_format"] = "channels_last"  # None stands for what the user's keras.json says
    return KerasWords(fields, fixed)


# ---------------------------------------------------------------- ONNX


class Graph(Protocol):
    """An ONNX graph under construction, one node after the other"""

    def node(self, kind: str, name: str, *inputs: str, **attributes: Any) -> None:
        """A node whose first input is what the node before gives"""

    def weight(self, name: str, value: Array) -> str:
        """The name of a constant, which is added"""

    def layout(self, name: str, *, channels_first: bool) -> None:
        """Images from (n, h, w, c) to (n, c, h, w), or back, unless they are so already"""


def _conv(
    graph: Graph, name: str, weights: Weights, *,
    size: Pair, ci: int, out: Pair, co: int, kernel: Pair, stride: Pair, pads: Pads, groups: int,
) -> None:  # fmt: skip
    graph.layout(name, channels_first=True)
    w = graph.weight(f"{name}/kernel", weights["kernel"].transpose(3, 2, 0, 1))
    b = graph.weight(f"{name}/bias", weights["bias"])
    graph.node("Conv", name, w, b, kernel_shape=kernel, strides=stride, pads=_pads(pads), group=groups)


def _pool(
    graph: Graph, name: str, weights: Weights, *,
    size: Pair, c: int, out: Pair, kernel: Pair, stride: Pair, pads: Pads, average: bool,
) -> None:  # fmt: skip
    graph.layout(name, channels_first=True)
    window = {"kernel_shape": kernel, "strides": stride, "pads": _pads(pads)}
    if average:
        graph.node("AveragePool", name, **window, count_include_pad=0)
    else:
        graph.node("MaxPool", name, **window)


def _flatten(graph: Graph, name: str, weights: Weights, *, shape: tuple[int, ...]) -> None:
    graph.layout(name, channels_first=False)
    graph.node("Flatten", name, axis=1)


def _dense(graph: Graph, name: str, weights: Weights, *, inputs: int, units: int) -> None:
    w, b = graph.weight(f"{name}/kernel", weights["kernel"]), graph.weight(f"{name}/bias", weights["bias"])
    graph.node("Gemm", name, w, b)


def _activation(graph: Graph, name: str, weights: Weights, *, shape: tuple[int, ...], function: str) -> None:
    if function not in ACTIVATIONS:
        raise ValueError(f"layer {name}: activation {function!r} cannot go to ONNX; {', '.join(ACTIVATIONS)} can")
    graph.node(ACTIVATIONS[function].onnx, f"{name}/{function}")


def _local_response_norm(
    graph: Graph, name: str, weights: Weights, *, shape: tuple[int, ...], size: int, k: float, alpha: float, beta: float
) -> None:
    if size % 2 == 0:
        raise ValueError(f"layer {name}: size must be odd for ONNX Runtime; got {size}")
    graph.layout(name, channels_first=True)
    graph.node("LRN", name, size=size, bias=k, alpha=alpha * size, beta=beta)  # ONNX divides alpha by size


def _dropout(graph: Graph, name: str, weights: Weights, *, shape: tuple[int, ...], rate: float) -> None:
    """Nothing: a network that predicts leaves no unit out"""


# A writer takes every number of its specification by name, those too that ONNX works out by itself: a new one that a
# writer does not take is refused.
ONNX: dict[type[Spec], Callable[..., None]] = {
    specs.Conv: _conv,
    specs.Pool: _pool,
    specs.Flatten: _flatten,
    specs.Dense: _dense,
    specs.Activation: _activation,
    specs.LocalResponseNorm: _local_response_norm,
    specs.Dropout: _dropout,
}


def write_onnx(graph: Graph, name: str, layer: Layer, found: Sequence[Spec] | None, weights: Weights) -> None:
    """Add a layer's nodes, by its specifications; a ValueError for what ONNX or this table does not have"""
    if found is None:
        raise ValueError(f"layer {name}: {type(layer).__name__} cannot go to ONNX: it has no specification")
    for spec in found:
        writer = ONNX.get(type(spec))
        if writer is None:
            raise ValueError(f"layer {name}: {type(spec).__name__} cannot go to ONNX; got {spec}")
        numbers = spec._asdict()
        if unknown := numbers.keys() - inspect.signature(writer).parameters.keys():
            values = ", ".join(f"{field} {numbers[field]!r}" for field in sorted(unknown))
            raise ValueError(f"layer {name}: {values} of {type(spec).__name__} cannot go to ONNX")
        writer(graph, name, weights, **numbers)


def _pads(pads: Pads) -> list[int]:
    """((top, bottom), (left, right)) -> [top, left, bottom, right]"""
    return [int(number) for number in np.transpose(pads).ravel()]
