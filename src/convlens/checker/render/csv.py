"""A class as a CSV file, a row for each submission."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from convlens.checker.classes.tally import reason
from convlens.checker.escapes import escaped
from convlens.checker.verdict import Report

__all__ = ["csv_table"]


def csv_table(reports: Sequence[Report]) -> str:
    """A row for each submission: name, status, score, the status of each file, what is wrong.

    A cell that a spreadsheet would take for a formula, since it starts with =, +, -, @, a tab or a line end, gets an
    apostrophe before it. What cannot be printed is written out, but for tabs and line ends.
    """
    names = list(dict.fromkeys(name for report in reports for name in report.files))
    text = io.StringIO()
    rows = csv.writer(text, quoting=csv.QUOTE_ALL)  # so that no other separator counts
    rows.writerow(["name", "status", "score", *names, "hint"])
    for report in reports:
        statuses = [report.files[name].status if name in report.files else "" for name in names]
        rows.writerow([_harmless(report.name), report.status, report.score, *statuses, _harmless(reason(report))])
    return text.getvalue().encode(errors="backslashreplace").decode()


def _harmless(cell: str) -> str:
    return ("'" if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else "") + escaped(cell, keep="\t\r\n")
