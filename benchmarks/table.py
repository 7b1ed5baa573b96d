"""The rows of a benchmark's table, and a function that prints the table."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """One figure. asked: the required value, in words. measured: the value. ok: whether the requirement is met.

    `ok` is None if the figure could not be measured. `note` says why, or gives the range of the values.
    """

    what: str
    asked: str
    measured: float | None
    unit: str
    ok: bool | None
    note: str = ""


def show(rows: list[Row]) -> None:
    """Print the rows as a table."""
    head = ("", "what", "asked", "measured", "", "")
    lines = [head] + [(_mark(row.ok), row.what, row.asked, _number(row.measured), row.unit, row.note) for row in rows]
    widths = [max(len(line[k]) for line in lines) for k in range(5)]
    for line in lines:
        cells = [line[k].rjust(widths[k]) if k == 3 else line[k].ljust(widths[k]) for k in range(5)]
        print("  ".join([*cells, line[5]]).rstrip())


def _mark(ok: bool | None) -> str:
    return {True: "ok", False: "NOT", None: "?"}[ok]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
