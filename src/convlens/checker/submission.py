"""A submission: the bytes of the files that the tasks ask for, see `hand_ins` for how they are read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["LARGEST", "MISSING", "SUMMARY", "TASKS", "File", "Submission", "parse_tasks"]

# The file of each task. The summary may have any name that starts with 6- and ends in .md.
SUMMARY = "6-alexnet.md"
TASKS = (
    "0-conv_forward.py",
    "1-pool_forward.py",
    "2-conv_backward.py",
    "3-pool_backward.py",
    "4-lenet5.py",
    "5-lenet5.py",
    SUMMARY,
)
LARGEST = 2**18  # bytes of a file: eighty times the size of the longest reference solution
MISSING = "the file is missing"


@dataclass(frozen=True)
class File:
    """One file of a submission.

    content: the bytes of the file, None if it could not be read; runs: whether the owner may execute the file; problem:
    why the file could not be read, in words for the student; missing: whether the file does not exist; notebook: the
    notebook whose code cells these are, "" for a file of its own
    """

    content: bytes | None
    runs: bool = False
    problem: str = ""
    missing: bool = False
    notebook: str = ""


@dataclass(frozen=True)
class Submission:
    """What one student handed in.

    name: the name of the student or of the folder; files: one for each task, by the file name that the task asks for;
    notes: where the files were found, if it was not in the folder itself, and what could not be opened
    """

    name: str
    files: Mapping[str, File]
    notes: tuple[str, ...] = ()

    def digest(self) -> str:
        """Return a hash of the files' names, bytes and modes, which is equal for equal submissions of two students."""
        found = hashlib.sha256()
        for name, file in sorted(self.files.items()):
            content = b"" if file.content is None else file.content
            about = (name, file.content is None, file.runs, file.problem, file.notebook, len(content), "")
            found.update("\0".join(map(str, about)).encode(errors="surrogateescape"))
            found.update(content)
        return found.hexdigest()


def parse_tasks(text: str) -> tuple[int, ...]:
    """Return the numbers of the tasks in a text, sorted and without duplicates: "0-3,5" -> (0, 1, 2, 3, 5).

    >>> parse_tasks("5,0-2")
    (0, 1, 2, 5)
    """
    numbers: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if not (first + last).isdecimal() or not first or ("-" in part and not last):
            raise ValueError(f"tasks must be numbers from 0 to {len(TASKS) - 1} such as 0-3,5; got {text!r}")
        found = range(int(first), int(last or first) + 1)
        if not found or found[-1] >= len(TASKS):
            raise ValueError(f"tasks must be numbers from 0 to {len(TASKS) - 1} such as 0-3,5; got {text!r}")
        numbers.update(found)
    return tuple(sorted(numbers))
