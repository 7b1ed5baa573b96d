"""Removing what somebody's code left in its folder, whatever that is."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

__all__ = ["empty"]


def empty(folder: str) -> None:
    """Remove that folder and all in it: never through a link, and however deep its folders are

    A folder in a folder is moved up and taken apart there, so that no path gets long and nothing recurs. What the
    system does not let go of stays.
    """
    with contextlib.suppress(OSError):
        while _step(Path(folder)):
            pass


def _step(folder: Path) -> bool:
    """Take apart what lies in it, folders one level deep; whether there was anything. At last remove it."""
    with os.scandir(folder) as entries:
        within = [(Path(entry.path), entry.is_dir(follow_symlinks=False)) for entry in entries]
    for path, is_folder in within:
        if not is_folder:
            path.unlink()
            continue
        path.chmod(0o700)
        with os.scandir(path) as entries:
            for entry in entries:
                inner = Path(entry.path)
                if entry.is_dir(follow_symlinks=False):
                    inner.chmod(0o700)  # else it cannot be given another parent
                    inner.rename(folder / os.urandom(16).hex())
                else:
                    inner.unlink()
        path.rmdir()
    if not within:
        folder.rmdir()
    return bool(within)
