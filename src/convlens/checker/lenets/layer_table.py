"""The layers of the task, the layers of a submission, and the first difference between them.

The submission's layers come from the guest's description, which only explains a failure. The verdict depends on outputs
and weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

__all__ = ["WANTED", "LayerDifference", "LayerFacts", "from_graph", "from_model", "layer_difference"]

_PAIR = (2, 2)


@dataclass(frozen=True)
class LayerFacts:
    """One layer with weights, or one pool.

    size: size of the kernel or window; units: number of filters or outputs; activations: all activations, in their
    order; bias: whether a bias is added
    """

    kind: str
    size: tuple[int, ...] = ()
    units: int | None = None
    strides: tuple[int, ...] = ()
    padding: str = ""
    activations: tuple[str, ...] = ()
    bias: bool = False

    @property
    def is_pool(self) -> bool:
        """Whether this layer is a pool."""
        return self.kind in _POOLS.values()


def _dense(units: int, activation: str) -> LayerFacts:
    return LayerFacts("dense", (), units, (), "", (activation,), True)


WANTED = (
    LayerFacts("convolution", (5, 5), 6, (1, 1), "same", ("relu",), True),
    LayerFacts("max pool", _PAIR, None, _PAIR, "valid"),
    LayerFacts("convolution", (5, 5), 16, (1, 1), "valid", ("relu",), True),
    LayerFacts("max pool", _PAIR, None, _PAIR, "valid"),
    _dense(120, "relu"),
    _dense(84, "relu"),
    _dense(10, "softmax"),
)


class LayerDifference(NamedTuple):
    """The first difference between two lists of layers: a sentence, and the name of the mistake."""

    message: str
    mistake: str


_ACTIVATIONS = {
    "Relu": "relu",
    "Softmax": "softmax",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Elu": "elu",
    "Selu": "selu",
}
_POOLS = {
    "MaxPool": "max pool",
    "AvgPool": "average pool",
    "MaxPooling2D": "max pool",
    "AveragePooling2D": "average pool",
}


def from_graph(operations: Sequence[Mapping[str, Any]], shapes: Sequence[Sequence[int]]) -> list[LayerFacts]:
    """Return the layers in the operations of a graph, first to last.

    shapes: shapes of the variables. Raise KeyError, TypeError, ValueError, IndexError or AttributeError if the guest's
    description makes no sense.
    """
    layers: list[LayerFacts] = []
    padded = False
    for operation in operations:
        kind, read = operation["type"], operation["variables"]
        if kind in ("Conv2D", "MatMul") and read:
            shape = tuple(int(size) for size in shapes[read[0]])
            if kind == "MatMul":
                layers.append(LayerFacts("dense", (), (operation["out"] or shape)[-1]))
            else:
                padding = "explicit" if padded else str(operation["padding"])
                layers.append(
                    LayerFacts("convolution", shape[:2], shape[-1], tuple(operation["strides"][1:3]), padding)
                )
        elif kind in _POOLS:
            size, strides = tuple(operation["size"][1:3]), tuple(operation["strides"][1:3])
            layers.append(LayerFacts(_POOLS[kind], size, None, strides, str(operation["padding"])))
        elif kind in ("AddV2", "Add", "BiasAdd") and read and layers:
            layers[-1] = replace(layers[-1], bias=True)
        elif kind in _ACTIVATIONS:
            _activate(layers, _ACTIVATIONS[kind])
        padded = kind.startswith("Pad") or (padded and kind in ("Identity", "Cast"))
    return layers


def from_model(described: Sequence[Mapping[str, Any]]) -> list[LayerFacts]:
    """Return the layers in the description of a model, first to last. Raise the same errors as `from_graph`."""
    layers: list[LayerFacts] = []
    for layer in described:
        kind, activation = str(layer["type"]), str(layer["activation"])
        bias = bool(layer["bias"])
        if kind in ("InputLayer", "Flatten", "Reshape"):
            continue
        if kind in ("Activation", "ReLU", "Softmax"):
            _activate(layers, activation)
            continue
        if kind == "Conv2D":
            shape, strides = tuple(int(size) for size in layer["kernel"]), tuple(layer["strides"])
            layers.append(LayerFacts("convolution", shape[:2], shape[-1], strides, str(layer["padding"]), (), bias))
        elif kind == "Dense":
            layers.append(LayerFacts("dense", (), int(layer["kernel"][-1]), (), "", (), bias))
        elif kind in _POOLS:
            size, strides = tuple(layer["size"]), tuple(layer["strides"])
            layers.append(LayerFacts(_POOLS[kind], size, None, strides, str(layer["padding"])))
        else:
            layers.append(LayerFacts(kind))
        if activation not in ("", "linear"):
            _activate(layers, activation)
    return layers


def _activate(layers: list[LayerFacts], activation: str) -> None:
    """Add an activation to the last layer. A ReLU after a max pool counts as before it: both give the same result."""
    at = len(layers) - 1
    if activation == "relu" and at > 0 and layers[at].kind == "max pool" and not layers[at - 1].activations:
        at -= 1
    if at >= 0:
        layers[at] = replace(layers[at], activations=(*layers[at].activations, activation))


def _name(k: int) -> str:
    return f"layer {k + 1}, {WANTED[k].kind}"


def layer_difference(layers: Sequence[LayerFacts]) -> LayerDifference | None:
    """Return the first difference from the layers of the task, None if there is none."""
    for k, layer in enumerate(layers[: len(WANTED)]):
        if "softmax" in layer.activations and k < len(WANTED) - 1:
            return LayerDifference(f"{_name(k)}: softmax, which belongs only to layer 7", "softmax_wrong_layer")
    for k, (layer, want) in enumerate(zip(layers, WANTED, strict=False)):
        if layer.kind != want.kind:
            mistake = "average_pool" if layer.kind == "average pool" else "layer_other"
            return LayerDifference(f"layer {k + 1} is {layer.kind}; the task says {want.kind}", mistake)
        if (found := _differs(layer, want)) is not None:
            return LayerDifference(f"{_name(k)}: {found.message}", found.mistake)
    if len(layers) < len(WANTED):
        return LayerDifference(f"{_name(len(layers))} is missing", "layer_other")
    if len(layers) > len(WANTED):
        return LayerDifference(f"there is one more layer after layer 7, {layers[len(WANTED)].kind}", "layer_other")
    return None


def _differs(layer: LayerFacts, want: LayerFacts) -> LayerDifference | None:
    pool = want.is_pool
    if layer.size != want.size:
        what, mistake = ("windows", "pool_size") if pool else ("kernels", "kernel_size")
        return LayerDifference(f"{what} of {_size_text(layer.size)}; the task says {_size_text(want.size)}", mistake)
    if layer.strides != want.strides:
        mistake = "pool_stride" if pool else "conv_stride"
        return LayerDifference(
            f"strides {_size_text(layer.strides)}; the task says {_size_text(want.strides)}", mistake
        )
    # In a pool of 28 or 10 rows, "same" adds no zeros, since 28 and 10 are even
    if layer.padding != want.padding and not (pool and layer.padding == "same"):
        mistake = {"same": "padding_same", "valid": "padding_valid"}.get(layer.padding, "padding_other")
        got = "zeros added by hand" if layer.padding == "explicit" else f'padding "{layer.padding}"'
        return LayerDifference(f'{got}; the task says "{want.padding}"', mistake)
    if layer.units != want.units:
        return LayerDifference(f"{layer.units} outputs; the task says {want.units}", "units")
    if layer.activations != want.activations:
        got, right = (" and ".join(names) or "no activation" for names in (layer.activations, want.activations))
        return LayerDifference(f"{got}; the task says {right}", _activation(layer.activations, want.activations))
    if layer.bias != want.bias:
        return LayerDifference("no bias is added", "no_bias")
    return None


def _activation(got: tuple[str, ...], want: tuple[str, ...]) -> str:
    if want == ("softmax",):
        if "softmax" not in got:
            return "softmax_missing"
        return (
            "softmax_twice" if got.count("softmax") > 1 else "relu_on_logits" if "relu" in got else "activation_other"
        )
    return "activation_missing" if not got else "activation_other"


def _size_text(sizes: Sequence[int]) -> str:
    return " × ".join(map(str, sizes))
