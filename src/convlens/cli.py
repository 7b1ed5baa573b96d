"""The command line: with the other `cli_*` files the only place that prints or exits.

Exit codes: 0 done, 2 a mistake in what was asked, 130 stopped from the keyboard.
"""

from __future__ import annotations

import io
import json
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from convlens.cli_check import check
from convlens.cli_data import data_app
from convlens.cli_interop import compare
from convlens.cli_models import export, import_
from convlens.cli_shared import Json, newest_run, print_json, sentence, tell
from convlens.cli_study import study
from convlens.cli_train import train

app = typer.Typer(
    help="Convolutional networks you can see through.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(train)
app.command()(compare)
app.command("check")(check)
app.command("export")(export)
app.command("import")(import_)
app.command("study")(study)
app.add_typer(data_app, name="data")

RunFolder = Annotated[
    Path | None, typer.Option("--run", metavar="DIR", help="The run's folder. [default: the newest in ./runs]")
]


def main() -> None:
    """Run the command line; a user's mistake is one line on standard error and exit code 2."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as standard error: no screen or file name is a mistake
    warnings.showwarning = _tell_warning
    try:
        app(prog_name="convlens")
    except (ValueError, OSError, ArithmeticError, ImportError, MemoryError) as error:
        tell(f"convlens: {sentence(error)}")
        sys.exit(2)


def _tell_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """A warning is one line, as an error is; which line of code it comes from is of no use to who typed a command."""
    tell(f"convlens: {message}")


# ---------------------------------------------------------------- runs


@app.command()
def report(run: RunFolder = None, json_: Json = False) -> None:
    """Write a run's report.html again."""
    from convlens.checkpoint import Run
    from convlens.data import load
    from convlens.report import write_report

    opened = Run.open(run or newest_run())
    path = write_report(opened, load(opened.settings.data))
    if json_:
        print_json({"run": str(opened.folder), "report": str(path)})
    else:
        print(path)


# ---------------------------------------------------------------- use


@app.command()
def evaluate(
    run: RunFolder = None,
    data: Annotated[str | None, typer.Option(help="embedded, mnist, or a path. [default: the run's own data]")] = None,
    part: Annotated[
        str | None, typer.Option(help="train, valid or test. [default: test if the data have one, else valid]")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="[default: all cores]")] = None,
    json_: Json = False,
) -> None:
    """Loss and accuracy of a trained network on digits."""
    from convlens import training
    from convlens.checkpoint import HISTORY, load_model
    from convlens.data import load

    if part not in (None, "train", "valid", "test"):
        raise ValueError(f"--part must be train, valid or test; got {part!r}")
    run = run or newest_run()
    model = load_model(run)
    if data is None:
        data = _data_of(run / HISTORY)
    digits = load(data)
    if part is None:
        part = "test" if len(digits.x_test) else "valid"
    x, y = getattr(digits, f"x_{part}"), getattr(digits, f"y_{part}")
    if not len(x):
        raise ValueError(f"--part must name a part that the data have; {digits.source} has no {part} part")
    scores = training.evaluate(model, x, y, threads=threads)
    if json_:
        print_json({"run": str(run), "data": data, "part": part, "images": len(x), **scores._asdict()})
    else:
        print(f"{run}, {len(x):,} {part} digits of {data}: loss {scores.loss:.4f}  accuracy {scores.accuracy:.4f}")


def _data_of(history: Path) -> str:
    if not history.is_file():
        raise FileNotFoundError(f"--data must be given where there is no {history}")
    try:
        return str(json.loads(history.read_bytes())["data"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"{history} must be a run's history in JSON; it is damaged: {error!r}") from None


@app.command()
def predict(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE…", help="PNG or JPEG, any size, light or dark ink.")],
    run: RunFolder = None,
    json_: Json = False,
) -> None:
    """Say which digit each picture shows."""
    from convlens.checkpoint import load_model
    from convlens.data.images import read_digit

    run = run or newest_run()
    model = load_model(run)
    found, faults = [], []
    for path in images:
        try:
            probabilities = model.predict(read_digit(path)[None])[0]
        except (ValueError, OSError) as error:
            faults.append(sentence(error))
            continue
        digit = int(probabilities.argmax())
        found.append({"file": str(path), "digit": digit, "probabilities": [round(float(p), 6) for p in probabilities]})
        if not json_:
            print(f"{path}: {digit} ({probabilities[digit]:.1%})")
    if json_:
        print_json(found)
    for fault in faults:
        tell(f"convlens: {fault}")
    if faults:
        raise typer.Exit(2)


@app.command()
def summary(
    model: Annotated[str, typer.Option(help="The network.")] = "lenet5",
    run: RunFolder = None,
    json_: Json = False,
) -> None:
    """The table of a network's layers."""
    from convlens.checkpoint import load_model
    from convlens.models import build_model

    network = load_model(run) if run else build_model(model)
    if json_:
        layers = [
            {
                "name": row.name,
                "kind": type(row.layer).__name__,
                "input_shape": row.input_shape,
                "output_shape": row.output_shape,
                "parameters": row.parameters,
            }
            for row in network.table
        ]
        print_json({"model": network.name, "layers": layers, "parameters": network.count_params()})
    else:
        print(network.summary())
