"""A file to which results are appended one by one. A kill at any moment loses no finished result.

Each line is JSON. The first line holds the kind of the file and the settings of its results; every other line is a
result. If a kill cut off the last line, opening the file removes that line. One process at a time writes the file.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

__all__ = ["Journal", "add_line", "locked", "open_journal"]

T = TypeVar("T")


class Journal(Generic[T]):
    """The results of a journal file so far, in order (`entries`). `open_journal` makes it."""

    def __init__(self, path: Path, handle: int, entries: list[T], parse: Callable[[dict[str, Any]], T]) -> None:
        self.path, self.entries, self._handle, self._parse = path, entries, handle, parse

    def append(self, value: Mapping[str, Any]) -> T:
        """Append a result and return it parsed. It is on the disk when this returns.

        Raises OSError if it cannot be written, for example on a full disk. The file then stays as it was.
        """
        add_line(self._handle, self.path, value)
        self.entries.append(self._parse(dict(value)))
        return self.entries[-1]


@contextmanager
def open_journal(
    path: Path, kind: str, version: int, settings: Mapping[str, Any], parse: Callable[[dict[str, Any]], T]
) -> Iterator[Journal[T]]:
    """Open the journal at `path`, or create it, and yield it. No other process can write it inside the block.

    kind: the kind of the file, e.g. "convlens study". settings: plain data, equal to the settings in the file.
    parse: turns the JSON of a line into a result, or raises ValueError, KeyError or TypeError.

    Raises ValueError for a file of another kind, another version or other settings, and for a damaged line. Raises
    BlockingIOError if another process writes the file.
    """
    head = json.loads(json.dumps({"format": kind, "version": version, **settings}))  # as it is read from the file
    handle = locked(path, kind)
    try:
        found, entries = _read(path, handle, head, parse)
        if not found:
            os.ftruncate(handle, 0)
            add_line(handle, path, head)
        yield Journal(path, handle, entries, parse)
    finally:
        os.close(handle)


def add_line(handle: int, path: Path, value: Mapping[str, Any]) -> None:
    """Append a line of JSON to an open file. The line is on the disk when this returns.

    Raises OSError if it cannot be written. The file then stays as it was.
    """
    line = json.dumps(value, allow_nan=False).encode() + b"\n"
    size = os.fstat(handle).st_size
    try:
        written = 0
        while written < len(line):
            written += os.write(handle, line[written:])
        os.fsync(handle)
    except OSError as error:
        with suppress(OSError):
            os.ftruncate(handle, size)
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None


def locked(path: Path, kind: str) -> int:
    """Open a file for reading and appending, lock it, and return its descriptor. The lock ends when the descriptor is
    closed or the process ends.

    Raises ValueError for a device or a pipe, and BlockingIOError if another process has locked the file.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        handle = os.open(path, flags | getattr(os, "O_BINARY", 0), 0o666)
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ValueError(f"the results must go into a regular file; {str(path)!r} is a device or a pipe")
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return handle
    except BaseException as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
            return handle  # a file system without locks
        os.close(handle)
        if isinstance(error, BlockingIOError):
            raise BlockingIOError(
                f"only one {kind} may write a file at a time; another one is writing {str(path)!r}"
            ) from None
        raise


def _read(
    path: Path, handle: int, wanted: Mapping[str, Any], parse: Callable[[dict[str, Any]], T]
) -> tuple[bool, list[T]]:
    """Return whether there is a first line, and the results. Cut off a last line that a kill left half-written."""
    entries: list[T] = []
    good = 0  # bytes of whole lines
    with open(os.dup(handle), "rb") as file:  # noqa: PTH123 — the locked file, even if `path` now names another one
        file.seek(0)
        for number, line in enumerate(file, start=1):
            if number == 1:
                whole = json.dumps(wanted).encode() + b"\n"
                if not line.endswith(b"\n") and whole.startswith(line):
                    return False, []  # killed in the first line
                _agree(path, line, wanted)
            else:
                try:
                    value = json.loads(line)
                    if not line.endswith(b"\n"):
                        raise ValueError("the line has no end")
                    entries.append(parse(value))
                except (ValueError, KeyError, TypeError, RecursionError) as error:
                    if file.read(1):
                        raise ValueError(
                            f"each line of {str(path)!r} must be a result; line {number} is damaged: {error!r}"
                        ) from None
                    os.ftruncate(handle, good)
                    break
            good += len(line)
    return good > 0, entries


def _agree(path: Path, line: bytes, wanted: Mapping[str, Any]) -> None:
    """Raise ValueError unless the first line has the wanted kind, version and settings."""
    kind = wanted["format"]
    try:
        head = json.loads(line)
        if head["format"] != kind:
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError(
            f"{str(path)!r} must be a file of {kind} or not exist; it is another kind of file and was not changed"
        ) from None
    for name in (*wanted, *(set(head) - set(wanted))):
        if head.get(name) != wanted.get(name):
            raise ValueError(
                f"all results in a file must have the same {name}; {str(path)!r} has {head.get(name)!r}, "
                f"this run has {wanted.get(name)!r}: use another folder"
            )
