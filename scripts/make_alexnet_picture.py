"""Make 0x07-cnn/images/alexnet.png, the layers of AlexNet drawn to scale, and its text alternative, alexnet.txt.

    python scripts/make_alexnet_picture.py

All sizes are computed from `convlens.models.alexnet.LAYERS` and the shape of its input. No weights are needed.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np

from convlens.geometry import pair
from convlens.models.alexnet import INPUT_SHAPE, LAYERS
from convlens.nn import Conv2D, Dense, Dropout, Flatten, LocalResponseNormalization, MaxPooling2D
from convlens.nn.layer import Layer, Shape
from convlens.report.figures import png
from convlens.storage.atomic import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OUT = Path(__file__).parents[1] / "0x07-cnn" / "images" / "alexnet.png"

# The layers, as a table -----------------------------------------------------------------------------------------------


@dataclass
class Stage:
    """A layer with weights, and the layers without weights that follow it.

    given, out: the input and output shape of the layer with weights. end: the output shape of the last layer.
    """

    name: str
    layer: Conv2D | Dense
    given: Shape
    out: Shape
    end: Shape
    parameters: int
    norm: LocalResponseNormalization | None = None
    pool: MaxPooling2D | None = None
    dropout: Dropout | None = None

    @property
    def groups(self) -> int:
        """The groups of a convolution; 1 for a dense layer."""
        return self.layer.groups if isinstance(self.layer, Conv2D) else 1

    @property
    def activation(self) -> str:
        """The name of the activation. A layer without one gives the logits; the softmax after it is in the loss."""
        return {"relu": "ReLU", "softmax": "softmax", None: "softmax"}[self.layer.activation]

    @property
    def kernel(self) -> Shape:
        """The shape of one filter, (kh, kw, ci / groups), or of one unit, (in,)."""
        return self.layer.weight_shapes(self.given)["kernel"][:-1]

    @property
    def products(self) -> int:
        """The number of multiplications for one image. Each number of the output is a sum over one kernel."""
        return math.prod(self.out) * math.prod(self.kernel)


def stages(layers: Sequence[Layer], shape: Shape) -> list[Stage]:
    """Return the layers with weights in order, with the names that the table of the model gives them."""
    found: list[Stage] = []
    counts: Counter[str] = Counter()
    for layer in layers:
        name = layer.kind + (f"_{counts[layer.kind]}" if counts[layer.kind] else "")
        counts[layer.kind] += 1
        out = layer.output_shape(shape)
        if isinstance(layer, Conv2D | Dense):
            parameters = sum(map(math.prod, layer.weight_shapes(shape).values()))
            found.append(Stage(name, layer, shape, out, out, parameters))
        elif isinstance(layer, LocalResponseNormalization):
            found[-1].norm = layer
        elif isinstance(layer, MaxPooling2D):
            found[-1].pool, found[-1].end = layer, out
        elif isinstance(layer, Dropout):
            found[-1].dropout = layer
        elif not isinstance(layer, Flatten):
            raise TypeError(f"the picture has no drawing for a {type(layer).__name__}")
        shape = out
    return found


def sizes(shape: Sequence[int]) -> str:
    """Format a shape: (55, 55, 96) -> 55 × 55 × 96."""
    return " × ".join(f"{n:,}" for n in shape)


def rows(table: Sequence[Stage]) -> Iterator[tuple[str, list[str]]]:
    """Yield the lines of the table: a heading, and one cell for the input and for each stage. A cell may be empty."""

    convs = [stage.layer if isinstance(stage.layer, Conv2D) else None for stage in table]
    yield "layer", ["input", *(stage.name for stage in table)]
    yield "output", [sizes(INPUT_SHAPE), *(sizes(stage.out) for stage in table)]
    yield "kernel", ["", *(sizes(stage.kernel) for stage in table)]
    yield "stride", ["", *(_once(conv.strides) if conv else "" for conv in convs)]
    yield "groups", ["", *(str(conv.groups) if conv else "" for conv in convs)]
    yield "activation", ["", *(stage.activation for stage in table)]
    yield "normalise", ["", *(f"{stage.norm.size} channels" if stage.norm else "" for stage in table)]
    yield "max pool", ["", *(_pool(stage.pool) if stage.pool else "" for stage in table)]
    yield "pooled", ["", *(sizes(stage.end) if stage.pool else "" for stage in table)]
    yield "dropout", ["", *(f"{stage.dropout.rate:g}" if stage.dropout else "" for stage in table)]
    yield "parameters", ["", *(f"{stage.parameters:,}" for stage in table)]
    yield "products", ["", *(f"{stage.products / 1e6:.0f} million" for stage in table)]


def _once(strides: int | tuple[int, int] | None) -> str:
    """Format strides. Equal strides are written once: (2, 2) -> 2."""
    down, right = pair("strides", strides, 1)
    return str(down) if down == right else sizes((down, right))


def _pool(layer: MaxPooling2D) -> str:
    return f"{sizes(pair('pool_size', layer.pool_size, 1))}, stride {_once(layer.strides)}"


def share(table: Sequence[Stage]) -> str:
    """Return sentences on the share of the convolutions in the parameters and in the products."""
    convs = [stage for stage in table if isinstance(stage.layer, Conv2D)]
    parameters = sum(stage.parameters for stage in convs) / sum(stage.parameters for stage in table)
    products = sum(stage.products for stage in convs) / sum(stage.products for stage in table)
    return (
        "Products are the multiplications for one photograph. "
        f"The {len(convs)} convolutions have {100 * parameters:.0f}\u00a0% of the parameters and do "
        f"{100 * products:.0f}\u00a0% of the products; the {len(table) - len(convs)} dense layers have the rest."
    )


# The drawing: all coordinates are pixels from the top left -----------------------------------------------------------

_WIDTH, _HEIGHT, _SIDE = 2000, 1190, 36
_MIDDLE, _LANE = 374, 126  # the y of the input, and the distance of the two groups above and below it
_CELLS, _LINE = 648, 38  # the y of the table, and the height of its lines
_COLUMNS = (206, 196, 224, 202, 202, 228, 178, 178, 152)  # the widths of the columns: the input, then each stage
_HEADINGS = _WIDTH - 2 * _SIDE - sum(_COLUMNS)
_PIXEL, _CHANNEL, _UNIT = 1.62, 0.44, 0.1  # the drawn length of one pixel, one channel and one unit
_SLANT = (0.44, 0.24)  # the direction in which depth is drawn
_TEXT, _SOFT, _BAND = "#1f2328", "#57606a", "#f3f5f8"
_HALVES, _RGB, _GREEN, _PLAIN = ("#2a7fd4", "#e0701a"), ("#d1453d", "#3a9d4b", "#3a6fd1"), "#1a8a6a", "#6e7781"
_FONT = 0.72  # points per pixel
_SEES = {"whole": "sees the\nwhole image", "both": "sees both\nhalves", "own": "each sees\nits own half"}


def _mix(colour: str, white: float) -> tuple[float, ...]:
    """Mix a colour with white. `white` is the share of white; a negative share darkens the colour."""
    return tuple(max(0.0, (1 - white) * part + white) for part in matplotlib.colors.to_rgb(colour))


@dataclass
class Box:
    """Feature maps as a box: channels to the right, height down, width into the depth.

    left: the x of its left end. middle: the y of the centre of the whole box.
    """

    left: float
    middle: float
    channels: float
    size: float
    colour: str

    @property
    def slant(self) -> np.ndarray:
        """The vector from the front edge to the back edge."""
        return np.array([self.size * _SLANT[0], -self.size * _SLANT[1]])

    @property
    def right(self) -> float:
        """The x of its right end."""
        return self.left + self.channels + float(self.slant[0])

    @property
    def top(self) -> float:
        """The y of the top of its front."""
        return self.middle - (self.size + float(self.slant[1])) / 2

    @property
    def face(self) -> np.ndarray:
        """The corners of the last map: near top, far top, far bottom, near bottom."""
        return self.window(1)

    def window(self, part: float) -> np.ndarray:
        """Return the corners of a square in the middle of the last map. part: its side, as a fraction of the map's."""
        across, down = _rectangle((1 - part) / 2, (1 - part) / 2, part, part).T[..., None]
        corners: np.ndarray = self.front[1] + across * self.slant + down * np.array([0, self.size])
        return corners

    @property
    def front(self) -> np.ndarray:
        """The corners of its front: upper left, upper right, lower right, lower left."""
        return _rectangle(self.left, self.top, self.channels, self.size)

    def draw(self, axes: Axes, pale: float = 0.45) -> None:
        """Draw its front, top and side. pale: the share of white in the colour of the side."""
        front = self.front
        roof = np.array([front[0], front[1], front[1] + self.slant, front[0] + self.slant])
        for corners, white in ((front, 0.25), (roof, 0.6), (self.face, pale)):
            _polygon(axes, corners, _mix(self.colour, white), edge=_mix(self.colour, -0.25))


