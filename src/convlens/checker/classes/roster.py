"""The students of a class and their folders, read from a folder of folders or a CSV file."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from convlens.checker.submission import TASKS

__all__ = ["Student", "roster"]


class Student(NamedTuple):
    """A student's name and submitted folder, None if nothing was submitted."""

    name: str
    folder: Path | None


def roster(place: Path) -> list[Student]:
    """Return the students of a class, from a folder that has a folder for each student, or from a CSV file.

    Hidden folders are left out. The CSV file has the columns `name` and `path`, separated by commas or semicolons, and
    the paths are relative to the file. Raise OSError if `place` does not exist, ValueError if it has no student or a
    name twice.
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
    students = _from_csv(place)
    if not students:
        raise ValueError(f"a class must have a row for each student; {str(place)!r} has none")
    return list(students.values())


def _from_csv(path: Path) -> dict[str, Student]:
    """Return the students in a CSV file, by name, in the order of the file."""
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
                if student := _student(row, path, rows.line_num, students):
                    students[student.name] = student
        except csv.Error as error:
            raise ValueError(f"{str(path)!r} must be a CSV file; line {rows.line_num}: {error}") from None
    return students


def _student(row: dict[str, str], path: Path, line: int, students: dict[str, Student]) -> Student | None:
    """Return the student of a row, None for an empty row. Raise ValueError for a missing or repeated name."""
    name, folder = (row["name"] or "").strip(), (row["path"] or "").strip()
    if not name and not folder:
        return None
    if not name:
        raise ValueError(f"each row must have a name; {str(path)!r} has none in line {line}")
    if name in students:
        raise ValueError(f"each name must occur once; {str(path)!r} has {name!r} again in line {line}")
    return Student(name, path.parent / folder if folder else None)
