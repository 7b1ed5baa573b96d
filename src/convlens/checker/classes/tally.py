"""Summarize the reports of a class: how many submissions pass, which mistakes are common, which files are slow."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from convlens.checker.verdict import FAIL, FORM, PARTS, PASS, UNKNOWN, Finding, Part, Report, Status

__all__ = [
    "SLOW",
    "SLOW_SECONDS",
    "CommonMistake",
    "FileTally",
    "Slow",
    "Tally",
    "duration",
    "likely",
    "reason",
    "tally",
]

# A file is slow if one call takes more than this, and more than SLOW times the course's own program in the same run
SLOW_SECONDS, SLOW = 0.1, 2


@dataclass(frozen=True)
class Slow:
    """A submission with a slow file: its name, the seconds, and their ratio to those of the course's own program."""

    name: str
    seconds: float
    times: float


@dataclass(frozen=True)
class CommonMistake:
    """A likely mistake and the names of the students who made it. part: "code" or "form" """

    hint: str
    part: Part
    names: list[str]


@dataclass(frozen=True)
class FileTally:
    """Counts of one file in all submissions, each as (pass, fail, could not tell). usual: the median of the seconds,
    None if unknown."""

    code: tuple[int, int, int]
    form: tuple[int, int, int]
    usual: float | None
    slow: list[Slow]


@dataclass(frozen=True)
class Tally:
    """The summary of a class.

    submissions, passed, failed, unknown: numbers of submissions; code, form: the mean scores; files: a summary for each
    file; mistakes: the likely mistakes, the most common first
    """

    submissions: int
    passed: int
    failed: int
    unknown: int
    code: float | None
    form: float | None
    files: dict[str, FileTally]
    mistakes: list[CommonMistake]

    def as_json(self) -> dict[str, Any]:
        """Return the summary for JSON."""
        mistakes = [asdict(one) | {"submissions": len(one.names)} for one in self.mistakes]
        return asdict(self) | {"mistakes": mistakes}


def tally(reports: Sequence[Report]) -> Tally:
    """Return the summary of a class's reports. Files are in the order of their first occurrence."""
    names = dict.fromkeys(name for report in reports for name in report.files)
    made: dict[str, CommonMistake] = {}
    code, form = (_mean(report.score(part) for report in reports) for part in PARTS)
    for report in reports:
        for finding in likely(report):
            made.setdefault(finding.reason, CommonMistake(finding.hint, finding.part, [])).names.append(report.name)
    return Tally(
        len(reports),
        *_count(report.status for report in reports),
        code,
        form,
        {name: _file(name, [report for report in reports if name in report.files]) for name in names},
        sorted(made.values(), key=lambda one: (-len(one.names), one.part, one.hint)),
    )


def likely(report: Report) -> list[Finding]:
    """Return the likely mistakes of a submission, none twice: in the code of all files, then in their form."""
    found = [finding for file in report.files.values() for finding in file.likely]
    once = {finding.reason: finding for finding in reversed(found)}.values()
    return sorted(reversed(once), key=lambda finding: finding.part == FORM)


def reason(report: Report, part: Part | None = None) -> str:
    """Return what is wrong: the first likely mistake, or without one the message of the first check that fails.

    A check that could not tell counts as failing here. part: only the code or the form; None: the code before the form
    """
    parts = PARTS if part is None else (part,)
    hints = {one: [finding.hint for finding in likely(report) if finding.part == one] for one in parts}
    said = {
        one: [found.message for file in report.files.values() for found in file.of(one) if found.status != PASS]
        for one in parts
    }
    return next(filter(None, (text for one in parts for text in [*hints[one], *said[one]])), "")


def duration(seconds: float) -> str:
    """Return seconds as text with at most three significant digits.

    >>> duration(0.00708), duration(0.45), duration(12.345), duration(0.9996)
    ('7.08 ms', '450 ms', '12.3 s', '1 s')
    """
    return f"{seconds:.3g} s" if seconds >= 0.9995 else f"{1000 * seconds:.3g} ms"


def _mean(scores: Iterable[float | None]) -> float | None:
    told = [score for score in scores if score is not None]
    return round(statistics.fmean(told), 4) if told else None


def _count(statuses: Iterable[Status | None]) -> tuple[int, int, int]:
    found = Counter(statuses)
    return found[PASS], found[FAIL], found[UNKNOWN]


def _file(name: str, reports: Sequence[Report]) -> FileTally:
    files = [(report.name, report.files[name]) for report in reports]
    took = [file.seconds for _, file in files if file.seconds is not None]
    usual = statistics.median(took) if took else None
    slow = [
        Slow(who, file.seconds, round(file.seconds / file.reference, 1))
        for who, file in files
        if file.seconds and file.reference and file.seconds > max(SLOW_SECONDS, SLOW * file.reference)
    ]
    slow.sort(key=lambda one: -one.seconds)
    code, form = (_count(report.files[name].verdict(part) for report in reports) for part in PARTS)
    return FileTally(code, form, usual, slow)
