"""Findings, reports on files and reports on submissions: plain data that can be written as JSON and read back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from convlens.arrays import Array

__all__ = ["FAIL", "PASS", "UNKNOWN", "ErrorMap", "FileReport", "Finding", "Report", "error_map"]

Status = Literal["pass", "fail", "could not tell"]
PASS: Status = "pass"
FAIL: Status = "fail"
UNKNOWN: Status = "could not tell"


@dataclass(frozen=True)
class ErrorMap:
    """A map of errors for one example and channel: the error of each cell, in tenths of the largest error.

    title: name and part of the array; rows: integers from 0 (right) to 10 (the largest error), or -1 (not finite)
    """

    title: str
    rows: list[list[int]]


def error_map(title: str, errors: Array, wrong: Array) -> ErrorMap:
    """Return the map of the absolute errors (h, w). Cells that are not `wrong` (h, w) count as right."""
    finite = np.isfinite(errors)
    counted = np.where(finite & wrong, errors, 0)
    largest = max(float(counted.max(initial=0.0)), 1e-300)  # not 0: all errors may be infinite
    tenths = np.where(finite | ~wrong, np.ceil(10 * counted / largest), -1).astype(int)
    return ErrorMap(title, tenths.tolist())


@dataclass(frozen=True)
class Finding:
    """The finding of one check.

    name: name of the check, an identifier; sentence: what is checked, in words for the student; message: what was
    found, "" if the check passes; hint: the likely mistake as a sentence, or ""; mistake: the name of this mistake in a
    table of mistakes, or ""; maps: where the arrays differ
    """

    name: str
    sentence: str
    status: Status
    message: str = ""
    hint: str = ""
    mistake: str = ""
    maps: list[ErrorMap] = field(default_factory=list)


@dataclass(frozen=True)
class FileReport:
    """The report on one file: all findings, and the seconds of one call with several images as large as MNIST's digits,
    None if no call was measured."""

    checks: list[Finding]
    seconds: float | None = None

    @property
    def status(self) -> Status:
        """The status: "fail" if a check fails, "pass" if all pass, else "could not tell"."""
        found = {finding.status for finding in self.checks}
        return FAIL if FAIL in found else PASS if found == {PASS} else UNKNOWN

    @property
    def passed(self) -> int:
        """The number of checks that pass."""
        return sum(finding.status == PASS for finding in self.checks)

    def alike(self, status: Status) -> list[list[Finding]]:
        """Return the findings with this status, grouped by their mistake, or without one by their hint or message."""
        found: dict[str, list[Finding]] = {}
        for finding in self.checks:
            if finding.status == status:
                found.setdefault(finding.mistake or finding.hint or finding.message, []).append(finding)
        return list(found.values())

    @property
    def share(self) -> float:
        """The share of checks that pass. If no check fails, checks with the status "could not tell" do not count."""
        told = [finding for finding in self.checks if self.status != UNKNOWN or finding.status != UNKNOWN]
        return self.passed / max(1, len(told))

    @property
    def likely(self) -> Finding | None:
        """The first finding with the most frequent hint, None if there is no hint."""
        hinted = [finding for finding in self.checks if finding.hint]
        names = [finding.mistake or finding.hint for finding in hinted]
        return max(hinted, key=lambda finding: names.count(finding.mistake or finding.hint), default=None)

    @property
    def hint(self) -> str:
        """The hint of `likely`, or "" """
        return self.likely.hint if self.likely else ""


@dataclass(frozen=True)
class Report:
    """The report on one submission. tier: tier of the sandbox; files: a report for each file that was checked."""

    name: str
    tier: str
    files: Mapping[str, FileReport]

    @property
    def status(self) -> Status:
        """The status: "fail" if a file fails, "pass" if all pass, else "could not tell"."""
        found = {file.status for file in self.files.values()}
        return FAIL if FAIL in found else PASS if found == {PASS} else UNKNOWN

    @property
    def score(self) -> float:
        """The mean of `FileReport.share` over the files, from 0 to 1."""
        shares = [file.share for file in self.files.values()]
        return round(sum(shares) / len(shares), 4) if shares else 0.0

    def as_json(self) -> dict[str, Any]:
        """Return {"name", "tier", "status", "files": {file: {"status", "seconds", "checks": [...]}}, "score"}."""
        files = {
            name: {"status": file.status, "seconds": file.seconds, "checks": [asdict(found) for found in file.checks]}
            for name, file in self.files.items()
        }
        return {"name": self.name, "tier": self.tier, "status": self.status, "files": files, "score": self.score}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Report:
        """Return the report that `as_json` wrote. Raise ValueError for anything else."""
        try:
            files = {
                name: FileReport([_finding(found) for found in file["checks"]], file["seconds"])
                for name, file in value["files"].items()
            }
            return cls(str(value["name"]), str(value["tier"]), files)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"a report must be what Report.as_json gives; got one with {error!r}") from None


def _finding(value: Mapping[str, Any]) -> Finding:
    maps: Sequence[Mapping[str, Any]] = value["maps"]
    return Finding(**{**value, "maps": [ErrorMap(**one) for one in maps]})
