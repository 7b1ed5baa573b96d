"""The mark of each student: the points of the submission, less what it loses for being late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from convlens.checker.classes.changes import Changes
from convlens.checker.classes.lateness import Late
from convlens.checker.classes.points import Points, Score, number, score
from convlens.checker.verdict import Report

__all__ = ["Mark", "marks", "mean_points"]


@dataclass(frozen=True)
class Mark:
    """What a student gets.

    score: the points, None if nothing is worth points; late: None if no date is known; changed: what changed since
    earlier results, in words, "" if there are none
    """

    score: Score | None
    late: Late | None = None
    changed: str = ""

    @property
    def total(self) -> float | None:
        """The points that count, None without points."""
        if self.score is None:
            return None
        return round(self.score.total * (1 - (self.late.lost if self.late else 0)), 2)

    def in_words(self) -> str:
        """Return the points that count: "6 of 9", with a question mark if a part could not be told; "" without."""
        if self.score is None or self.total is None:
            return ""
        return f"{number(self.total)} of {number(self.score.most)}{' ?' if self.score.open else ''}"

    def as_json(self) -> dict[str, Any]:
        """Return what is known for JSON."""
        found: dict[str, Any] = {}
        if self.score is not None:
            found["points"] = {**self.score.as_json(), "counts": self.total}
        if self.late is not None:
            found["late"] = self.late.as_json()
        return found


def marks(
    reports: Sequence[Report], points: Points | None, late: Mapping[str, Late], changes: Changes | None = None
) -> dict[str, Mark]:
    """Return the marks by the student's name, {} if neither points nor dates nor changes are asked for."""
    if points is None and not late and changes is None:
        return {}
    words = changes.by_name() if changes else {}
    return {
        report.name: Mark(
            None if points is None else score(report, points), late.get(report.name), words.get(report.name, "")
        )
        for report in reports
    }


def mean_points(marks: Mapping[str, Mark]) -> str:
    """Return the mean of the points that count, for example "6.5 of 9"; "" without points."""
    totals = [mark.total for mark in marks.values() if mark.total is not None]
    most = next((mark.score.most for mark in marks.values() if mark.score), None)
    return f"{number(sum(totals) / len(totals))} of {number(most)}" if totals and most is not None else ""
