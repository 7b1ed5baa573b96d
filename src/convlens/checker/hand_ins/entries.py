"""The entries of a hand-in: its files by their paths, wherever they lie. They are listed first and read when needed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from convlens.checker.submission import LARGEST, TASKS, File

__all__ = ["LINK", "MOST", "OTHER", "Entry", "ignored", "in_folder", "nothing", "on_disk", "read_file"]

MOST = 5_000  # entries of one hand-in, many times those of a checkout of a whole course
_DEEPEST = 8  # folders above a file
_IGNORED = ("__MACOSX", "__pycache__", "node_modules", "site-packages")
LINK = "the file is a link; hand in the file itself"
OTHER = "this is a folder or a device, not a file"


class Entry(NamedTuple):
    """A file of a hand-in, or something in place of a file.

    path: its path with slashes; problem: why it cannot be read, "" if it can; size: bytes; runs: whether the owner may
    execute it; content: a function that returns the bytes; disk: where the file lies, None inside an archive
    """

    path: str
    problem: str
    size: int
    runs: bool
    content: Callable[[], bytes]
    disk: Path | None = None

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """The path without its last part, "" at the top."""
        return self.path.rpartition("/")[0]


def nothing() -> bytes:
    """Return no bytes: the content of an entry that cannot be read."""
    return b""


def ignored(name: str) -> bool:
    """Return whether a file or folder is left out: hidden ones, and what systems and tools leave behind."""
    return (name.startswith(".") and name not in (".", "..")) or name in _IGNORED


def in_folder(folder: Path) -> Iterator[Entry]:
    """Yield the files of a folder and of the folders below it, the upper ones first. No link is followed.

    Raise OSError if the folder itself cannot be listed, ValueError if it has more than MOST entries.
    """
    count = 0
    level = [(folder, "")]
    for depth in range(_DEEPEST):
        below: list[tuple[Path, str]] = []
        for place, prefix in level:
            try:
                with os.scandir(place) as found:
                    entries = sorted(found, key=lambda one: one.name)
            except OSError:
                if depth == 0:
                    raise
                continue
            for entry in entries:
                if ignored(entry.name):
                    continue
                count += 1
                if count > MOST:
                    raise ValueError(f"a hand-in must have at most {MOST:,} files; {os.fspath(folder)!r} has more")
                if entry.is_dir(follow_symlinks=False):
                    below.append((place / entry.name, f"{prefix}{entry.name}/"))
                    if entry.name in TASKS:
                        yield Entry(f"{prefix}{entry.name}", OTHER, 0, False, nothing)
                else:
                    yield on_disk(place / entry.name, f"{prefix}{entry.name}")
        level = below


def on_disk(path: Path, name: str) -> Entry:
    """Return a file on the disk as the entry `name`."""
    try:
        status = path.lstat()
    except OSError as error:
        return Entry(name, f"the file cannot be read: {error.strerror}", 0, False, nothing)
    mode = status.st_mode
    problem = "" if stat.S_ISREG(mode) else LINK if stat.S_ISLNK(mode) else OTHER
    return Entry(name, problem, status.st_size, bool(mode & stat.S_IXUSR), lambda: _bytes(path), path)


def _bytes(path: Path, most: int = LARGEST) -> bytes:
    """Read a file without following a link, without waiting for a pipe, and never more than `most` bytes."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        return file.read(most)


def read_file(entry: Entry) -> File:
    """Return an entry as a file of a submission."""
    if entry.problem:
        return File(None, problem=entry.problem)
    if entry.size > LARGEST:
        return File(None, problem=f"the file has {entry.size:,} bytes; the limit is {LARGEST:,}")
    try:
        return File(entry.content(), runs=entry.runs)
    except (OSError, ValueError) as error:
        return File(None, problem=f"the file cannot be read: {getattr(error, 'strerror', None) or error}")
