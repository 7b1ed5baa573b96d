"""A student of a class, and what the student handed in."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

__all__ = ["Student"]


class Student(NamedTuple):
    """A student's name and hand-in.

    folder: a folder, an archive or a notebook, None if nothing was handed in; files: files that lie among those of
    other students, as (name of the file, path); problem: why nothing can be graded, "" if it can
    """

    name: str
    folder: Path | None
    files: tuple[tuple[str, Path], ...] = ()
    problem: str = ""
