"""The files of the page by their addresses: those of `page`, and the modules of the browser engine under engine/."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from convlens import engines

__all__ = ["PAGE", "PageFile", "modules", "page_files"]

PAGE = "index.html"
_FOLDERS = {
    "": Path(__file__).with_name("page"),
    "engine/": Path(engines.__file__).parent / "browser" / "engine",
}
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class PageFile(NamedTuple):
    """A file of the page: its bytes and its media type."""

    content: bytes
    media_type: str


def page_files() -> dict[str, PageFile]:
    """Return all files of the page by address: "index.html", "main.js", "engine/kernels/tensor.js" …"""
    return dict(_found())


def modules() -> dict[str, str]:
    """Return the text of each JavaScript module by its address."""
    return {name: file.content.decode() for name, file in _found() if name.endswith(".js")}


def _found() -> Iterator[tuple[str, PageFile]]:
    for start, folder in _FOLDERS.items():
        for path in sorted(folder.rglob("*")):
            if path.suffix in _TYPES and path.is_file():
                name = start + path.relative_to(folder).as_posix()
                yield name, PageFile(path.read_bytes(), _TYPES[path.suffix])
