"""The plot of `convlens compare`: how far engines are apart from NumPy in each step."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from convlens.report.figures import comparison
from convlens.storage.atomic import atomic_write

SUFFIXES = (".svg", ".png", ".pdf")


def check_plot(path: Path) -> None:
    """ValueError unless the path is of a kind that can be drawn"""
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"the plot must be one of {', '.join(SUFFIXES)}; got {path}")


def draw(
    path: Path,
    engines: Mapping[str, Mapping[str, Sequence[float]]],
    switched: Mapping[str, Sequence[tuple[int, float]]],
) -> None:
    """Write the plot: for each engine the differences by kind, one a step, and the steps in which a unit switched"""
    check_plot(path)
    file = io.BytesIO()
    comparison(engines, switched).savefig(file, format=path.suffix[1:].lower())
    with atomic_write(path) as target:
        target.write(file.getvalue())
