"""The plot of `convlens compare`: the difference of each engine from NumPy in each step."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from convlens.report.figures import comparison
from convlens.storage.atomic import atomic_write

SUFFIXES = (".svg", ".png", ".pdf")


def check_plot(path: Path) -> None:
    """Raise ValueError unless the suffix of the path is in SUFFIXES."""
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"the plot must be one of {', '.join(SUFFIXES)}; got {path}")


def draw(
    path: Path,
    engines: Mapping[str, Mapping[str, Sequence[float]]],
    switched: Mapping[str, Sequence[tuple[int, float]]],
) -> None:
    """Write the plot to `path`. Raises ValueError for a suffix that is not in SUFFIXES.

    engines: for each engine the relative differences by kind, one number for each step.
    switched: for each engine the steps in which a unit switched, with the whole difference of the gradient.
    """
    check_plot(path)
    file = io.BytesIO()
    comparison(engines, switched).savefig(file, format=path.suffix[1:].lower())
    with atomic_write(path) as target:
        target.write(file.getvalue())
