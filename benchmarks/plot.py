"""Draw docs/performance.svg from the results that `python -m benchmarks` wrote.

python -m benchmarks.plot [JSON] [--out FILE]
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.__main__ import RESULTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

OUT = Path(__file__).resolve().parents[1] / "docs" / "performance.svg"
INK, FAINT, PEER, OURS, PALE = "#1f2430", "#5c6470", "#b9c0ca", "#d9541e", "#f0a27e"
SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "xtick.color": FAINT,
    "ytick.labelcolor": INK,
    "svg.hashsalt": "convlens",
}
NAMES = {
    "convlens numba": "convlens, Numba",
    "convlens numpy": "convlens, NumPy",
    "keras tensorflow": "Keras on TensorFlow",
    "keras jax": "Keras on JAX",
    "keras predict_on_batch": "Keras, predict_on_batch",
    "keras tf.function": "Keras, tf.function",
    "tensorflow graph": "TensorFlow, graph",
    "torch fused": "PyTorch, fused Adam",
    "torch eager": "PyTorch, eager",
    "torch compile": "PyTorch, compiled",
    "jax jit": "JAX, jitted",
    "onnxruntime session": "ONNX Runtime",
}
VERSIONS = {"numpy": "NumPy", "numba": "Numba", "tensorflow-cpu": "TensorFlow", "keras": "Keras", "torch": "PyTorch"}
VERSIONS |= {"jax": "JAX", "onnxruntime": "ONNX Runtime"}
UNITS = {"s / 50,000": "images/s", "images/s": "images/s", "ms": "ms: less is better"}
FORWARD, BOTH = "forward", "forward + backward"


class Bars(NamedTuple):
    """One panel: a title, a unit, and one value for each program."""

    title: str
    unit: str
    values: dict[str, float]


def measured(row: dict[str, Any]) -> bool:
    """Return whether a row has a valid figure. If `ok` is None, other programs disturbed the measurement."""
    return row["measured"] is not None and row["ok"] is not None


def panels(rows: Sequence[dict[str, Any]], task: str) -> list[Bars]:
    """Return one panel for each batch size N, from the rows "LeNet-5 `task`, batch N: program".

    Seconds for 50,000 images are converted to images per second.
    """
    found: dict[str, Bars] = {}
    for row in rows:
        match = re.fullmatch(rf"LeNet-5 {task}, batch ([\d,]+): (.+)", row["what"])
        if match is None or match[2] not in NAMES or not measured(row):
            continue
        bars = found.setdefault(match[1], Bars(f"batch {match[1]}", UNITS[row["unit"]], {}))
        bars.values[match[2]] = 50_000 / row["measured"] if row["unit"] == "s / 50,000" else row["measured"]
    return list(found.values())


def layer_ratios(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return layer with its shapes -> pass -> speed of the Numba engine, in units of PyTorch's speed."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        match = re.fullmatch(rf"(.+), ({FORWARD}|{re.escape(BOTH)}): numba", row["what"])
        if match is not None and row["unit"] == "× PyTorch" and measured(row):
            found.setdefault(match[1], {})[match[2]] = row["measured"]
    return found


def number(value: float) -> str:
    """Format a number with three significant digits; from 100 on, all digits before the point and none after it."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def clean(axes: Axes) -> None:
    """Remove the frame, the ticks and the x axis. The first bar is at the top."""
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(axis="both", length=0)
    axes.set_xticks([])
    axes.invert_yaxis()


def draw_bars(axes: Axes, bars: Bars, programs: Sequence[str], is_first: bool) -> None:
    """Draw one bar with its number for each program. Bars of convlens are coloured."""
    values = [bars.values.get(program, 0) for program in programs]
    colours = [{"convlens numba": OURS, "convlens numpy": PALE}.get(program, PEER) for program in programs]
    axes.barh(range(len(programs)), values, color=colours, height=0.72)
    for k, (program, value) in enumerate(zip(programs, values, strict=True)):
        is_ours = program.startswith("convlens")
        text = number(value) if program in bars.values else "–"
        axes.text(value + max(values) * 0.02, k, text, va="center", weight="bold" if is_ours else "normal", fontsize=8)
    axes.set_xlim(0, max(values) * 1.24)
    names = [NAMES[program] if is_first else "" for program in programs]
    axes.set_yticks(range(len(programs)), names)
    for label, program in zip(axes.get_yticklabels(), programs, strict=True):
        label.set_fontweight("bold" if program.startswith("convlens") else "normal")
    axes.set_title(f"{bars.title}, {bars.unit}", fontsize=9, color=FAINT, loc="left")
    clean(axes)


