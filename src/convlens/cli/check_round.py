"""What a teacher's round adds to a class: points, dates, and what is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from convlens.checker.classes.marks import Mark
    from convlens.checker.classes.points import Points
    from convlens.checker.verdict import Report


class RoundOptions(NamedTuple):
    """The options of a round. points: the points of --points, None without."""

    points: Points | None = None


def read_round(points: str | None, tasks: Sequence[int]) -> RoundOptions:
    """Return the options from the texts of the command line. Raise ValueError for a text that cannot be read."""
    from convlens.checker.classes.points import parse_points

    return RoundOptions(None if points is None else parse_points(points, tasks))


def marks_of(reports: Sequence[Report], asked: RoundOptions) -> dict[str, Mark]:
    """Return the marks by the student's name, {} if none are asked for."""
    from convlens.checker.classes.marks import marks

    return marks(reports, asked.points, {})
