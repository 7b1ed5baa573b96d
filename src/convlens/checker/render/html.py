"""Reports as an HTML page, for a student or a whole class: one file that needs no script and no other file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import Any

from convlens.checker.classes.changes import Changes
from convlens.checker.classes.marks import Mark, mean_points
from convlens.checker.classes.tally import SLOW, SLOW_SECONDS, Tally, duration, likely, tally
from convlens.checker.escapes import escaped
from convlens.checker.render.heat import heat_map, map_in_words
from convlens.checker.render.marks import changes_section, mark_cells, mark_columns, mark_sections
from convlens.checker.verdict import FAIL, PARTS, PASS, UNKNOWN, ErrorMap, FileReport, Finding, Report, Status
from convlens.report.page import count, document, percent, section, table

__all__ = ["class_page", "submission_page"]

_NBSP = "\u00a0"  # between a number and its unit
_MARKS: dict[Status, tuple[str, str]] = {PASS: ("✓", "ok"), FAIL: ("✗", "bad"), UNKNOWN: ("?", "open")}


def submission_page(report: Report, mark: Mark | None = None) -> str:
    """Return the page of one submission: the likely mistakes, the points, then each file with all its checks.

    mark: the student's mark, None without
    """
    parts = [
        f"<header><h1>{_text(report.name)}</h1>\n{_figures(_about(report, mark))}</header>{_notes(report)}",
        _likely(report),
        mark_sections(mark),
        *(
            f'<section>\n<h2 id="f{number}">{_text(name)} {_verdicts(file)}</h2>\n{_file(file)}</section>'
            for number, (name, file) in enumerate(report.files.items())
        ),
    ]
    return _document(f"{report.name}: {report.status}", "\n".join(parts))


def class_page(
    name: str,
    reports: Sequence[Report],
    settings: Mapping[str, Any],
    marks: Mapping[str, Mark] | None = None,
    changes: Changes | None = None,
) -> str:
    """Return the page of a class: a summary, a row for each submission, and the findings of all that do not pass.

    settings: settings of the checks, by name; marks: the marks by the student's name, None without;
    changes: what changed since earlier results
    """
    marks = marks or {}
    found = tally(reports)
    details = [_student(number, report) for number, report in enumerate(reports) if report.status != PASS]
    cards = {
        "submissions": f"{found.submissions:,}",
        "passed": f"{found.passed:,}",
        "failed": f"{found.failed:,}",
        "could not tell": f"{found.unknown:,}",
        "mean score, code": _percent(found.code),
        "mean score, form": _percent(found.form),
        **({"mean points": mean} if (mean := mean_points(marks)) else {}),
        **{key: str(value) for key, value in settings.items() if value is not None},
    }
    parts = (
        f"<header><h1>{_text(name)}</h1>\n{_figures(cards)}</header>",
        section("Files", _files(found)),
        section("Common mistakes", _mistakes(found)),
        changes_section(changes),
        section("Class", _class(reports, marks)),
        section("What was found", "\n".join(details) or "<p>All submissions pass.</p>"),
    )
    return _document(f"{name}: {count(found.submissions, 'submission')}", "\n".join(parts))


def _document(title: str, body: str) -> str:
    page = document(f"{escaped(title)} · convlens check", body)
    return page.replace("</style>", f"{_STYLE}</style>", 1)


def _text(text: str, keep: str = "") -> str:
    return escape(escaped(text, keep))


def _status(status: Status) -> str:
    mark, kind = _MARKS[status]
    return f'<span class="{kind}">{mark} {status}</span>'


def _figures(cards: Mapping[str, str]) -> str:
    cells = "\n".join(
        f"<div><dt>{_text(name)}</dt><dd>{_text(value, keep=_NBSP)}</dd></div>" for name, value in cards.items()
    )
    return f'<dl class="figures">\n{cells}\n</dl>'


# One submission ------------------------------------------------------------------------------------------------------


def _about(report: Report, mark: Mark | None) -> dict[str, str]:
    columns = mark_columns({report.name: mark} if mark else {})
    cards: dict[str, str] = dict(zip(columns, mark_cells(mark, columns), strict=True))
    for part in PARTS:
        found = [verdict for file in report.files.values() if (verdict := file.verdict(part))]
        if found:
            cards[part] = f"{found.count(PASS)} of {len(found)} files pass"
            cards[f"score, {part}"] = _percent(report.score(part))
    return {**cards, "sandbox": report.tier}


def _notes(report: Report) -> str:
    return "".join(f"\n<p>Note: {_text(note)}.</p>" for note in report.notes)


def _percent(score: float | None) -> str:
    return "—" if score is None else percent(score, 1)


def _verdicts(file: FileReport) -> str:
    """Return the verdicts on the code and on the form."""
    told = ((part, file.verdict(part)) for part in PARTS)
    return " ".join(f'<span class="{_MARKS[one][1]}">{_MARKS[one][0]} {part}</span>' for part, one in told if one)


def _likely(report: Report) -> str:
    """Return a list of the likely mistakes, each with its file and number of failed checks, "" without any."""
    lines = [
        f'<li><a href="#f{number}">{_text(name)}</a>: <strong>{_text(one.hint)}</strong> '
        f"({count(sum(other.reason == one.reason for other in file.checks), 'check')})</li>"
        for part in PARTS
        for number, (name, file) in enumerate(report.files.items())
        for one in file.likely
        if one.part == part
    ]
    return section("Likely mistakes", "<ul>\n" + "\n".join(lines) + "\n</ul>") if lines else ""


def _file(file: FileReport, *, passing: bool = True) -> str:
    """Return the checks of a file. Checks that pass, or were not tried because others fail, are folded away.

    passing: whether checks that pass are listed
    """
    failed, unknown, passed = (file.alike(status) for status in (FAIL, UNKNOWN, PASS))
    parts = [f"<p>{file.passed} of {len(file.checks)} checks pass.</p>", _findings(failed)]
    parts.append(_folded("could not be checked", unknown) if failed else _findings(unknown))
    if file.advice:
        parts.append(f"<h3>Advice</h3>\n{_findings([[one] for one in file.advice])}")
    if passing:
        parts.append(_folded("pass", [[one] for same in passed for one in same if not one.message]))
    return "\n".join(part for part in parts if part) + "\n"


def _folded(what: str, groups: Sequence[list[Finding]]) -> str:
    title = f"{sum(map(len, groups))} {what}"
    return f"<details><summary>{title}</summary>\n{_findings(groups)}\n</details>" if groups else ""


def _findings(groups: Sequence[list[Finding]]) -> str:
    """Return a list of checks. Further checks with the same reason are folded away."""
    lines = "\n".join(f"<li>{_finding(first)}{_others(first, others)}</li>" for first, *others in groups)
    return f'<ul class="checks">\n{lines}\n</ul>' if groups else ""


def _others(first: Finding, others: Sequence[Finding]) -> str:
    names = ", ".join(_text(one.name) for one in others)
    lines = "\n".join(
        f"<li>{_finding(replace(one, hint='', message='' if one.message == first.message else one.message))}</li>"
        for one in others
    )
    title = f"{len(others)} more for the same reason: {names}"
    return f'\n<details><summary>{title}</summary>\n<ul class="checks">\n{lines}\n</ul></details>' if others else ""


def _finding(finding: Finding) -> str:
    mark, kind = _MARKS[finding.status]
    parts = [f'<span class="{kind}" title="{finding.status}">{mark}</span> {_text(finding.sentence)}']
    parts.append(f" <code>{_text(finding.name)}</code>")
    if finding.status != PASS:
        parts[0] = f"{_status(finding.status)} {_text(finding.sentence)}"
    if finding.message:
        parts.append(f'\n<p class="said">{_text(finding.message, keep=chr(10))}</p>')
    if finding.hint:
        label = "Advice" if finding.status == PASS else "Likely"
        parts.append(f'\n<p class="hint"><b>{label}:</b> {_text(finding.hint)}</p>')
    if maps := "".join(map(_map, finding.maps)):
        parts.append(f'\n<div class="maps">{maps}</div>')
    return "".join(parts)


def _map(cells: ErrorMap) -> str:
    """Return the picture of a map, "" for a single cell, since the message says as much."""
    if sum(map(len, cells.rows)) <= 1:
        return ""
    words, title = map_in_words(cells), _text(cells.title)
    caption = f"<figcaption>{title}<br>{words}</figcaption>"
    return f'<figure><img src="{heat_map(cells)}" alt="{title}: {words}">{caption}</figure>'


# A class --------------------------------------------------------------------------------------------------------------


def _files(found: Tally) -> str:
    columns = ("file", "code passes", "fails", "untold", "form passes", "fails", "untold", "median time")
    rows = [
        (name, *file.code, *file.form, "—" if file.usual is None else duration(file.usual))
        for name, file in found.files.items()
    ]
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    body = "\n".join(
        f'<tr><th scope="row">{_text(name)}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
        for name, *cells in rows
    )
    table = f'<table class="class"><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>'
    slow = [(one, name) for name, file in found.files.items() for one in file.slow]
    lines = "\n".join(
        f"<li>{_text(one.name)}: {_text(name)} takes {duration(one.seconds)}, "
        f"{one.times:g} times the course's own program</li>"
        for one, name in slow
    )
    most = f"{duration(SLOW_SECONDS)} and {SLOW} times the course's own program"
    told = f"\n<p>Files that take more than {most} (this is not a failure):</p>\n<ul>\n{lines}\n</ul>"
    return f'<div class="wide">{table}</div>{told if slow else ""}'


def _mistakes(found: Tally) -> str:
    if not found.mistakes:
        return "<p>No known mistake was found.</p>"
    rows = [(len(one.names), one.part, escaped(one.hint), escaped(", ".join(one.names))) for one in found.mistakes]
    return table(("students", "part", "likely mistake", "who"), rows)


def _class(reports: Sequence[Report], marks: Mapping[str, Mark]) -> str:
    names = list(dict.fromkeys(name for report in reports for name in report.files))
    more = mark_columns(marks)
    texts = (_text(name).replace("_", "_<wbr>") for name in ("name", *more, *PARTS, *names))
    head = "".join(f'<th scope="col">{text}</th>' for text in texts)
    rows = "\n".join(
        _row(number, report, names, mark_cells(marks.get(report.name), more)) for number, report in enumerate(reports)
    )
    whole = f'<table class="class"><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table>'
    return f'<div class="wide">{whole}</div>'


def _row(number: int, report: Report, names: Sequence[str], marked: Sequence[str]) -> str:
    cells = []
    for name in names:
        file = report.files.get(name)
        told = [(part, verdict) for part in PARTS if file and (verdict := file.verdict(part))]
        marks = " ".join(
            f'<span class="{_MARKS[one][1]}" role="img" aria-label="{part}: {one}" title="{part}: {one}">'
            f"{_MARKS[one][0]}</span>"
            for part, one in told
        )
        cells.append(f"<td>{marks or '—'}</td>")
    name = _text(report.name) if report.status == PASS else f'<a href="#s{number}">{_text(report.name)}</a>'
    scores = "".join(
        f"<td>{_text(cell, keep=_NBSP)}</td>" for cell in (*marked, *(_percent(report.score(part)) for part in PARTS))
    )
    return f'<tr><th scope="row">{name}</th>{scores}{"".join(cells)}</tr>'


def _student(number: int, report: Report) -> str:
    head = f'<h3 id="s{number}">{_text(report.name)} {_status(report.status)}</h3>'
    scores = (f"{part} {_percent(report.score(part))}" for part in PARTS if report.score(part) is not None)
    about = f"score: {', '.join(scores) or '—'}; sandbox {_text(report.tier)}"
    if found := likely(report):
        about += "; likely: " + "; ".join(_text(finding.hint) for finding in found)
    files = {name: file for name, file in report.files.items() if file.status != PASS}
    first, *others = files.items()
    if all(file.checks == first[1].checks for _, file in others):  # for example because nothing could be read
        files = {", ".join(files): first[1]}
    parts = (f"<h4>{_text(name)} {_verdicts(file)}</h4>\n{_file(file, passing=False)}" for name, file in files.items())
    about += ' · <a href="#class">Back to the class</a>'
    return f"<article>\n{head}\n<p>{about}</p>{_notes(report)}\n{''.join(parts)}</article>"


_STYLE = """
:root { --ok: #1a7f37; --bad: #b42318; --open: #8a5a00 }
@media (prefers-color-scheme: dark) { :root { --ok: #3fb950; --bad: #ff8078; --open: #d9a441 } }
.ok { color: var(--ok) } .bad { color: var(--bad) } .open { color: var(--open) }
.ok, .bad, .open { font-weight: 600; white-space: nowrap }
h2 span, h3 span, h4 span { font-size: .9rem; margin-left: .4rem }
h3 span.ok, h4 span.ok { color: var(--ok) } h3 span.bad, h4 span.bad { color: var(--bad) }
h3 span.open, h4 span.open { color: var(--open) }
h4 { font-size: .95rem; margin: 1rem 0 .2rem }
.checks { list-style: none; padding: 0; margin: 0 }
.checks li { padding: .45rem 0; border-top: 1px solid var(--line); overflow-wrap: anywhere }
.checks .checks { margin-left: 1.5rem }
details { margin-top: .5rem }
summary { color: var(--soft); cursor: pointer; padding: .2rem 0 }
.checks p { margin: .3rem 0 0; max-width: 60rem }
.said, .hint { color: var(--ink) }
.said { white-space: pre-wrap }
code { color: var(--soft); font-size: .85em }
.maps { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: .6rem }
.maps figcaption { color: var(--soft); max-width: 22rem }
.class th, .class td { padding: .25rem .45rem }
.class td { min-width: 0 }
.class thead th, .class td span { white-space: normal }
.class th[scope=row] { min-width: 9rem; max-width: 22rem; overflow-wrap: anywhere }
article { margin-top: 1.5rem }
a { color: inherit }
@media print { .checks li, figure { break-inside: avoid } }
"""
