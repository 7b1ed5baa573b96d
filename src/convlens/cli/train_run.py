"""The run that `convlens train` works on: a new one in a folder of its own, or one that is resumed."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convlens.cli.run_data import load_again, load_with
from convlens.cli.shared import RUNS

if TYPE_CHECKING:
    from convlens.cli import hosts as several
    from convlens.data import Digits
    from convlens.nn import Sequential
    from convlens.training.run import Run

__all__ = ["claim", "open_run", "to_resume", "who"]


def claim(name: str) -> Path:
    """Make the next free folder runs/NAME-NUMBER. Two processes that ask at the same moment get two folders."""
    number = 1
    while True:
        folder = RUNS / f"{name}-{number}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
        else:
            return folder


def to_resume(resume: bool, run: Path | None, out: Path | None) -> Path | None:
    """Return the folder of the run to resume, by default the newest in ./runs; None for a new run.

    Raises ValueError if the options conflict, and FileNotFoundError if there is no such run.
    """
    from convlens.training.run import CHECKPOINT

    if run is not None and not resume:
        raise ValueError(f"--run needs --resume; a new run goes to --out DIR; got --run {run}")
    if run is not None and out is not None:
        raise ValueError(f"only one of --run and --out can be given; got {run} and {out}")
    if not resume:
        return None
    run = run or out  # the old form, --resume --out DIR
    if run is not None:
        if not (run / CHECKPOINT).exists():
            raise FileNotFoundError(f"--run must be the folder of a run; {run} holds none")
        return run
    found = list(RUNS.glob(f"*/{CHECKPOINT}"))
    if not found:
        raise FileNotFoundError(
            f"--resume needs a run; {RUNS}/ holds none: begin one without --resume, or name one by --run"
        )
    return max(found, key=lambda path: path.stat().st_mtime).parent


def open_run(
    folder: Path | None, out: Path | None, given: dict[str, Any], threads: int | None, meeting: several.Meeting
) -> tuple[Run, Digits]:
    """Return the run in `folder` to go on with, or without a folder a new run; and its data.

    Several hosts decode a folder of pictures together: then they join here, when the settings are checked.
    """
    from convlens.training.model_source import check_source, short_name
    from convlens.training.run import Run
    from convlens.training.settings import KERAS, Settings, go_on

    if folder is not None:
        run = Run.open(folder)
        run.settings = go_on(run.settings, given)
        if run.settings.epochs < len(run.epochs):
            raise ValueError(
                f"epochs must be at least {len(run.epochs)}, the number already done; got {given['epochs']}"
            )
        _check_trainer(run.settings.trainer, threads, meeting.asked)
        with meeting.agreeing():
            return run, load_again(asdict(run.settings), meeting.to_decode(run.settings))
    settings = Settings(**given)
    _check_trainer(settings.trainer, threads, meeting.asked)
    check_source(settings.model)
    if meeting.asked and out is not None:
        _check_free(out)  # before this host waits for the others
    check = _check_keras if settings.trainer == KERAS else None
    with meeting.agreeing():
        digits = load_with(asdict(settings), meeting.to_decode(settings))
        return Run.start(out or partial(claim, short_name(settings.model)), settings, digits, check=check), digits


def _check_free(out: Path) -> None:
    from convlens.training.run import holds_run

    if out.exists() and not out.is_dir():
        raise NotADirectoryError(f"the output folder must be a folder; {out} is a file")
    if held := holds_run(out):
        raise FileExistsError(f"the output folder must not hold another run; {out} holds {held}")


def _check_keras(model: Sequential) -> None:
    from convlens.interop.keras_run import check_network

    check_network(model)


def _check_trainer(trainer: str, threads: int | None, hosts: several.Asked | None) -> None:
    from convlens.training.settings import KERAS

    if trainer != KERAS and hosts is not None:
        raise ValueError(f"--hosts needs --trainer {KERAS}; got {trainer}")
    if trainer == KERAS and threads is not None:
        raise ValueError(f"--threads is not for --trainer {KERAS}, which uses all cores; got {threads}")
    if trainer == KERAS:
        from convlens.interop.frameworks import check_installed

        for package in ("keras", "jax"):
            check_installed(package, f"--trainer {KERAS}")


def who(run: Run, asked: several.Asked | None, threads: int | None) -> str:
    """Return the trainer or engine as words for the first line."""
    from convlens.machine.threads import usable_threads
    from convlens.training.settings import KERAS

    if asked:
        return f"Keras on {len(asked.hosts)} host{'s' if len(asked.hosts) > 1 else ''}"
    if run.settings.trainer == KERAS:
        return "Keras on JAX, all cores"
    return f"engine {run.settings.engine}, threads {threads or usable_threads()}"