def _polygon(axes: Axes, corners: np.ndarray, fill: object, edge: object = "none", **style: float) -> None:
    from matplotlib.patches import Polygon

    more: dict[str, Any] = {"linewidth": 1.1, "joinstyle": "round", "zorder": 2, **style}
    axes.add_patch(Polygon(corners, facecolor=fill, edgecolor=edge, **more))


def _rectangle(left: float, top: float, width: float, height: float) -> np.ndarray:
    """Return the corners of a rectangle: upper left, upper right, lower right, lower left."""
    return np.array([[left, top], [left + width, top], [left + width, top + height], [left, top + height]])


def _say(axes: Axes, x: float, y: float, text: str, size: float = 22, colour: str = _TEXT, **more: Any) -> None:
    more = {"ha": "center", "va": "center", "zorder": 5, **more}
    axes.text(x, y, text, size=size * _FONT, color=colour, **more)


def _look(axes: Axes, box: Box, part: float, to: Box) -> None:
    """Draw a window on a map, and lines from it to the output number that it gives."""
    corners, tip = box.window(part), to.front[[0, 3]].mean(axis=0)
    for k in range(4):
        _polygon(axes, np.array([corners[k], corners[k - 1], tip]), _SOFT, alpha=0.1, zorder=3)
        axes.plot(*zip(corners[k], tip, strict=True), color=_SOFT, linewidth=0.8, zorder=3)
    _polygon(axes, corners, "white", _TEXT, zorder=3)


