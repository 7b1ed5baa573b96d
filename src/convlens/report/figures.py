"""Draw arrays and traces as colours and matplotlib figures. No other module imports matplotlib.

This module does not compute any numbers of a network. Figures are made without pyplot. While a figure is drawn,
matplotlib uses its default settings; afterwards the user's settings are restored.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from convlens.arrays import Array
from convlens.inspection.trace import Trace
from convlens.report.pixels import SCALE, Pixels, channels_first, fold, grey, mosaic, zoom

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAINING, VALIDATION = "#2a7fd4", "#e0701a"
_INK = "#010203"  # the colour of text and axes: no other part has it, so `svg` can replace it by the page's colour


def matplotlib() -> ModuleType:
    """Import matplotlib. Raises ImportError, with the command that installs it, if it is missing."""
    try:
        import matplotlib
    except ModuleNotFoundError:
        raise ImportError(
            "figures and reports need matplotlib, which is not installed: pip install 'convlens[plots]'"
        ) from None
    return matplotlib


@contextmanager
def _style(**settings: Any) -> Iterator[None]:
    """Use matplotlib's defaults and `settings` inside the block, then restore the user's settings."""
    mpl = matplotlib()
    defaults = {name: value for name, value in mpl.rcParamsDefault.items() if not name.startswith("backend")}
    with mpl.rc_context({**defaults, "font.family": "DejaVu Sans", **settings}):
        yield


def colours(values: Array, signed: bool | None = None) -> Pixels:
    """Convert numbers of any shape to colours uint8 (…, 4), on one scale from 0 to the largest absolute value.

    signed: if true, blue is below 0, white is 0, red is above 0, as for kernels and gradients. If false, 0 is black and
    the largest number yellow. None means true if any number is below 0.
    """
    signed = bool((values < 0).any()) if signed is None else signed
    largest = float(np.abs(values).max()) or 1.0
    levels = (values / largest + 1) / 2 if signed else values / largest
    painted: Pixels = matplotlib().colormaps["RdBu_r" if signed else "inferno"](levels.astype(np.float64), bytes=True)
    return painted


# Curves --------------------------------------------------------------------------------------------------------------


def curves(
    name: str,
    epochs: Sequence[int],
    training: Sequence[float],
    validation: Sequence[float | None],
    *,
    chosen: int,
    percent: bool = False,
) -> Figure:
    """Draw training and validation values over the epochs. A line marks the epoch `chosen`.

    validation: None for an epoch without a value.
    """
    with _style(**{f"{part}.color": _INK for part in ("text", "xtick", "ytick")}, **{"font.size": 11}):
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator, PercentFormatter

        figure = Figure(figsize=(5.6, 3.5), layout="constrained")
        axes, size = figure.add_subplot(), 4.5 if len(epochs) <= 40 else 0
        axes.plot(epochs, training, "o--", color=TRAINING, markersize=size, label="training")
        known = [(epoch, value) for epoch, value in zip(epochs, validation, strict=True) if value is not None]
        if known:
            axes.plot(*zip(*known, strict=True), "s-", color=VALIDATION, markersize=size, label="validation")
        axes.axvline(chosen, color=_INK, alpha=0.5, linewidth=1, linestyle=(0, (2, 3)), zorder=0, label="weights kept")
        axes.set_title(name, loc="left", weight="bold", color=_INK)
        axes.set_xlabel("epoch", color=_INK)
        axes.set_xlim(min(epochs) - 0.5, max(epochs) + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if percent:
            axes.set_ylim(max(axes.get_ylim()[0], -0.01), min(axes.get_ylim()[1], 1.01))
            axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        axes.grid(axis="y", color=_INK, alpha=0.15, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[:].set_color(_INK)
        axes.legend(frameon=False)
    return figure


_PALETTE = ("#8c959f", "#2a7fd4", "#e0701a", "#1a8a4a", "#8250df")


def comparison(
    engines: Mapping[str, Mapping[str, Sequence[float]]], switched: Mapping[str, Sequence[tuple[int, float]]]
) -> Figure:
    """Draw one panel for each kind of relative difference, with one dot for each engine and step.

    The scale is logarithmic, from float32 rounding to 1. switched: the steps in which a unit switched, with the whole
    difference of the gradient; they are rings in the panel of the gradient.
    """
    kinds = list(next(iter(engines.values())))
    with _style(**{"font.size": 11}):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5.4 * len(kinds), 4.0), layout="constrained")
        all_axes = np.atleast_1d(figure.subplots(1, len(kinds)))
        for axes, kind in zip(all_axes, kinds, strict=True):
            for k, (name, differences) in enumerate(engines.items()):
                values, colour = np.array(differences[kind]), _PALETTE[k % len(_PALETTE)]
                shown = np.where(values > 0, values, np.nan)  # 0 has no logarithm
                label = name if np.isfinite(shown).any() else f"{name}: no difference"
                axes.plot(np.arange(1, len(values) + 1), shown, ".", color=colour, label=label, markersize=4)
                if kind == "gradient" and switched.get(name):
                    steps, whole = zip(*switched[name], strict=True)
                    axes.plot(steps, whole, "o", color=colour, fillstyle="none", markersize=8)
            axes.axhline(2.0**-24, color=_INK, linewidth=0.8, linestyle=":")
            if kind == kinds[0]:
                axes.annotate("rounding of float32", (1, 2.0**-24), xytext=(0, -12), textcoords="offset points")
            axes.set_yscale("log")
            axes.set_ylim(1e-9, 1)
            axes.set_title(f"{kind}, relative difference from NumPy", loc="left", weight="bold")
            axes.set_xlabel("step" + ("; rings: a unit or a window switched" if kind == "gradient" else ""))
            axes.grid(axis="y", alpha=0.25)
            axes.spines[["top", "right"]].set_visible(False)
        figure.legend(
            *all_axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=len(engines), frameon=False
        )
    return figure


def arms(panels: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Draw one panel for each measure: for each arm one dot for each seed, and a bar for their mean.

    A line connects the dots of the same seed. panels: measure -> arm -> one value for each seed.
    """
    with _style(**{"font.size": 11}):
        from matplotlib.figure import Figure

        names = list(next(iter(panels.values())))
        figure = Figure(figsize=(max(3.0, 1.5 * len(names)) * len(panels) + 0.6, 3.8), layout="constrained")
        all_axes = np.atleast_1d(figure.subplots(1, len(panels)))
        for axes, (measure, by_arm) in zip(all_axes, panels.items(), strict=True):
            values = np.array([by_arm[name] for name in names])
            axes.plot(np.arange(len(names)), values, "-", color=_PALETTE[0], linewidth=0.8, alpha=0.6)
            for k, of_arm in enumerate(values):
                colour = _PALETTE[(k + 1) % len(_PALETTE)]
                axes.plot([k] * len(of_arm), of_arm, "o", color=colour, markersize=6, alpha=0.8)
                axes.plot([k - 0.25, k + 0.25], [of_arm.mean()] * 2, color=colour, linewidth=2.5)
            axes.set_xticks(np.arange(len(names)), names)
            axes.set_xlim(-0.5, len(names) - 0.5)
            axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
            axes.set_title(measure, loc="left", weight="bold", size=10, wrap=True)
            axes.grid(axis="y", alpha=0.25)
            axes.spines[["top", "right"]].set_visible(False)
    return figure


