"""What a teacher's round adds to a class: points, dates, and what is made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from convlens.cli.shared import tell

if TYPE_CHECKING:
    from convlens.checker.classes.changes import Changes
    from convlens.checker.classes.late_table import HandedIn
    from convlens.checker.classes.lateness import Late, Penalty
    from convlens.checker.classes.marks import Mark
    from convlens.checker.classes.points import Points
    from convlens.checker.classes.results import Results
    from convlens.checker.classes.roster import Student
    from convlens.checker.verdict import Report


_NAMES = 10  # names that one message lists


class RoundOptions(NamedTuple):
    """The options of a round; None for what is not asked for.

    points: the points of --points; feedback: the folder for pages; dates: the rows of the table of --late; penalty:
    what late hand-ins lose; since: earlier reports by name
    """

    points: Points | None = None
    feedback: Path | None = None
    dates: Sequence[HandedIn] | None = None
    penalty: Penalty | None = None
    since: Mapping[str, Report] | None = None


class RoundWords(NamedTuple):
    """The options of a round as the command line has them."""

    points: str | None
    feedback: Path | None
    late: Path | None
    due: str | None
    penalty: str | None
    since: Path | None

    def given(self) -> dict[str, object]:
        """Return the values by the name of the option."""
        found = self._asdict()
        return {"late-penalty" if name == "penalty" else name: value for name, value in found.items()}


def read_round(place: Path, asked: RoundWords, tasks: Sequence[int]) -> RoundOptions:
    """Return the options from the command line. Raise ValueError or OSError for what cannot be read or written.

    place: the class; tasks: the tasks that are checked
    """
    from convlens.checker.classes.feedback_folder import require_place
    from convlens.checker.classes.late_table import read_dates
    from convlens.checker.classes.lateness import parse_penalty
    from convlens.checker.classes.points import parse_points
    from convlens.checker.classes.results import read_results

    if asked.feedback is not None:
        require_place(asked.feedback, place)
    for name, value, needed, other in (
        ("--due", asked.due, "--late", asked.late),
        ("--late-penalty", asked.penalty, "--late", asked.late),
        ("--late-penalty", asked.penalty, "--points", asked.points),
    ):
        if value is not None and other is None:
            raise ValueError(f"{name} needs {needed}; got {value!r} and no {needed}")
    return RoundOptions(
        None if asked.points is None else parse_points(asked.points, tasks),
        asked.feedback,
        None if asked.late is None else read_dates(asked.late, asked.due),
        None if asked.penalty is None else parse_penalty(asked.penalty),
        None if asked.since is None else {name: one.report for name, one in read_results(asked.since).items()},
    )


def earlier(results: Results, asked: RoundOptions, *, again: bool) -> dict[str, Report]:
    """Return the earlier reports to compare with, by name.

    These are the reports of --since, or those that --again has replaced, or the reports on what students had handed in
    before they handed in something else.
    """
    if asked.since is not None:
        return dict(asked.since)
    return {
        name: entry.report
        for name, entry in results.before.items()
        if again or (not entry.trouble and results.entries[name].digest != entry.digest)
    }


def marks_and_changes(
    reports: Sequence[Report], before: Mapping[str, Report], asked: RoundOptions, *, whole: bool
) -> tuple[dict[str, Mark], Changes | None]:
    """Return the marks by the student's name, {} if none are asked for, and what changed, None without earlier reports.

    whole: whether `before` has the whole class; if not, nobody is new. Students without a date, and dates of nobody in
    the class, are told.
    """
    from convlens.checker.classes.changes import changes
    from convlens.checker.classes.late_table import late_ones
    from convlens.checker.classes.marks import marks

    late: dict[str, Late] = {}
    if asked.dates is not None:
        late, unknown, missing = late_ones(asked.dates, [report.name for report in reports], asked.penalty)
        if unknown:
            tell(f"--late has dates of nobody in the class: {listed(unknown)}")
        if missing:
            tell(f"--late has no date of {listed(missing)}: not counted as late")
    compared = [report for report in reports if whole or report.name in before]
    found = changes(before, compared) if before or asked.since is not None else None
    return marks(reports, asked.points, late, found), found


def write_feedback(
    folder: Path | None,
    title: str,
    students: Sequence[Student],
    reports: Sequence[Report],
    marks: Mapping[str, Mark],
) -> None:
    """Write a page for each student and an index, and tell which older pages are of nobody in the class."""
    from convlens.checker.classes.feedback_folder import write_pages
    from convlens.checker.render.feedback import feedback_pages
    from convlens.report.page import count

    if folder is None:
        return
    written, old = write_pages(folder, feedback_pages(title, students, reports, marks))
    tell(f"written: {count(written - 1, 'page')} for students and index.html in {folder}")
    if old:
        tell(f"kept in {folder}, but of nobody in this class: {listed(old)}")


def listed(names: Sequence[str]) -> str:
    """Return names as text, the first few if they are many."""
    more = f" and {len(names) - _NAMES:,} more" if len(names) > _NAMES else ""
    return ", ".join(names[:_NAMES]) + more
