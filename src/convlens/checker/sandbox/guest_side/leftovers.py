"""Remove the files that submitted code left in its folder, even deep folders, links and unreadable folders."""

from __future__ import annotations

import contextlib
import itertools
import os
from pathlib import Path

__all__ = ["clear", "empty"]

_MANY = 1000  # entries that are read at a time, since a folder may have millions


def empty(folder: str) -> None:
    """Remove a folder with everything in it, at any depth, without following links.

    An inner folder is moved up before it is emptied, so that no path gets long and nothing recurses. Entries that the
    system refuses to remove stay.
    """
    clear(folder)
    with contextlib.suppress(OSError):
        Path(folder).rmdir()


def clear(folder: str) -> None:
    """Remove everything in a folder, as `empty` does, but not the folder itself."""
    with contextlib.suppress(OSError):
        while within := _entries(Path(folder)):
            for path, is_folder in within:
                if is_folder:
                    _remove_folder(path, Path(folder))
                else:
                    path.unlink()


def _entries(folder: Path) -> list[tuple[Path, bool]]:
    """Return up to _MANY entries of a folder: the path of each, and whether it is a folder."""
    with os.scandir(folder) as entries:
        return [(Path(entry.path), entry.is_dir(follow_symlinks=False)) for entry in itertools.islice(entries, _MANY)]


def _remove_folder(path: Path, folder: Path) -> None:
    """Remove the folder `path`. The folders in it are moved up into `folder`."""
    path.chmod(0o700)
    while within := _entries(path):
        for inner, is_folder in within:
            if is_folder:
                inner.chmod(0o700)  # a folder without write permission cannot be moved
                inner.rename(folder / os.urandom(16).hex())
            else:
                inner.unlink()
    path.rmdir()
