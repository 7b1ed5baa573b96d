"""The table of layers: what the task asks for, what a submission says it has, and the first difference.

What a guest says of its layers explains a failure; whether there is one, numbers decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

__all__ = ["WANTED", "Difference", "Row", "difference", "from_graph", "from_model"]

_PAIR = (2, 2)


@dataclass(frozen=True)
class Row:
    """kind; size of the kernel or window; units: filters or outputs; strides; padding; activations, one after the
    other; bias: whether one is added"""

    kind: str
    size: tuple[int, ...] = ()
    units: int | None = None
    strides: tuple[int, ...] = ()
    padding: str = ""
    activations: tuple[str, ...] = ()
    bias: bool = False


def _dense(units: int, activation: str) -> Row:
    return Row("dense", (), units, (), "", (activation,), True)


WANTED = (
    Row("convolution", (5, 5), 6, (1, 1), "same", ("relu",), True),
    Row("max pool", _PAIR, None, _PAIR, "valid"),
    Row("convolution", (5, 5), 16, (1, 1), "valid", ("relu",), True),
    Row("max pool", _PAIR, None, _PAIR, "valid"),
    _dense(120, "relu"),
    _dense(84, "relu"),
    _dense(10, "softmax"),
)


class Difference(NamedTuple):
    """A sentence, and the name of the mistake"""

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


def from_graph(operations: Sequence[Mapping[str, Any]], shapes: Sequence[Sequence[int]]) -> list[Row]:
    """Rows from a graph's operations, first to last, and the shapes of its variables; KeyError, TypeError, ValueError,
    IndexError or AttributeError if they make no sense"""
    rows: list[Row] = []
    padded = False
    for operation in operations:
        kind, read = operation["type"], operation["variables"]
        if kind in ("Conv2D", "MatMul") and read:
            shape = tuple(int(size) for size in shapes[read[0]])
            if kind == "MatMul":
                rows.append(Row("dense", (), (operation["out"] or shape)[-1]))
            else:
                padding = "explicit" if padded else str(operation["padding"])
                rows.append(Row("convolution", shape[:2], shape[-1], tuple(operation["strides"][1:3]), padding))
        elif kind in _POOLS:
            size, strides = tuple(operation["size"][1:3]), tuple(operation["strides"][1:3])
            rows.append(Row(_POOLS[kind], size, None, strides, str(operation["padding"])))
        elif kind in ("AddV2", "Add", "BiasAdd") and read and rows:
            rows[-1] = replace(rows[-1], bias=True)
        elif kind in _ACTIVATIONS:
            _activate(rows, _ACTIVATIONS[kind])
        padded = kind.startswith("Pad") or (padded and kind in ("Identity", "Cast"))
    return rows


def from_model(layers: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Rows from a model's layers, first to last; the same errors"""
    rows: list[Row] = []
    for layer in layers:
        kind, activation = str(layer["type"]), str(layer["activation"])
        bias = bool(layer["bias"])
        if kind in ("InputLayer", "Flatten", "Reshape"):
            continue
        if kind in ("Activation", "ReLU", "Softmax"):
            _activate(rows, activation)
            continue
        if kind == "Conv2D":
            shape = tuple(int(size) for size in layer["kernel"])
            rows.append(
                Row("convolution", shape[:2], shape[-1], tuple(layer["strides"]), str(layer["padding"]), (), bias)
            )
        elif kind == "Dense":
            rows.append(Row("dense", (), int(layer["kernel"][-1]), (), "", (), bias))
        elif kind in _POOLS:
            rows.append(Row(_POOLS[kind], tuple(layer["size"]), None, tuple(layer["strides"]), str(layer["padding"])))
        else:
            rows.append(Row(kind))
        if activation not in ("", "linear"):
            _activate(rows, activation)
    return rows


def _activate(rows: list[Row], activation: str) -> None:
    """Add an activation to the last row; a ReLU after a max pool does the same before it."""
    at = len(rows) - 1
    if activation == "relu" and at > 0 and rows[at].kind == "max pool" and not rows[at - 1].activations:
        at -= 1
    if at >= 0:
        rows[at] = replace(rows[at], activations=(*rows[at].activations, activation))


def _name(k: int) -> str:
    return f"layer {k + 1}, {WANTED[k].kind}"


def difference(rows: Sequence[Row]) -> Difference | None:
    """The first row that is not as it should be, and how"""
    for k, row in enumerate(rows[: len(WANTED)]):
        if "softmax" in row.activations and k < len(WANTED) - 1:
            return Difference(f"{_name(k)}: softmax, which belongs to layer 7 alone", "softmax_wrong_layer")
    for k, (row, want) in enumerate(zip(rows, WANTED, strict=False)):
        if row.kind != want.kind:
            mistake = "average_pool" if row.kind == "average pool" else "layer_other"
            return Difference(f"layer {k + 1}: {row.kind} where the task says {want.kind}", mistake)
        if (found := _differs(row, want)) is not None:
            return Difference(f"{_name(k)}: {found.message}", found.mistake)
    if len(rows) < len(WANTED):
        return Difference(f"{_name(len(rows))} is missing", "layer_other")
    if len(rows) > len(WANTED):
        return Difference(f"after layer 7 there is one more, {rows[len(WANTED)].kind}", "layer_other")
    return None


def _differs(row: Row, want: Row) -> Difference | None:
    pool = "pool" in want.kind
    if row.size != want.size:
        what, mistake = ("windows", "pool_size") if pool else ("kernels", "kernel_size")
        return Difference(f"{what} of {_cross(row.size)} where the task says {_cross(want.size)}", mistake)
    if row.strides != want.strides:
        mistake = "pool_stride" if pool else "conv_stride"
        return Difference(f"strides {_cross(row.strides)} where the task says {_cross(want.strides)}", mistake)
    if row.padding != want.padding and not (pool and row.padding == "same"):  # 28 and 10 are even: it pads nothing
        mistake = {"same": "padding_same", "valid": "padding_valid"}.get(row.padding, "padding_other")
        got = "zeros added by hand" if row.padding == "explicit" else f'padding "{row.padding}"'
        return Difference(f'{got} where the task says "{want.padding}"', mistake)
    if row.units != want.units:
        return Difference(f"{row.units} outputs where the task says {want.units}", "units")
    if row.activations != want.activations:
        got, right = (" and ".join(names) or "no activation" for names in (row.activations, want.activations))
        return Difference(f"{got} where the task says {right}", _activation(row.activations, want.activations))
    if row.bias != want.bias:
        return Difference("no bias is added", "no_bias")
    return None


def _activation(got: tuple[str, ...], want: tuple[str, ...]) -> str:
    if want == ("softmax",):
        if "softmax" not in got:
            return "softmax_missing"
        return (
            "softmax_twice" if got.count("softmax") > 1 else "relu_on_logits" if "relu" in got else "activation_other"
        )
    return "activation_missing" if not got else "activation_other"


def _cross(sizes: Sequence[int]) -> str:
    return " × ".join(map(str, sizes))
