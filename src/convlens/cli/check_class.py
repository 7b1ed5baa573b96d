"""`convlens check --class`: a class graded, by processes here or a Dask cluster, resumed where it was left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from convlens.cli.check_output import Bar, Files, console, tell_tier, write
from convlens.cli.shared import print_json, tell
from convlens.version import VERSION

if TYPE_CHECKING:
    from convlens.checker.classes.classroom import Crew, Student
    from convlens.checker.classes.results import Results
    from convlens.checker.options import Options
    from convlens.checker.verdict import Report


class Class(NamedTuple):
    """What is asked of a class run alone: the options of `convlens check` by their names"""

    place: Path
    out: Path
    again: bool
    jobs: int | None
    dask: str | None
    unsafe: bool
    seed: int | None


def title(place: Path) -> str:
    """What a class is called"""
    whole = place.resolve()
    return whole.stem if whole.is_file() else whole.name


def check_class(asked: Class, options: Options, files: Files, json_: bool) -> int:
    """Grade, show and write what is asked; the exit code"""
    from convlens.checker.classes.classroom import roster
    from convlens.checker.classes.results import open_results
    from convlens.checker.classes.tally import tally
    from convlens.checker.render.terminal import show_class
    from convlens.checker.verdict import PASS
    from convlens.report.page import count

    students = roster(asked.place)
    options = replace(options, tier=_tier(asked, options.tier))
    settings: dict[str, Any] = {
        "convlens": VERSION,
        "tier": options.tier,
        "tasks": options.tasks,
        "seed": asked.seed,
        "seconds": options.seconds,
        "reveal": options.reveal,
    }
    done = ""
    try:
        with _crew(asked) as crew, open_results(asked.out, settings, asked.again) as results:
            done = f", what is done is in {asked.out}; the same command goes on"
            settings = dict(results.settings)
            _tell_tier(options.tier, again=bool(results.entries))
            tasks = ",".join(map(str, options.tasks))
            tell(f"{count(len(students), 'submission')}, tasks {tasks}; results in {asked.out}")
            _grade(students, replace(options, seed=settings["seed"]), crew, results)
            reports = [results.entries[student.name].report for student in students]
    except KeyboardInterrupt:
        tell(f"stopped{done}")
        return 130
    if json_:
        print_json(_as_json(asked.out, settings, reports))
    else:
        show_class(tally(reports), reports, console())
    _write_all(files, asked.place, settings, reports)
    return 0 if all(report.status == PASS for report in reports) else 1


def _tier(asked: Class, tier: str | None) -> str | None:
    """The sandbox's tier; on a cluster None, each worker's own, if none is asked for"""
    from convlens.checker.classes import grader

    if asked.dask is None:
        tier = grader.safe_tier(tier, unsafe=asked.unsafe)
    elif tier is not None:
        grader.refuse_weak(tier, unsafe=asked.unsafe)
    return tier


def _tell_tier(tier: str | None, *, again: bool) -> None:
    if tier is None:
        tell("sandbox: the best one of each worker, as every report says")
    else:
        tell_tier(tier, again=again)


@contextmanager
def _crew(asked: Class) -> Iterator[Crew]:
    if asked.dask is not None:
        from convlens.checker.classes.cluster import Cluster

        with Cluster(asked.dask, unsafe=asked.unsafe) as cluster:
            yield cluster
    else:
        from convlens.checker.classes.graders import Graders
        from convlens.machine.threads import usable_threads

        with Graders(asked.jobs or usable_threads(), unsafe=asked.unsafe) as graders:
            yield graders


def _grade(students: Sequence[Student], options: Options, crew: Crew, results: Results) -> None:
    from convlens.checker.classes.classroom import grade

    ways = dict.fromkeys(("kept", "cached", "graded"), 0)
    with Bar(len(students)) as bar:
        for done in grade(students, options, crew, results):
            ways[done.how] += 1
            bar.advance(done.entry.report.status)
    tell(f"graded {ways['graded']:,}; equal to another {ways['cached']:,}; done before {ways['kept']:,}")


def _as_json(out: Path, settings: Mapping[str, Any], reports: list[Report]) -> dict[str, Any]:
    from convlens.checker.classes.tally import likely, tally

    rows = [
        {
            "name": report.name,
            "status": report.status,
            "score": report.score,
            "tier": report.tier,
            "files": {name: file.status for name, file in report.files.items()},
            "hints": [finding.hint for finding in likely(report)],
        }
        for report in reports
    ]
    return {"results": str(out), "settings": settings, "summary": tally(reports).as_json(), "submissions": rows}


def _write_all(files: Files, place: Path, settings: Mapping[str, Any], reports: list[Report]) -> None:
    from convlens.checker.render.csv import csv_table
    from convlens.checker.render.html import class_page
    from convlens.checker.render.junit import junit

    shown = {
        "sandbox": settings["tier"] or "each worker's best",
        "tasks": ", ".join(map(str, settings["tasks"])),
        "seed": settings["seed"],
        "seconds a call": settings["seconds"],
    }
    write(files.csv, lambda: csv_table(reports))
    write(files.html, lambda: class_page(title(place) or str(place), reports, shown))
    write(files.junit, lambda: junit(reports))
