"""What a teacher's round adds to a class: points, dates, and what is made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from convlens.cli.shared import tell

if TYPE_CHECKING:
    from convlens.checker.classes.marks import Mark
    from convlens.checker.classes.points import Points
    from convlens.checker.classes.roster import Student
    from convlens.checker.verdict import Report


_NAMES = 10  # names that one message lists


class RoundOptions(NamedTuple):
    """The options of a round. points: the points of --points; feedback: the folder for pages; None without."""

    points: Points | None = None
    feedback: Path | None = None


def read_round(place: Path, points: str | None, feedback: Path | None, tasks: Sequence[int]) -> RoundOptions:
    """Return the options from the command line. Raise ValueError or OSError for what cannot be read or written.

    place: the class
    """
    from convlens.checker.classes.feedback_folder import require_place
    from convlens.checker.classes.points import parse_points

    if feedback is not None:
        require_place(feedback, place)
    return RoundOptions(None if points is None else parse_points(points, tasks), feedback)


def marks_of(reports: Sequence[Report], asked: RoundOptions) -> dict[str, Mark]:
    """Return the marks by the student's name, {} if none are asked for."""
    from convlens.checker.classes.marks import marks

    return marks(reports, asked.points, {})


def write_feedback(
    folder: Path | None,
    title: str,
    students: Sequence[Student],
    reports: Sequence[Report],
    marks: Mapping[str, Mark],
) -> None:
    """Write a page for each student and an index, and tell which older pages are of nobody in the class."""
    from convlens.checker.classes.feedback_folder import write_pages
    from convlens.checker.render.feedback import feedback_pages
    from convlens.report.page import count

    if folder is None:
        return
    written, old = write_pages(folder, feedback_pages(title, students, reports, marks))
    tell(f"written: {count(written - 1, 'page')} for students and index.html in {folder}")
    if old:
        tell(f"kept in {folder}, but of nobody in this class: {listed(old)}")


def listed(names: Sequence[str]) -> str:
    """Return names as text, the first few if they are many."""
    more = f" and {len(names) - _NAMES:,} more" if len(names) > _NAMES else ""
    return ", ".join(names[:_NAMES]) + more
