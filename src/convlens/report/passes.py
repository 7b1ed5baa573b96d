"""Draw a trace as one picture: the output of each layer, and under it the gradient of the loss.

The layout knows no layer: columns of maps stand side by side, in as many rows as they need. A layer with more maps than
its column holds shows the first ones, and says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convlens.arrays import Array
from convlens.inspection.trace import LayerTrace, Trace
from convlens.report.figures import VALIDATION, colours, style
from convlens.report.kernels import apart, first_kernels, kernel_name
from convlens.report.pixels import SCALE, Pixels, channels_first, fold, grey, mosaic, shrink, zoom

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["WIDTH", "forward_and_backward"]

WIDTH = 1600  # of the figure, in pixels
_SIDE, _TOP, _BAND, _LABELS, _BARS = 36, 84, 362, 80, 200  # pixels
_HEIGHT = 2 * (_TOP + _BAND) + _LABELS  # of one row of columns
_MIDDLE = _TOP + _BAND + _LABELS / 2
_ROOM = WIDTH - 2 * _SIDE - 30  # for the columns of a row
_BETWEEN, _TILES = 14, 5  # the least pixels between columns, and those between the maps of a column
_NARROW, _WIDE, _ROWS = 110, 300, 3  # the limits of a column's width, and about how many rows there may be
_NAME = 11  # pixels of a letter of a layer's name, at most
_CLASSES, _HIGHEST, _LETTERS = 20, 12, 12  # most classes that all have a bar; bars if there are more; letters of a name
_TEXT, _SOFT, _LINE = "#1f2328", "#57606a", "#8c959f"
_RED, _BLUE = "#b2182b", "#2166ac"


class _Column(NamedTuple):
    """A layer in the picture: the pixels of its output and, in the same arrangement, of the gradient of its output."""

    name: str
    shape: tuple[int, ...]
    forward: Pixels
    backward: Pixels
    width: int
    note: str = ""


def forward_and_backward(passed: Trace, names: Sequence[str] | None = None, label: int | None = None) -> Figure:
    """Draw the outputs of all layers for the first example of a trace, and under them the gradients of its loss.

    The figure is 1600 pixels wide at its own resolution; 972 are high for each row of columns. names: of the classes,
    by default their numbers; label: the class whose loss it is, which is written bold.
    """
    rows = _rows(_columns(passed), _bars_width(passed, names))
    with style():
        from matplotlib.figure import Figure

        height = _HEIGHT * len(rows)
        figure = Figure(figsize=(WIDTH / 100, height / 100), dpi=100, facecolor="white")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, WIDTH), ylim=(height, 0))
        axes.set_axis_off()
        for k, row in enumerate(rows):
            top, last = k * _HEIGHT, k == len(rows) - 1
            used = sum(column.width for column in row) + (_bars_width(passed, names) if last else 0)
            gap = (_ROOM - used) / max(1, len(row) if last else len(row) - 1)
            left = float(_SIDE)
            for column in row:
                _draw(axes, column, left, top)
                left += column.width + gap
            if last:
                _bars(axes, left, top, passed, names, label)
            _arrow(axes, top, float(passed.loss[0]) if last else None, told=k == 0)
    return figure


def _rows(columns: list[_Column], bars: int) -> list[list[_Column]]:
    """Put the columns in rows, each as full as its width allows; the bars stand at the end of the last row."""
    rows: list[list[_Column]] = [[]]
    left = _ROOM
    for column in columns:
        if rows[-1] and column.width > left:
            rows.append([])
            left = _ROOM
        rows[-1].append(column)
        left -= column.width + _BETWEEN
    if bars > left and rows[-1]:
        rows.append([])
    return rows


# Columns -------------------------------------------------------------------------------------------------------------


def _columns(passed: Trace) -> list[_Column]:
    drawn = [layer for layer in passed.layers[:-1] if layer.kind != "Flatten" and not _same(layer)]
    most = max(_NARROW, min(_WIDE, _ROWS * _ROOM // (len(drawn) + 3) - _BETWEEN))
    first, image = passed.layers[0], passed.layers[0].input[0]
    columns, kernels = [], first_kernels(passed)
    if image.ndim == 3:
        painted = np.dstack([grey(image)] * 3 if image.shape[-1] != 3 else [grey(image)])
        opaque = np.dstack([painted, np.full(painted.shape[:2], 255, np.uint8)])[None]
        columns.append(_grid("image", image.shape, opaque, channels_first(first.d_input[0]), most))
    units = [layer.output[0].size for layer in drawn if layer.output.ndim == 2]
    size = max(1, min(8, _BAND // max(units, default=1)))
    for layer in passed.layers:
        if layer is kernels:
            columns.append(_kernels(layer, most))
        if not any(layer is each for each in drawn):
            continue
        y, dy = layer.output[0], layer.d_output[0]
        if y.ndim == 3:
            columns.append(_grid(layer.name, y.shape, colours(channels_first(y)), channels_first(dy), most))
        else:
            columns.append(_strip(layer.name, y, dy, size))
    return columns


def _same(layer: LayerTrace) -> bool:
    """Return whether the layer gives its input as it is, as dropout does at prediction."""
    return layer.output.shape == layer.input.shape and np.array_equal(layer.output, layer.input)


def _kernels(layer: LayerTrace, most: int) -> _Column:
    name = kernel_name(layer)
    assert name is not None
    kernel, gradient = (apart(layer, weights[name]) for weights in (layer.weights, layer.d_weights))
    return _grid("kernels", layer.weights[name].shape, colours(kernel), gradient, most, 19)


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _grid(
    name: str, shape: tuple[int, ...], painted: Pixels, gradient: Array, most: int, scale: float = SCALE
) -> _Column:
    """Draw maps (n, h, w, 4) in a grid at least as high as wide. Smaller maps are drawn smaller.

    most: pixels of the column's width. Large maps are averaged to fewer pixels; if there is no room for all maps, the
    first ones are drawn.
    """
    below = colours(gradient, True)
    longest = min(most - 2, _BAND - 2)
    if max(painted.shape[1:3]) > longest:
        painted, below = (np.stack([shrink(each, longest) for each in maps]) for maps in (painted, below))
    size = zoom(max(painted.shape[1:3]), scale)
    while size > 1 and 0 in _room(painted, size, most):
        size -= 1
    if size > 1 and 2 * math.prod(_room(painted, size, most)) < len(painted):
        size -= 1
    high, wide = _room(painted, size, most)
    shown = min(high * wide, len(painted))
    columns = wide if shown < len(painted) else max(1 if shown < 4 else math.isqrt(shown), -(-shown // high))
    pixels = mosaic(painted[:shown], columns, size, _TILES)
    note = f"the first {shown} of {len(painted)}" if shown < len(painted) else ""
    return _Column(
        *(name, shape, pixels, mosaic(below[:shown], columns, size, _TILES)),
        _width(pixels, name, shape, note),
        note,
    )


def _room(painted: Pixels, size: int, most: int) -> tuple[int, int]:
    """Return how many maps fit into a column one below the other and side by side, drawn `size` times as large."""
    h, w = (side * size + 2 + _TILES for side in painted.shape[1:3])
    return (_BAND + _TILES) // h, (most + _TILES) // w


def _strip(name: str, values: Array, gradient: Array, size: int) -> _Column:
    """Draw the units of a dense layer, one above the other."""

    def pile(painted: Pixels) -> Pixels:
        cells = fold(painted, _BAND).transpose(1, 0, 2)
        return mosaic(cells.repeat(max(1, 30 // size // cells.shape[1]), axis=1)[None], 1, size, 0)

    pixels = pile(colours(values))
    below = pile(colours(gradient, True))
    return _Column(name, values.shape, pixels, below, max(86, _width(pixels, name, values.shape, "")))


def _width(pixels: Pixels, name: str, shape: tuple[int, ...], note: str) -> int:
    return max(int(pixels.shape[1]), 9 * len(_shape(shape)), _NAME * len(name), 8 * len(note))


# Drawing -------------------------------------------------------------------------------------------------------------


def _draw(axes: Axes, column: _Column, left: float, top: float) -> None:
    h, w, _ = column.forward.shape
    x, high, low = round(left + (column.width - w) / 2), top + _TOP + _BAND - h, top + _HEIGHT - _TOP - _BAND
    for painted, y in ((column.forward, high), (column.backward, low)):
        axes.imshow(painted, extent=(x, x + w, y + h, y), aspect="auto", resample=False)
    _label(axes, left + column.width / 2, top, column.name, _shape(column.shape), column.note)


def _label(axes: Axes, x: float, top: float, name: str, shape: str, note: str = "") -> None:
    middle, up = top + _MIDDLE, 9 if note else 0
    style: dict[str, Any] = {"ha": "center", "va": "center"}
    axes.text(x, middle - 13 - up, name, size=13.5, weight="bold", color=_TEXT, **style)
    axes.text(x, middle + 13 - up, shape, size=13, color=_SOFT, **style)
    if note:
        axes.text(x, middle + 26, note, size=10, color=_SOFT, **style)


def _names(passed: Trace, names: Sequence[str] | None) -> list[str]:
    """Return the names of all classes, each of a few letters."""
    found = map(str, range(passed.logits.shape[1])) if names is None else names
    return [name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…" for name in found]


def _bars_width(passed: Trace, names: Sequence[str] | None) -> int:
    return _BARS + _NAME * (max(map(len, _names(passed, names))) - 1)


def _classes(probabilities: Array, label: int | None) -> NDArray[np.int64]:
    """Return the classes that have a bar: all, or those with the highest probabilities and the label."""
    if len(probabilities) <= _CLASSES:
        return np.arange(len(probabilities))
    best = np.argsort(-probabilities, kind="stable")[:_HIGHEST]
    return best if label is None or label in best else np.append(best, label)


def _bars(axes: Axes, left: float, row: float, passed: Trace, names: Sequence[str] | None, label: int | None) -> None:
    """Draw the probabilities of the classes as bars, and under them the gradient of the logits."""
    last, probabilities = passed.layers[-1], passed.probabilities[0]
    gradient, called, classes = last.d_output[0], _names(passed, names), _classes(probabilities, label)
    step = min(26.0, _BAND / len(classes))
    top, bottom = row + _TOP + _BAND - step * len(classes), row + _HEIGHT - _TOP - _BAND
    width = _NAME * max(map(len, called))
    zero, room = left + width + 11, _BARS - 100
    middle, size = zero + 80, min(13.0, step / 2)
    for k, (which, p, d) in enumerate(zip(classes.tolist(), probabilities[classes], gradient[classes], strict=True)):
        y, under = top + (k + 0.5) * step, bottom + (k + 0.5) * step
        weight = "bold" if which == label else "normal"
        for place in (y, under):
            text: dict[str, Any] = {"size": size, "color": _TEXT, "weight": weight, "ha": "right", "va": "center"}
            axes.text(left + width, place, called[which], parse_math=False, **text)
        axes.barh(y, max(float(p) * room, 1), step * 0.7, left=zero, color=VALIDATION)
        axes.text(zero + p * room + 7, y, f"{p:.1%}", size=size, color=_TEXT if p >= 0.01 else _LINE, va="center")
        axes.barh(under, float(d) * 70, step * 0.7, left=middle, color=_RED if d > 0 else _BLUE)
        if abs(d) >= 0.005:
            beside, side = middle - math.copysign(6, d), "right" if d > 0 else "left"
            words = f"{d:+.2f}".replace("-", "−")
            axes.text(beside, under, words, size=size, color=_TEXT, ha=side, va="center")
    axes.plot([middle, middle], [bottom, bottom + step * len(classes)], color=_LINE, linewidth=0.8)
    more = " and the label" if len(classes) > _HIGHEST else ""
    note = f"the {_HIGHEST} most probable{more}" if len(classes) < len(probabilities) else ""
    _label(axes, left + _bars_width(passed, names) / 2 - 20, row, last.name, f"{len(gradient)}, softmax", note)


def _arrow(axes: Axes, row: float, loss: float | None, *, told: bool) -> None:
    """Draw one arrow around a row: forward along the top, down through the loss, backward along the bottom.

    loss: None for a row that goes on in the next one: its arrows end at the right. told: whether the colours are
    explained.
    """
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    right, top, bottom, r = WIDTH - 44, row + 44, row + _HEIGHT - 44, 40
    drawn: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 24, "color": _LINE, "linewidth": 1.8}
    if loss is None:
        axes.add_patch(FancyArrowPatch((_SIDE, top), (right + 20, top), shrinkA=0, shrinkB=0, **drawn))
        axes.add_patch(FancyArrowPatch((right + 20, bottom), (_SIDE, bottom), shrinkA=0, shrinkB=0, **drawn))
    else:
        path = Path(
            (
                *((_SIDE, top), (right - r, top), (right, top), (right, top + r)),
                *((right, bottom - r), (right, bottom), (right - r, bottom), (_SIDE, bottom)),
            ),
            [Path.MOVETO, *(Path.LINETO, Path.CURVE3, Path.CURVE3) * 2, Path.LINETO],
        )
        axes.add_patch(FancyArrowPatch(path=path, **drawn))
    under = {"facecolor": "white", "edgecolor": "none", "pad": 7}
    forward = "the output of each layer: black is 0, yellow its largest number (kernels: blue is below 0, red above)"
    backward = "the gradient of the loss: if a red number grows, the loss rises; if a blue number grows, it falls"
    for y, word, rest in ((top, "Forward", forward), (bottom, "Backward", backward)):
        if told:
            axes.text(_SIDE + 236, y, rest, size=14.5, color=_SOFT, va="center", bbox=under)
        axes.text(_SIDE + 40, y, word, size=20, weight="bold", color=_TEXT, va="center", bbox=under)
    if loss is not None:
        words: dict[str, Any] = {"size": 13.5, "weight": "bold", "color": _TEXT, "ha": "center", "va": "center"}
        axes.text(right, row + _MIDDLE, f"loss\n{loss:.2f}", bbox=under, **words)
