"""The marks of students on an HTML page: columns of a table, and the points of one submission."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from convlens.checker.classes.marks import Mark
from convlens.checker.classes.points import number
from convlens.checker.verdict import PARTS
from convlens.report.page import section, table

__all__ = ["mark_cells", "mark_columns", "points_table"]

_POINTS, _LATE = "points", "handed in"


def mark_columns(marks: Mapping[str, Mark]) -> list[str]:
    """Return the columns that the marks need: the points, and whether the submission came in time."""
    needed = {
        _POINTS: any(mark.score for mark in marks.values()),
        _LATE: any(mark.late for mark in marks.values()),
    }
    return [name for name, wanted in needed.items() if wanted]


def mark_cells(mark: Mark | None, columns: Sequence[str]) -> list[str]:
    """Return the text of a mark for each of these columns, a dash without a mark."""
    texts = {} if mark is None else {_POINTS: mark.in_words(), _LATE: mark.late.in_words() if mark.late else ""}
    return [texts.get(name) or "—" for name in columns]


def points_table(mark: Mark | None) -> str:
    """Return a section with the points of each file and their sum, "" without points."""
    if mark is None or mark.score is None or mark.total is None:
        return ""
    found = mark.score
    rows = []
    for name, file in found.files.items():
        cells = ["could not tell" if (name, part) in found.open else _text(getattr(file, part)) for part in PARTS]
        if any(cells):
            rows.append((name, *(cell or "—" for cell in cells)))
    words = f"<p>{number(found.total)} of {number(found.most)} points"
    if mark.late is not None:
        words += f"; handed in {mark.late.handed_in:%Y-%m-%d %H:%M}, {mark.late.in_words()}"
    if mark.total != found.total:
        words += f"; {number(mark.total)} points count"
    if found.open:
        words += ". A part that could not be told adds no points; a teacher judges it"
    return section("Points", f"{table(('file', *PARTS), rows)}\n{words}.</p>")


def _text(points: float | None) -> str:
    return "" if points is None else number(points)
