"""Draw arrays as colours and matplotlib figures. Only this module and `passes` import matplotlib.

This module does not compute any numbers of a network. Figures are made without pyplot. While a figure is drawn,
matplotlib uses its default settings; afterwards the user's settings are restored.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from convlens.arrays import Array
from convlens.report.pixels import Pixels

if TYPE_CHECKING:
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
def style(**settings: Any) -> Iterator[None]:
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
    with style(**{f"{part}.color": _INK for part in ("text", "xtick", "ytick")}, **{"font.size": 11}):
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
    with style(**{"font.size": 11}):
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
    with style(**{"font.size": 11}):
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
    return _vector(figure, "svg", {"Date": None})


def pdf_file(figure: Figure) -> bytes:
    """Return the figure as a PDF file. The same figure gives the same bytes."""
    return _vector(figure, "pdf", {"CreationDate": None})


def _vector(figure: Figure, kind: str, metadata: dict[str, Any]) -> bytes:
    """Return the figure as a file whose pixels are not computed again at another resolution."""
    file = io.BytesIO()
    for image in (image for axes in figure.axes for image in axes.images):
        image.set_interpolation("none")
    with style(**{"svg.hashsalt": "convlens", "image.composite_image": False}):
        figure.savefig(file, format=kind, metadata=metadata)
    return file.getvalue()


def svg(figure: Figure, name: str, label: str) -> str:
    """Return the figure as an <svg> element for an HTML page.

    Its text stays text and has the colour of the page. Screen readers read `label` aloud. Figures of different `name`
    have different ids, so a page can hold several.
    """
    from html import escape

    file = io.StringIO()
    with style(**{"svg.fonttype": "none", "svg.hashsalt": name}):
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


def png(figure: Figure, width: int | None = None) -> bytes:
    """Return the figure as a PNG file of this width in pixels, by default at its own resolution."""
    file = io.BytesIO()
    dpi = figure.dpi if width is None else width / figure.get_figwidth()
    with style():
        figure.savefig(file, format="png", dpi=dpi, metadata={"Software": None})
    return file.getvalue()
