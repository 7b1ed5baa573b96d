"""Reports on a terminal: one submission with its checks, or the summary of a class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from convlens.report.page import count

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from convlens.checker.classes.tally import Tally
    from convlens.checker.verdict import Finding, Report, Status

# Limits for what fits on a terminal
_FEW = 40  # submissions: the submissions of a larger class are not listed
_FAILURES = 5  # reasons of failure in one file that are shown in full
_COMMON = 10  # common mistakes that are listed, and slow files that are listed
_STYLES = {"pass": ("✓", "green"), "fail": ("✗", "red"), "could not tell": ("?", "yellow")}


__all__ = ["show_class", "show_submission"]


def _text(text: str, style: str = "", keep: str = "") -> Text:
    """Return an untrusted text without characters that command the terminal."""
    from rich.text import Text

    from convlens.checker.escapes import escaped

    return Text(escaped(text, keep), style)


def _mark(status: Status) -> Text:
    mark, style = _STYLES[status]
    return _text(mark, style)


def show_submission(report: Report, console: Console) -> None:
    """Print each file with the checks that do not pass, then a line for the whole submission."""
    from rich.padding import Padding

    width = max((len(name) for name in report.files), default=0)
    for name, file in report.files.items():
        style = f"bold {_STYLES[file.status][1]}"
        sum_ = f"  {file.status}, {file.passed} of {len(file.checks)} checks pass"
        console.print(_mark(file.status).append(" ").append_text(_text(f"{name:<{width}}{sum_}", style)))
        failed, untold = file.alike("fail"), file.alike("could not tell")
        for same in failed[:_FAILURES]:
            for indent, said in enumerate(_failure_lines(same), start=1):
                console.print(Padding(said, (0, 0, 0, 2 * min(indent, 2))))
        if rest := [one.name for same in failed[_FAILURES:] for one in same]:
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


def _failure_lines(same: list[Finding]) -> Iterator[Text]:
    """Yield the lines for checks with the same reason: the first check, its message, the likely mistake, the others."""
    first, *others = same
    yield _mark("fail").append(" ").append_text(_text(f"{first.name}: ", "bold")).append_text(_text(first.sentence))
    yield _text(first.message, keep="\n")
    if first.hint:
        yield _text(f"likely: {first.hint}", "bold")
    if others:
        yield _text(f"for the same reason: {', '.join(one.name for one in others)}", "dim")


def show_class(found: Tally, reports: Sequence[Report], console: Console) -> None:
    """Print the summary of a class: files, mistakes, slow files, and if there are few submissions, each of them."""
    from rich.table import Table

    from convlens.checker.classes.tally import duration

    files = Table("file", box=None, pad_edge=False, header_style="bold")
    for column in ("passed", "failed", "could not tell", "median time"):
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
        console.print(f"\n{count(len(slow), 'slow file')} (this is not a failure); the slowest:")
        for one, name in slowest:
            said = f"  {one.name}, {name}: {duration(one.seconds)}, {one.times:g} times the median"
            console.print(_text(said), soft_wrap=True)
    if len(reports) <= _FEW:
        console.print()
        console.print(_students(reports))
    console.print()
    console.print(
        f"{count(found.submissions, 'submission')}: {found.passed:,} pass, {found.failed:,} fail, "
        f"{found.unknown:,} could not be checked; mean score {found.score:.1%}",
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
