"""`convlens check`: is coursework right, why not, and what to look at; of one folder or of a class.

Exit codes: 0 all pass, 1 something fails or could not be told, 2 could not run, 130 stopped from the keyboard.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convlens.cli.check_class import Class, check_class, title
from convlens.cli.check_output import Files, console, tell_tier, write
from convlens.cli.shared import Doing, Json, print_json, tell

if TYPE_CHECKING:
    from convlens.checker.options import Options


def check(
    folder: Annotated[Path | None, typer.Argument(metavar="DIR", help="What is handed in. [default: .]")] = None,
    class_: Annotated[
        Path | None,
        typer.Option("--class", metavar="PLACE", help="A class: a folder of folders, or a CSV file with name,path."),
    ] = None,
    tasks: Annotated[str, typer.Option(help="Their numbers.")] = "0-6",
    reveal: Annotated[bool, typer.Option("--reveal", help="Say which values were expected.")] = False,
    sandbox: Annotated[
        str | None, typer.Option(metavar="TIER", help="What the code runs in. [default: the best there is here]")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of the numbers that the code is given. [default: 0; of a class, drawn once]")
    ] = None,
    seconds: Annotated[float, typer.Option(help="How long one call of the code may take.")] = 10,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page to look at.")] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write JUnit's XML.")] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Class: write a row a student.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Class: results as they come. [default: PLACE's name + -results.jsonl]"),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Class: forget the results that --out holds.")] = False,
    jobs: Annotated[int | None, typer.Option(help="Class: how many at a time. [default: all cores]")] = None,
    dask: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Class: have a Dask cluster do it, as tcp://HOST:PORT.")
    ] = None,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="Class: grade even where the sandbox cannot stop hostile code.")
    ] = False,
    json_: Json = False,
) -> None:
    """Is coursework right, why not, and what to look at? One folder, or with --class a whole class.

    A class run can be killed at any moment: the same command goes on. Exit code 0: all pass; 1: something does not;
    2: could not run.
    """
    from convlens.checker.options import Options
    from convlens.checker.submission import parse_tasks
    from convlens.geometry import check_count

    check_count("seed", 0 if seed is None else seed, 0)
    check_count("jobs", 1 if jobs is None else jobs, 1)
    if not 0 < seconds < math.inf:
        raise ValueError(f"--seconds must be a number above 0; got {seconds:g}")
    options = Options(parse_tasks(tasks), sandbox, seed or 0, seconds, reveal)
    files = Files(html, junit, csv)
    if class_ is None:
        given = {"csv": csv, "out": out, "again": again, "jobs": jobs, "dask": dask, "unsafe": unsafe}
        for name, value in given.items():
            if value not in (None, False):
                raise ValueError(f"--{name} is for a class; got {str(value)!r} and no --class")
        _check_places(html, junit)
        code = _run(_one, folder or Path(), options, files, json_)
    else:
        if folder is not None:
            raise ValueError(f"a folder and --class cannot both be checked; got {str(folder)!r} and {str(class_)!r}")
        if dask is not None and jobs is not None:
            raise ValueError(f"--jobs is for this machine, a Dask cluster has its own; got {jobs} and {dask!r}")
        out = out or Path(f"{title(class_) or 'class'}-results.jsonl")
        _check_places(html, junit, csv, out, roster=class_)
        code = _run(check_class, Class(class_, out, again, jobs, dask, unsafe, seed), options, files, json_)
    if code:
        raise typer.Exit(code)


def _run(work: Callable[..., int], *arguments: Any) -> int:
    """The exit code; a fault of ours is not 1, which would be a verdict."""
    try:
        return work(*arguments)
    except (ValueError, OSError, ArithmeticError, ImportError, MemoryError):
        raise  # told in a sentence
    except Exception:
        traceback.print_exc()
        tell("convlens: the checker itself has failed, and has no verdict")
        return 2


def _check_places(*paths: Path | None, roster: Path | None = None) -> None:
    """ValueError or OSError now rather than after the work: each file needs a folder, and a name of its own."""
    from convlens.checker.submission import TASKS

    given = [path for path in paths if path is not None]
    for path in given:
        if not path.parent.is_dir():
            raise FileNotFoundError(f"a file's folder must be there before the file; there is no {str(path.parent)!r}")
        if path.is_dir():
            raise IsADirectoryError(f"a file must be written in a place of its own; {str(path)!r} is a folder")
        if path.name in TASKS or path.name.startswith("6-"):
            raise ValueError(f"a report must not have the name of a file that is handed in; got {str(path)!r}")
    if roster is not None and roster.is_file():
        given.append(roster)
    if len({path.resolve() for path in given}) < len(given):
        raise ValueError(f"each file must have another name; got {', '.join(map(str, given))}")


# One submission ------------------------------------------------------------------------------------------------------


def _one(folder: Path, options: Options, files: Files, json_: bool) -> int:
    from convlens.checker.check import check
    from convlens.checker.render.html import submission_page
    from convlens.checker.render.junit import junit
    from convlens.checker.render.terminal import show_submission
    from convlens.checker.sandbox.tiers import WEAKEST, choose
    from convlens.checker.submission import read
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
    write(files.html, lambda: submission_page(report))
    write(files.junit, lambda: junit([report]))
    return 0 if report.status == PASS else 1
