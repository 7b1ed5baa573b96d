"""What `convlens train` prints while it trains: a progress bar on a terminal, a line for each epoch, warnings."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Timer
from typing import TYPE_CHECKING

from convlens.cli.shared import tell

if TYPE_CHECKING:
    from convlens.data import Digits
    from convlens.training.events import Batch, Epoch, Event
    from convlens.training.run import Run

__all__ = ["show_progress"]


def show_progress(run: Run, digits: Digits, events: Iterator[Event]) -> None:
    """Run the training and print its figures, and at once if the learning rate looks too high."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from convlens.training import Batch
    from convlens.training.divergence import Divergence

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    columns = (
        TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
        BarColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
    )
    first, last, images = len(run.epochs) + 1, run.settings.epochs, len(digits.y_train)
    watch = Divergence(digits.classes, run.settings.rate)
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
            if said := watch(event):
                console.print(said)


def _patiently(events: Iterator[Event], engine: str) -> Iterator[Event]:
    """Yield the events. If the first one takes longer than a second since kernels are compiled, tell the user."""
    waiting = Timer(1, _tell_of_compiling)
    if engine == "numba":
        waiting.start()
    try:
        for event in events:
            waiting.cancel()
            yield event
    finally:
        waiting.cancel()


def _tell_of_compiling() -> None:
    from convlens.engines.compiled.machine_code import compiled_here

    if compiled_here():
        tell("compiling the numba engine: a few seconds, only once on this machine")


def _figures(event: Batch | Epoch, speed: float) -> str:
    return f"{speed:,.0f} images/s  loss {event.loss:.4f}  accuracy {event.accuracy:.4f}"
