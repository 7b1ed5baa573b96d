"""Units that switch: the reason why a step's gradient differs between two engines by more than rounding.

A ReLU is on or off, and a max-pooling window has one maximum. If a sum is 1e-8 in one engine and -1e-8 in another, the
unit sends its gradient back in one engine and not in the other. `explain` proves which units switched: it switches the
units that are closest to switching, and names the units that turn convlens's gradient into the other engine's.
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
from convlens.nn import Conv2D, Dense, Flatten, MaxPooling2D, Sequential
from convlens.nn.stack import LayerPass
from convlens.ops.losses import Labels

__all__ = ["NOISE", "Explained", "Switch", "explain"]

NOISE = 1e-5  # relative difference: four times the largest that rounding was ever seen to cause in LeNet-5's gradient
_MARGIN = 1e-5  # a unit may switch by rounding if its margin / the largest number of its layer is smaller
_TRIED = 400  # units or windows of a layer that are tried, smallest margin first
_KINDS = (Conv2D, Dense, Flatten, MaxPooling2D)
_MOST = 6  # units that may switch in one step


class Switch(NamedTuple):
    """A unit or a window that switches

    place: the example, then row, column and channel, or the example, then the unit of a dense layer. margin: the
    distance to the point where it switches, divided by the largest number of its layer
    """

    layer: str
    kind: str  # "unit" or "window"
    place: tuple[int, ...]
    margin: float

    def __str__(self) -> str:
        return f"{self.layer} {self.kind} {list(self.place)}"


class Explained(NamedTuple):
    """The units that switched, and `left`, the difference of the gradients that remains after switching these units"""

    units: list[Switch]
    left: Array


def explain(model: Sequential, x: Array, labels: Labels, other: Array) -> Explained | None:
    """Return the units whose switching turns the model's gradient into `other`, except for rounding; None if unknown.

    model: a network of convolutions, max pools and dense layers with ReLU, with the weights before the step; for other
    layers the answer is None. Both
    gradients are of the mean loss. Switching one unit changes the gradient by a vector. The search adds units one by
    one; each time it takes the unit whose vector explains most of the remaining difference.
    """
    if not all(type(row.layer) in _KINDS for row in model.table):
        return None
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
    """Yield the units close to switching, each with the change of the gradient when it switches, if that is not 0."""
    before: dict[int, Array] = {}

    def gradient(mine: Sequence[LayerPass], example: int) -> Array:
        found = np.zeros_like(model.flat)
        model.backward(dlogits[example : example + 1], mine, found)
        return found

    for k in range(len(passes)):
        for switch in _close_to_switching(passes[k]):
            example = switch.place[0]
            mine = [_one(one, example) for one in passes]
            if example not in before:
                before[example] = gradient(mine, example)
            mine[k] = mine[k]._replace(saved=_switched(mine[k], switch))
            if switch.kind == "unit" and k + 1 < len(mine) and isinstance(mine[k + 1].row.layer, MaxPooling2D):
                mine[k + 1] = _pooled(mine[k + 1], switch)
            effect = gradient(mine, example) - before[example]
            if effect.any():
                yield switch, effect


def _one(found: LayerPass, example: int) -> LayerPass:
    """Return the pass of one example."""
    mine = slice(example, example + 1)
    arrays = isinstance(found.saved[0], np.ndarray)
    saved = tuple(array[mine] for array in found.saved) if arrays else (1, *found.saved[1:])  # Flatten saves a shape
    return found._replace(x=found.x[mine], y=found.y[mine], saved=saved)


def _switched(found: LayerPass, switch: Switch) -> tuple[Array, Array]:
    """Return the values that a layer saved for its backward, changed as if the unit had switched."""
    x, y = found.saved
    place = (0, *switch.place[1:])
    if switch.kind == "window":
        return _second_wins(found, x, place), y
    y = y.copy()
    y[place] = 0 if y[place] > 0 else 1  # the ReLU's backward only tests whether y is above 0
    return x, y


def _pooled(pool: LayerPass, switch: Switch) -> LayerPass:
    """Return the pass of the max pool after a unit that switches.

    In a window of zeros, a unit that turns on becomes the maximum. The gradient went to the window's first cell, whose
    unit is off, and now it goes to this unit.
    """
    x = pool.x.copy()
    place = (0, *switch.place[1:])
    x[place] = 0 if x[place] > 0 else np.finfo(x.dtype).tiny
    y, saved = pool.row.layer.forward(x, {}, numpy_engine)
    return pool._replace(x=x, y=y, saved=saved)


def _close_to_switching(found: LayerPass) -> Iterator[Switch]:
    """Yield the units or windows of a layer that rounding may switch, smallest margin first."""
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
        margins = np.where(top > 0, margins, np.inf)  # a ReLU's zeros pass no gradient on
    else:
        return
    for at in np.argsort(margins, axis=None)[:_TRIED]:
        place = tuple(int(index) for index in np.unravel_index(at, margins.shape))
        if margins[place] <= _MARGIN * scale:
            yield Switch(row.name, kind, place, float(margins[place]) / scale)


def _windows(found: tuple[specs.Spec, ...] | None, x: Array) -> Array:
    """x (n, h, w, c) -> the windows of a pooling layer (n, oh, ow, c, kh, kw), -inf outside x"""
    assert found is not None and isinstance(found[0], specs.Pool)
    pool = found[0]
    padded = np.pad(x, ((0, 0), *pool.pads, (0, 0)), constant_values=-np.inf)
    view: Array = sliding_window_view(padded, pool.kernel, axis=(1, 2))
    return view[:, :: pool.stride[0], :: pool.stride[1]]


def _second_wins(found: LayerPass, x: Array, place: tuple[int, ...]) -> Array:
    """Return x for the backward of a pooling layer, changed so that the window's second largest cell is the largest."""
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
    if x[first] == x[second]:  # a tie: the first cell had the gradient, and now the second cell gets it
        x[first] = -np.inf
    return x
