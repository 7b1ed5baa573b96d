"""The weights of the layers: each takes its own from the vectors of the network, in the order of the layers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convlens.arrays import Array
from convlens.engines.compiled.example_calls import Weights
from convlens.engines.compiled.kernel import Slot
from convlens.engines.compiled.normalisation import Parameters
from convlens.engines.specs import BatchNorm
from convlens.machine.memory import aligned


@dataclass(frozen=True)
class Vectors:
    """The vectors of a network: all trained weights, and all running statistics"""

    flat: Array
    state: Array


class LayerWeights:
    """Gives the weights of one layer after another."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors, self._at, self._state_at = vectors, 0, 0

    def kernel(self, *shape: int, bias: bool, units: int | None = None) -> Weights:
        """Return the next kernel and bias (units,) in `flat`; for a layer without a bias, zeros."""
        flat, start, units = self._vectors.flat, self._at, units or shape[-1]
        middle = start + int(np.prod(shape))
        w = flat[start:middle].reshape(shape)
        if not bias:
            self._at = middle
            return Weights(w, aligned(units, flat.dtype), Slot("gradient", start), aligned(units, flat.dtype))
        self._at = middle + units
        return Weights(w, flat[middle : self._at], Slot("gradient", start), Slot("gradient", middle))

    def normalisation(self, spec: BatchNorm) -> Parameters:
        """Return the next gamma and beta in `flat`, and the next statistics in `state`."""
        c, flat, state = spec.shape[-1], self._vectors.flat, self._vectors.state
        spans: list[slice | None] = []
        for has in (spec.scale, spec.center):
            spans.append(slice(self._at, self._at + c) if has else None)
            self._at += c * has
        at = self._state_at
        self._state_at += 2 * c
        places = slice(at, at + c), slice(at + c, at + 2 * c)
        gamma, beta = (None if span is None else flat[span] for span in spans)
        return Parameters(gamma, beta, (spans[0], spans[1]), state[places[0]], state[places[1]], places)
