"""The folder of feedback pages: each page is written whole or not at all, and nothing else in the folder is touched."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from convlens.storage.atomic import atomic_write

__all__ = ["MARKER", "require_place", "write_pages"]

MARKER = '<meta name="generator" content="convlens feedback">'  # in the head of each page: such a page may be replaced
_HEAD = 1000  # bytes at the beginning of a file in which the marker is


def require_place(folder: Path, place: Path) -> None:
    """Raise ValueError or OSError unless `folder` can hold the pages of the class at `place`.

    The pages must lie outside of the class's folder, where they would count as a submission.
    """
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"--feedback must be a folder; {str(folder)!r} is a file")
    if not folder.absolute().parent.is_dir():
        raise FileNotFoundError(f"the folder above --feedback must exist; there is no {str(folder.parent)!r}")
    if place.is_dir() and folder.resolve().is_relative_to(place.resolve()):
        raise ValueError(f"--feedback must lie outside of the class {str(place)!r}; got {str(folder)!r}")


def write_pages(folder: Path, pages: Iterable[tuple[str, str]]) -> tuple[int, list[str]]:
    """Write the pages (name of the file, text). Return their number, and the names of older pages that are left.

    Raise FileExistsError if a file with the name of a page is not a feedback page; nothing in the folder is deleted.
    """
    folder.mkdir(exist_ok=True)
    old = {path.name for path in folder.glob("*.html") if _is_feedback(path)}
    written: set[str] = set()
    for name, text in pages:
        path = folder / name
        if name not in old and path.exists():
            raise FileExistsError(f"a feedback page replaces only feedback pages; {str(path)!r} is something else")
        with atomic_write(path) as file:
            file.write(text.encode())
        written.add(name)
    return len(written), sorted(old - written)


def _is_feedback(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return MARKER.encode() in file.read(_HEAD)
    except OSError:
        return False
