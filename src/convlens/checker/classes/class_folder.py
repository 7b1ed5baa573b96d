"""The students in a class's folder: whatever lies in it, as teachers get it from Canvas, Moodle or by mail."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from convlens.checker.classes.student import Student
from convlens.checker.hand_ins.archives import REFUSED, is_archive
from convlens.checker.hand_ins.entries import ignored
from convlens.checker.submission import TASKS

__all__ = ["CANVAS", "MOODLE", "compiled", "in_class"]

# Downloads in which all files lie in one folder, with the student's name before each:
# Canvas: doejane_LATE_12345_67890_0-conv_forward-1.py   Moodle: Jane Doe_12345_assignsubmission_file_0-conv_forward.py
CANVAS = re.compile(r"(?P<name>[^_]+)(?:_LATE)?_\d+_\d+_(?P<file>.+)", re.DOTALL)
MOODLE = re.compile(r"(?P<name>.+?)_\d+_assignsubmission_(?:file|onlinetext)(?:_(?P<file>.*))?", re.DOTALL)
_AGAIN = re.compile(r"-\d+(?=\.\w+$)")  # Canvas counts the hand-ins of one file: 0-conv_forward-1.py
_RESULTS = "-results.jsonl"


def compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern such as "{name}_*_{file}" as an expression; ValueError unless it has both words once.

    {name} stands for the student's name, {file} for the name of the file that was handed in, * for anything.
    """
    for word in ("{name}", "{file}"):
        if pattern.count(word) != 1:
            raise ValueError(f"--pattern must have {{name}} and {{file}} once each; got {pattern!r}")
    text = re.escape(pattern).replace(r"\{name\}", "(?P<name>.+?)").replace(r"\{file\}", "(?P<file>.+)")
    return re.compile(text.replace(r"\*", ".*?"), re.DOTALL)


def in_class(place: Path, pattern: str | None = None) -> list[Student]:
    """Return a student for everything in a class's folder, by name.

    A folder, an archive and a notebook are a hand-in each. Files that begin with a student's name, as in a download
    from Canvas or Moodle or as `pattern` says, are gathered by this name. Anything else, also a link, is a student
    whose `problem` says why nothing can be graded. Hidden files and what systems leave behind are left out. Raise
    ValueError if there is no student.
    """
    paths = sorted(path for path in place.iterdir() if not ignored(path.name) and not path.name.endswith(_RESULTS))
    files = [path for path in paths if not path.is_dir() or path.is_symlink()]
    expression = compiled(pattern) if pattern else _download(files)
    students: dict[str, Student] = {}
    for path in paths:
        found = expression.fullmatch(path.name) if expression and path in files else None
        if found and found["file"]:
            _gather(students, found["name"], found["file"], path)
        else:
            student = _student(path)
            name = student.name if student.name not in students else path.name
            students[name] = student._replace(name=name)
    if all(student.problem for student in students.values()):
        raise ValueError(_nobody(place, paths))
    return sorted(students.values())


def _download(files: Sequence[Path]) -> re.Pattern[str] | None:
    """Return the expression of a download that all files have, None if some have another name."""
    for known in (MOODLE, CANVAS):
        if files and all((found := known.fullmatch(path.name)) and found["file"] for path in files):
            return known
    return None


def _gather(students: dict[str, Student], name: str, file: str, path: Path) -> None:
    own = _AGAIN.sub("", file)
    own = own if own in TASKS or is_archive(own) else file
    before = students.get(name, Student(name, None))
    students[name] = before._replace(files=(*((old, at) for old, at in before.files if old != own), (own, path)))


def _student(path: Path) -> Student:
    name = path.name
    if path.is_symlink():
        return Student(name, None, problem=f"{name!r} is a link; hand in the files themselves")
    if path.is_dir():
        found = MOODLE.fullmatch(name)
        return Student(found["name"] if found else name, path)
    if is_archive(name):
        return Student(re.sub(r"(\.tar)?\.\w+$", "", name), path)
    if path.suffix == ".ipynb":
        return Student(path.stem, path)
    kind = REFUSED.get(path.suffix.lower(), "a file of another kind")
    return Student(name, None, problem=f"a hand-in must be a folder, a zip or tar file, or a notebook; this is {kind}")


def _nobody(place: Path, paths: Sequence[Path]) -> str:
    names = [path.name for path in paths]
    if any(name in TASKS for name in names):
        more = "; it looks like one submission: leave out --class to check it"
    elif begin := next((name for name in names for task in TASKS if name.endswith(task) and name != task), ""):
        more = f"; if each file begins with a student's name, as {begin!r} may, say how with --pattern"
    else:
        more = ""
    return f"a class must have a folder or an archive for each student; {str(place)!r} has none{more}"
