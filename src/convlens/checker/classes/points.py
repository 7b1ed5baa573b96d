"""Points: what each task and the form of the programs are worth, and what a submission gets.

A task's points are for its code; the summary, which has no code, gets its points for its form. Points for form are
shared equally by the programs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from convlens.checker.submission import SUMMARY, TASKS, parse_tasks
from convlens.checker.verdict import CODE, FAIL, FORM, PARTS, UNKNOWN, FileReport, Part, Report

__all__ = ["FilePoints", "Points", "Score", "number", "parse_points", "score"]

_FORM = "form"
_EXAMPLE = "0=4,1=3,form=2"


@dataclass(frozen=True)
class Points:
    """The most that a submission can get: points by the task's number, and the points for form, None for none."""

    tasks: Mapping[int, float]
    form: float | None = None

    @property
    def most(self) -> float:
        """All points together."""
        return round(sum(self.tasks.values()) + (self.form or 0), 2)


@dataclass(frozen=True)
class FilePoints:
    """The points of one file for its code and its form, None if there are none to get or they could not be told."""

    code: float | None
    form: float | None


@dataclass(frozen=True)
class Score:
    """The points of a submission.

    files: by the file's name; total: all points, rounded to hundredths; most: what it could get; open: the parts of
    files that could not be told: they add nothing, and a reader must judge them
    """

    files: Mapping[str, FilePoints]
    total: float
    most: float
    open: list[tuple[str, Part]]

    def as_json(self) -> dict[str, Any]:
        """Return the points for JSON."""
        return asdict(self)


def parse_points(text: str, tasks: Sequence[int]) -> Points:
    """Return the points in a text such as "0=4,1=3,form=2" or "0-3=5".

    tasks: the tasks that are checked. Raise ValueError for a task that is not among them, or that occurs twice, and for
    anything but numbers of at least 0.

    >>> parse_points("0-1=4,form=2", (0, 1, 2))
    Points(tasks={0: 4.0, 1: 4.0}, form=2.0)
    """
    found: dict[int | str, float] = {}
    for part in text.split(","):
        names, equals, value = (word.strip() for word in part.partition("="))
        if not equals:
            raise ValueError(f"--points must be such as {_EXAMPLE}; got {part.strip()!r} in {text!r}")
        worth = _worth(value, text)
        for name in [_FORM] if names == _FORM else parse_tasks(names):
            what = "form" if name == _FORM else f"task {name}"
            if name != _FORM and name not in tasks:
                asked = ", ".join(map(str, tasks))
                raise ValueError(f"--points must be for tasks that are checked, {asked}; got {what} in {text!r}")
            if name in found:
                raise ValueError(f"--points must name each task once; got {what} twice in {text!r}")
            found[name] = worth
    form = found.pop(_FORM, None)
    if form is not None and not any(TASKS[task] != SUMMARY for task in tasks):
        raise ValueError(f"points for form need a program; got {text!r} for the summary alone, so write 6=…")
    points = Points({int(task): worth for task, worth in found.items()}, form)
    if not points.most:
        raise ValueError(f"--points must be above 0 in all; got {text!r}")
    return points


def _worth(value: str, text: str) -> float:
    try:
        worth = float(value)
    except ValueError:
        worth = math.nan
    if not 0 <= worth < math.inf:
        raise ValueError(f"points must be numbers of at least 0; got {value!r} in {text!r}")
    return worth


def score(report: Report, points: Points) -> Score:
    """Return the points of a submission: for each part of a file, its points times its share of passing checks."""
    programs = [name for name in report.files if name != SUMMARY]
    exact: dict[tuple[str, Part], float | None] = {}
    for name, file in report.files.items():
        worth, form = points.tasks.get(TASKS.index(name)), points.form
        if name == SUMMARY:
            worth, form = None, worth
        elif form is not None:
            form /= len(programs)
        exact[name, CODE], exact[name, FORM] = _part(file, CODE, worth), _part(file, FORM, form)
    told = {key: part for key, part in exact.items() if part is not None and not math.isnan(part)}
    return Score(
        {name: FilePoints(*(_rounded(told.get((name, part))) for part in PARTS)) for name in report.files},
        round(math.fsum(told.values()), 2),
        points.most,
        [key for key, part in exact.items() if part is not None and key not in told],
    )


def _part(file: FileReport, part: Part, worth: float | None) -> float | None:
    """Return the points for a part of a file: None if there are none to get, NaN if its verdict could not be told."""
    if worth is None:
        return None
    verdict = file.verdict(part) or file.status
    if verdict == UNKNOWN and (part == CODE or file.code != FAIL):
        return math.nan
    return worth * (file.share(part) or 0)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def number(value: float) -> str:
    """Return points as text with at most two decimals.

    >>> number(7.5), number(4.0), number(2 / 3)
    ('7.5', '4', '0.67')
    """
    return f"{value:.2f}".rstrip("0").rstrip(".")
