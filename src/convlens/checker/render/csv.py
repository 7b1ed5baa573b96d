"""The reports of a class as a CSV table, with a row for each submission."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from convlens.checker.classes.tally import reason
from convlens.checker.escapes import escaped
from convlens.checker.verdict import PARTS, Report

__all__ = ["csv_table"]


def csv_table(reports: Sequence[Report]) -> str:
    """Return a row for each submission: name, scores of code and form, both verdicts on each file, what is wrong.

    A cell that starts with =, +, -, @, a tab or a line end gets an apostrophe in front, since a spreadsheet would
    otherwise read it as a formula. Unprintable characters, except tabs and line ends, are written as escapes.
    """
    names = list(dict.fromkeys(name for report in reports for name in report.files))
    text = io.StringIO()
    rows = csv.writer(text, quoting=csv.QUOTE_ALL)  # so that a spreadsheet with another separator splits no cell
    rows.writerow(["name", *PARTS, *(f"{name} {part}" for name in names for part in PARTS), "hint", "form hint"])
    for report in reports:
        scores = ["" if (score := report.score(part)) is None else score for part in PARTS]
        files = [report.files.get(name) for name in names]
        verdicts = [(file.verdict(part) if file else None) or "" for file in files for part in PARTS]
        said = [_safe_cell(reason(report, part)) for part in PARTS]
        rows.writerow([_safe_cell(report.name), *scores, *verdicts, *said])
    return text.getvalue().encode(errors="backslashreplace").decode()


def _safe_cell(cell: str) -> str:
    return ("'" if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else "") + escaped(cell, keep="\t\r\n")
