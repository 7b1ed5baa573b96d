"""Decoded pictures in the user's cache folder, so that a data set is decoded once.

A file of the cache holds one line of JSON and then the pixels. Its name is the sha256 of the names and bytes of the
pictures in their order, the size they are scaled to and the version of Pillow: changed pictures have another name. When
the cache grows above LIMIT, the files that were not read for longest are removed.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convlens.data.download import cache_folder
from convlens.storage.atomic import atomic_write

__all__ = ["LIMIT", "find", "keep", "key_of"]

LIMIT = 4_000_000_000  # bytes
_VERSION = 1


def _folder() -> Path:
    return cache_folder().with_name("pictures")


def key_of(digests: list[bytes], names: list[str], size: tuple[int, int] | None) -> str:
    """Return the name of the cache file for pictures with these sha256 digests and names."""
    import PIL

    whole = hashlib.sha256(repr((_VERSION, PIL.__version__, size)).encode())
    for name, digest in zip(names, digests, strict=True):
        whole.update(os.fsencode(name) + b"\0" + digest)
    return whole.hexdigest()


def find(key: str, check: Callable[[int], None]) -> tuple[NDArray[np.uint8], dict[str, Any]] | None:
    """Return pixels (n, h, w, c) and what was kept about them; None if they are not in the cache.

    check(bytes): called before the pixels are read; it raises an error if they do not fit into memory.
    """
    path = _folder() / f"{key}.pixels"
    try:
        with path.open("rb") as file:
            about = json.loads(file.readline())
            shape = tuple(about["shape"])
            size = math.prod(shape)
            if os.fstat(file.fileno()).st_size != file.tell() + size:
                return None
            check(size)
            pixels = np.fromfile(file, np.uint8, size).reshape(shape)
        os.utime(path)
    except (OSError, KeyError, TypeError, json.JSONDecodeError, UnicodeDecodeError):
        return None
    return pixels, about


def keep(key: str, pixels: NDArray[np.uint8], about: dict[str, Any]) -> None:
    """Keep pixels in the cache. A cache that cannot be written or is too small keeps nothing; that is no error."""
    folder = _folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if pixels.nbytes > min(LIMIT, shutil.disk_usage(folder).free // 2):
            return
        _make_room(folder, LIMIT - pixels.nbytes)
        with atomic_write(folder / f"{key}.pixels") as file:
            file.write(json.dumps({"shape": pixels.shape, **about}).encode() + b"\n")
            file.write(np.ascontiguousarray(pixels).data.cast("B"))
    except (OSError, ValueError):
        return


def _make_room(folder: Path, limit: int) -> None:
    kept = sorted(folder.glob("*.pixels"), key=lambda path: path.stat().st_mtime, reverse=True)
    total = 0
    for path in kept:
        total += path.stat().st_size
        if total > limit:
            path.unlink(missing_ok=True)
