"""`convlens check`: check the coursework in one folder, or of a whole class.

Exit codes: 0 everything passes, 1 something fails or could not be checked, 2 the check could not run, 130 stopped from
the keyboard.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convlens.cli.check_output import Files, console, tell_tier, write
from convlens.cli.check_round import RoundWords, read_round
from convlens.cli.shared import Doing, Json, print_json, tell

if TYPE_CHECKING:
    from convlens.checker.options import Options
    from convlens.checker.verdict import Report


def check(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="PLACE", help="Folder, zip or tar file, or notebook with the coursework. [default: .]"),
    ] = None,
    class_: Annotated[
        Path | None,
        typer.Option(
            "--class",
            metavar="PLACE",
            help="A whole class: a folder with a folder or archive for each student, or a table with name,path.",
        ),
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="How file names begin with students' names, such as {name}_*_{file} (class only). [default: as in "
            "downloads from Canvas and Moodle]",
        ),
    ] = None,
    tasks: Annotated[str, typer.Option(help="Tasks to check, such as 0-3,5.")] = "0-6",
    reveal: Annotated[bool, typer.Option("--reveal", help="Show the right values in messages.")] = False,
    sandbox: Annotated[
        str | None,
        typer.Option(metavar="TIER", help="bubblewrap, landlock or rlimits. [default: the best on this machine]"),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the test inputs. [default: 0; for a class, a random seed]")
    ] = None,
    seconds: Annotated[float, typer.Option(help="Time limit for one call of the code.")] = 10,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write an HTML page.")] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write JUnit XML.")] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="One row for each student (class only).")] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Results file, one line for each student (class only). [default: PLACE's name with -results.jsonl]",
        ),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Discard the earlier results and check all students again (class only).")
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(help="Submissions to check at the same time (class only). [default: one for each core]"),
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option(metavar="tcp://HOST:PORT", help="Check on the Dask cluster at this address (class only)."),
    ] = None,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="Accept a sandbox that cannot stop hostile code (class only).")
    ] = False,
    points: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Points for tasks and for form, such as 0=4,1=3,form=2 (class only).",
        ),
    ] = None,
    feedback: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write a page for each student, and an index for the teacher (class only)."),
    ] = None,
    late: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Table of dates with name,handed_in and perhaps due (class only)."),
    ] = None,
    due: Annotated[
        str | None, typer.Option(metavar="DATE", help="When all had to hand in, such as 2026-11-20T23:59 (class only).")
    ] = None,
    late_penalty: Annotated[
        str | None,
        typer.Option(metavar="RATE", help="Share of the points lost, such as 10%/day, 5%/hour or 20% (class only)."),
    ] = None,
    since: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Earlier results file: say what changed since then (class only)."),
    ] = None,
    checks: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Python file with checks of your own; it runs outside of the sandbox."),
    ] = None,
    json_: Json = False,
) -> None:
    """Check coursework, and say what is wrong and why.

    The check runs the code of one folder, or of a whole class with --class. You may stop a class run at any time; the
    same command continues it.

    Exit codes: 0 everything passes, 1 something does not pass, 2 the check could not run.
    """
    from convlens.checker.options import Options
    from convlens.checker.submission import parse_tasks
    from convlens.geometry import check_count

    check_count("seed", 0 if seed is None else seed, 0)
    check_count("jobs", 1 if jobs is None else jobs, 1)
    if not 0 < seconds < math.inf:
        raise ValueError(f"--seconds must be a number above 0; got {seconds:g}")
    options = Options(parse_tasks(tasks), sandbox, seed or 0, seconds, reveal, *_own_checks(checks))
    files = Files(html, junit, csv)
    words = RoundWords(points, feedback, late, due, late_penalty, since)
    if class_ is None:
        given: dict[str, object] = {"pattern": pattern, "csv": csv, "out": out, "again": again, "jobs": jobs}
        given |= {"dask": dask, "unsafe": unsafe, **words.given()}
        for name, value in given.items():
            if value not in (None, False):
                raise ValueError(f"--{name} needs --class; got {str(value)!r} and no --class")
        _check_places(html, junit, inputs=(checks,))
        code = _run(_one, folder or Path(), options, files, json_)
    else:
        from convlens.cli.check_class import ClassOptions, check_class, title

        if folder is not None:
            raise ValueError(f"only one of a folder and --class can be given; got {str(folder)!r} and {str(class_)!r}")
        if dask is not None and jobs is not None:
            raise ValueError(f"--jobs is for this machine only, not for a Dask cluster; got {jobs} and {dask!r}")
        out = out or Path(f"{title(class_) or 'class'}-results.jsonl")
        _check_places(html, junit, csv, out, inputs=(class_, late, checks))
        _check_places(html, junit, csv, inputs=(since,))
        round_ = read_round(class_, words, options.tasks)
        asked = ClassOptions(class_, pattern, out, again, jobs, dask, unsafe, seed, round_)
        code = _run(check_class, asked, options, files, json_)
    if code:
        raise typer.Exit(code)


def _own_checks(path: Path | None) -> tuple[str, str]:
    """Return the text and the name of a file of checks, "" and "" for None. Raise ValueError if it has a fault."""
    if path is None:
        return "", ""
    from convlens.checker.own_checks import load

    try:
        source = path.read_bytes().decode()
    except UnicodeDecodeError:
        raise ValueError(f"the checks in {str(path)!r} must be UTF-8 text") from None
    load(source, path.name)
    return source, path.name


def _run(work: Callable[..., int], *arguments: Any) -> int:
    """Return the exit code of `work`. A bug in the checker gives 2, because 1 would be a verdict."""
    try:
        return work(*arguments)
    except (ValueError, OSError, ArithmeticError, ImportError, MemoryError):
        raise  # `cli.main` prints them as a sentence
    except Exception:
        traceback.print_exc()
        tell("convlens: the checker itself failed, so there is no verdict")
        return 2


def _check_places(*paths: Path | None, inputs: Sequence[Path | None] = ()) -> None:
    """Raise ValueError or OSError unless each output file has a folder that exists and a name of its own.

    inputs: files that are read, and must not be written
    """
    from convlens.checker.submission import TASKS

    given = [path for path in paths if path is not None]
    for path in given:
        if not path.parent.is_dir():
            raise FileNotFoundError(f"the folder of an output file must exist; there is no {str(path.parent)!r}")
        if path.is_dir():
            raise IsADirectoryError(f"an output file must not be a folder; {str(path)!r} is one")
        if path.name in TASKS or path.name.startswith("6-"):
            raise ValueError(f"an output file must not have the name of a file that is handed in; got {str(path)!r}")
    read = {path.resolve(): path for path in inputs if path is not None and path.is_file()}
    written = [path.resolve() for path in given]
    if len({*written, *read}) < len(written) + len(read):
        raise ValueError(f"all files must have different names; got {', '.join(map(str, [*given, *read.values()]))}")


# One submission ------------------------------------------------------------------------------------------------------


def _one(folder: Path, options: Options, files: Files, json_: bool) -> int:
    """Check one submission, print and write its report, and return the exit code."""
    from convlens.checker.sandbox.tiers import WEAKEST, begin_choice, choose

    begin_choice(options.tier)  # meanwhile, this thread imports
    from convlens.checker.check import check
    from convlens.checker.hand_ins import read
    from convlens.checker.render.terminal import show_submission
    from convlens.checker.verdict import PASS

    submission = read(folder, options.tasks)
    options = replace(options, tier=choose(options.tier))
    if options.tier == WEAKEST:
        tell_tier(options.tier)
    try:
        with Doing() as doing:
            report = check(submission, options, lambda file: doing.say(f"checking {file}"))
    except KeyboardInterrupt:
        tell("stopped")
        return 130
    if json_:
        print_json(report.as_json())
    else:
        show_submission(report, console())
    write(files.html, lambda: _page(report))
    write(files.junit, lambda: _junit(report))
    return 0 if report.status == PASS else 1


def _page(report: Report) -> str:
    from convlens.checker.render.html import submission_page

    return submission_page(report)


def _junit(report: Report) -> str:
    from convlens.checker.render.junit import junit

    return junit([report])
