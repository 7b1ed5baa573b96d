"""Conversion of a network to an ONNX model, for ONNX Runtime and other programs that read the format."""

from __future__ import annotations

import itertools
import json
import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.interop.frameworks import load
from convlens.interop.keras_model import check_end
from convlens.interop.onnx_layers import write_onnx
from convlens.nn import Sequential
from convlens.storage.atomic import atomic_write
from convlens.training.stored_images import Images

SUFFIX = ".onnx"

OPSET, IR_VERSION = 17, 8  # from 2022; every runtime since then reads them
INPUT, OUTPUT = "images", "probabilities"

_WHAT = "an ONNX model"


def to_onnx(model: Sequential, images: Images | None = None) -> Any:
    """Return the same network as an `onnx.ModelProto`: images (n, *input_shape) -> probabilities (n, classes).

    images: what the network was trained on. The file's metadata say it as text: `scale`, the factor for 8-bit pixels;
    `class_names`, a JSON list; `ink`, "light" on dark, "dark" on light or "unknown"; `size`, "WIDTHxHEIGHT"; and
    `channels`, "grey" or "RGB".

    The model is float32 and takes any n. The weights have the names of `named_weights`. Kernels of convolutions are
    (filters, ci, kh, kw), as ONNX requires. Kernels of dense layers stay (in, units), since images go back to
    (n, h, w, c) before they are flattened.
    Raises ValueError for a model in float64, a model whose output is not (classes,), and a layer that ONNX or the table
    in `convlens.interop.onnx_layers` does not have.
    """
    onnx, helper = load("onnx", _WHAT), load("onnx.helper", _WHAT)
    check_end(model)
    if model.dtype != np.float32:
        raise ValueError(f"{_WHAT} must be in float32; {model.name} is in {model.dtype}")
    graph = _Graph(helper, load("onnx.numpy_helper", _WHAT).from_array)
    for row, weights in zip(model.table, model.layer_weights, strict=True):
        write_onnx(graph, row.name, row.layer, row.layer.specs(row.input_shape), weights)
    if model.end == "sigmoid":
        graph.node("Sigmoid", OUTPUT)
    else:
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
    if images is not None:
        helper.set_model_props(made, _metadata(images))
    load("onnx.checker", _WHAT).check_model(made, full_check=True)
    return made


def _metadata(images: Images) -> dict[str, str]:
    h, w = images.size
    return {
        "scale": repr(images.scale),
        "class_names": json.dumps(list(images.class_names), ensure_ascii=False),
        "ink": {True: "light", False: "dark", None: "unknown"}[images.light_ink],
        "size": f"{w}x{h}",
        "channels": "RGB" if images.colour else "grey",
    }


def save_onnx(path: str | os.PathLike[str], model: Sequential, images: Images | None = None) -> None:
    """Write the network as an .onnx file, whole or not at all. images: see `to_onnx`"""
    content = to_onnx(model, images).SerializeToString(deterministic=True)
    with atomic_write(path) as file:
        file.write(content)


@dataclass
class _Graph:
    """A graph under construction: a chain of nodes. `value` is the name of the last node's output."""

    helper: Any
    tensor: Any
    nodes: list[Any] = field(default_factory=list)
    weights: list[Any] = field(default_factory=list)
    value: str = INPUT
    channels_first: bool = False

    def node(self, kind: str, name: str, *inputs: str, **attributes: Any) -> None:
        """Add a node whose first input is the output of the node before. If the name is taken, it gets a number."""
        taken = {node.name for node in self.nodes}
        name = next(free for k in itertools.count(1) if (free := name if k == 1 else f"{name}/{k}") not in taken)
        self.nodes.append(self.helper.make_node(kind, [self.value, *inputs], [name], name, **attributes))
        self.value = name

    def weight(self, name: str, value: Array | np.generic) -> str:
        """Add a constant; return its name."""
        self.weights.append(self.tensor(np.asarray(value, order="C"), name))
        return name

    def layout(self, name: str, *, channels_first: bool) -> None:
        """Transpose images from (n, h, w, c) to (n, c, h, w), or back, unless they already have that layout."""
        if channels_first != self.channels_first:
            perm = (0, 3, 1, 2) if channels_first else (0, 2, 3, 1)
            self.node("Transpose", f"{name}/transpose", perm=perm)
            self.channels_first = channels_first
