"""`convlens check --class`: grade a class on this machine or on a Dask cluster, and continue a stopped run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from convlens.cli.check_output import Bar, Files, console, tell_tier, write
from convlens.cli.check_round import RoundOptions, earlier, marks_and_changes, write_feedback
from convlens.cli.shared import print_json, tell
from convlens.version import VERSION

if TYPE_CHECKING:
    from convlens.checker.classes.changes import Changes
    from convlens.checker.classes.grading import GradingBackend
    from convlens.checker.classes.marks import Mark
    from convlens.checker.classes.results import Results
    from convlens.checker.classes.roster import Student
    from convlens.checker.options import Options
    from convlens.checker.verdict import Report


class ClassOptions(NamedTuple):
    """The options of `convlens check` that only a class has. `place` is the value of --class."""

    place: Path
    pattern: str | None
    out: Path
    again: bool
    jobs: int | None
    dask: str | None
    unsafe: bool
    seed: int | None
    round: RoundOptions = RoundOptions()


class _Found(NamedTuple):
    """What was found: the settings in the results file, each student's report, the marks by name, what changed."""

    settings: Mapping[str, Any]
    reports: Sequence[Report]
    marks: Mapping[str, Mark]
    changes: Changes | None


def title(place: Path) -> str:
    """Return the name of a class: the name of its folder, or of its CSV file without the suffix."""
    whole = place.resolve()
    return whole.stem if whole.is_file() else whole.name


def check_class(asked: ClassOptions, options: Options, files: Files, json_: bool) -> int:
    """Grade a class, print and write its reports, and return the exit code."""
    from convlens.checker.classes.roster import roster
    from convlens.checker.verdict import PASS

    students = roster(asked.place, asked.pattern)
    options = replace(options, tier=_tier(asked, options.tier))
    graded = _graded(asked, students, options)
    if graded is None:
        return 130
    settings, reports, before = graded
    whole = asked.again or asked.round.since is not None
    found = _Found(settings, reports, *marks_and_changes(reports, before, asked.round, whole=whole))
    _show(asked.out, found, json_)
    _write_all(files, asked.place, found)
    write_feedback(asked.round.feedback, title(asked.place) or str(asked.place), students, reports, found.marks)
    return 0 if all(report.status == PASS for report in reports) else 1


def _tier(asked: ClassOptions, tier: str | None) -> str | None:
    """Return the sandbox's tier. On a cluster without --sandbox, return None: each worker chooses its best tier."""
    from convlens.checker.classes.tier_policy import refuse_weak, safe_tier

    if asked.dask is None:
        tier = safe_tier(tier, unsafe=asked.unsafe)
    elif tier is not None:
        refuse_weak(tier, unsafe=asked.unsafe)
    return tier


def _graded(
    asked: ClassOptions, students: Sequence[Student], options: Options
) -> tuple[dict[str, Any], list[Report], dict[str, Report]] | None:
    """Return the settings in the results file, each student's report, and the earlier reports to compare with; None if
    the user stopped the run."""
    from convlens.checker.classes.results import open_results
    from convlens.report.page import count

    kept = ""
    try:
        with _backend(asked) as backend, open_results(asked.out, _settings(asked, options), asked.again) as results:
            kept = f"; finished results are in {asked.out}, and the same command continues"
            _tell_tier(options.tier, again=bool(results.entries))
            tasks = ",".join(map(str, options.tasks))
            tell(f"{count(len(students), 'submission')}, tasks {tasks}; results in {asked.out}")
            _grade(students, replace(options, seed=results.settings["seed"]), backend, results)
            reports = [results.entries[student.name].report for student in students]
            return dict(results.settings), reports, earlier(results, asked.round, again=asked.again)
    except KeyboardInterrupt:
        tell(f"stopped{kept}")
        return None


def _settings(asked: ClassOptions, options: Options) -> dict[str, Any]:
    """Return the settings that all results in one file share."""
    return {
        "convlens": VERSION,
        "tier": options.tier,
        "tasks": options.tasks,
        "seed": asked.seed,
        "seconds": options.seconds,
        "reveal": options.reveal,
        "checks": hashlib.sha256(options.checks.encode()).hexdigest()[:16] if options.checks else None,
    }


def _tell_tier(tier: str | None, *, again: bool) -> None:
    if tier is None:
        tell("sandbox: each worker uses its best tier; every report names the tier")
    else:
        tell_tier(tier, again=again)


@contextmanager
def _backend(asked: ClassOptions) -> Iterator[GradingBackend]:
    """Yield the Dask cluster of --dask, or a pool of processes on this machine."""
    if asked.dask is not None:
        from convlens.checker.classes.cluster import Cluster

        with Cluster(asked.dask, unsafe=asked.unsafe) as cluster:
            yield cluster
    else:
        from convlens.checker.classes.grader_processes import GraderPool
        from convlens.machine.threads import usable_threads

        with GraderPool(asked.jobs or usable_threads(), unsafe=asked.unsafe) as pool:
            yield pool


def _grade(students: Sequence[Student], options: Options, backend: GradingBackend, results: Results) -> None:
    """Grade all students with a progress bar, and print how many were graded, cached or kept."""
    from convlens.checker.classes.grading import grade

    ways = dict.fromkeys(("kept", "cached", "graded"), 0)
    with Bar(len(students)) as bar:
        for done in grade(students, options, backend, results):
            ways[done.how] += 1
            bar.advance(done.entry.report.status)
    tell(f"submissions: {ways['graded']:,} graded, {ways['cached']:,} equal to another, {ways['kept']:,} done before")


def _show(out: Path, found: _Found, json_: bool) -> None:
    from convlens.checker.classes.tally import tally
    from convlens.checker.render.terminal import show_class

    if json_:
        print_json(_as_json(out, found))
    else:
        show_class(tally(found.reports), found.reports, console(), found.marks, found.changes)


def _as_json(out: Path, found: _Found) -> dict[str, Any]:
    from convlens.checker.classes.tally import likely, tally
    from convlens.checker.verdict import PARTS

    rows = [
        {
            "name": report.name,
            "status": report.status,
            "score": {part: report.score(part) for part in PARTS},
            "tier": report.tier,
            "files": {name: {part: file.verdict(part) for part in PARTS} for name, file in report.files.items()},
            "hints": [finding.hint for finding in likely(report)],
            **(found.marks[report.name].as_json() if found.marks else {}),
        }
        for report in found.reports
    ]
    whole = {"results": str(out), "settings": found.settings, "summary": tally(found.reports).as_json()}
    changed = {"changes": found.changes.as_json()} if found.changes else {}
    return {**whole, **changed, "submissions": rows}


def _write_all(files: Files, place: Path, found: _Found) -> None:
    """Write the CSV, HTML and JUnit files that the options name."""
    from convlens.checker.render.csv import csv_table
    from convlens.checker.render.html import class_page
    from convlens.checker.render.junit import junit

    shown = {
        "sandbox": found.settings["tier"] or "each worker's best",
        "tasks": ", ".join(map(str, found.settings["tasks"])),
        "seed": found.settings["seed"],
        "seconds per call": found.settings["seconds"],
    }
    write(files.csv, lambda: csv_table(found.reports, found.marks))
    write(files.html, lambda: class_page(title(place) or str(place), found.reports, shown, found.marks, found.changes))
    write(files.junit, lambda: junit(found.reports))
