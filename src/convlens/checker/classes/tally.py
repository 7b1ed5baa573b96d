"""Summarize the reports of a class: how many submissions pass, which mistakes are common, which files are slow."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from convlens.checker.verdict import FAIL, PASS, UNKNOWN, Finding, Report, Status

__all__ = ["SLOW", "FileTally", "Slow", "Tally", "duration", "likely", "reason", "tally"]

SLOW = 5  # a file is slow if it takes more than SLOW times the class's median; less may be chance on a busy machine


@dataclass(frozen=True)
class Slow:
    """A submission with a slow file: its name, the seconds, and the ratio of the seconds to the median."""

    name: str
    seconds: float
    times: float


@dataclass(frozen=True)
class FileTally:
    """Counts of the statuses of one file in all submissions. usual: the median of the seconds, None if unknown."""

    passed: int
    failed: int
    unknown: int
    usual: float | None
    slow: list[Slow]


@dataclass(frozen=True)
class Tally:
    """The summary of a class.

    submissions, passed, failed, unknown: numbers of submissions; score: the mean score; files: a summary for each file;
    mistakes: the hint of each likely mistake and the number of submissions that have it, the most common first
    """

    submissions: int
    passed: int
    failed: int
    unknown: int
    score: float
    files: dict[str, FileTally]
    mistakes: list[tuple[str, int]]

    def as_json(self) -> dict[str, Any]:
        """Return the summary for JSON."""
        mistakes = [{"hint": hint, "submissions": count} for hint, count in self.mistakes]
        return asdict(self) | {"mistakes": mistakes}


def tally(reports: Sequence[Report]) -> Tally:
    """Return the summary of a class's reports. Files are in the order of their first occurrence."""
    names = dict.fromkeys(name for report in reports for name in report.files)
    found = [finding for report in reports for finding in likely(report)]
    hints = {_mistake(finding): finding.hint for finding in reversed(found)}
    mistakes = [(hints[name], times) for name, times in Counter(map(_mistake, found)).items()]
    return Tally(
        len(reports),
        *_count(report.status for report in reports),
        round(statistics.fmean(report.score for report in reports), 4) if reports else 0.0,
        {name: _file(name, [report for report in reports if name in report.files]) for name in names},
        sorted(mistakes, key=lambda pair: (-pair[1], pair[0])),
    )


def likely(report: Report) -> list[Finding]:
    """Return the likely mistakes of a submission: at most one for each file, and none twice."""
    found = [file.likely for file in report.files.values()]
    return list({_mistake(finding): finding for finding in reversed(found) if finding}.values())[::-1]


def reason(report: Report) -> str:
    """Return what is wrong: the first likely mistake, or without one the message of the first check that fails.

    A check that could not tell counts as failing here.
    """
    hints = [finding.hint for finding in likely(report)]
    said = [found.message for file in report.files.values() for found in file.checks if found.status != PASS]
    return next(filter(None, [*hints, *said]), "")


def duration(seconds: float) -> str:
    """Return seconds as text with at most three significant digits.

    >>> duration(0.00708), duration(0.45), duration(12.345), duration(0.9996)
    ('7.08 ms', '450 ms', '12.3 s', '1 s')
    """
    return f"{seconds:.3g} s" if seconds >= 0.9995 else f"{1000 * seconds:.3g} ms"


def _mistake(finding: Finding) -> str:
    """Return what identifies a mistake: its name, since hints of one mistake may differ in numbers."""
    return finding.mistake or finding.hint


def _count(statuses: Iterable[Status]) -> tuple[int, int, int]:
    found = Counter(statuses)
    return found[PASS], found[FAIL], found[UNKNOWN]


def _file(name: str, reports: Sequence[Report]) -> FileTally:
    took = [(report.name, seconds) for report in reports if (seconds := report.files[name].seconds) is not None]
    usual = statistics.median(seconds for _, seconds in took) if took else None
    slow = [Slow(who, seconds, round(seconds / usual, 1)) for who, seconds in took if usual and seconds > SLOW * usual]
    slow.sort(key=lambda one: -one.seconds)
    return FileTally(*_count(report.files[name].status for report in reports), usual, slow)
