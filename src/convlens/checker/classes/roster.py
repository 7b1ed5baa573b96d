"""The students of a class, read from a folder or from a table with their names and paths."""

from __future__ import annotations

from pathlib import Path

from convlens.checker.classes.class_folder import in_class
from convlens.checker.classes.student import Student
from convlens.checker.classes.tables import Row, read_table

__all__ = ["Student", "roster"]


def roster(place: Path, pattern: str | None = None) -> list[Student]:
    """Return the students of a class, from a folder (see `class_folder.in_class`) or from a table.

    The table is CSV or Excel and has the columns `name` and `path`; the paths are relative to the table. pattern: how
    the names of files begin with students' names. Raise OSError if `place` does not exist, ValueError if it has no
    student or a name twice.
    """
    if place.is_dir():
        return in_class(place, pattern)
    if not place.exists():
        raise FileNotFoundError(f"a class must be a folder or a table; there is no {str(place)!r}")
    if pattern is not None:
        raise ValueError(f"--pattern needs a folder as class; got {pattern!r} and the table {str(place)!r}")
    students: dict[str, Student] = {}
    for row in read_table(place, ("name", "path")):
        student = _student(row, place, students)
        students[student.name] = student
    if not students:
        raise ValueError(f"a class must have a row for each student; {str(place)!r} has none")
    return list(students.values())


def _student(row: Row, table: Path, students: dict[str, Student]) -> Student:
    """Return the student of a row. Raise ValueError for a missing or repeated name."""
    name, path = row.cells["name"], row.cells["path"]
    if not name:
        raise ValueError(f"each row must have a name; {str(table)!r} has none in line {row.line}")
    if name in students:
        raise ValueError(f"each name must occur once; {str(table)!r} has {name!r} again in line {row.line}")
    place = table.parent / path if path else None
    if place is not None and place.is_symlink():
        return Student(name, None, problem=f"{path!r} is a link; hand in the files themselves")
    return Student(name, place)
