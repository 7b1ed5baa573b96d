"""The table of dates: when each student handed in, read for `lateness`."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from convlens.checker.classes.dates import Moment, between, day_first, parse_moment
from convlens.checker.classes.lateness import Late, Penalty
from convlens.checker.classes.tables import read_table

__all__ = ["HandIns", "HandedIn", "late_ones", "read_dates"]


class HandedIn(NamedTuple):
    """A row of the table: the student's name, the moment of the hand-in, and when it was due."""

    name: str
    handed_in: Moment
    due: Moment


class HandIns(NamedTuple):
    """late: by the student's name, also who is in time; unknown: names in the table that are not in the class; missing:
    students without a date"""

    late: dict[str, Late]
    unknown: list[str]
    missing: list[str]


def read_dates(path: Path, due: str | None) -> list[HandedIn]:
    """Return the rows of a table with the columns name and handed_in, and perhaps due.

    due: when the hand-in is due; a date in the column due, for example a longer time for one student, counts more. Rows
    without a date are left out. Raise ValueError for a date that cannot be read, a name that is missing or occurs
    twice, or if it is not said when the hand-in is due.
    """
    rows = read_table(path, ("name", "handed_in"))
    texts = [row.cells[column] for row in rows for column in ("handed_in", "due") if column in row.cells]
    order = day_first([*texts, due or ""])
    try:
        due_for_all = parse_moment(due, order) if due else None
    except ValueError as error:
        raise ValueError(f"--due: {error}") from None
    found: dict[str, HandedIn] = {}
    for row in rows:
        name = row.cells["name"]
        if not name:
            raise ValueError(f"each row must have a name; {str(path)!r} has none in line {row.line}")
        if name in found:
            raise ValueError(f"each name must occur once; {str(path)!r} has {name!r} again in line {row.line}")
        if not row.cells["handed_in"]:
            continue
        try:
            handed_in = parse_moment(row.cells["handed_in"], order)
            own = parse_moment(row.cells["due"], order) if row.cells.get("due") else due_for_all
        except ValueError as error:
            raise ValueError(f"line {row.line} of {str(path)!r}: {error}") from None
        if own is None:
            raise ValueError(f"--late needs --due or a column due; {str(path)!r} has no date in line {row.line}")
        found[name] = HandedIn(name, handed_in, own)
    return list(found.values())


def late_ones(rows: Sequence[HandedIn], names: Sequence[str], penalty: Penalty | None) -> HandIns:
    """Return how late each student is. In doubt, a hand-in is in time.

    names: the students of the class; a name in the table may differ in case, spaces and composed letters
    """
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(_key(name), []).append(name)
    late: dict[str, Late] = {}
    unknown: list[str] = []
    for row in rows:
        near = alike.get(_key(row.name), [])
        found = row.name if row.name in near else near[0] if len(near) == 1 else None
        if found is None:
            unknown.append(row.name)
            continue
        over = between(row.due.last, row.handed_in.first)
        late[found] = Late(row.handed_in.first, over, penalty.lost(over) if penalty else 0.0)
    return HandIns(late, unknown, [name for name in names if name not in late])


def _key(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