def _maps(axes: Axes, stage: Stage, left: float, before: list[Box]) -> list[Box]:
    """Draw the two halves of a convolution, above and below, and their pooling. Return the boxes of the next input."""
    assert isinstance(stage.layer, Conv2D)
    part = stage.kernel[0] / stage.given[0]
    length = stage.out[2] / 2 * _CHANNEL
    found, sight = [], "whole" if len(before) == 1 else "own" if stage.groups > 1 else "both"
    for k, colour in enumerate(_HALVES):
        middle = _MIDDLE + (2 * k - 1) * _LANE
        boxes = [Box(left, middle, length, stage.out[0] * _PIXEL, colour)]
        if stage.norm:
            boxes.append(Box(left + length, middle, 7, boxes[0].size, _GREEN))
        if stage.pool:
            pooled = Box(boxes[-1].right + 30, middle, length, stage.end[0] * _PIXEL, colour)
            _polygon(axes, np.array([*boxes[-1].face[[1, 2]], *pooled.front[[3, 0]]]), _mix(_PLAIN, 0.72))
            boxes.append(pooled)
        for box in boxes:
            box.draw(axes)
        for j, seen in enumerate(before):
            if j == k or sight != "own":
                _look(axes, seen, part, boxes[0])
        found.append(boxes[-1])
    _say(axes, left, _MIDDLE, _SEES[sight], 20, ha="left", linespacing=1.25)
    above = _MIDDLE - _LANE - stage.out[0] * _PIXEL * (1 + _SLANT[1]) / 2 - 18
    centre = (left + found[0].right) / 2
    if stage.pool:
        _say(axes, centre, above, "max pool", 20, _SOFT)
    if stage.norm:
        _say(axes, centre, above - 27, "normalise", 20, _GREEN)
    return found


def _input(axes: Axes, left: float) -> list[Box]:
    """Draw the photograph as three channels, slightly shifted."""
    boxes = [Box(left + 11 * k, _MIDDLE, 2, INPUT_SHAPE[0] * _PIXEL, colour) for k, colour in enumerate(_RGB)]
    for box in boxes:
        box.draw(axes, pale=0.8)
    return [Box(boxes[-1].left, _MIDDLE, 2, boxes[-1].size, _PLAIN)]


def _units(axes: Axes, stage: Stage, left: float, before: list[np.ndarray]) -> list[np.ndarray]:
    """Draw a dense layer as a bar with its connections to the layer before. Return the right side of the bar."""
    height, width = stage.out[0] * _UNIT, 24
    top, bottom = np.array([left, _MIDDLE - height / 2]), np.array([left, _MIDDLE + height / 2])
    for (upper, lower), colour in zip(before, _HALVES if len(before) > 1 else (_PLAIN,), strict=True):
        _polygon(axes, np.array([upper, top, bottom, lower]), colour, alpha=0.2, zorder=1)
    kept = np.random.default_rng(0).permutation(np.arange(32) % 2 == 0) if stage.dropout else np.ones(1, bool)
    step = height / len(kept)
    for k, on in enumerate(kept):
        _polygon(
            axes, _rectangle(left, top[1] + k * step, width, step), _mix(_PLAIN, 0.1 if on else 0.85), _mix(_PLAIN, 0.1)
        )
    after = "dropout" if stage.dropout else "softmax" if stage.layer.activation is None else ""
    _say(axes, left + width / 2, top[1] - 20, after, 20, _SOFT)
    right = np.array([width, 0])
    return [np.array([top + right, bottom + right])]


