"""Removing what somebody's code left in its folder, whatever that is."""

from __future__ import annotations

import contextlib
import itertools
import os
from pathlib import Path

__all__ = ["clear", "empty"]

_MANY = 1000  # entries of a folder that are looked at together


def empty(folder: str) -> None:
    """Remove that folder and all in it: never through a link, and however deep its folders are

    A folder in a folder is moved up and taken apart there, so that no path gets long and nothing recurs. What the
    system does not let go of stays.
    """
    clear(folder)
    with contextlib.suppress(OSError):
        Path(folder).rmdir()


def clear(folder: str) -> None:
    """The same for all in it; the folder itself stays"""
    with contextlib.suppress(OSError):
        while within := _some(Path(folder)):
            for path, is_folder in within:
                if is_folder:
                    _take_apart(path, Path(folder))
                else:
                    path.unlink()


def _some(folder: Path) -> list[tuple[Path, bool]]:
    """A part of what lies in it: paths, and whether they are folders"""
    with os.scandir(folder) as entries:
        return [(Path(entry.path), entry.is_dir(follow_symlinks=False)) for entry in itertools.islice(entries, _MANY)]


def _take_apart(path: Path, folder: Path) -> None:
    """Remove a folder, moving those in it up into `folder`"""
    path.chmod(0o700)
    while within := _some(path):
        for inner, is_folder in within:
            if is_folder:
                inner.chmod(0o700)  # else it cannot be given another parent
                inner.rename(folder / os.urandom(16).hex())
            else:
                inner.unlink()
    path.rmdir()
