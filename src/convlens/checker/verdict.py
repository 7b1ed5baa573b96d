"""Findings, reports on files and reports on submissions: plain data that can be written as JSON and read back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from convlens.arrays import Array

__all__ = [
    "CODE",
    "FAIL",
    "FORM",
    "PARTS",
    "PASS",
    "UNKNOWN",
    "ErrorMap",
    "FileReport",
    "Finding",
    "Part",
    "Report",
    "Status",
    "error_map",
]

# A file has two verdicts. Its code is what the function does; its form is how the file is written: its first line, its
# style, its docstrings, its imports. The summary of task 6 has no code.
Part = Literal["code", "form"]
CODE: Part = "code"
FORM: Part = "form"
PARTS = (CODE, FORM)
# Checks without which nothing runs: if one of them fails, the code is worth nothing, whatever the other checks say
_RUNS = ("exists", "readable", "parses", "loads", "builds")

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
    found, "" if the check passes without a word; hint: the likely mistake as a sentence, or ""; mistake: the name of
    this mistake in a table of mistakes, or ""; maps: where the arrays differ; part: the verdict that the check counts
    for

    A check that passes with a message is advice: what a student should know, though the task leaves it open. Its hint
    says what to do.
    """

    name: str
    sentence: str
    status: Status
    message: str = ""
    hint: str = ""
    mistake: str = ""
    maps: list[ErrorMap] = field(default_factory=list)
    part: Part = CODE

    @property
    def reason(self) -> str:
        """What findings of one mistake have in common: its name, or without one the hint, or the message."""
        return self.mistake or self.hint or self.message


@dataclass(frozen=True)
class FileReport:
    """The report on one file.

    checks: all findings; seconds: the time of one call with several images as large as MNIST's digits; reference: the
    time of the course's own program in the same run; None for a time that was not measured
    """

    checks: list[Finding]
    seconds: float | None = None
    reference: float | None = None

    @property
    def status(self) -> Status:
        """The status: "fail" if a check fails, "pass" if all pass, else "could not tell"."""
        return _status(self.checks)

    def of(self, part: Part) -> list[Finding]:
        """Return the findings of one part."""
        return [finding for finding in self.checks if finding.part == part]

    @property
    def code(self) -> Status | None:
        """The verdict on the code, None if the file has no code."""
        return _status(self.of(CODE)) if self.of(CODE) else None

    @property
    def form(self) -> Status | None:
        """The verdict on the form, None if nothing was said about it."""
        return _status(self.of(FORM)) if self.of(FORM) else None

    def verdict(self, part: Part) -> Status | None:
        """Return `code` or `form`."""
        return self.code if part == CODE else self.form

    @property
    def passed(self) -> int:
        """The number of checks that pass."""
        return sum(finding.status == PASS for finding in self.checks)

    @property
    def advice(self) -> list[Finding]:
        """The advice: checks that pass with a message."""
        return [finding for finding in self.checks if finding.status == PASS and finding.message]

    def alike(self, status: Status) -> list[list[Finding]]:
        """Return the findings with this status, grouped by their reason; code first, form last."""
        found: dict[tuple[bool, str], list[Finding]] = {}
        for finding in self.checks:
            if finding.status == status:
                found.setdefault((finding.part == FORM, finding.reason), []).append(finding)
        return [same for _, same in sorted(found.items(), key=lambda one: one[0][0])]

    def share(self, part: Part) -> float | None:
        """Return the share of a part's checks that pass, from 0 to 1; None if the file does not have this part.

        A file that does not run has a share of 0 for its code. If no check fails, checks with the status "could not
        tell" do not count.
        """
        checks = self.of(part)
        if not checks:
            return None
        if part == CODE and any(finding.name in _RUNS and finding.status == FAIL for finding in checks):
            return 0.0
        told = [one for one in checks if one.status != UNKNOWN or _status(checks) == FAIL]
        return sum(one.status == PASS for one in told) / max(1, len(told))

    @property
    def likely(self) -> list[Finding]:
        """The likely mistakes, once each: in the code before in the form, the one of most checks first.

        Each is the first finding with this mistake.
        """
        hinted = [finding for finding in self.checks if finding.hint and finding.status != PASS]
        counts = Counter(finding.reason for finding in hinted)
        first = {finding.reason: finding for finding in reversed(hinted)}.values()
        order = {id(finding): k for k, finding in enumerate(hinted)}
        return sorted(first, key=lambda one: (one.part == FORM, -counts[one.reason], order[id(one)]))

    @property
    def hint(self) -> str:
        """The hint of the first likely mistake, or "" """
        return self.likely[0].hint if self.likely else ""


def _status(checks: Sequence[Finding]) -> Status:
    found = {finding.status for finding in checks}
    return FAIL if FAIL in found else PASS if found == {PASS} else UNKNOWN


@dataclass(frozen=True)
class Report:
    """The report on one submission.

    tier: tier of the sandbox; files: a report for each file that was checked; notes: what was handed in, if it was not
    a folder with these files, for example where in an archive they are
    """

    name: str
    tier: str
    files: Mapping[str, FileReport]
    notes: tuple[str, ...] = ()

    @property
    def status(self) -> Status:
        """The status: "fail" if a file fails, "pass" if all pass, else "could not tell"."""
        found = {file.status for file in self.files.values()}
        return FAIL if FAIL in found else PASS if found == {PASS} else UNKNOWN

    def verdict(self, part: Part) -> Status | None:
        """Return the verdict on the code or the form of all files: "fail" if one fails, "pass" if all pass."""
        found = {file.verdict(part) for file in self.files.values()} - {None}
        return None if not found else FAIL if FAIL in found else PASS if found == {PASS} else UNKNOWN

    def score(self, part: Part) -> float | None:
        """Return the mean of `FileReport.share` over the files that have this part, from 0 to 1; None without any."""
        shares = [share for file in self.files.values() if (share := file.share(part)) is not None]
        return round(sum(shares) / len(shares), 4) if shares else None

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain values, see docs/check.md."""
        files = {
            name: {
                "status": file.status,
                "code": file.code,
                "form": file.form,
                "seconds": file.seconds,
                "reference": file.reference,
                "checks": [asdict(found) for found in file.checks],
            }
            for name, file in self.files.items()
        }
        score = {part: self.score(part) for part in PARTS}
        about = {"name": self.name, "notes": list(self.notes), "tier": self.tier, "status": self.status}
        return {**about, "score": score, "files": files}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Report:
        """Return the report that `as_json` wrote. Raise ValueError for anything else."""
        try:
            files = {
                name: FileReport([_finding(found) for found in file["checks"]], file["seconds"], file.get("reference"))
                for name, file in value["files"].items()
            }
            notes = tuple(map(str, value.get("notes", ())))
            return cls(str(value["name"]), str(value["tier"]), files, notes)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"a report must be what Report.as_json gives; got one with {error!r}") from None


def _finding(value: Mapping[str, Any]) -> Finding:
    maps: Sequence[Mapping[str, Any]] = value["maps"]
    return Finding(**{**value, "maps": [ErrorMap(**one) for one in maps]})
