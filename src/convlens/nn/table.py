"""The table of a network: one row for each layer, with its name, shapes and number of parameters."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from convlens.data.room import check_fits
from convlens.engines.specs import Spec
from convlens.nn.layer import Layer, Shape
from convlens.nn.names import check_name, inner_names

_SMALL = 2**26  # bytes that any machine has


class LayerRow(NamedTuple):
    """One row of a model's table: a layer with its name, shapes and number of parameters"""

    name: str
    layer: Layer
    input_shape: Shape
    output_shape: Shape
    parameters: int


def split_end(layers: Sequence[Layer], input_shape: Shape) -> tuple[tuple[Layer, ...], str | None]:
    """Return the layers without a softmax or sigmoid at their end, and the name of that activation, or None.

    It is taken off only where the output is one number for each class: there the loss computes it from the logits.
    """
    if not layers:
        raise ValueError("a Sequential needs at least one layer; got none")
    *most, last = layers
    left, end = last.split_end()
    rest = (*most, *([] if left is None else [left]))
    if end is None or not rest or len(list(table(layers, input_shape))[-1].output_shape) != 1:
        return tuple(layers), None
    return rest, end


def table(layers: Sequence[Layer], input_shape: Shape) -> Iterator[LayerRow]:
    """Yield the table's rows for examples of `input_shape`; a ValueError names the first layer that does not fit."""
    if not layers:
        raise ValueError("a Sequential needs at least one layer; got none")
    counts: Counter[str] = Counter()
    given = [layer.name for layer in layers if layer.name is not None]
    if twice := next((name for name in given if given.count(name) > 1), None):
        raise ValueError(f"the names of layers must differ; got {twice!r} twice")
    for each in (*given, *inner_names(layers)):
        check_name(each, "a layer")
    shape = input_shape
    for layer in layers:
        name = layer.name
        while name is None or (layer.name is None and name in given):
            name = layer.kind + (f"_{counts[layer.kind]}" if counts[layer.kind] else "")
            counts[layer.kind] += 1
        try:
            out = layer.output_shape(shape)
        except ValueError as error:
            raise ValueError(f"layer {name}: {error}") from None
        sizes = (*layer.weight_shapes(shape).values(), *layer.state_shapes(shape).values())
        yield LayerRow(name, layer, shape, out, sum(map(math.prod, sizes)))
        shape = out


def check_memory(rows: Sequence[LayerRow], dtype: np.dtype[Any]) -> None:
    """Raise ValueError if the weights, or one layer's output for one image, need more memory than is free."""
    parameters = sum(row.parameters for row in rows)
    if parameters * dtype.itemsize > _SMALL:
        most = max(rows, key=lambda row: row.parameters)
        name = f"a network with {parameters:,} parameters, most of them in layer {most.name},"
        check_fits(parameters * dtype.itemsize, name)
    for row in rows:
        size = math.prod(row.output_shape) * dtype.itemsize
        if size > _SMALL:
            check_fits(size, f"layer {row.name} with an output {row.output_shape} for each image")


def specs_of(rows: Iterable[LayerRow]) -> tuple[Spec, ...] | None:
    """Return the specifications of all layers in order; None if a layer has none."""
    found: list[Spec] = []
    for row in rows:
        specs = row.layer.specs(row.input_shape)
        if specs is None:
            return None
        found += specs
    return tuple(found)
