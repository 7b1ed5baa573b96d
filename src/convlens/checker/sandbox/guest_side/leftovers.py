"""Removes the files that submitted code left in its folder: deep folders, links, closed modes."""

from __future__ import annotations

import contextlib
import itertools
import os
from pathlib import Path

__all__ = ["clear", "empty"]

_MANY = 1000  # entries of a folder that are read at a time: a folder may have millions


def empty(folder: str) -> None:
    """Remove a folder with all in it: never through a link, and however deep its folders are.

    An inner folder is moved up before it is emptied, so no path gets long and nothing recurses. Entries that the system
    refuses to remove stay.
    """
    clear(folder)
    with contextlib.suppress(OSError):
        Path(folder).rmdir()


def clear(folder: str) -> None:
    """Remove all that lies in a folder, as `empty` does; the folder itself stays."""
    with contextlib.suppress(OSError):
        while within := _some(Path(folder)):
            for path, is_folder in within:
                if is_folder:
                    _take_apart(path, Path(folder))
                else:
                    path.unlink()


def _some(folder: Path) -> list[tuple[Path, bool]]:
    """Return up to _MANY entries of a folder: the path, and whether it is a folder."""
    with os.scandir(folder) as entries:
        return [(Path(entry.path), entry.is_dir(follow_symlinks=False)) for entry in itertools.islice(entries, _MANY)]


def _take_apart(path: Path, folder: Path) -> None:
    """Remove the folder `path`; the folders in it are moved up into `folder`."""
    path.chmod(0o700)
    while within := _some(path):
        for inner, is_folder in within:
            if is_folder:
                inner.chmod(0o700)  # a folder that may not be written cannot be moved
                inner.rename(folder / os.urandom(16).hex())
            else:
                inner.unlink()
    path.rmdir()
