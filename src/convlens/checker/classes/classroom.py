"""A class: whose submissions there are, and how each of them gets its result, once."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from convlens.checker.classes.graders import Trouble
from convlens.checker.classes.results import Entry, Results
from convlens.checker.options import Options
from convlens.checker.submission import TASKS, EmptyError, Submission, read
from convlens.checker.verdict import FAIL, UNKNOWN, FileReport, Finding, Report, Status

__all__ = ["Crew", "Done", "Student", "grade", "roster"]

_PATIENCE = 5  # seconds between two looks at those who work


class Student(NamedTuple):
    """A name, and the folder that was handed in, None if there is none"""

    name: str
    folder: Path | None


class Crew(Protocol):
    """Those who grade: `classes.graders.Graders` here, `classes.cluster.Cluster` elsewhere"""

    @property
    def width(self) -> int:
        """How many submissions to have in hand, so that none of them waits for us"""
        ...

    def submit(self, submission: Submission, options: Options) -> Future[Report]:
        """The report, later; its exception is Trouble if there is none."""
        ...

    def watch(self) -> None:
        """ConnectionError when nobody is left who could grade"""
        ...


class Done(NamedTuple):
    """A result, and how it came: it was there already, an equal submission's, or was found now"""

    entry: Entry
    how: Literal["kept", "cached", "graded"]


def roster(place: Path) -> list[Student]:
    """The students of a folder that has a folder for each, hidden ones left out; or of a CSV file, in its order.

    The CSV file has the columns `name` and `path`, with commas or semicolons between; a path is relative to the file.
    Raises OSError or ValueError if there is nothing of the kind, no student, or a name twice.
    """
    if place.is_dir():
        folders = sorted(path for path in place.iterdir() if path.is_dir() and not path.name.startswith("."))
        if not folders:
            one = any((place / name).exists() for name in TASKS)
            more = "; it looks like one submission: leave out --class to check it" if one else ""
            raise ValueError(f"a class must have a folder for each student; {str(place)!r} has none{more}")
        return [Student(path.name, path) for path in folders]
    if not place.exists():
        raise FileNotFoundError(f"a class must be a folder or a CSV file; there is no {str(place)!r}")
    return _from_csv(place)


def _from_csv(path: Path) -> list[Student]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        first = file.readline()
        file.seek(0)
        rows = csv.DictReader(file, delimiter=";" if ";" in first and "," not in first else ",")
        students: dict[str, Student] = {}
        try:
            columns = [column.strip().lower() for column in rows.fieldnames or ()]
            if not {"name", "path"} <= set(columns):
                raise ValueError(f"a class's CSV file must have the columns name and path; {str(path)!r} has {columns}")
            rows.fieldnames = columns
            for row in rows:
                name, folder = (row["name"] or "").strip(), (row["path"] or "").strip()
                if not name and not folder:
                    continue  # as a spreadsheet leaves them behind
                if not name:
                    raise ValueError(f"each row must have a name; {str(path)!r} has none in line {rows.line_num}")
                if name in students:
                    raise ValueError(
                        f"each name must be there once; {str(path)!r} has {name!r} again in line {rows.line_num}"
                    )
                students[name] = Student(name, path.parent / folder if folder else None)
        except csv.Error as error:
            raise ValueError(f"{str(path)!r} must be a CSV file; line {rows.line_num}: {error}") from None
    if not students:
        raise ValueError(f"a class must have a row for each student; {str(path)!r} has none")
    return list(students.values())


# Grading -------------------------------------------------------------------------------------------------------------


@dataclass
class _Asked:
    """A submission in the crew's hands, and those of equal content, which wait for its report"""

    submission: Submission
    digest: str
    twins: list[str]


def grade(students: Sequence[Student], options: Options, crew: Crew, results: Results) -> Iterator[Done]:
    """The result of each student, as they come; each is in `results` before it is told.

    What is there already, of the same name and content, is not done again; content that has a report already gets that
    one. What cannot be read, and what nobody could grade, is a result, too. ConnectionError when nobody is left who
    could grade.
    """
    coming = iter(students)
    asked: dict[Future[Report], _Asked] = {}
    by_digest: dict[str, _Asked] = {}
    more = True
    while more or asked:
        while more and len(asked) < crew.width:
            student = next(coming, None)
            if student is None:
                more = False
                break
            submission = _read(student, options.tasks)
            if isinstance(submission, Entry):
                yield _kept(submission, results)
                continue
            digest = submission.digest()
            if entry := results.find(student.name, digest):
                yield Done(entry, "kept")
            elif report := results.twin(digest):
                yield _add(results, Entry(student.name, digest, replace(report, name=student.name), cached=True))
            elif digest in by_digest:
                by_digest[digest].twins.append(student.name)
            else:
                one = by_digest[digest] = _Asked(submission, digest, [])
                asked[crew.submit(submission, options)] = one
        if asked:
            crew.watch()
            for future in wait(asked, _PATIENCE, FIRST_COMPLETED).done:
                one = asked.pop(future)
                del by_digest[one.digest]
                yield from _finished(future, one, options.tasks, results)


def _finished(future: Future[Report], one: _Asked, tasks: Sequence[int], results: Results) -> Iterator[Done]:
    name, trouble = one.submission.name, False
    try:
        report = future.result()
    except Trouble as error:
        report, trouble = _untold(name, tasks, f"{error}; the same command tries again"), True
    yield _add(results, Entry(name, one.digest, replace(report, name=name), trouble=trouble))
    for twin in one.twins:
        yield _add(results, Entry(twin, one.digest, replace(report, name=twin), cached=True, trouble=trouble))


def _add(results: Results, entry: Entry) -> Done:
    results.append(entry)
    return Done(entry, "cached" if entry.cached else "graded")


def _kept(entry: Entry, results: Results) -> Done:
    found = results.find(entry.name, entry.digest)
    return Done(found, "kept") if found else _add(results, entry)


def _read(student: Student, tasks: Sequence[int]) -> Submission | Entry:
    """What was handed in, or a result that says that nothing was, which fails, or why it cannot be read"""
    status = UNKNOWN
    try:
        if student.folder is None:
            raise EmptyError
        return read(student.folder, tasks, student.name)
    except EmptyError:
        status = FAIL
        said = "nothing is handed in: " + ("no path is given" if student.folder is None else "the folder is empty")
    except (OSError, ValueError) as error:
        said = f"{error.filename!r}: {error.strerror}" if isinstance(error, OSError) and error.strerror else str(error)
    digest = hashlib.sha256(said.encode(errors="surrogateescape")).hexdigest()
    return Entry(student.name, digest, _untold(student.name, tasks, said, status))


def _untold(name: str, tasks: Sequence[int], why: str, status: Status = UNKNOWN) -> Report:
    finding = Finding("graded", "The submission can be read and graded.", status, why)
    return Report(name, "none", {TASKS[task]: FileReport([finding]) for task in tasks})