def svg_file(figure: Figure) -> bytes:
    """Return the figure as an SVG file. The same figure gives the same bytes."""
    file = io.BytesIO()
    with _style(**{"svg.hashsalt": "convlens"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def svg(figure: Figure, name: str, label: str) -> str:
    """Return the figure as an <svg> element for an HTML page.

    Its text stays text and has the colour of the page. Screen readers read `label` aloud. Figures of different `name`
    have different ids, so a page can hold several.
    """
    from html import escape

    file = io.StringIO()
    with _style(**{"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    text = file.getvalue()
    box = re.search(r'viewBox="[^"]*"', text)
    assert box is not None
    body = text[text.index(">", box.end()) + 1 :].strip()
    for pattern, new in (
        (r"<metadata>.*?</metadata>", ""),
        (r"<defs>\s*<style.*?</style>\s*</defs>", ""),
        (r"<!--.*?-->", ""),
        (r'<g id="[^"]*"', "<g"),
        (r"xlink:href", "href"),
        (_INK, "currentColor"),
        (r"\n\s*", "\n"),
    ):
        body = re.sub(pattern, new, body, flags=re.DOTALL)
    return f'<svg {box.group()} role="img" aria-label="{escape(label)}">\n{body}'


def png(figure: Figure) -> bytes:
    """Return the figure as a PNG file at its own resolution."""
    file = io.BytesIO()
    with _style():
        figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


# Forward and backward ------------------------------------------------------------------------------------------------

_WIDTH, _SIDE, _TOP, _BAND, _LABELS, _BARS = 1600, 36, 84, 362, 80, 200  # pixels
_HEIGHT, _MIDDLE = 2 * (_TOP + _BAND) + _LABELS, _TOP + _BAND + _LABELS / 2
_TEXT, _SOFT, _LINE = "#1f2328", "#57606a", "#8c959f"
_RED, _BLUE = "#b2182b", "#2166ac"


class _Column(NamedTuple):
    """A layer in the picture: the pixels of its output and, in the same arrangement, of the gradient of its output."""

    name: str
    shape: tuple[int, ...]
    forward: Pixels
    backward: Pixels
    width: int


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _grid(name: str, values: Array, gradient: Array, scale: float = SCALE, painted: Pixels | None = None) -> _Column:
    """Draw feature maps, kernels or the image in a grid at least as high as wide. Smaller maps are drawn smaller."""
    tiles = channels_first(values)
    size = zoom(max(tiles.shape[1:]), scale)
    columns = 1 if len(tiles) < 4 else math.isqrt(len(tiles))
    pixels = mosaic(colours(tiles) if painted is None else painted, columns, size, 5)
    below = mosaic(colours(channels_first(gradient), True), columns, size, 5)
    return _Column(name, values.shape, pixels, below, max(pixels.shape[1], 9 * len(_shape(values.shape))))


def _strip(name: str, values: Array, gradient: Array, size: int) -> _Column:
    """Draw the units of a dense layer, one above the other."""

    def pile(painted: Pixels) -> Pixels:
        cells = fold(painted, _BAND).transpose(1, 0, 2)
        return mosaic(cells.repeat(max(1, 30 // size // cells.shape[1]), axis=1)[None], 1, size, 0)

    pixels = pile(colours(values))
    return _Column(name, values.shape, pixels, pile(colours(gradient, True)), max(pixels.shape[1], 86))


def _columns(passed: Trace) -> list[_Column]:
    first, image = passed.layers[0], passed.layers[0].input[0]
    painted = np.dstack([grey(image)] * 3 if image.shape[-1] != 3 else [grey(image)])
    opaque = np.dstack([painted, np.full(painted.shape[:2], 255, np.uint8)])[None]
    columns = [_grid("image", image, first.d_input[0], painted=opaque)]
    if first.kind == "Conv2D":
        columns.append(_grid("kernels", first.weights["kernel"], first.d_weights["kernel"], 19))
    units = [layer.output[0].size for layer in passed.layers if layer.kind == "Dense"]
    size = max(1, min(8, _BAND // max(units, default=1)))
    for layer in passed.layers[:-1]:
        if layer.output.ndim == 4:
            columns.append(_grid(layer.name, layer.output[0], layer.d_output[0]))
        elif layer.kind != "Flatten":
            columns.append(_strip(layer.name, layer.output[0], layer.d_output[0], size))
    return columns


def forward_and_backward(passed: Trace) -> Figure:
    """Draw the outputs of all layers for the first example of a trace, and under them the gradients of its loss.

    The figure is 1600 pixels wide at its own resolution. It suits networks of about the size of LeNet-5.
    """
    columns = _columns(passed)
    with _style():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(_WIDTH / 100, _HEIGHT / 100), dpi=100, facecolor="white")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, _WIDTH), ylim=(_HEIGHT, 0))
        axes.set_axis_off()
        used = sum(column.width for column in columns) + _BARS
        gap = (_WIDTH - 2 * _SIDE - 30 - used) / len(columns)
        left = float(_SIDE)
        for column in columns:
            h, w, _ = column.forward.shape
            x = round(left + (column.width - w) / 2)
            figure.figimage(column.forward, x, _HEIGHT - _TOP - _BAND)
            figure.figimage(column.backward, x, _TOP + _BAND - h)
            _label(axes, left + column.width / 2, column.name, _shape(column.shape))
            left += column.width + gap
        _bars(axes, left, passed)
        _arrow(axes, float(passed.loss[0]))
    return figure


def _label(axes: Axes, x: float, name: str, shape: str) -> None:
    axes.text(x, _MIDDLE - 13, name, size=13.5, weight="bold", color=_TEXT, ha="center", va="center")
    axes.text(x, _MIDDLE + 13, shape, size=13, color=_SOFT, ha="center", va="center")


def _bars(axes: Axes, left: float, passed: Trace) -> None:
    """Draw the probabilities of the classes as bars, and under them the gradient of the logits."""
    last, probabilities = passed.layers[-1], passed.probabilities[0]
    gradient = last.d_output[0]
    step = min(26.0, _BAND / len(probabilities))
    top, bottom = _TOP + _BAND - step * len(probabilities), _HEIGHT - _TOP - _BAND
    zero, room = left + 22, _BARS - 100
    middle = zero + 80
    size = min(13.0, step / 2)
    for k, (p, d) in enumerate(zip(probabilities, gradient, strict=True)):
        y, under = top + (k + 0.5) * step, bottom + (k + 0.5) * step
        axes.text(left + 6, y, str(k), size=size, color=_TEXT, ha="center", va="center")
        axes.text(left + 6, under, str(k), size=size, color=_TEXT, ha="center", va="center")
        axes.barh(y, max(float(p) * room, 1), step * 0.7, left=zero, color=VALIDATION)
        axes.text(zero + p * room + 7, y, f"{p:.1%}", size=size, color=_TEXT if p >= 0.01 else _LINE, va="center")
        axes.barh(under, float(d) * 70, step * 0.7, left=middle, color=_RED if d > 0 else _BLUE)
        if abs(d) >= 0.005:
            beside, side = middle - math.copysign(6, d), "right" if d > 0 else "left"
            text = f"{d:+.2f}".replace("-", "−")
            axes.text(beside, under, text, size=size, color=_TEXT, ha=side, va="center")
    axes.plot([middle, middle], [bottom, bottom + step * len(gradient)], color=_LINE, linewidth=0.8)
    _label(axes, left + _BARS / 2 - 20, last.name, f"{len(gradient)}, softmax")


def _arrow(axes: Axes, loss: float) -> None:
    """Draw one arrow around the picture: forward along the top, down through the loss, backward along the bottom."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    right, top, bottom, r = _WIDTH - 44, 44, _HEIGHT - 44, 40
    path = Path(
        (
            *((_SIDE, top), (right - r, top), (right, top), (right, top + r)),
            *((right, bottom - r), (right, bottom), (right - r, bottom), (_SIDE, bottom)),
        ),
        [Path.MOVETO, *(Path.LINETO, Path.CURVE3, Path.CURVE3) * 2, Path.LINETO],
    )
    axes.add_patch(FancyArrowPatch(path=path, arrowstyle="-|>", mutation_scale=24, color=_LINE, linewidth=1.8))
    under = {"facecolor": "white", "edgecolor": "none", "pad": 7}
    forward = "the output of each layer: black is 0, yellow its largest number (kernels: blue is below 0, red above)"
    backward = "the gradient of the loss: if a red number grows, the loss rises; if a blue number grows, it falls"
    for y, word, rest in ((top, "Forward", forward), (bottom, "Backward", backward)):
        axes.text(_SIDE + 236, y, rest, size=14.5, color=_SOFT, va="center", bbox=under)
        axes.text(_SIDE + 40, y, word, size=20, weight="bold", color=_TEXT, va="center", bbox=under)
    axes.text(
        right, _MIDDLE, f"loss\n{loss:.2f}", size=13.5, weight="bold", color=_TEXT, ha="center", va="center", bbox=under
    )
