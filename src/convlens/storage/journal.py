"""A file to which results are added one by one, so that a kill at any moment loses none that is done.

JSON, a line each. The first line says what the file is and with which settings its results were got; every other one is
a result. A last line that a kill cut off is taken away when the file is opened again. One process at a time writes it.
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
    """The results so far, in order. Made by `open_journal`."""

    def __init__(self, path: Path, handle: int, entries: list[T], parse: Callable[[dict[str, Any]], T]) -> None:
        self.path, self.entries, self._handle, self._parse = path, entries, handle, parse

    def append(self, value: Mapping[str, Any]) -> T:
        """Add a result; when this returns, it is on the disk. OSError when there is no room, and nothing is added"""
        add_line(self._handle, self.path, value)
        self.entries.append(self._parse(dict(value)))
        return self.entries[-1]


@contextmanager
def open_journal(
    path: Path, kind: str, version: int, settings: Mapping[str, Any], parse: Callable[[dict[str, Any]], T]
) -> Iterator[Journal[T]]:
    """The results in that file, or a new file. Nobody else writes it meanwhile.

    kind: what the file is, e.g. "convlens study"; settings: plain data, which must be what the file says; parse: makes
    a result of a line, or raises ValueError, KeyError or TypeError. Raises ValueError for a file that is something
    else, has another version, other settings or a damaged line, BlockingIOError if another process writes it.
    """
    head = json.loads(json.dumps({"format": kind, "version": version, **settings}))  # as the file has it
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
    """Add a line of JSON to an open file; when this returns, it is on the disk. OSError: nothing is added"""
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
    """The file, open for reading and adding to it, and ours alone until it is closed: at the latest when we end."""
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
            raise BlockingIOError(f"one {kind} at a time writes a file; another one writes {str(path)!r}") from None
        raise


def _read(
    path: Path, handle: int, wanted: Mapping[str, Any], parse: Callable[[dict[str, Any]], T]
) -> tuple[bool, list[T]]:
    """Whether there is a first line, and the results; what a kill left half-written is cut off."""
    entries: list[T] = []
    good = 0  # bytes of whole lines
    with open(os.dup(handle), "rb") as file:  # noqa: PTH123 — this very file, whatever has its name now
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
    """A ValueError unless the first line is that of such a file, with these settings."""
    kind = wanted["format"]
    try:
        head = json.loads(line)
        if head["format"] != kind:
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError(
            f"{str(path)!r} must be a file of {kind}, or not be there; it is something else, and stays as it is"
        ) from None
    for name in (*wanted, *(set(head) - set(wanted))):
        if head.get(name) != wanted.get(name):
            raise ValueError(
                f"results in one file must be of the same {name}; {str(path)!r} has {head.get(name)!r}, "
                f"asked for is {wanted.get(name)!r}: use another folder"
            )
