"""The shape of a network's input, as the first entry of a Sequential's list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from convlens.geometry import check_count

__all__ = ["Input", "InputLayer", "Symbol", "chain_from"]

_NOT_HERE = {
    "sparse": "arrays are dense",
    "ragged": "all examples have one shape",
    "tensor": "the model is called with arrays",
    "batch_tensor": "the model is called with arrays",
}


@dataclass(frozen=True)
class InputLayer:
    """The shape of one example, such as (28, 28, 1). It computes nothing and is not in `model.layers`, as in Keras."""

    shape: tuple[int, ...]
    dtype: Any = None
    name: str | None = None

    def __init__(
        self,
        shape: int | Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        name: str | None = None,
        *,
        batch_shape: Sequence[int | None] | None = None,
        input_shape: Sequence[int | None] | None = None,
        **others: object,
    ) -> None:
        """batch_shape: the shape with the number of examples, or None, in front; batch_size has no effect"""
        for word, value in others.items():
            if word not in _NOT_HERE:
                raise TypeError(f"Input has no argument {word!r}: its arguments are shape, dtype, name, batch_shape")
            if value:
                raise TypeError(f"Input has no {word}: {_NOT_HERE[word]}")
        if shape is None:
            shape = input_shape
        if shape is None and batch_shape is not None:
            shape = tuple(batch_shape)[1:]
        if shape is None:
            raise TypeError("Input needs a shape, for example Input((28, 28, 1)); got none")
        sizes = sizes_of("Input", shape)
        for field, given in (("shape", sizes), ("dtype", dtype), ("name", name)):
            object.__setattr__(self, field, given)


@dataclass(frozen=True, eq=False)
class Symbol:
    """What a chain of layers gives for an input, before there are numbers: `Dense(3)(Input((4,)))`.

    source: the `Input`, or the built model whose layers these are. layers: those between the source and here. shape:
    (None, …), with the number of examples in front, as in Keras
    """

    source: Any
    layers: tuple[Any, ...]
    shape: tuple[int | None, ...]

    def then(self, layer: Any) -> Symbol:
        """Return what `layer` gives for this; ValueError if it does not fit."""
        own = tuple(size for size in self.shape[1:] if size is not None)
        return Symbol(self.source, (*self.layers, layer), (None, *layer.output_shape(own)))


def chain_from(x: Any) -> Symbol | None:
    """Return an `Input` or a `Symbol` as a chain; None for anything else."""
    x = x[0] if isinstance(x, list | tuple) and len(x) == 1 else x
    if isinstance(x, InputLayer):
        return Symbol(x, (), (None, *x.shape))
    return x if isinstance(x, Symbol) else None


def sizes_of(name: str, shape: object) -> tuple[int, ...]:
    """Return a shape as integers of at least 1; TypeError or ValueError, which calls it `name`, for anything else."""
    if isinstance(shape, int):
        shape = (shape,)
    if not isinstance(shape, tuple | list):
        raise TypeError(f"{name} needs a tuple of integers, such as (28, 28, 1); got {shape!r}")
    if None in shape:
        raise ValueError(
            f"{name} needs the size of every axis, since the weights and the engines are made for it; got {shape}"
        )
    for size in shape:
        check_count("each size of shape", size, 1)
    return tuple(map(int, shape))


def Input(shape: int | Sequence[int] | None = None, *args: Any, **words: Any) -> InputLayer:  # noqa: N802 - Keras's name
    """Return the shape of a network's input: Sequential([Input((28, 28, 1)), ...]). See `InputLayer`."""
    return InputLayer(shape, *args, **words)
