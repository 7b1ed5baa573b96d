"""The figure of a study: the values of all counted runs, for each arm."""

from __future__ import annotations

from pathlib import Path

from convlens.report.figures import arms, svg_file
from convlens.storage.atomic import atomic_write
from convlens.studies.outcome import Outcome
from convlens.studies.study import MEASURES

__all__ = ["draw"]


def draw(found: Outcome, path: Path) -> Path:
    """Write the figure to `path` as an SVG file. Raises ImportError if matplotlib is not installed."""
    panels = {}
    for measure, spreads in found.spreads.items():
        factor = MEASURES[measure].factor
        panels[found.study.heading(measure)] = {
            name: [value * factor for value in spread.values] for name, spread in spreads.items()
        }
    content = svg_file(arms(panels))
    with atomic_write(path) as file:
        file.write(content)
    return path
