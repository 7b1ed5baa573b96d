"""A network as an ONNX model, for ONNX Runtime and all else that reads the format."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.geometry import Pads, pair, plan
from convlens.interop.frameworks import load
from convlens.interop.keras_model import KINDS, check_end
from convlens.nn import AveragePooling2D, Conv2D, Dense, Flatten, MaxPooling2D, Sequential
from convlens.nn.layers import Layer, Weights
from convlens.nn.sequential import Row
from convlens.ops.pool import plan_pool
from convlens.storage.atomic import atomic_write

SUFFIX = ".onnx"

OPSET, IR_VERSION = 17, 8  # of 2022: any runtime since then reads them
INPUT, OUTPUT = "images", "probabilities"

_WHAT = "an ONNX model"


def to_onnx(model: Sequential) -> Any:
    """The same network as an `onnx.ModelProto`: images (n, *input_shape) -> probabilities (n, classes), float32, any n

    The weights have the names of `named_weights`. Kernels of convolutions are (filters, ci, kh, kw), as ONNX has them;
    those of dense layers (in, units), since images go back to (n, h, w, c) before they are flattened.
    ValueError for a model in float64, and for one that does not end in (classes,).
    """
    onnx, helper = load("onnx", _WHAT), load("onnx.helper", _WHAT)
    check_end(model)
    if model.dtype != np.float32:
        raise ValueError(f"{_WHAT} is in float32; {model.name} is in {model.dtype}")
    graph = _Graph(helper, load("onnx.numpy_helper", _WHAT).from_array)
    for row, weights in zip(model.table, model.weights, strict=True):
        graph.layer(row, weights)
    graph.node("Softmax", OUTPUT, axis=-1)
    number = onnx.TensorProto.FLOAT
    made = helper.make_model(
        helper.make_graph(
            graph.nodes,
            model.name,
            [helper.make_tensor_value_info(INPUT, number, ["n", *model.input_shape])],
            [helper.make_tensor_value_info(OUTPUT, number, ["n", *model.output_shape])],
            graph.weights,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="convlens",
    )
    load("onnx.checker", _WHAT).check_model(made, full_check=True)
    return made


def save_onnx(path: str | os.PathLike[str], model: Sequential) -> None:
    """Write the network as an .onnx file, whole or not at all."""
    content = to_onnx(model).SerializeToString(deterministic=True)
    with atomic_write(path) as file:
        file.write(content)


@dataclass
class _Graph:
    """Nodes one after the other; `value` is what the last one gives"""

    helper: Any
    tensor: Any
    nodes: list[Any] = field(default_factory=list)
    weights: list[Any] = field(default_factory=list)
    value: str = INPUT
    channels_first: bool = False

    def node(self, kind: str, name: str, *more: str, **attributes: Any) -> None:
        self.nodes.append(self.helper.make_node(kind, [self.value, *more], [name], name, **attributes))
        self.value = name

    def weight(self, name: str, value: Array) -> str:
        self.weights.append(self.tensor(np.ascontiguousarray(value), name))
        return name

    def turn(self, name: str, *, channels_first: bool) -> None:
        """(n, h, w, c) to (n, c, h, w), or back, unless it is so already"""
        if channels_first != self.channels_first:
            perm = (0, 3, 1, 2) if channels_first else (0, 2, 3, 1)
            self.node("Transpose", f"{name}/transpose", perm=perm)
            self.channels_first = channels_first

    def layer(self, row: Row, weights: Weights) -> None:
        layer, name, size = row.layer, row.name, row.input_shape
        _check_known(name, layer)
        if isinstance(layer, Conv2D):
            self.turn(name, channels_first=True)
            kernel, strides = pair("kernel_size", layer.kernel_size, 1), pair("strides", layer.strides, 1)
            found = plan((size[0], size[1]), kernel, strides, layer.padding)
            w = self.weight(f"{name}/kernel", weights["kernel"].transpose(3, 2, 0, 1))
            b = self.weight(f"{name}/bias", weights["bias"])
            self.node("Conv", name, w, b, kernel_shape=kernel, strides=strides, pads=_pads(found.pads))
        elif isinstance(layer, MaxPooling2D | AveragePooling2D):
            self.turn(name, channels_first=True)
            found, kernel, strides = plan_pool(name, (size[0], size[1]), layer.pool_size, layer.strides, layer.padding)
            windows = {"kernel_shape": kernel, "strides": strides, "pads": _pads(found.pads)}
            if isinstance(layer, MaxPooling2D):
                self.node("MaxPool", name, **windows)
            else:
                self.node("AveragePool", name, **windows, count_include_pad=0)
        elif isinstance(layer, Flatten):
            self.turn(name, channels_first=False)
            self.node("Flatten", name, axis=1)
        elif isinstance(layer, Dense):
            w, b = self.weight(f"{name}/kernel", weights["kernel"]), self.weight(f"{name}/bias", weights["bias"])
            self.node("Gemm", name, w, b)
        else:
            raise ValueError(f"layer {name}: only {KINDS} can go to ONNX; got {type(layer).__name__}")
        if isinstance(layer, Conv2D | Dense) and layer.activation == "relu":
            self.node("Relu", f"{name}/relu")


def _check_known(name: str, layer: Layer) -> None:
    """A ValueError for a field that no node below says"""
    known = {"activation": (None, "relu"), "groups": (1,)}
    for one, values in known.items():
        value = getattr(layer, one, values[0])
        if value not in values:
            raise ValueError(
                f"layer {name}: {one} {value!r} cannot go to ONNX yet; {' or '.join(map(repr, values))} can"
            )


def _pads(pads: Pads) -> list[int]:
    """((top, bottom), (left, right)) -> [top, left, bottom, right]"""
    (top, bottom), (left, right) = pads
    return [top, left, bottom, right]
