"""`convlens train`: train a network, or resume a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convlens.cli.data_options import DATA_HELP, Size, SkipBroken, Transposed, parse_size, tell_notes
from convlens.cli.shared import Json, finite, print_json, sentence, tell

if TYPE_CHECKING:
    from convlens.data import Digits
    from convlens.training.run import Run


def train(
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE.py:FUNCTION|FILE.json",
            help="A network of convlens, such as lenet5 or convnet; a function of your own that gets input_shape, "
            "classes and seed and returns a Sequential; or a specification. [default: lenet5]",
        ),
    ] = None,
    engine: Annotated[
        str | None, typer.Option(help="Engine, such as numpy. auto: numba if it is installed. [default: auto]")
    ] = None,
    trainer: Annotated[str | None, typer.Option(help="convlens, or keras (Keras on JAX). [default: convlens]")] = None,
    data: Annotated[str | None, typer.Option("--data", metavar="DATA", help=f"{DATA_HELP} [default: embedded]")] = None,
    size: Size = None,
    skip_broken: SkipBroken = False,
    transposed: Transposed = None,
    epochs: Annotated[int | None, typer.Option(help="Number of epochs. [default: 5]")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images in each batch. [default: 32]")] = None,
    optimizer: Annotated[
        str | None, typer.Option(help="Optimizer, such as adam, adamw, sgd or rmsprop. [default: adam]")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Learning rate. [default: the optimizer's, 0.001 for adam]")
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(
            help="Fall of the learning rate over all epochs: constant, cosine, linear, exponential or steps. "
            "[default: constant]"
        ),
    ] = None,
    weight_decay: Annotated[
        float | None, typer.Option(help="Weight decay of the optimizer. [default: 0.004 for adamw, else 0]")
    ] = None,
    momentum: Annotated[float | None, typer.Option(help="Momentum of sgd or rmsprop. [default: 0]")] = None,
    augment: Annotated[
        str | None,
        typer.Option(metavar="WORDS", help="Random changes of the images: some of shift,crop,flip,colour."),
    ] = None,
    class_weights: Annotated[
        str | None,
        typer.Option(
            metavar="WORDS",
            help="Weights of the classes in the loss: balanced, or by name, such as cat=1,dog=2.5; others have 1.",
        ),
    ] = None,
    dropout: Annotated[
        float | None,
        typer.Option(
            metavar="RATE", help="Rate of all dropout layers. If there is none, one is put before the last layer."
        ),
    ] = None,
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
    resume: Annotated[bool, typer.Option("--resume", help="Resume a run, the newest or --run DIR.")] = False,
    run_folder: Annotated[
        Path | None, typer.Option("--run", metavar="DIR", help="Folder of the run to resume. [default: the newest run]")
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
    host_timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Time limit to connect all hosts. [default: 60]")
    ] = None,
    json_: Json = False,
) -> None:
    """Train a network.

    The folder of the run then holds its history, weights, checkpoint, report and explorer page.
    """
    from convlens.cli import hosts as several
    from convlens.cli.train_progress import show_progress
    from convlens.cli.train_run import open_run, to_resume, who
    from convlens.geometry import check_count
    from convlens.training import Run
    from convlens.training.settings import KERAS

    renamed = []
    if engine == KERAS:
        renamed.append(f"--engine {KERAS} is now --trainer {KERAS}")
        if trainer not in (None, KERAS):
            raise ValueError(f"--engine {KERAS} is --trainer {KERAS}; got --trainer {trainer} too")
        engine, trainer = None, KERAS
    if resume and out is not None:
        renamed.append("--resume --out DIR is now --resume --run DIR")
    options = {
        "model": model,
        "engine": engine if engine != "auto" else None,
        "trainer": trainer,
        "data": data,
        "size": parse_size(size),
        "skip_broken": skip_broken or None,
        "transposed": transposed,
        "epochs": epochs,
        "batch_size": batch_size,
        "optimizer": optimizer,
        "learning_rate": learning_rate,
        "schedule": schedule,
        "weight_decay": weight_decay,
        "momentum": momentum,
        "augment": augment,
        "class_weights": class_weights,
        "dropout": dropout,
        "seed": seed,
        "early_stopping": early_stopping,
    }
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    check_count("threads", 1 if threads is None else threads, 1)
    asked = several.asked(hosts, rank, host_timeout)
    if asked and asked.rank and (out is not None or resume):
        raise ValueError(f"--out and --resume are for the leading host, rank 0; got rank {asked.rank}")
    if augment is not None and not augment.strip(" ,"):
        raise ValueError(f"--augment must name a random change, such as shift; got {augment!r}")
    if class_weights is not None and not class_weights.strip(" ,"):
        raise ValueError(f"--class-weights must be balanced, or weights by name, such as cat=1; got {class_weights!r}")
    folder = to_resume(resume, run_folder, out)
    if asked and threads is not None:
        raise ValueError(f"--threads is not for --trainer {KERAS}, which uses all cores; got {threads}")
    if asked and several.watch(folder or out):
        return
    if asked and asked.rank:
        several.follow(asked, given)
        return
    with several.meeting(asked, folder) as meeting:
        run, digits = open_run(folder, out, given, threads, meeting)
        meeting.folder = run.folder
        tell(
            f"{run.model.name} ({run.model.count_params():,} parameters) on {digits.source}: "
            f"{len(digits.y_train):,} images to train, {len(digits.y_valid):,} to validate; "
            f"{who(run, asked, threads)}; in {run.folder}"
        )
        for word in (*renamed, *_warnings(run)):
            tell(word)
        tell_notes(digits)
        try:
            with several.events(run, digits, threads, meeting) as events:
                show_progress(run, digits, events)
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


def _warnings(run: Run) -> list[str]:
    if "flip" in run.settings.augment and run.images.light_ink is not None:
        return ["flip mirrors the images, and a mirrored letter or digit is not the same one"]
    return []


def _report(run: Run, digits: Digits) -> None:
    """Write the explorer's page and the report, which links to it."""
    from convlens.cli.explore import write_page
    from convlens.cli.explore_source import Source
    from convlens.report import write_report
    from convlens.training.run import EXPLORER

    page = run.folder / EXPLORER
    about = {"name": run.folder.name, "history": finite(run.history())}
    try:
        write_page(page, Source(run.trained, run.images, run.folder.name, digits, run=about))
        tell(f"page of all numbers: {page}")
    except ValueError as error:
        tell(f"no page of the numbers: {sentence(error)}")
    try:
        tell(f"report: {write_report(run, digits)}")
    except ImportError as error:
        tell(f"no report: {sentence(error)}; write it later with: convlens report --run {run.folder}")
