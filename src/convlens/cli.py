"""The command line: the only place that prints or exits.

Exit codes: 0 done, 2 a mistake in what was asked, 130 stopped from the keyboard.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convlens.cli_data import Json, data_app, print_json

if TYPE_CHECKING:
    from convlens.checkpoint import Run
    from convlens.data import Digits
    from convlens.training import Batch, Epoch

RUNS = Path("runs")

app = typer.Typer(
    help="Convolutional networks you can see through.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data_app, name="data")

RunFolder = Annotated[
    Path | None, typer.Option("--run", metavar="DIR", help="The run's folder. [default: the newest in ./runs]")
]


def main() -> None:
    """Run the command line; a user's mistake is one line on standard error and exit code 2."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as standard error: no screen or file name is a mistake
    try:
        app(prog_name="convlens")
    except (ValueError, OSError, ArithmeticError, ImportError, MemoryError) as error:
        _tell(f"convlens: {_sentence(error)}")
        sys.exit(2)


def _sentence(error: BaseException) -> str:
    text = str(error)
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(text.split()) or type(error).__name__


def _tell(text: str) -> None:
    if sys.stderr:  # None when it is closed
        print(text, file=sys.stderr, flush=True)


def _newest_run() -> Path:
    from convlens.checkpoint import HISTORY, MODEL

    models = [path for path in RUNS.glob(f"*/{MODEL}") if _has_epochs(path.with_name(HISTORY))]
    if not models:
        raise FileNotFoundError(
            f"there must be a trained run to use; {RUNS}/ holds none: "
            "train one with `convlens train`, or name one with --run DIR"
        )
    return max(models, key=lambda path: path.stat().st_mtime).parent


def _has_epochs(history: Path) -> bool:
    try:
        return bool(json.loads(history.read_text())["epochs"])
    except (OSError, ValueError, KeyError, TypeError):
        return True  # damage is told when the run is used


def _next_run(model: str) -> Path:
    number = 1
    while (RUNS / f"{model}-{number}").exists():
        number += 1
    return RUNS / f"{model}-{number}"


# ---------------------------------------------------------------- train


@app.command()
def train(
    model: Annotated[str | None, typer.Option(help="The network. [default: lenet5]")] = None,
    engine: Annotated[str | None, typer.Option(help="numba, numpy, or auto: the fastest. [default: auto]")] = None,
    data: Annotated[
        str | None, typer.Option(help="embedded, mnist, or the path of an .npz file or IDX folder. [default: embedded]")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training digits. [default: 5]")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images a step. [default: 32]")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Adam's step size. [default: 0.001]")] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same bits. [default: 0]")] = None,
    threads: Annotated[int | None, typer.Option(help="Any number gives the same bits. [default: all cores]")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The run's folder. [default: the next runs/MODEL-NUMBER]")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out DIR.")] = False,
    early_stopping: Annotated[
        int | None,
        typer.Option(metavar="N", help="Stop after N epochs without a lower validation loss; keep the best."),
    ] = None,
    json_: Json = False,
) -> None:
    """Train a network; the run's folder gets its history, weights, checkpoint and report."""
    from convlens.checkpoint import CHECKPOINT, Run, Settings, go_on
    from convlens.data import load
    from convlens.engines import get_engine
    from convlens.geometry import check_count
    from convlens.threads import usable_threads

    threads = usable_threads() if threads is None else threads
    check_count("threads", threads, 1)
    options = {
        "model": model,
        "engine": get_engine(engine).name if engine not in (None, "auto") else None,
        "data": data,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "seed": seed,
        "early_stopping": early_stopping,
    }
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    if resume and out is None:
        raise ValueError("--resume needs --out DIR, the folder of the run to go on with; got none")
    if resume and out is not None and (out / CHECKPOINT).exists():
        run = Run.open(out)
        run.settings = go_on(run.settings, given)
        if run.settings.epochs < len(run.epochs):
            raise ValueError(f"epochs must be at least the {len(run.epochs)} that are done; got {epochs}")
        digits = load(run.settings.data)
    else:
        settings = Settings(**given)
        digits = load(settings.data)
        run = Run.start(out or _next_run(settings.model), settings, digits)
    _tell(
        f"{run.model.name} ({run.model.count_params():,} parameters) on {digits.source}: "
        f"{len(digits.x_train):,} digits to train, {len(digits.x_valid):,} to validate; "
        f"engine {run.settings.engine}, threads {threads}; in {run.folder}"
    )
    if resume and not run.epochs:
        _tell(f"there was nothing to go on with in {run.folder}: the run begins")
    try:
        _show_progress(run, digits, threads)
        _tell(f"{run.finished}; weights in {run.folder}")
        _report(run, digits)
    except KeyboardInterrupt:
        done = f"{len(Run.open(run.folder).epochs)} of {run.settings.epochs} epochs done"  # those that are on disk
        _tell(f"stopped, {done}; go on with: convlens train --resume --out {run.folder}")
        raise typer.Exit(130) from None
    if json_:
        print_json(run.history())


def _show_progress(run: Run, digits: Digits, threads: int) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from convlens.training import Batch

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    columns = (
        TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
        BarColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
    )
    first, last, images = len(run.epochs) + 1, run.settings.epochs, len(digits.x_train)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("train", total=images * (last - first + 1), epoch=first, epochs=last, figures="")
        for event in _patiently(run.train(digits, threads), run.settings.engine):
            if isinstance(event, Batch):
                done = images * (event.epoch - first) + event.images
                figures = _figures(event, event.images / event.seconds)
                progress.update(task, completed=done, epoch=event.epoch, figures=figures)
            else:
                console.print(
                    f"epoch {event.epoch}/{last}  {event.seconds:.1f} s  {_figures(event, event.images_per_second)}  "
                    f"val_loss {event.val_loss:.4f}  val_accuracy {event.val_accuracy:.4f}"
                )


def _patiently(events: Iterator[Batch | Epoch], engine: str) -> Iterator[Batch | Epoch]:
    """The events; where the first one takes longer than a second on numba, say what it is waiting for"""
    waiting = Timer(1, _tell, ["compiling the numba engine, once on this machine: a few seconds"])
    if engine == "numba":
        waiting.start()
    try:
        for event in events:
            waiting.cancel()
            yield event
    finally:
        waiting.cancel()


def _figures(event: Batch | Epoch, speed: float) -> str:
    return f"{speed:,.0f} images/s  loss {event.loss:.4f}  accuracy {event.accuracy:.4f}"


def _report(run: Run, digits: Digits) -> None:
    from convlens.report import write_report

    try:
        _tell(f"report: {write_report(run, digits)}")
    except ImportError as error:
        _tell(f"no report: {_sentence(error)}; then: convlens report --run {run.folder}")


@app.command()
def report(run: RunFolder = None, json_: Json = False) -> None:
    """Write a run's report.html again."""
    from convlens.checkpoint import Run
    from convlens.data import load
    from convlens.report import write_report

    opened = Run.open(run or _newest_run())
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
    run = run or _newest_run()
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

    run = run or _newest_run()
    model = load_model(run)
    found, faults = [], []
    for path in images:
        try:
            probabilities = model.predict(read_digit(path)[None])[0]
        except (ValueError, OSError) as error:
            faults.append(_sentence(error))
            continue
        digit = int(probabilities.argmax())
        found.append({"file": str(path), "digit": digit, "probabilities": [round(float(p), 6) for p in probabilities]})
        if not json_:
            print(f"{path}: {digit} ({probabilities[digit]:.1%})")
    if json_:
        print_json(found)
    for fault in faults:
        _tell(f"convlens: {fault}")
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
