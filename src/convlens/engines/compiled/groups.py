"""Convolutions in groups whose channels do not fill whole vectors: some neighbouring groups become one.

The kernel of the joined groups has zeros where an output does not read an input. It is made from the network's kernel
before each pass, and its gradient goes back to the numbers that it was made from.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from convlens.arrays import Array
from convlens.engines.compiled import block_calls, moves, over_examples
from convlens.engines.compiled.block_calls import Packed
from convlens.engines.compiled.example_calls import Calls, PlannedLayer, Weights
from convlens.engines.specs import Conv
from convlens.machine.memory import aligned


def joined(spec: Conv, wide: int) -> int:
    """Return how many neighbouring groups become one: the fewest that fill whole vectors of `wide` numbers, or all.

    >>> nothing = ((0, 0), (0, 0))
    >>> [joined(Conv((5, 4), 8 * g, (5, 4), 8 * g, (1, 1), (1, 1), nothing, groups=g), 16) for g in (1, 2, 3, 6)]
    [1, 2, 3, 2]
    """
    ci, co = spec.ci // spec.groups, spec.co // spec.groups
    sizes = [many for many in range(1, spec.groups + 1) if spec.groups % many == 0]
    return next((many for many in sizes if many * ci % wide == many * co % wide == 0), spec.groups)


def conv_calls(layer: PlannedLayer, many: int, weights: Weights, packed: Packed, key: int, more: bool) -> Calls:
    """Return the calls of a convolution, with `many` groups joined: see `block_calls.conv_calls`."""
    if many == 1:
        return block_calls.conv_calls(layer, weights, packed, key, more)
    spec: Conv = layer.spec
    at = _sources(spec, many)
    w = packed.made((key, "joined"), weights.w, at)
    dw = aligned(at.size, w.dtype)
    ahead, back = block_calls.conv_calls(
        replace(layer, spec=spec._replace(groups=spec.groups // many)), weights._replace(w=w, dw=dw), packed, key, more
    )
    clear = over_examples.fill_zeros(x=dw, count=dw.size)
    return ahead, [clear, *back, moves.scatter(x=dw, at=at, count=at.size, y=weights.dw)]


def _sources(spec: Conv, many: int) -> Array:
    """Return for each number of the joined kernel its place in the kernel of the network, or -1 for a zero."""
    ci, co = spec.ci // spec.groups, spec.co // spec.groups
    t, c, o = np.indices((spec.kernel[0] * spec.kernel[1], many * ci, spec.co)).reshape(3, -1)
    found: Array = np.where(o // co % many == c // ci, (t * ci + c % ci) * spec.co + o, -1)
    return found
