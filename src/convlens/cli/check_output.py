"""The output of `convlens check` besides its report: the progress bar, the sandbox's tier, the output files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from convlens.cli.shared import tell

if TYPE_CHECKING:
    from rich.console import Console

    from convlens.checker.verdict import Status


class Files(NamedTuple):
    """The output files; None for a file that is not wanted."""

    html: Path | None
    junit: Path | None
    csv: Path | None = None


def write(path: Path | None, text: Callable[[], str]) -> None:
    """Write a file, whole or not at all, and print its name. Do nothing if `path` is None."""
    from convlens.storage.atomic import atomic_write

    if path is not None:
        with atomic_write(path) as file:
            file.write(text().encode())
        tell(f"written: {path}")


def tell_tier(tier: str, *, again: bool = False) -> None:
    """Print the sandbox's tier and what it cannot stop; with `again` only the tier, since an earlier run said it."""
    from convlens.checker.sandbox.tiers import CANNOT_STOP

    tell(f"sandbox {tier}, as before" if again else f"sandbox {tier}; what it cannot stop:")
    for known in () if again else CANNOT_STOP[tier]:
        tell(f"  {known}")


def console() -> Console:
    """Return a rich console on standard output that treats no text as markup."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


class Bar:
    """A progress bar on the terminal while submissions are graded. A context manager; writes to standard error."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True, highlight=False, soft_wrap=True)
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[counts]}"), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task("", total=total, counts="")
        self._counts: dict[Status, int] = {"pass": 0, "fail": 0, "could not tell": 0}

    def advance(self, status: Status) -> None:
        """Count one more submission, with this status."""
        self._counts[status] += 1
        counts = f"{self._counts['pass']} pass  {self._counts['fail']} fail"
        if unknown := self._counts["could not tell"]:
            counts += f"  {unknown} could not be checked"
        self._progress.update(self._task, advance=1, counts=counts)

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
