"""`convlens train`: train a network, or resume a run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convlens.cli.shared import RUNS, Json, print_json, sentence, tell

if TYPE_CHECKING:
    from convlens.cli import hosts as several
    from convlens.data import Digits
    from convlens.training.events import Batch, Epoch, Event
    from convlens.training.run import Run


def _next_run(model: str) -> Path:
    number = 1
    while (RUNS / f"{model}-{number}").exists():
        number += 1
    return RUNS / f"{model}-{number}"


def train(
    model: Annotated[str | None, typer.Option(help="Name of the network, such as lenet5. [default: lenet5]")] = None,
    engine: Annotated[
        str | None, typer.Option(help="Engine, such as numpy. auto: numba if it is installed. [default: auto]")
    ] = None,
    trainer: Annotated[str | None, typer.Option(help="convlens, or keras (Keras on JAX). [default: convlens]")] = None,
    data: Annotated[
        str | None, typer.Option(help="embedded, mnist, an .npz file, or a folder of IDX files. [default: embedded]")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Number of epochs. [default: 5]")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images in each batch. [default: 32]")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Learning rate of Adam. [default: 0.001]")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the run. The same seed gives the same bits. [default: 0]")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Number of threads. Any number gives the same bits. [default: all cores]")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder for a new run. [default: the next free runs/MODEL-NUMBER]"),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume the run in --run DIR.")] = False,
    run_folder: Annotated[
        Path | None, typer.Option("--run", metavar="DIR", help="Folder of the run to resume.")
    ] = None,
    early_stopping: Annotated[
        int | None,
        typer.Option(metavar="N", help="Stop after N epochs without a lower validation loss; keep the best weights."),
    ] = None,
    hosts: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT,…", help="Hosts that share each batch (keras only). The first one leads."),
    ] = None,
    rank: Annotated[int | None, typer.Option(help="Position of this host in --hosts, from 0.")] = None,
    host_timeout: Annotated[float, typer.Option(metavar="SECONDS", help="Time limit to connect all hosts.")] = 60,
    json_: Json = False,
) -> None:
    """Train a network.

    The folder of the run then holds its history, weights, checkpoint and report.
    """
    from convlens.cli import hosts as several
    from convlens.geometry import check_count
    from convlens.training import Run
    from convlens.training.settings import KERAS

    renamed = []
    if engine == KERAS:
        renamed.append(f"--engine {KERAS} is now --trainer {KERAS}")
        engine, trainer = None, KERAS
    if resume and out is not None:
        renamed.append("--resume --out DIR is now --resume --run DIR")
    options = {
        "model": model,
        "engine": engine if engine != "auto" else None,
        "trainer": trainer,
        "data": data,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "seed": seed,
        "early_stopping": early_stopping,
    }
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    check_count("threads", 1 if threads is None else threads, 1)
    asked = several.asked(hosts, rank, host_timeout)
    if asked and asked.rank and (out is not None or resume):
        raise ValueError(f"--out and --resume are for the leading host, rank 0; got rank {asked.rank}")
    run_folder, out = _which(resume, run_folder, out)
    if asked and threads is not None:
        raise ValueError(f"--threads is not for --trainer {KERAS}, which uses all cores; got {threads}")
    if asked and several.watch(out):
        return
    if asked and asked.rank:
        several.follow(asked, given)
        return
    run, digits = _open(out, resume, given, threads, hosts)
    tell(
        f"{run.model.name} ({run.model.count_params():,} parameters) on {digits.source}: "
        f"{len(digits.y_train):,} digits to train, {len(digits.y_valid):,} to validate; "
        f"{_who(run, asked, threads)}; in {run.folder}"
    )
    for word in renamed:
        tell(word)
    if resume and not run.epochs:
        tell(f"there is no run to resume in {run.folder}: a new run begins")
    try:
        with several.events(run, digits, threads, asked) as events:
            _show_progress(run, digits, events)
        tell(f"{run.finished}; weights in {run.folder}")
        _report(run, digits)
    except KeyboardInterrupt:
        done = f"{len(Run.open(run.folder).epochs)} of {run.settings.epochs} epochs done"  # counts what is on disk
        tell(f"stopped, {done}; go on with: convlens train --resume --run {run.folder}")
        if asked:
            several.leave(130)
        raise typer.Exit(130) from None
    if json_:
        print_json(run.history())


def _which(resume: bool, run: Path | None, out: Path | None) -> tuple[Path | None, Path | None]:
    """Return the folder of the run to resume and the folder for a new run. ValueError if the options conflict."""
    from convlens.training.run import CHECKPOINT

    if run is not None and not resume:
        raise ValueError(f"--run needs --resume; a new run goes to --out DIR; got --run {run}")
    if run is not None and out is not None:
        raise ValueError(f"only one of --run and --out can be given; got {run} and {out}")
    if resume and run is None and out is None:
        raise ValueError("--resume needs --run DIR, the folder of the run to resume; got none")
    if resume and run is None:
        return out, out
    if run is not None and not (run / CHECKPOINT).exists():
        raise FileNotFoundError(f"--run must be the folder of a run; {run} holds none")
    return run, run or out


def _open(
    out: Path | None, resume: bool, given: dict[str, Any], threads: int | None, hosts: str | None
) -> tuple[Run, Digits]:
    """Return the run to resume or a new run, and its digits."""
    from convlens.data import load
    from convlens.training.run import CHECKPOINT, Run
    from convlens.training.settings import Settings, go_on

    if resume and out is not None and (out / CHECKPOINT).exists():
        run = Run.open(out)
        run.settings = go_on(run.settings, given)
        if run.settings.epochs < len(run.epochs):
            raise ValueError(
                f"epochs must be at least {len(run.epochs)}, the number already done; got {given['epochs']}"
            )
        _check_trainer(run.settings.trainer, threads, hosts)
        return run, load(run.settings.data)
    settings = Settings(**given)
    _check_trainer(settings.trainer, threads, hosts)
    digits = load(settings.data)
    return Run.start(out or _next_run(settings.model), settings, digits), digits


def _check_trainer(trainer: str, threads: int | None, hosts: str | None) -> None:
    from convlens.training.settings import KERAS

    if trainer != KERAS and hosts is not None:
        raise ValueError(f"--hosts needs --trainer {KERAS}; got {trainer}")
    if trainer == KERAS and threads is not None:
        raise ValueError(f"--threads is not for --trainer {KERAS}, which uses all cores; got {threads}")
    if trainer == KERAS:
        from convlens.interop.frameworks import check_installed

        for package in ("keras", "jax"):
            check_installed(package, f"--trainer {KERAS}")


def _who(run: Run, asked: several.Asked | None, threads: int | None) -> str:
    """Return the trainer or engine as words for the first line."""
    from convlens.machine.threads import usable_threads
    from convlens.training.settings import KERAS

    if asked:
        return f"Keras on {len(asked.hosts)} host{'s' if len(asked.hosts) > 1 else ''}"
    if run.settings.trainer == KERAS:
        return "Keras on JAX, all cores"
    return f"engine {run.settings.engine}, threads {threads or usable_threads()}"


# Progress ------------------------------------------------------------------------------------------------------------


def _show_progress(run: Run, digits: Digits, events: Iterator[Event]) -> None:
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
    first, last, images = len(run.epochs) + 1, run.settings.epochs, len(digits.y_train)
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


def _patiently(events: Iterator[Event], engine: str) -> Iterator[Event]:
    """Yield the events. If numba takes longer than a second for the first one, tell the user that it compiles."""
    waiting = Timer(1, tell, ["compiling the numba engine: a few seconds, only once on this machine"])
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
        tell(f"no report: {sentence(error)}; write it later with: convlens report --run {run.folder}")
