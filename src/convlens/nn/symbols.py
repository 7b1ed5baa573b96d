"""What a built model gives for an input, layer by layer and without numbers: `model.inputs`, `layer.output`."""

from __future__ import annotations

from convlens.arrays import Array
from convlens.nn.input import Symbol
from convlens.nn.layer import Layer, Rng
from convlens.nn.stack import Stack

__all__ = ["Symbols"]


class Symbols(Stack):
    """The properties of a model that `convlens.Model` takes."""

    @property
    def layers(self) -> list[Layer]:
        """The layers in order; `Sequential` has them."""
        return list(self.descriptions)

    def _symbol(self, k: int) -> Symbol:
        """Return what the first k layers give, for `convlens.Model`."""
        shape = self.input_shape if k == 0 else self.table[min(k, len(self.table)) - 1].output_shape
        return Symbol(self, tuple(self.layers[:k]), (None, *shape))

    def _called(self, x: Array, rng: Rng) -> Array:
        """x (n, …) -> logits of a call without `training`: only the layers that act in such a call get `rng`."""
        for row, weights in zip(self.table, self.layer_weights, strict=True):
            x, _ = row.layer.forward(x, weights, self.engine, rng if row.layer.acts_when_called else None)
        return x

    @property
    def inputs(self) -> list[Symbol]:
        """The input in a list, for `convlens.Model(model.inputs, model.layers[1].output)`"""
        return [self.input]

    @property
    def input(self) -> Symbol:
        """The input, for `convlens.Model`"""
        return self._symbol(0)

    @property
    def outputs(self) -> list[Symbol]:
        """The output in a list, for `convlens.Model`"""
        return [self.output]

    @property
    def output(self) -> Symbol:
        """The output, for `convlens.Model`"""
        return self._symbol(len(self.descriptions))
