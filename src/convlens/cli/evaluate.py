"""`convlens evaluate`: measure the loss and accuracy of a trained network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from convlens.cli.shared import Json, RunFolder, newest_run, print_json


def evaluate(
    run: RunFolder = None,
    data: Annotated[
        str | None,
        typer.Option(help="embedded, mnist, an .npz file, or a folder of IDX files. [default: the run's data]"),
    ] = None,
    part: Annotated[
        str | None, typer.Option(help="train, valid or test. [default: test if the data set has it, else valid]")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Number of threads. [default: all cores]")] = None,
    json_: Json = False,
) -> None:
    """Print the loss and accuracy of a trained network on digits."""
    from convlens import training
    from convlens.data import load
    from convlens.training.run import HISTORY

    if part not in (None, "train", "valid", "test"):
        raise ValueError(f"--part must be train, valid or test; got {part!r}")
    run = run or newest_run()
    model = training.load_model(run)
    if data is None:
        data = _data_of(run / HISTORY)
    digits = load(data)
    if part is None:
        part = "test" if len(digits.x_test) else "valid"
    x, y = getattr(digits, f"x_{part}"), getattr(digits, f"y_{part}")
    if not len(x):
        raise ValueError(f"--part must name a part of the data; {digits.source} has no {part} part")
    scores = training.evaluate(model, x, y, threads=threads)
    if json_:
        print_json({"run": str(run), "data": data, "part": part, "images": len(x), **scores._asdict()})
    else:
        print(f"{run}, {len(x):,} {part} digits of {data}: loss {scores.loss:.4f}  accuracy {scores.accuracy:.4f}")


def _data_of(history: Path) -> str:
    if not history.is_file():
        raise FileNotFoundError(f"--data must be given if there is no file {history}")
    try:
        return str(json.loads(history.read_bytes())["data"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"{history} must be a run's history in JSON; it is damaged: {error!r}") from None
