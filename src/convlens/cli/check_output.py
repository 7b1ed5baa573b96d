"""What `convlens check` shows while it works, and where its reports go: a bar, the sandbox's tier, files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from convlens.cli.shared import tell

if TYPE_CHECKING:
    from rich.console import Console

    from convlens.checker.verdict import Status


class Files(NamedTuple):
    """Where reports are to be written, None for nowhere"""

    html: Path | None
    junit: Path | None
    csv: Path | None = None


def write(path: Path | None, text: Callable[[], str]) -> None:
    """Write a file, whole or not at all, and say so."""
    from convlens.storage.atomic import atomic_write

    if path is not None:
        with atomic_write(path) as file:
            file.write(text().encode())
        tell(f"written: {path}")


def tell_tier(tier: str, *, again: bool = False) -> None:
    """Which sandbox it is, and unless that was told before, what it cannot stop"""
    from convlens.checker.sandbox.tiers import CANNOT_STOP

    tell(f"sandbox {tier}, as before" if again else f"sandbox {tier}; what it cannot stop:")
    for known in () if again else CANNOT_STOP[tier]:
        tell(f"  {known}")


def console() -> Console:
    """Standard output as rich has it, which takes no text for markup"""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


class Bar:
    """A bar on a terminal's standard error while submissions are graded; a context manager."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True, highlight=False, soft_wrap=True)
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[counts]}"), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task("", total=total, counts="")
        self._counts: dict[Status, int] = {"pass": 0, "fail": 0, "could not tell": 0}

    def advance(self, status: Status) -> None:
        """One more is done."""
        self._counts[status] += 1
        counts = f"{self._counts['pass']} pass  {self._counts['fail']} fail"
        if unknown := self._counts["could not tell"]:
            counts += f"  {unknown} could not be told"
        self._progress.update(self._task, advance=1, counts=counts)

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
