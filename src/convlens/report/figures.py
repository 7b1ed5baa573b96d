"""Drawing: plain arrays and traces in, colours and matplotlib figures out. No other module imports matplotlib.

Nothing here computes a network's numbers. Figures are made without pyplot; matplotlib's settings are its defaults while
one is drawn, whatever the user's are, and then as they were.
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
from convlens.report.pixels import Pixels, channels_first, fold, grey, mosaic, zoom

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRAINING, VALIDATION = "#2a7fd4", "#e0701a"
_INK = "#010203"  # the colour of text and axes, to be told from all others and become the page's own


def matplotlib() -> ModuleType:
    """The module, or an ImportError that says how to get it."""
    try:
        import matplotlib
    except ModuleNotFoundError:
        raise ImportError(
            "figures and reports need matplotlib, which is not installed: pip install 'convlens[plots]'"
        ) from None
    return matplotlib


@contextmanager
def _style(**settings: Any) -> Iterator[None]:
    """Matplotlib's defaults and `settings`; in the end all is as it was."""
    mpl = matplotlib()
    defaults = {name: value for name, value in mpl.rcParamsDefault.items() if not name.startswith("backend")}
    with mpl.rc_context({**defaults, "font.family": "DejaVu Sans", **settings}):
        yield


def colours(values: Array, signed: bool | None = None) -> Pixels:
    """Numbers of any shape -> uint8 (…, 4), on one scale from 0 to the largest absolute value.

    signed: blue below 0, white, red above, as for kernels and gradients; else black to yellow; by default signed if any
    number is below 0.
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
    """A figure over the epochs: training and, where it is known, validation; a line marks the epoch `chosen`."""
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


_TOLD_APART = ("#8c959f", "#2a7fd4", "#e0701a", "#1a8a4a", "#8250df")


def comparison(
    engines: Mapping[str, Mapping[str, Sequence[float]]], switched: Mapping[str, Sequence[tuple[int, float]]]
) -> Figure:
    """A panel for each kind of relative difference: a dot an engine and step, logarithmic from rounding to 1

    switched: steps in which a unit switched, with the gradient's whole difference: rings in the panel of the gradient
    """
    kinds = list(next(iter(engines.values())))
    with _style(**{"font.size": 11}):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5.4 * len(kinds), 4.0), layout="constrained")
        all_axes = np.atleast_1d(figure.subplots(1, len(kinds)))
        for axes, kind in zip(all_axes, kinds, strict=True):
            for k, (name, differences) in enumerate(engines.items()):
                values, colour = np.array(differences[kind]), _TOLD_APART[k % len(_TOLD_APART)]
                shown = np.where(values > 0, values, np.nan)  # nothing is no number of a logarithm
                label = name if np.isfinite(shown).any() else f"{name}: equal throughout"
                axes.plot(np.arange(1, len(values) + 1), shown, ".", color=colour, label=label, markersize=4)
                if kind == "gradient" and switched.get(name):
                    steps, whole = zip(*switched[name], strict=True)
                    axes.plot(steps, whole, "o", color=colour, fillstyle="none", markersize=8)
            axes.axhline(2.0**-24, color=_INK, linewidth=0.8, linestyle=":")
            if kind == kinds[0]:
                axes.annotate("float32 rounds to this", (1, 2.0**-24), xytext=(0, -12), textcoords="offset points")
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
    """A figure with a panel for each measure: over each arm a dot a seed, lines between those of one, and their mean

    panels: by measure, then arm, the values by seed
    """
    with _style(**{"font.size": 11}):
        from matplotlib.figure import Figure

        names = list(next(iter(panels.values())))
        figure = Figure(figsize=(max(3.0, 1.5 * len(names)) * len(panels) + 0.6, 3.8), layout="constrained")
        all_axes = np.atleast_1d(figure.subplots(1, len(panels)))
        for axes, (measure, by_arm) in zip(all_axes, panels.items(), strict=True):
            values = np.array([by_arm[name] for name in names])
            axes.plot(np.arange(len(names)), values, "-", color=_TOLD_APART[0], linewidth=0.8, alpha=0.6)
            for k, mine in enumerate(values):
                colour = _TOLD_APART[(k + 1) % len(_TOLD_APART)]
                axes.plot([k] * len(mine), mine, "o", color=colour, markersize=6, alpha=0.8)
                axes.plot([k - 0.25, k + 0.25], [mine.mean()] * 2, color=colour, linewidth=2.5)
            axes.set_xticks(np.arange(len(names)), names)
            axes.set_xlim(-0.5, len(names) - 0.5)
            axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
            axes.set_title(measure, loc="left", weight="bold", size=10, wrap=True)
            axes.grid(axis="y", alpha=0.25)
            axes.spines[["top", "right"]].set_visible(False)
    return figure


def svg_file(figure: Figure) -> bytes:
    """The figure as an SVG file, the same bytes each time"""
    file = io.BytesIO()
    with _style(**{"svg.hashsalt": "convlens"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def svg(figure: Figure, name: str, label: str) -> str:
    """The figure as an <svg> element for an HTML page: text as text, in the page's own colour; `label` is read aloud.

    `name` keeps its ids apart from those of the page's other figures.
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
    """The figure as a PNG file at its own resolution."""
    file = io.BytesIO()
    with _style():
        figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


