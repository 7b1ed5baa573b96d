"""A submission: the bytes of the files that the tasks ask for. Reading never follows links or runs anything."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LARGEST", "MISSING", "SUMMARY", "TASKS", "EmptyError", "File", "Submission", "parse_tasks", "read"]

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
# A misspelt name is searched for only among the first _MOST files with names of at most _LONGEST characters: the time
# to compare two names is proportional to the product of their lengths
_LONGEST, _MOST = 80, 200
# The smallest ratio of difflib at which a name counts as misspelt: convfoward and convforward have 0.95, poolforward
# and convforward only 0.73
_SIMILAR = 0.85


class EmptyError(ValueError):
    """The submission is empty."""


@dataclass(frozen=True)
class File:
    """One file of a submission.

    content: the bytes of the file, None if it could not be read; runs: whether the owner may execute the file; problem:
    why the file could not be read, in words for the student; missing: whether the file does not exist
    """

    content: bytes | None
    runs: bool = False
    problem: str = ""
    missing: bool = False


@dataclass(frozen=True)
class Submission:
    """What one student handed in.

    name: the name of the student or of the folder; files: one for each task, by the file name that the task asks for
    """

    name: str
    files: Mapping[str, File]

    def digest(self) -> str:
        """Return a hash of the files' names, bytes and modes, which is equal for equal submissions of two students."""
        found = hashlib.sha256()
        for name, file in sorted(self.files.items()):
            content = b"" if file.content is None else file.content
            head = f"{name}\0{file.content is None}\0{file.runs}\0{file.problem}\0{len(content)}\0"
            found.update(head.encode(errors="surrogateescape"))
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


def read(folder: Path, tasks: Sequence[int] = tuple(range(len(TASKS))), name: str | None = None) -> Submission:
    """Return the files of these tasks in a folder. If a file cannot be read, its `problem` says why.

    Raise OSError if the folder does not exist, EmptyError if it is empty.
    """
    if folder.is_file():
        place = os.fspath(folder.parent)
        raise NotADirectoryError(f"a submission must be a folder; {os.fspath(folder)!r} is a file: check {place!r}")
    if not folder.is_dir():
        raise FileNotFoundError(f"a submission must be a folder; there is no folder {os.fspath(folder)!r}")
    with os.scandir(folder) as entries:
        kinds = {entry.name: entry.is_file(follow_symlinks=False) for entry in entries}
    present = sorted(kinds)
    if not present:
        raise EmptyError(f"a submission must have files; the folder {os.fspath(folder)!r} is empty")
    others = [name for name in present if kinds[name] and name not in TASKS and len(name) <= _LONGEST][:_MOST]
    files = {}
    for task in tasks:
        wanted = TASKS[task]
        if wanted == SUMMARY and wanted not in present:
            texts = [other for other in present if other.startswith("6-") and other.endswith(".md")]
            files[wanted] = _read(folder / (texts[0] if texts else wanted))
        else:
            files[wanted] = _read(folder / wanted)
        if files[wanted].missing and (meant := _misspelt(wanted, others)):
            files[wanted] = File(None, problem=f"{MISSING}; there is {meant}: rename it to {wanted}", missing=True)
    return Submission(folder.resolve().name if name is None else name, files)


def _misspelt(wanted: str, names: Sequence[str]) -> str | None:
    """Return the name that is probably a misspelling of `wanted`, for example `0-Conv_forward.py`; None if none is.

    The number in front must be the right one or absent, and the letters nearly the same. The files are not opened.
    """
    number, letters = _parts(wanted)
    near = {}
    for name in names:
        its_number, its_letters = _parts(name)
        similarity = difflib.SequenceMatcher(None, letters, its_letters).ratio()
        if its_number in ("", number) and similarity >= _SIMILAR and name.isprintable():
            near[name] = similarity
    return max(near, key=lambda name: near[name], default=None)


def _parts(name: str) -> tuple[str, str]:
    """Return the number in front and the letters before the first dot: "0-Conv_forward.py" -> ("0", "convforward")."""
    stem = name.partition(".")[0].lower()
    number = re.match(r"[0-9]*", stem)
    return number[0] if number else "", re.sub(r"[^a-z]", "", stem)


def _read(path: Path) -> File:
    """Read a file without following a link, without waiting for a pipe, and never more than LARGEST bytes."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return File(None, problem=MISSING, missing=True)
    except OSError as error:
        if path.is_symlink():
            return File(None, problem="the file is a link; hand in the file itself")
        return File(None, problem=f"the file cannot be read: {error.strerror}")
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        return File(None, problem="this is a folder or a device, not a file")
    with os.fdopen(handle, "rb") as file:
        if status.st_size > LARGEST:
            return File(None, problem=f"the file has {status.st_size:,} bytes; the limit is {LARGEST:,}")
        try:
            content = file.read(LARGEST)
        except OSError as error:
            return File(None, problem=f"the file cannot be read: {error.strerror}")
    return File(content, runs=bool(status.st_mode & stat.S_IXUSR))
