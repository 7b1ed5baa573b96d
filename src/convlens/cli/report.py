"""`convlens report`: write the HTML report of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from convlens.cli.shared import Json, newest_run, print_json


def report(
    run: Annotated[
        Path | None, typer.Option("--run", metavar="DIR", help="Folder of the run. [default: the newest run]")
    ] = None,
    json_: Json = False,
) -> None:
    """Write the report.html of a run again."""
    from dataclasses import asdict

    from convlens.cli.run_data import load_again
    from convlens.report import write_report
    from convlens.training.run import Run

    opened = Run.open(run or newest_run())
    path = write_report(opened, load_again(asdict(opened.settings)))
    if json_:
        print_json({"run": str(opened.folder), "report": str(path)})
    else:
        print(path)