def _table(axes: Axes, table: Sequence[Stage], lefts: Sequence[float]) -> None:
    for k, (heading, cells) in enumerate(rows(table)):
        y, weight = _CELLS + (k + 0.5) * _LINE, "bold" if k == 0 else "normal"
        if k % 2:
            _polygon(axes, _rectangle(_SIDE - 14, y - _LINE / 2, _WIDTH - 2 * _SIDE + 28, _LINE), _BAND, zorder=0)
        _say(axes, _SIDE, y, heading, 23, _GREEN if heading == "normalise" else _SOFT, ha="left", weight=weight)
        for left, cell in zip(lefts, cells, strict=True):
            if cell:
                _say(axes, left, y, cell, 23, ha="left", weight=weight)


def draw(table: Sequence[Stage]) -> Figure:
    """Return the picture, 2000 pixels wide."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        from matplotlib.figure import Figure

        figure = Figure(figsize=(_WIDTH / 100, _HEIGHT / 100), dpi=100, facecolor="white")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, _WIDTH), ylim=(_HEIGHT, 0))
        axes.set_axis_off()
        lefts = [float(_SIDE + _HEADINGS + sum(_COLUMNS[:k])) for k in range(len(_COLUMNS))]
        total = sum(stage.parameters for stage in table)
        _say(axes, _SIDE, 46, "AlexNet", 38, ha="left", weight="bold")
        scale = "Drawn to scale: maps by height, width and, to the right, channels; dense layers by units."
        _say(axes, _SIDE, 92, f"{total:,} parameters. {scale}", 23, _SOFT, ha="left")
        seen, edges = _input(axes, lefts[0]), []
        for stage, left in zip(table, lefts[1:], strict=True):
            if isinstance(stage.layer, Conv2D):
                seen = _maps(axes, stage, left, seen)
                edges, right = [box.face[[1, 2]] for box in seen], seen[0].right
            else:
                if len(edges) > 1:
                    flat = f"flatten\n{stage.given[0]:,}"
                    _say(axes, right, _MIDDLE + _LANE + 44, flat, 20, _SOFT, ha="right", linespacing=1.25)
                edges = _units(axes, stage, left, edges)
        for k, (colour, place) in enumerate(zip(_HALVES, ("first GPU", "second GPU"), strict=True)):
            middle = _MIDDLE + (2 * k - 1) * _LANE
            _say(axes, _SIDE, middle - 14, f"group {k + 1}", 22, colour, ha="left", weight="bold")
            _say(axes, _SIDE, middle + 14, place, 20, _SOFT, ha="left")
        _table(axes, table, lefts)
        _say(axes, _SIDE, _HEIGHT - 44, share(table), 23, _SOFT, ha="left")
    return figure


# The text alternative -----------------------------------------------------------------------------------------------


def words(table: Sequence[Stage]) -> str:
    """Return the text alternative: the content of the picture in words."""
    convs = [stage for stage in table if isinstance(stage.layer, Conv2D)]
    apart = ", ".join(stage.name for stage in convs if stage.groups > 1)
    lines = [
        f"AlexNet from left to right, {sum(stage.parameters for stage in table):,} parameters. The maps of the "
        f"convolutions are drawn in two rows, one for each group, as on the two GPUs of 2012. In {apart} each row sees "
        "only its own half of the maps before it. In the other convolutions each row sees all maps.",
        f"input: a photograph, {sizes(INPUT_SHAPE)}.",
        *map(_sentence, table),
        share(table),
    ]
    return "\n".join(lines) + "\n"


def _sentence(stage: Stage) -> str:
    if isinstance(stage.layer, Conv2D):
        of = f"kernels of {sizes(stage.kernel)}, stride {_once(stage.layer.strides)}, groups {stage.groups}"
    else:
        of = f"units on {stage.given[0]:,} numbers"
    parts = [
        f"{stage.name}: {stage.out[-1]:,} {of}, {stage.activation}, to {sizes(stage.out)}; "
        f"{stage.parameters:,} parameters, {stage.products / 1e6:.0f} million products"
    ]
    if stage.norm:
        parts.append(f"response normalisation over {stage.norm.size} channels")
    if stage.pool:
        parts.append(f"max pooling {_pool(stage.pool)}, to {sizes(stage.end)}")
    if stage.dropout:
        parts.append(f"dropout {stage.dropout.rate:g}")
    return "; ".join(parts) + "."


def main(arguments: list[str] | None = None) -> None:
    """Draw, write the picture and its text alternative, and print their paths and sizes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=OUT, help="the picture to write (default: %(default)s)")
    out = parser.parse_args(arguments).out
    table = stages(LAYERS, INPUT_SHAPE)
    out.parent.mkdir(parents=True, exist_ok=True)
    for path, content in ((out, png(draw(table))), (out.with_suffix(".txt"), words(table).encode())):
        with atomic_write(path) as file:
            file.write(content)
        print(f"{path}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
