"""The table of how each specification and each activation is written in ONNX.

ONNX, like an engine's fused pass, sees a layer as its specifications (`Layer.specs`, plain numbers). A specification or
a number in it that no writer knows is refused by name, additions too. So no file loses anything silently.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from convlens.arrays import Array
from convlens.engines import specs
from convlens.engines.specs import Spec
from convlens.geometry import Pads, Pair
from convlens.nn.layer import Layer, Weights

__all__ = ["ONNX", "ONNX_ACTIVATIONS", "Graph", "write_onnx"]


class Graph(Protocol):
    """An ONNX graph under construction. A branch sets both fields back to those of its beginning.

    value: the name of the last node's output. channels_first: whether its images are (n, c, h, w)
    """

    value: str
    channels_first: bool

    def node(self, kind: str, name: str, *inputs: str, **attributes: Any) -> None:
        """Add a node whose first input is the output of the node before."""

    def weight(self, name: str, value: Array | np.generic) -> str:
        """Add a constant; return its name."""

    def layout(self, name: str, *, channels_first: bool) -> None:
        """Transpose images from (n, h, w, c) to (n, c, h, w), or back, unless they already have that layout."""


# ---------------------------------------------------------------- activations


def _operator(kind: str, **attributes: Any) -> Callable[[Graph, str], None]:
    """Return the writer of an activation that is one operator in ONNX."""
    return lambda graph, name: graph.node(kind, name, **attributes)


def _softmax(graph: Graph, name: str) -> None:
    graph.layout(name, channels_first=False)  # over the last axis
    graph.node("Softmax", name, axis=-1)


def _relu6(graph: Graph, name: str) -> None:
    bounds = (graph.weight(f"{name}/{side}", np.float32(value)) for side, value in (("least", 0), ("most", 6)))
    graph.node("Clip", name, *bounds)


def _silu(graph: Graph, name: str) -> None:
    x = graph.value
    graph.node("Sigmoid", f"{name}/sigmoid")
    graph.node("Mul", name, x)


def _gelu(graph: Graph, name: str) -> None:
    """x (1 + erf(x / sqrt 2)) / 2: ONNX has the operator Gelu only since version 20."""
    x = graph.value
    graph.node("Mul", f"{name}/scaled", graph.weight(f"{name}/scale", np.float32(np.sqrt(0.5))))
    graph.node("Erf", f"{name}/erf")
    graph.node("Add", f"{name}/shifted", graph.weight(f"{name}/one", np.float32(1)))
    graph.node("Mul", f"{name}/double", x)
    graph.node("Mul", name, graph.weight(f"{name}/half", np.float32(0.5)))


# The keys are the names in `convlens.ops.ACTIVATIONS`. A writer adds nodes to a graph; the last has the given name.
ONNX_ACTIVATIONS: dict[str, Callable[[Graph, str], None]] = {
    "relu": _operator("Relu"),
    "tanh": _operator("Tanh"),
    "sigmoid": _operator("Sigmoid"),
    "softmax": _softmax,
    "elu": _operator("Elu", alpha=1.0),
    "exponential": _operator("Exp"),
    "gelu": _gelu,
    "hard_sigmoid": _operator("HardSigmoid", alpha=1 / 6, beta=0.5),
    "hard_silu": _operator("HardSwish"),
    "leaky_relu": _operator("LeakyRelu", alpha=0.2),
    "relu6": _relu6,
    "selu": _operator("Selu"),
    "silu": _silu,
    "softplus": _operator("Softplus"),
    "softsign": _operator("Softsign"),
}


# ---------------------------------------------------------------- layers


def _conv(
    graph: Graph, name: str, weights: Weights, *,
    size: Pair, ci: int, out: Pair, co: int, kernel: Pair, stride: Pair, pads: Pads, groups: int, dilation: Pair,
    bias: bool,
) -> None:  # fmt: skip
    own = "pointwise_kernel" if "pointwise_kernel" in weights else "kernel"
    w = weights[own].transpose(3, 2, 0, 1)
    _convolution(graph, name, own, w, weights, bias, kernel, stride, pads, dilation, groups)


def _depthwise(
    graph: Graph, name: str, weights: Weights, *,
    size: Pair, c: int, out: Pair, multiplier: int, kernel: Pair, stride: Pair, pads: Pads, dilation: Pair, bias: bool,
) -> None:  # fmt: skip
    own = "depthwise_kernel" if "depthwise_kernel" in weights else "kernel"
    w = weights[own].transpose(2, 3, 0, 1).reshape(c * multiplier, 1, *kernel)
    _convolution(graph, name, own, w, weights, bias, kernel, stride, pads, dilation, c)


def _convolution(
    graph: Graph, name: str, own: str, w: Array, weights: Weights, bias: bool,
    kernel: Pair, stride: Pair, pads: Pads, dilation: Pair, groups: int,
) -> None:  # fmt: skip
    graph.layout(name, channels_first=True)
    inputs = [graph.weight(f"{name}/{own}", w)]
    if bias:
        inputs.append(graph.weight(f"{name}/bias", weights["bias"]))
    window = {"kernel_shape": kernel, "strides": stride, "pads": _pads(pads)}
    graph.node("Conv", name, *inputs, **window, dilations=dilation, group=groups)


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


def _global_pool(
    graph: Graph, name: str, weights: Weights, *, shape: tuple[int, ...], average: bool, keepdims: bool
) -> None:
    graph.layout(name, channels_first=True)
    graph.node("GlobalAveragePool" if average else "GlobalMaxPool", name)
    if not keepdims:
        graph.node("Flatten", f"{name}/flatten", axis=1)
        graph.channels_first = False


def _flatten(graph: Graph, name: str, weights: Weights, *, shape: tuple[int, ...]) -> None:
    graph.layout(name, channels_first=False)
    graph.node("Flatten", name, axis=1)


def _reshape(graph: Graph, name: str, weights: Weights, *, shape: tuple[int, ...], target: tuple[int, ...]) -> None:
    graph.layout(name, channels_first=False)
    graph.node("Reshape", name, graph.weight(f"{name}/shape", np.array([-1, *target], np.int64)))


def _pad(graph: Graph, name: str, weights: Weights, *, shape: tuple[int, ...], pads: Pads) -> None:
    (top, bottom), (left, right) = pads
    start, end = ([0, 0, top, left], [0, 0, bottom, right])
    graph.layout(name, channels_first=True)
    graph.node("Pad", name, graph.weight(f"{name}/pads", np.array(start + end, np.int64)), mode="constant")


def _dense(graph: Graph, name: str, weights: Weights, *, inputs: int, units: int, bias: bool) -> None:
    given = [graph.weight(f"{name}/kernel", weights["kernel"])]
    if bias:
        given.append(graph.weight(f"{name}/bias", weights["bias"]))
    graph.node("Gemm", name, *given)


def _activation(graph: Graph, name: str, weights: Weights, *, shape: tuple[int, ...], function: str) -> None:
    if function not in ONNX_ACTIVATIONS:
        known = ", ".join(ONNX_ACTIVATIONS)
        raise ValueError(f"layer {name}: activation must be one of {known} to be exported to ONNX; got {function!r}")
    ONNX_ACTIVATIONS[function](graph, f"{name}/{function}")


def _threshold_relu(
    graph: Graph, name: str, weights: Weights, *,
    shape: tuple[int, ...], max_value: float | None, negative_slope: float, threshold: float,
) -> None:  # fmt: skip
    """y = max_value where x >= max_value; x where x > threshold; else negative_slope (x - threshold)"""

    def number(part: str, value: float) -> str:
        return graph.weight(f"{name}/{part}", np.float32(value))

    if threshold:
        x = graph.value
        graph.node("Greater", f"{name}/above", limit := number("threshold", threshold))
        above, graph.value = graph.value, x
        graph.node("Sub", f"{name}/distance", limit)
        graph.node("Mul", f"{name}/below", number("negative_slope", negative_slope))
        below, graph.value = graph.value, above
        graph.node("Where", name, x, below)
    else:
        graph.node("LeakyRelu", name, alpha=float(negative_slope))
    if max_value is not None:
        graph.node("Min", f"{name}/bounded", number("max_value", max_value))


def _elu(graph: Graph, name: str, weights: Weights, *, shape: tuple[int, ...], alpha: float) -> None:
    graph.node("Elu", name, alpha=alpha)


def _affine(
    graph: Graph, name: str, weights: Weights, *,
    shape: tuple[int, ...], factor: tuple[float, ...], offset: tuple[float, ...],
) -> None:  # fmt: skip
    if max(len(factor), len(offset)) > 1:  # a number for each channel
        graph.layout(name, channels_first=False)
    graph.node("Mul", f"{name}/scaled", graph.weight(f"{name}/factor", np.array(factor, np.float32)))
    graph.node("Add", name, graph.weight(f"{name}/offset", np.array(offset, np.float32)))


def _batch_norm(
    graph: Graph, name: str, weights: Weights, *, shape: tuple[int, ...], epsilon: float, center: bool, scale: bool,
    fixed: bool,
) -> None:  # fmt: skip
    if len(shape) not in (1, 3):
        raise ValueError(f"layer {name}: BatchNorm of shape {shape} cannot be exported to ONNX; shape must be (c,) or "
                         "(h, w, c)")  # fmt: skip
    graph.layout(name, channels_first=len(shape) == 3)
    mean = weights["moving_mean"]
    values = {"gamma": np.ones_like(mean), "beta": np.zeros_like(mean), **weights}
    names = ("gamma", "beta", "moving_mean", "moving_variance")
    given = [graph.weight(f"{name}/{own}", values[own]) for own in names]
    graph.node("BatchNormalization", name, *given, epsilon=epsilon)


def _residual(
    graph: Graph, name: str, weights: Weights, *, shape: tuple[int, ...], out: tuple[int, ...],
    branch: tuple[tuple[Spec, ...], ...], shortcut: tuple[tuple[Spec, ...], ...],
) -> None:  # fmt: skip
    start, first = graph.value, graph.channels_first
    ends = []
    for chain, layers in (("branch", branch), ("shortcut", shortcut)):
        graph.value, graph.channels_first = start, first
        for k, found in enumerate(layers):
            prefix = f"{chain}_{k}/"
            own = {key.removeprefix(prefix): w for key, w in weights.items() if key.startswith(prefix)}
            _write(graph, f"{name}/{chain}_{k}", found, own)
        graph.layout(f"{name}/{chain}", channels_first=len(out) == 3)
        ends.append(graph.value)
    graph.value = ends[0]
    graph.node("Add", name, ends[1])


def _local_response_norm(
    graph: Graph, name: str, weights: Weights, *, shape: tuple[int, ...], size: int, k: float, alpha: float, beta: float
) -> None:
    if size % 2 == 0:
        raise ValueError(f"layer {name}: size must be odd for ONNX Runtime; got {size}")
    graph.layout(name, channels_first=True)
    graph.node("LRN", name, size=size, bias=k, alpha=alpha * size, beta=beta)  # ONNX divides alpha by size


def _dropout(graph: Graph, name: str, weights: Weights, *, shape: tuple[int, ...], rate: float, channels: bool) -> None:
    """Add nothing: dropout has no effect at prediction."""


def _random(graph: Graph, name: str, weights: Weights, *, shape: tuple[int, ...], layer: Any) -> None:
    """Add nothing: a random change has no effect at prediction."""


# A writer takes every number of its specification by name, even the numbers that ONNX computes itself. So a number that
# is added to a specification later is refused until the writer takes it.
ONNX: dict[type[Spec], Callable[..., None]] = {
    specs.Conv: _conv,
    specs.Depthwise: _depthwise,
    specs.Pool: _pool,
    specs.GlobalPool: _global_pool,
    specs.Flatten: _flatten,
    specs.Reshape: _reshape,
    specs.Pad: _pad,
    specs.Dense: _dense,
    specs.Activation: _activation,
    specs.ThresholdRelu: _threshold_relu,
    specs.Elu: _elu,
    specs.Affine: _affine,
    specs.BatchNorm: _batch_norm,
    specs.LocalResponseNorm: _local_response_norm,
    specs.Dropout: _dropout,
    specs.Random: _random,
    specs.Residual: _residual,
}


def write_onnx(graph: Graph, name: str, layer: Layer, found: Sequence[Spec] | None, weights: Weights) -> None:
    """Add a layer's nodes to the graph, by its specifications; ValueError for what ONNX or this table does not have."""
    if found is None:
        raise ValueError(f"layer {name}: {type(layer).__name__} cannot be exported to ONNX: it has no specification")
    _write(graph, name, found, weights)


def _write(graph: Graph, name: str, found: Sequence[Spec], weights: Weights) -> None:
    for spec in found:
        writer = ONNX.get(type(spec))
        if writer is None:
            raise ValueError(f"layer {name}: {type(spec).__name__} cannot be exported to ONNX; got {spec}")
        numbers = spec._asdict()
        if unknown := numbers.keys() - inspect.signature(writer).parameters.keys():
            values = ", ".join(f"{field} {numbers[field]!r}" for field in sorted(unknown))
            raise ValueError(f"layer {name}: {values} of {type(spec).__name__} cannot be exported to ONNX")
        writer(graph, name, weights, **numbers)


def _pads(pads: Pads) -> list[int]:
    """((top, bottom), (left, right)) -> [top, left, bottom, right]"""
    return [int(number) for number in np.transpose(pads).ravel()]