def draw_panels(figure: SubFigure, title: str, all_bars: Sequence[Bars]) -> None:
    """Draw panels side by side. The programs have the same order in each panel."""
    programs = [name for name in NAMES if any(name in bars.values for bars in all_bars)]
    figure.suptitle(title, x=0.01, ha="left", weight="bold", fontsize=11)
    for k, bars in enumerate(all_bars):
        draw_bars(figure.add_subplot(1, len(all_bars), k + 1), bars, programs, k == 0)


def draw_layers(figure: SubFigure, found: dict[str, dict[str, float]]) -> None:
    """Draw two bars for each layer, and a line at the speed of PyTorch."""
    figure.suptitle(
        "Single layers: speed relative to PyTorch (Numba engine)", x=0.01, ha="left", weight="bold", fontsize=11
    )
    axes = figure.add_subplot()
    longest = max(value for passes in found.values() for value in passes.values())
    for name, colour, shift in ((FORWARD, PALE, -0.2), (BOTH, OURS, 0.2)):
        values = [passes.get(name, 0) for passes in found.values()]
        axes.barh([k + shift for k in range(len(found))], values, color=colour, height=0.38, label=name)
        for k, value in enumerate(values):
            where = (value + longest * 0.008, k + shift)
            axes.text(*where, f"{value:.2f}", va="center", fontsize=7, bbox={"fc": "white", "ec": "none", "pad": 0.3})
    axes.axvline(1, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.set_yticks(range(len(found)), list(found))
    clean(axes)
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.set_xlim(0, max(1.1, longest * 1.06))
    axes.set_xticks([1], ["1 = PyTorch, channels_last"])
    axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0)


def small_print(machine: dict[str, Any]) -> str:
    """Return the note under the figure: machine, versions, and how the figures were measured."""
    versions = [
        f"{name} {machine['versions'][key].split('+')[0]}"
        for key, name in VERSIONS.items()
        if key in machine["versions"]
    ]
    installed = ", ".join(version for version in versions if not version.endswith("absent"))
    where = f"{machine['cores']} cores of a shared {machine['cpu']}; Python {machine['python']}; float32"
    return f"{where}. The figures are medians. All programs take turns in one run, after a warm-up.\n{installed}."


def draw(content: dict[str, Any]) -> Figure:
    """Return the figure, with one part for each benchmark whose results are in the file."""
    from matplotlib.figure import Figure

    rows = content["benchmarks"]
    training, inference = panels(rows.get("peers", []), "training"), panels(rows.get("inference", []), "prediction")
    layers = layer_ratios(rows.get("layers", []))
    parts: list[tuple[float, Callable[[SubFigure], None]]] = []
    if training:
        parts.append((2.5, lambda part: draw_panels(part, "Training LeNet-5: images per second", training)))
    if inference:
        parts.append((2.7, lambda part: draw_panels(part, "Prediction with LeNet-5", inference)))
    if layers:
        parts.append((0.8 + 0.32 * len(layers), lambda part: draw_layers(part, layers)))
    if not parts:
        raise ValueError("the file must have results of peers, inference or layers; it has none: measure them first")
    heights = [height for height, _ in parts]
    figure = Figure(figsize=(10, sum(heights) + 0.5), layout="constrained", facecolor="white")
    grid = figure.add_gridspec(len(parts) + 1, 1, height_ratios=[*heights, 0.5], hspace=0.04)
    for k, (_, paint) in enumerate(parts):
        paint(figure.add_subfigure(grid[k]))
    last = figure.add_subfigure(grid[len(parts)])
    last.text(0.01, 0.5, small_print(content["machine"]), va="center", fontsize=7.5, color=FAINT)
    return figure


def main() -> None:
    """Draw the figure, write it, and print its path and size."""
    import matplotlib

    parser = argparse.ArgumentParser(prog="python -m benchmarks.plot", description="Draw the figures for the docs.")
    parser.add_argument("json", nargs="?", type=Path, default=RESULTS, metavar="JSON")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FILE", help="the picture; its suffix is its format")
    options = parser.parse_args()
    if not options.json.is_file():
        parser.error(f"there is no file {options.json}; python -m benchmarks writes it")
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        for name, value in SETTINGS.items():
            matplotlib.rcParams[name] = value  # type: ignore[index]
        figure = draw(json.loads(options.json.read_text()))
        metadata = {"Date": None} if options.out.suffix == ".svg" else None
        figure.savefig(options.out, dpi=150, metadata=metadata, bbox_inches="tight", pad_inches=0.2)
    print(f"{options.out}: {options.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
