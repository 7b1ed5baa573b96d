"""Reports on a terminal: one submission with its checks, or the summary of a class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from convlens.checker.verdict import PARTS
from convlens.report.page import count

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from convlens.checker.classes.changes import Changes
    from convlens.checker.classes.marks import Mark
    from convlens.checker.classes.tally import Tally
    from convlens.checker.verdict import FileReport, Finding, Report, Status

# Limits for what fits on a terminal
_FEW = 40  # submissions: the submissions of a larger class are not listed
_FAILURES = 5  # reasons of failure in one file that are shown in full
_NAMES = 8  # students named for a common mistake
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
    """Print each file with its two verdicts, what does not pass and the advice, then a line for the whole."""
    from rich.padding import Padding

    width = max((len(name) for name in report.files), default=0)
    for name, file in report.files.items():
        head = _mark(file.status).append(" ").append_text(_text(f"{name:<{width}}", f"bold {_STYLES[file.status][1]}"))
        console.print(head.append_text(_verdicts(file)), soft_wrap=True)
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
        for one in file.advice:
            cure = f": {one.hint}" if one.hint else ""
            console.print(Padding(_text(f"· advice: {one.message}{cure}"), (0, 0, 0, 2)))
    for note in report.notes:
        console.print(_text(f"note: {note}"), soft_wrap=True)
    console.print(_sum(report), style="bold", soft_wrap=True)


def _verdicts(file: FileReport) -> Text:
    """Return the verdict on the code and on the form, for example "  ✗ code, 17 of 21 checks   ✓ form"."""
    line = _text("")
    for part in PARTS:
        verdict = file.verdict(part)
        if verdict is not None:
            checks = file.of(part)
            passed = sum(one.status == "pass" for one in checks)
            count = "" if verdict == "pass" else f", {passed} of {len(checks)} checks pass"
            said = f" {part}{' could not be told' if verdict == 'could not tell' else ''}{count}"
            line = line.append("  ").append_text(_mark(verdict)).append_text(_text(said, _STYLES[verdict][1]))
    return line


def _sum(report: Report) -> str:
    """Return one line about all files: how many pass in each part, the scores, the sandbox."""
    parts = []
    for part in PARTS:
        found = [verdict for file in report.files.values() if (verdict := file.verdict(part))]
        if found:
            parts.append(f"{part}: {found.count('pass')} of {len(found)} files pass, score {report.score(part):.1%}")
    return "; ".join([*parts, f"sandbox {report.tier}"])


def _failure_lines(same: list[Finding]) -> Iterator[Text]:
    """Yield the lines for checks with the same reason: the first check, its message, the likely mistake, the others."""
    first, *others = same
    name = f"{first.part}, {first.name}: " if first.part == "form" else f"{first.name}: "
    yield _mark("fail").append(" ").append_text(_text(name, "bold")).append_text(_text(first.sentence))
    yield _text(first.message, keep="\n")
    if first.hint:
        yield _text(f"likely: {first.hint}", "bold")
    if others:
        yield _text(f"for the same reason: {', '.join(one.name for one in others)}", "dim")


def show_class(
    found: Tally,
    reports: Sequence[Report],
    console: Console,
    marks: Mapping[str, Mark] | None = None,
    changes: Changes | None = None,
) -> None:
    """Print the summary of a class: files, mistakes, slow files, and if there are few submissions, each of them.

    marks: the marks by name, None without; changes: what changed since earlier results
    """
    from rich.table import Table

    from convlens.checker.classes.marks import mean_points
    from convlens.checker.classes.tally import duration

    points = mean_points(marks or {})
    files = Table("file", box=None, pad_edge=False, header_style="bold")
    for column in ("code ✓", "✗", "?", "form ✓", "✗", "?", "median time"):
        files.add_column(column, justify="right")
    for name, file in found.files.items():
        usual = "" if file.usual is None else duration(file.usual)
        files.add_row(_text(name), *map(str, [*file.code, *file.form]), usual)
    console.print(files)
    if found.mistakes:
        mistakes = Table("students", "likely mistake", "who", box=None, pad_edge=False, header_style="bold")
        mistakes.columns[0].justify = "right"
        mistakes.columns[1].overflow = mistakes.columns[2].overflow = "fold"
        for made in found.mistakes[:_COMMON]:
            said = f"form: {made.hint}" if made.part == "form" else made.hint
            mistakes.add_row(str(len(made.names)), _text(said), _text(_who(made.names)))
        console.print()
        console.print(mistakes)
    slow = [(one, name) for name, file in found.files.items() for one in file.slow]
    if slow:
        slowest = sorted(slow, key=lambda pair: -pair[0].times)[:_COMMON]
        console.print(f"\n{count(len(slow), 'slow file')} (this is not a failure); the slowest:")
        for one, name in slowest:
            said = f"  {one.name}, {name}: {duration(one.seconds)}, {one.times:g} times the course's own program"
            console.print(_text(said), soft_wrap=True)
    if changes is not None:
        _show_changes(changes, console)
    if len(reports) <= _FEW:
        console.print()
        console.print(_students(reports, marks or {}))
    console.print()
    console.print(
        f"{count(found.submissions, 'submission')}: {found.passed:,} pass, {found.failed:,} fail, "
        f"{found.unknown:,} could not be checked; mean score {_scores(found)}{points and f'; mean points {points}'}",
        style="bold",
        soft_wrap=True,
    )


def _show_changes(changes: Changes, console: Console) -> None:
    console.print(f"\nsince the last results: {changes.in_words()}", soft_wrap=True)
    for one in changes.changed[:_FEW]:
        console.print(_text(f"  {one.name}: {one.in_words()}"), soft_wrap=True)
    if len(changes.changed) > _FEW:
        console.print(f"  and {len(changes.changed) - _FEW:,} more")
    for what, names in (("new", changes.new), ("gone", changes.gone)):
        if names:
            console.print(_text(f"  {what}: {_who(names)}"), soft_wrap=True)


def _scores(found: Tally) -> str:
    told = {"code": found.code, "form": found.form}
    return ", ".join(f"{part} {score:.1%}" for part, score in told.items() if score is not None)


def _who(names: Sequence[str]) -> str:
    """Return the names of the students, the first few if they are many."""
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return ", ".join(names[:_NAMES]) + more


def _students(reports: Sequence[Report], marks: Mapping[str, Mark]) -> Any:
    from rich.table import Table

    from convlens.checker.classes.tally import reason

    table = Table("name", box=None, pad_edge=False, header_style="bold")
    pointed = any(mark.score for mark in marks.values())
    dated = any(mark.late for mark in marks.values())
    for name in [*["points"] * pointed, *["handed in"] * dated]:
        table.add_column(name)
    for name in ("code", "", "form", "", "what is wrong"):
        table.add_column(name, justify="right" if name in PARTS else "left")
    for column in table.columns:
        column.overflow = "fold"
    for report in reports:
        mark = marks.get(report.name)
        cells = [_text(mark.in_words() if mark else "")] * pointed
        cells += [_text(mark.late.in_words() if mark and mark.late else "")] * dated
        for part in PARTS:
            score = report.score(part)
            verdicts = [file.verdict(part) for file in report.files.values()]
            shown = _text("").join([_mark(one) if one else _text("·") for one in verdicts])
            cells += [_text("" if score is None else f"{score:.1%}"), shown]
        table.add_row(_text(report.name), *cells, _text(reason(report)))
    return table
