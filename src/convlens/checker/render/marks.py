"""The marks of students on an HTML page: columns of a table, and the points of one submission."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from convlens.checker.classes.changes import Changes
from convlens.checker.classes.marks import Mark
from convlens.checker.classes.points import number
from convlens.checker.escapes import escaped
from convlens.checker.verdict import PARTS
from convlens.report.page import section, table

__all__ = ["changes_section", "mark_cells", "mark_columns", "mark_sections"]

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


def mark_sections(mark: Mark | None) -> str:
    """Return sections with what changed, and with the points of each file and their sum; "" without."""
    if mark is None:
        return ""
    changed = section("Since the last results", f"<p>{_sentence(mark.changed)}</p>") if mark.changed else ""
    return changed + _points(mark)


def changes_section(changes: Changes | None) -> str:
    """Return a section with what changed in a class, "" if there are no earlier results."""
    if changes is None:
        return ""
    rows = [(escaped(one.name), ", ".join(one.right) or "—", ", ".join(one.wrong) or "—") for one in changes.changed]
    parts = [f"<p>{_sentence(changes.in_words())}</p>"]
    if rows:
        parts.append(table(("name", "newly right", "newly wrong"), rows))
    for what, names in (("New", changes.new), ("Gone", changes.gone)):
        if names:
            parts.append(f"<p>{what}: {escape(escaped(', '.join(names)))}.</p>")
    return section("Since the last results", "\n".join(parts))


def _sentence(text: str) -> str:
    return escape(escaped(f"{text[:1].upper()}{text[1:]}."))


def _points(mark: Mark) -> str:
    if mark.score is None or mark.total is None:
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
