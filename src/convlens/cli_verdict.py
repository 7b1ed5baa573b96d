"""Reports of the checker, shown on a terminal and written to files; and a bar while a class is graded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from convlens.cli_shared import tell

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from convlens.checker.classes.tally import Tally
    from convlens.checker.verdict import Finding, Report, Status

_FEW = 40  # submissions that are shown one by one
_KINDS = 5  # of failures of a file that are shown in full
_COMMON = 10  # mistakes, and slow files, that are shown
_STYLES = {"pass": ("✓", "green"), "fail": ("✗", "red"), "could not tell": ("?", "yellow")}


class Files(NamedTuple):
    """Where reports are to be written, None for nowhere"""

    html: Path | None
    junit: Path | None
    csv: Path | None = None


def write(path: Path | None, text: Callable[[], str]) -> None:
    """Write a file, whole or not at all, and say so."""
    from convlens.atomic import atomic_write

    if path is not None:
        with atomic_write(path) as file:
            file.write(text().encode())
        tell(f"written: {path}")


def submissions(number: int) -> str:
    """1 submission, 2,000 submissions"""
    return f"{number:,} submission" + ("s" if number != 1 else "")


def tell_tier(tier: str, *, again: bool = False) -> None:
    """Which sandbox it is, and unless that was told before, what it cannot stop"""
    from convlens.checker.sandbox.tiers import CANNOT_STOP

    tell(f"sandbox {tier}, as before" if again else f"sandbox {tier}; what it cannot stop:")
    for known in () if again else CANNOT_STOP[tier]:
        tell(f"  {known}")


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False)


def _text(text: str, style: str = "", keep: str = "") -> Text:
    """What others wrote, without what would command the terminal"""
    from rich.text import Text

    from convlens.checker.escapes import escaped

    return Text(escaped(text, keep), style)


def _mark(status: Status) -> Text:
    mark, style = _STYLES[status]
    return _text(mark, style)


def show_submission(report: Report) -> None:
    """Each file with the checks that do not pass, and what it all comes to."""
    from rich.padding import Padding

    console = _console()
    width = max((len(name) for name in report.files), default=0)
    for name, file in report.files.items():
        style = f"bold {_STYLES[file.status][1]}"
        sum_ = f"  {file.status}, {file.passed} of {len(file.checks)} checks pass"
        console.print(_mark(file.status).append(" ").append_text(_text(f"{name:<{width}}{sum_}", style)))
        failed, untold = file.alike("fail"), file.alike("could not tell")
        for same in failed[:_KINDS]:
            for indent, said in enumerate(_what(same), start=1):
                console.print(Padding(said, (0, 0, 0, 2 * min(indent, 2))))
        if rest := [one.name for same in failed[_KINDS:] for one in same]:
            console.print(Padding(_text(f"and {len(rest)} more fail: {', '.join(rest)}"), (0, 0, 0, 2)))
        for same in untold:
            names = same[0].name if len(same) == 1 else f"{len(same)} checks"
            said = _text(f" {names}: {same[0].message}")
            console.print(Padding(_mark("could not tell").append_text(said), (0, 0, 0, 2)))
    passed = [file.status for file in report.files.values()].count("pass")
    console.print(
        f"{passed} of {len(report.files)} files pass; score {report.score:.1%}; sandbox {report.tier}",
        style="bold",
        soft_wrap=True,
    )


def _what(same: list[Finding]) -> Iterator[Text]:
    """Of checks that have one reason: what is checked, what was found, the likely mistake, and the others' names"""
    first, *others = same
    yield _mark("fail").append(" ").append_text(_text(f"{first.name}: ", "bold")).append_text(_text(first.sentence))
    yield _text(first.message, keep="\n")
    if first.hint:
        yield _text(f"likely: {first.hint}", "bold")
    if others:
        yield _text(f"for the same reason: {', '.join(one.name for one in others)}", "dim")


def show_class(found: Tally, reports: Sequence[Report]) -> None:
    """What a class comes to: its files, its mistakes, who is slow; each submission if there are few."""
    from rich.table import Table

    from convlens.checker.classes.tally import duration

    console = _console()
    files = Table("file", box=None, pad_edge=False, header_style="bold")
    for column in ("passed", "failed", "could not tell", "usual time"):
        files.add_column(column, justify="right")
    for name, file in found.files.items():
        usual = "" if file.usual is None else duration(file.usual)
        files.add_row(_text(name), str(file.passed), str(file.failed), str(file.unknown), usual)
    console.print(files)
    if found.mistakes:
        mistakes = Table("submissions", "likely mistake", box=None, pad_edge=False, header_style="bold")
        mistakes.columns[0].justify = "right"
        mistakes.columns[1].overflow = "fold"
        for hint, number in found.mistakes[:_COMMON]:
            mistakes.add_row(str(number), _text(hint))
        console.print()
        console.print(mistakes)
    slow = [(one, name) for name, file in found.files.items() for one in file.slow]
    if slow:
        slowest = sorted(slow, key=lambda pair: -pair[0].times)[:_COMMON]
        console.print(f"\nslow, which fails nobody: {len(slow):,}, the first of them")
        for one, name in slowest:
            said = f"  {one.name}, {name}: {duration(one.seconds)}, {one.times:g} times the usual"
            console.print(_text(said), soft_wrap=True)
    if len(reports) <= _FEW:
        console.print()
        console.print(_students(reports))
    console.print()
    console.print(
        f"{submissions(found.submissions)}: {found.passed:,} pass, {found.failed:,} fail, "
        f"{found.unknown:,} could not be told; mean score {found.score:.1%}",
        style="bold",
        soft_wrap=True,
    )


def _students(reports: Sequence[Report]) -> Any:
    from rich.table import Table

    from convlens.checker.classes.tally import reason

    table = Table("", "name", "score", "files", "what is wrong", box=None, pad_edge=False, header_style="bold")
    for column in table.columns:
        column.overflow = "fold"
    for report in reports:
        marks = _text("").join([_mark(file.status) for file in report.files.values()])
        table.add_row(_mark(report.status), _text(report.name), f"{report.score:.1%}", marks, _text(reason(report)))
    return table


class Doing:
    """A line on a terminal's standard error that says what is being done, as long as it is; a context manager."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False, markup=False)
        self._status = self._console.status("")

    def say(self, file: str) -> None:
        """That file is now checked."""
        self._status.update(f"checking {file} …")

    def __enter__(self) -> Doing:
        if self._console.is_terminal:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()


class Bar:
    """A bar on a terminal's standard error while submissions are graded; a context manager."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True, highlight=False, soft_wrap=True)
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[counts]}"), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task("", total=total, counts="")
        self._counts = dict.fromkeys(_STYLES, 0)

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
