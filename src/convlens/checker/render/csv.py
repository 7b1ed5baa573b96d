"""The reports of a class as a CSV table, with a row for each submission."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from convlens.checker.classes.marks import Mark
from convlens.checker.classes.tally import reason
from convlens.checker.escapes import escaped
from convlens.checker.verdict import PARTS, Report

__all__ = ["csv_table"]

_NONE: Mapping[str, Mark] = {}


def csv_table(reports: Sequence[Report], marks: Mapping[str, Mark] = _NONE) -> str:
    """Return a row for each submission: name, marks, scores of code and form, both verdicts on each file, and what is
    wrong.

    marks: the marks by name, {} without; they add the points that count, how late the submission is, the points of
    each file, and at the end what changed. A cell that starts with =, +, -, @, a tab or a line end gets an apostrophe
    in front, since a spreadsheet would otherwise read it as a formula. Unprintable characters, except tabs and line
    ends, are written as escapes.
    """
    names = list(dict.fromkeys(name for report in reports for name in report.files))
    pointed = any(mark.score for mark in marks.values())
    dated = any(mark.late for mark in marks.values())
    compared = any(mark.changed for mark in marks.values())
    text = io.StringIO()
    rows = csv.writer(text, quoting=csv.QUOTE_ALL)  # so that a spreadsheet with another separator splits no cell
    head = ["name", *["points", "of"] * pointed, *["handed in", "days late"] * dated, *PARTS]
    head += [f"{name} {part}" for name in names for part in PARTS]
    head += [f"{name} points {part}" for name in names for part in PARTS] * pointed
    rows.writerow([*head, "hint", "form hint", *["changed"] * compared])
    for report in reports:
        mark = marks.get(report.name, Mark(None))
        files = [report.files.get(name) for name in names]
        row = [_safe_cell(report.name), *_marked(mark, pointed, dated)]
        row += [report.score(part) for part in PARTS]
        row += [file.verdict(part) if file else None for file in files for part in PARTS]
        row += _points(mark, names) * pointed
        rows.writerow(["" if cell is None else cell for cell in (*row, *_reasons(report), *[mark.changed] * compared)])
    return text.getvalue().encode(errors="backslashreplace").decode()


def _marked(mark: Mark, pointed: bool, dated: bool) -> list[object]:
    late = [mark.late.handed_in.isoformat(" "), mark.late.days] if mark.late else ["", ""]
    return [*[mark.total, mark.score and mark.score.most] * pointed, *late * dated]


def _points(mark: Mark, names: Sequence[str]) -> list[float | str | None]:
    """Return the points of each file, "?" for what could not be told."""
    if mark.score is None:
        return [None] * (2 * len(names))
    files = mark.score.files
    return [
        "?" if (name, part) in mark.score.open else getattr(files[name], part) if name in files else None
        for name in names
        for part in PARTS
    ]


def _reasons(report: Report) -> list[str]:
    return [_safe_cell(reason(report, part)) for part in PARTS]


def _safe_cell(cell: str) -> str:
    return ("'" if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else "") + escaped(cell, keep="\t\r\n")