# There and back ------------------------------------------------------------------------------------------------------

_WIDTH, _SIDE, _TOP, _BAND, _LABELS, _BARS = 1600, 36, 84, 362, 80, 200  # pixels
_HEIGHT, _MIDDLE = 2 * (_TOP + _BAND) + _LABELS, _TOP + _BAND + _LABELS / 2
_TEXT, _SOFT, _LINE = "#1f2328", "#57606a", "#8c959f"
_RED, _BLUE = "#b2182b", "#2166ac"


class _Column(NamedTuple):
    """A layer in the picture: what came out of it forward and, in the same form, the gradient that came back to it."""

    name: str
    shape: tuple[int, ...]
    there: Pixels
    back: Pixels
    width: int


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _grid(name: str, there: Array, back: Array, scale: float = 13.6, painted: Pixels | None = None) -> _Column:
    """Feature maps, kernels or the image itself, in a grid at least as high as wide; smaller maps are drawn smaller."""
    tiles = channels_first(there)
    size = zoom(max(tiles.shape[1:]), scale)
    columns = 1 if len(tiles) < 4 else math.isqrt(len(tiles))
    pixels = mosaic(colours(tiles) if painted is None else painted, columns, size, 5)
    below = mosaic(colours(channels_first(back), True), columns, size, 5)
    return _Column(name, there.shape, pixels, below, max(pixels.shape[1], 9 * len(_shape(there.shape))))


def _strip(name: str, there: Array, back: Array, size: int) -> _Column:
    """The units of a dense layer, one above the other."""

    def pile(painted: Pixels) -> Pixels:
        cells = fold(painted, _BAND).transpose(1, 0, 2)
        return mosaic(cells.repeat(max(1, 30 // size // cells.shape[1]), axis=1)[None], 1, size, 0)

    pixels = pile(colours(there))
    return _Column(name, there.shape, pixels, pile(colours(back, True)), max(pixels.shape[1], 86))


def _columns(passed: Trace) -> list[_Column]:
    first, image = passed.layers[0], passed.layers[0].input[0]
    painted = np.dstack([grey(image)] * 3 if image.shape[-1] != 3 else [grey(image)])
    opaque = np.dstack([painted, np.full(painted.shape[:2], 255, np.uint8)])[None]
    columns = [_grid("image", image, first.d_input[0], painted=opaque)]
    if first.kind == "Conv2D":
        columns.append(_grid("kernels", first.weights["kernel"], first.d_weights["kernel"], 19))
    size = max(1, min(8, *(_BAND // layer.output[0].size for layer in passed.layers if layer.kind == "Dense")))
    for layer in passed.layers[:-1]:
        if layer.output.ndim == 4:
            columns.append(_grid(layer.name, layer.output[0], layer.d_output[0]))
        elif layer.kind != "Flatten":
            columns.append(_strip(layer.name, layer.output[0], layer.d_output[0], size))
    return columns


def there_and_back(passed: Trace) -> Figure:
    """The first example of a trace on its way through the network, and under it the gradient of its loss coming back.

    1600 pixels wide at its own resolution; made for networks of about LeNet-5's size.
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
            h, w, _ = column.there.shape
            x = round(left + (column.width - w) / 2)
            figure.figimage(column.there, x, _HEIGHT - _TOP - _BAND)
            figure.figimage(column.back, x, _TOP + _BAND - h)
            _label(axes, left + column.width / 2, column.name, _shape(column.shape))
            left += column.width + gap
        _bars(axes, left, passed)
        _journey(axes, float(passed.loss[0]))
    return figure


def _label(axes: Axes, x: float, name: str, shape: str) -> None:
    axes.text(x, _MIDDLE - 13, name, size=13.5, weight="bold", color=_TEXT, ha="center", va="center")
    axes.text(x, _MIDDLE + 13, shape, size=13, color=_SOFT, ha="center", va="center")


def _bars(axes: Axes, left: float, passed: Trace) -> None:
    """The probabilities of the classes as bars, and under them the gradient that the loss sends back."""
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


def _journey(axes: Axes, loss: float) -> None:
    """One line around it all: there along the top, down through the loss, back along the bottom."""
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
    there = (
        "what each layer makes of the image: black is 0, yellow its largest number (kernels: blue below 0, red above)"
    )
    back = "how the loss changes with each number: red, it rises; blue, it falls"
    for y, word, rest in ((top, "There", there), (bottom, "and back", back)):
        axes.text(_SIDE + 220, y, rest, size=14.5, color=_SOFT, va="center", bbox=under)
        axes.text(_SIDE + 40, y, word, size=20, weight="bold", color=_TEXT, va="center", bbox=under)
    axes.text(
        right, _MIDDLE, f"loss\n{loss:.2f}", size=13.5, weight="bold", color=_TEXT, ha="center", va="center", bbox=under
    )
