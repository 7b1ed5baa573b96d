"""What changed between two results of a class: for each student, what is newly right and what is newly wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from convlens.checker.verdict import PARTS, PASS, Report

__all__ = ["Change", "Changes", "changes"]


@dataclass(frozen=True)
class Change:
    """What changed for one student: parts of files, such as "0-conv_forward.py code", that are newly right or wrong."""

    name: str
    right: list[str]
    wrong: list[str]

    def in_words(self) -> str:
        """Return for example "newly right: 0-conv_forward.py code; newly wrong: 1-pool_forward.py form"."""
        told = {"newly right": self.right, "newly wrong": self.wrong}
        return "; ".join(f"{what}: {', '.join(parts)}" for what, parts in told.items() if parts)


@dataclass(frozen=True)
class Changes:
    """What changed in a class. changed: the students with a new verdict; unchanged, new, gone: names of students"""

    changed: list[Change]
    unchanged: list[str]
    new: list[str]
    gone: list[str]

    def by_name(self) -> dict[str, str]:
        """Return what changed in words, by the name of each student who has earlier results."""
        return {one.name: one.in_words() for one in self.changed} | dict.fromkeys(self.unchanged, "nothing changed")

    def in_words(self) -> str:
        """Return how many students changed, for example "2 changed, 5 unchanged, 1 new, 0 gone"."""
        numbers = (len(self.changed), len(self.unchanged), len(self.new), len(self.gone))
        words = ("changed", "unchanged", "new", "gone")
        return ", ".join(f"{number:,} {word}" for number, word in zip(numbers, words, strict=True))

    def as_json(self) -> dict[str, Any]:
        """Return the changes for JSON."""
        return asdict(self)


def changes(before: Mapping[str, Report], reports: Sequence[Report]) -> Changes:
    """Return what changed since earlier reports, which are given by name.

    Only files that were checked both times are compared. "could not tell" counts as not right.
    """
    changed, unchanged = [], []
    for report in reports:
        if report.name in before:
            one = _change(before[report.name], report)
            if one.right or one.wrong:
                changed.append(one)
            else:
                unchanged.append(one.name)
    now = {report.name for report in reports}
    new = [report.name for report in reports if report.name not in before]
    return Changes(changed, unchanged, new, [name for name in before if name not in now])


def _change(old: Report, new: Report) -> Change:
    right: list[str] = []
    wrong: list[str] = []
    for name, file in new.files.items():
        if name in old.files:
            for part in PARTS:
                was, now = old.files[name].verdict(part), file.verdict(part)
                if (was == PASS) != (now == PASS):
                    # A file that was not read had no verdict on its form: it is not newly wrong in it
                    (right if now == PASS else wrong if now else []).append(f"{name} {part}")
    return Change(new.name, right, wrong)
