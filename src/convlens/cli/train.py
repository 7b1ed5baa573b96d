"""`convlens train`"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convlens.cli import hosts as cli_team
from convlens.cli.shared import RUNS, Json, print_json, sentence, tell

if TYPE_CHECKING:
    from convlens.data import Digits
    from convlens.training.loop import Batch, Epoch
    from convlens.training.run import Run


def _next_run(model: str) -> Path:
    number = 1
    while (RUNS / f"{model}-{number}").exists():
        number += 1
    return RUNS / f"{model}-{number}"


def train(
    model: Annotated[str | None, typer.Option(help="The network. [default: lenet5]")] = None,
    engine: Annotated[
        str | None, typer.Option(help="numba, numpy, keras on JAX, or auto: the fastest. [default: auto]")
    ] = None,
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
    hosts: Annotated[
        str | None, typer.Option(metavar="HOST:PORT,…", help="Share each batch among these; the first one leads.")
    ] = None,
    rank: Annotated[int | None, typer.Option(help="Which of the hosts this one is, from 0.")] = None,
    host_timeout: Annotated[float, typer.Option(metavar="SECONDS", help="How long to wait for the hosts.")] = 60,
    json_: Json = False,
) -> None:
    """Train a network; the run's folder gets its history, weights, checkpoint and report."""
    from convlens.geometry import check_count
    from convlens.training.run import Run, engine_name

    options = {
        "model": model,
        "engine": engine_name(engine) if engine not in (None, "auto") else None,
        "data": data,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "seed": seed,
        "early_stopping": early_stopping,
    }
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    check_count("threads", 1 if threads is None else threads, 1)
    asked = cli_team.asked(hosts, rank, host_timeout)
    if asked and asked.rank and (out is not None or resume):
        raise ValueError(f"--out and --resume are for the leading host, rank 0; got rank {asked.rank}")
    if asked and threads is not None:
        raise ValueError(f"--threads is not for --engine keras, which uses all cores; got {threads}")
    if asked and cli_team.watch(out):
        return
    if asked and asked.rank:
        cli_team.follow(asked, given)
        return
    run, digits = _open(out, resume, given, threads, hosts)
    tell(
        f"{run.model.name} ({run.model.count_params():,} parameters) on {digits.source}: "
        f"{len(digits.x_train):,} digits to train, {len(digits.x_valid):,} to validate; "
        f"engine {run.settings.engine}, {_who(run, asked, threads)}; in {run.folder}"
    )
    if resume and not run.epochs:
        tell(f"there was nothing to go on with in {run.folder}: the run begins")
    try:
        with cli_team.events(run, digits, threads, asked) as events:
            _show_progress(run, digits, events)
        tell(f"{run.finished}; weights in {run.folder}")
        _report(run, digits)
    except KeyboardInterrupt:
        done = f"{len(Run.open(run.folder).epochs)} of {run.settings.epochs} epochs done"  # those that are on disk
        tell(f"stopped, {done}; go on with: convlens train --resume --out {run.folder}")
        if asked:
            cli_team.leave(130)
        raise typer.Exit(130) from None
    if json_:
        print_json(run.history())


def _open(
    out: Path | None, resume: bool, given: dict[str, Any], threads: int | None, hosts: str | None
) -> tuple[Run, Digits]:
    """The run that is to go on, or a new one"""
    from convlens.data import load
    from convlens.training.run import CHECKPOINT, Run, Settings, go_on

    if resume and out is None:
        raise ValueError("--resume needs --out DIR, the folder of the run to go on with; got none")
    if resume and out is not None and (out / CHECKPOINT).exists():
        run = Run.open(out)
        run.settings = go_on(run.settings, given)
        if run.settings.epochs < len(run.epochs):
            raise ValueError(f"epochs must be at least the {len(run.epochs)} that are done; got {given['epochs']}")
        _check_engine(run.settings.engine, threads, hosts)
        return run, load(run.settings.data)
    settings = Settings(**given)
    _check_engine(settings.engine, threads, hosts)
    digits = load(settings.data)
    return Run.start(out or _next_run(settings.model), settings, digits), digits


def _check_engine(engine: str, threads: int | None, hosts: str | None) -> None:
    from convlens.training.run import KERAS

    if engine != KERAS and hosts is not None:
        raise ValueError(f"--hosts needs --engine {KERAS}; got {engine}")
    if engine == KERAS and threads is not None:
        raise ValueError(f"--threads is not for --engine {KERAS}, which uses all cores; got {threads}")
    if engine == KERAS:
        from convlens.interop.frameworks import check_installed

        for package in ("keras", "jax"):
            check_installed(package, f"the engine {KERAS}")


def _who(run: Run, asked: cli_team.Asked | None, threads: int | None) -> str:
    from convlens.machine.threads import usable_threads
    from convlens.training.run import KERAS

    if asked:
        return f"{len(asked.hosts)} host{'s' if len(asked.hosts) > 1 else ''}"
    return "all cores" if run.settings.engine == KERAS else f"threads {threads or usable_threads()}"


# ---------------------------------------------------------------- what is seen of it


def _show_progress(run: Run, digits: Digits, events: Iterator[Batch | Epoch]) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from convlens.training.loop import Batch

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
        for event in _patiently(events, run.settings.engine):
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
    waiting = Timer(1, tell, ["compiling the numba engine, once on this machine: a few seconds"])
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
        tell(f"report: {write_report(run, digits)}")
    except ImportError as error:
        tell(f"no report: {sentence(error)}; then: convlens report --run {run.folder}")
