"""Which unit switched: what tells a step's gradient in one engine from that in another, where rounding alone does not.

A ReLU is on or off, and a max-pooling window has one winner. Where a sum comes out at 1e-8 in one engine and at -1e-8
in another, one unit sends its gradient back here and none there. `explain` proves it: it turns over the units that are
nearest to their edge, and names the ones with which our gradient becomes the other one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from convlens import ops
from convlens.arrays import Array
from convlens.engines import numpy_engine, specs
from convlens.nn import Conv2D, Dense, MaxPooling2D, Sequential
from convlens.nn.sequential import LayerPass
from convlens.ops.losses import Labels

__all__ = ["NOISE", "Explained", "Switch", "explain"]

NOISE = 1e-5  # relative: four times what rounding alone was ever seen to do to a gradient of LeNet-5
_EDGE = 1e-5  # of the largest number of a layer: a unit within it may switch by rounding
_TRIED = 400  # units, and windows, of a layer that are tried, the nearest to their edge first
_MOST = 6  # that may switch in one step


class Switch(NamedTuple):
    """A unit or a window: its layer, its place (example, then row, column and channel or the unit), its margin

    margin: how near to its edge it was, by the largest number of its layer
    """

    layer: str
    kind: str  # "unit" or "window"
    place: tuple[int, ...]
    margin: float

    def __str__(self) -> str:
        return f"{self.layer} {self.kind} {list(self.place)}"


class Explained(NamedTuple):
    """The units that switched, and what is left of the difference of the gradients once they are turned over"""

    units: list[Switch]
    left: Array


def explain(model: Sequential, x: Array, labels: Labels, other: Array) -> Explained | None:
    """The units that must be turned over for the model's gradient to be `other`, but for rounding; None if unknown

    model: in the state of the step; of convolutions, max pools and dense layers with ReLU. The gradients are of the
    mean loss. Turning one unit over changes the gradient of its example by a vector; the units are found one by one,
    each the one whose vector explains most of what is left.
    """
    logits, passes = model.forward(x)
    dlogits = ops.softmax_cross_entropy_backward(np.full(len(x), 1 / len(x), x.dtype), logits, labels)
    gradient = np.empty_like(model.flat)
    model.backward(dlogits, passes, gradient)
    left, scale = other - gradient, float(np.linalg.norm(other))
    units: list[Switch] = []
    effects: list[tuple[Switch, Array]] = []
    while np.linalg.norm(left) > NOISE * scale:
        effects = effects or list(_effects(model, passes, dlogits))
        if not effects or len(units) == _MOST:
            return None
        after = [float(np.linalg.norm(left - effect)) for _, effect in effects]
        best = int(np.argmin(after))
        if after[best] > float(np.linalg.norm(left)) / 2:
            return None
        switch, effect = effects.pop(best)
        units.append(switch)
        left = left - effect
    return Explained(units, left)


def _effects(model: Sequential, passes: Sequence[LayerPass], dlogits: Array) -> Iterator[tuple[Switch, Array]]:
    """Units near their edge, and how the gradient changes when each is turned over; none that change nothing"""
    before: dict[int, Array] = {}

    def gradient(mine: Sequence[LayerPass], example: int) -> Array:
        found = np.zeros_like(model.flat)
        model.backward(dlogits[example : example + 1], mine, found)
        return found

    for k in range(len(passes)):
        for switch in _near_their_edge(passes[k]):
            example = switch.place[0]
            mine = [_one(one, example) for one in passes]
            if example not in before:
                before[example] = gradient(mine, example)
            mine[k] = mine[k]._replace(saved=_turned_over(mine[k], switch))
            effect = gradient(mine, example) - before[example]
            if effect.any():
                yield switch, effect


def _one(found: LayerPass, example: int) -> LayerPass:
    """The pass of one example"""
    mine = slice(example, example + 1)
    arrays = isinstance(found.saved[0], np.ndarray)
    saved = tuple(array[mine] for array in found.saved) if arrays else (1, *found.saved[1:])  # Flatten keeps a shape
    return found._replace(x=found.x[mine], y=found.y[mine], saved=saved)


def _turned_over(found: LayerPass, switch: Switch) -> tuple[Array, Array]:
    """What a layer saved for its backward, as if that unit of its one example were on the other side of its edge"""
    x, y = found.saved
    place = (0, *switch.place[1:])
    if switch.kind == "window":
        return _second_wins(found, x, place), y
    y = y.copy()
    y[place] = 0 if y[place] > 0 else 1  # the ReLU's backward asks only whether it is above 0
    return x, y


def _near_their_edge(found: LayerPass) -> Iterator[Switch]:
    """The units or windows of a layer that rounding may switch, the nearest to their edge first"""
    row, weights, x, _, _ = found
    layer = row.layer
    if isinstance(layer, Conv2D | Dense) and layer.activation == "relu":
        z, _ = dataclasses.replace(layer, activation=None).forward(x, weights, numpy_engine)
        margins, kind = np.abs(z), "unit"
        scale = float(margins.max())
    elif isinstance(layer, MaxPooling2D):
        windows = _windows(layer.specs(row.input_shape), x)
        second, top = np.moveaxis(np.sort(windows.reshape(*windows.shape[:4], -1), axis=-1)[..., -2:], -1, 0)
        margins, kind, scale = top - second, "window", float(np.abs(x).max())
        margins = np.where(top > 0, margins, np.inf)  # behind zeros of a ReLU no gradient goes on
    else:
        return
    for at in np.argsort(margins, axis=None)[:_TRIED]:
        place = tuple(int(index) for index in np.unravel_index(at, margins.shape))
        if margins[place] <= _EDGE * scale:
            yield Switch(row.name, kind, place, float(margins[place]) / scale)


def _windows(found: tuple[specs.Spec, ...] | None, x: Array) -> Array:
    """x (n, h, w, c) -> the windows of a pooling (n, oh, ow, c, kh, kw), -inf outside x"""
    assert found is not None and isinstance(found[0], specs.Pool)
    pool = found[0]
    padded = np.pad(x, ((0, 0), *pool.pads, (0, 0)), constant_values=-np.inf)
    view: Array = sliding_window_view(padded, pool.kernel, axis=(1, 2))
    return view[:, :: pool.stride[0], :: pool.stride[1]]


def _second_wins(found: LayerPass, x: Array, place: tuple[int, ...]) -> Array:
    """x for the backward of a pooling, in which the second largest cell of that window has the largest number"""
    pool = found.row.layer.specs(found.row.input_shape)
    assert pool is not None and isinstance(pool[0], specs.Pool)
    n, i, j, c = place
    (top, _), (left, _) = pool[0].pads
    rows = range(i * pool[0].stride[0] - top, i * pool[0].stride[0] - top + pool[0].kernel[0])
    columns = range(j * pool[0].stride[1] - left, j * pool[0].stride[1] - left + pool[0].kernel[1])
    cells = [(n, a, b, c) for a in rows for b in columns if 0 <= a < x.shape[1] and 0 <= b < x.shape[2]]
    first, second, *_ = sorted(cells, key=lambda cell: -float(x[cell]))
    x = x.copy()
    x[first], x[second] = x[second], x[first]
    if x[first] == x[second]:  # a tie: the first in order took it, the second one takes it now
        x[first] = -np.inf
    return x
