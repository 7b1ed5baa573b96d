"""Feedback pages: one for each student, with nobody else's name and no path, and an index for the teacher."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from urllib.parse import quote

from convlens.checker.classes.feedback_folder import MARKER
from convlens.checker.classes.feedback_names import INDEX, page_name
from convlens.checker.classes.marks import Mark
from convlens.checker.classes.roster import Student
from convlens.checker.escapes import escaped
from convlens.checker.render.html import submission_page
from convlens.checker.render.marks import mark_cells, mark_columns
from convlens.checker.verdict import PARTS, Report
from convlens.report.page import cells, document, percent

__all__ = ["feedback_pages"]


def feedback_pages(
    title: str, students: Sequence[Student], reports: Sequence[Report], marks: Mapping[str, Mark]
) -> Iterator[tuple[str, str]]:
    """Yield each page as (name of its file, text), the index last.

    title: the name of the class; students: with their hand-ins, whose places are left out of the pages; reports, marks:
    of these students
    """
    by_name = {student.name: student for student in students}
    for report in reports:
        own = without_places(report, by_name[report.name])
        yield page_name(report.name), _marked(submission_page(own, marks.get(report.name)))
    yield INDEX, _marked(_index(title, reports, marks))


def _marked(page: str) -> str:
    return page.replace('<meta charset="utf-8">\n', f'<meta charset="utf-8">\n{MARKER}\n', 1)


def _index(title: str, reports: Sequence[Report], marks: Mapping[str, Mark]) -> str:
    columns = mark_columns(marks)
    rows = []
    for report in reports:
        link = f'<a href="{quote(page_name(report.name))}">{escape(escaped(report.name))}</a>'
        scores = (percent(report.score(part), 1) for part in PARTS)
        rows.append((link, *map(escape, mark_cells(marks.get(report.name), columns)), *scores))
    about = "<p>For the teacher: each student gets one of these pages, and not this one.</p>"
    table = cells(("name", *columns, *PARTS), rows)
    name = escaped(title)
    return document(f"{name} · convlens check", f"<h1>{escape(name)}</h1>\n{about}\n{table}")


def without_places(report: Report, student: Student) -> Report:
    """Return the report with the place of the student's hand-in left out of all texts: only its name stays."""
    paths = [path for path in (student.folder, *(path for _, path in student.files)) if path is not None]
    folders = {one.parent for path in paths for one in (path, path.absolute(), path.resolve())} - {Path(), Path("/")}
    hidden = {f"{folder}/": "" for folder in folders}
    hidden |= {str(folder): folder.name for folder in folders if folder.is_absolute()}

    def hide(text: str) -> str:
        for place in sorted(hidden, key=len, reverse=True):
            text = text.replace(place, hidden[place]).replace(repr(place)[1:-1], hidden[place])
        return text

    files = {
        name: replace(
            file, checks=[replace(one, message=hide(one.message), hint=hide(one.hint)) for one in file.checks]
        )
        for name, file in report.files.items()
    }
    return replace(report, files=files, notes=tuple(map(hide, report.notes)))
