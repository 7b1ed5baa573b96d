"""A folder with a folder of pictures for each class, read as a data set."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from convlens.data import picture_cache
from convlens.data.class_tree import Tree, find_classes
from convlens.data.decode import BrokenPictureError, Header, decode, read_header
from convlens.data.digits import PARTS, Digits, noticed
from convlens.data.pixels import COURSE_SCALE
from convlens.data.room import check_fits
from convlens.data.split import split_by_class

__all__ = ["read"]

Progress = Callable[[int, int], None]
Found = TypeVar("Found")
_TOGETHER = 64  # pictures that a thread takes at a time
_NAMED = 5  # broken pictures that an error or a note names


def read(
    folder: str | os.PathLike[str],
    *,
    size: tuple[int, int] | None = None,
    skip_broken: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Digits:
    """Read Digits from the pictures in `folder`, laid out as `class_tree.find_classes` says.

    Without a validation folder, a fifth of the training pictures of each class validates, drawn with `seed`. Pictures
    are PNG, JPEG, GIF (first frame), BMP, WebP or TIFF. They are kept in colour if one of them shows colour.
    size: (h, w) to which they are scaled; without it, all must have one size. skip_broken: leave out pictures that
    cannot be decoded. progress(done, total) is called after each step; each picture counts three times: it is read,
    measured and decoded.

    Decoded pictures are kept in the user's cache (`picture_cache`). The memory that they need is known, and refused if
    it is not there, before the first one is decoded.

    Raises ValueError with the folder or picture, the rule and what was found.
    """
    folder = Path(folder)
    tree = find_classes(folder)
    files, labels, counts, notes = _in_order(tree, folder, seed)
    reader = _Reader(folder, [path for path, _ in files], size, skip_broken, progress)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd files; a filter counts for all threads
        pixels, broken = reader.pixels()
    if broken:
        notes.append(f"broken and left out ({len(broken):,} of {len(files):,} pictures): {reader.told(broken)}")
        whole = np.ones(len(files), bool)
        whole[list(broken)] = False
        ends = np.cumsum(counts)
        counts = [int(part.sum()) for part in np.split(whole, ends[:-1])]
        labels = labels[whole]
        for name, count in zip(
            tree.classes, np.bincount(labels[: counts[0]], minlength=len(tree.classes)), strict=True
        ):
            if not count:
                raise ValueError(f"{folder} must hold whole training pictures of each class; {name} has none")
        if not counts[1]:
            raise ValueError(f"{folder} must hold at least one whole picture to validate; all of them are broken")
    if reader.grey_in_colour:
        notes.append("the pictures are stored in colour but show only grey: one channel is kept")
    parts = np.split(pixels, np.cumsum(counts)[:-1])
    kinds = np.split(labels, np.cumsum(counts)[:-1])
    return noticed(
        Digits(
            parts[0], kinds[0], parts[1], kinds[1], parts[2], kinds[2], str(folder), COURSE_SCALE, tree.classes,
            notes=tuple(notes),
        )
    )  # fmt: skip


def _in_order(
    tree: Tree, folder: Path, seed: int
) -> tuple[list[tuple[Path, int]], NDArray[np.int64], list[int], list[str]]:
    """Return the pictures as (path, label), their labels, and the sizes of the parts: training, validation, test."""
    parts, notes = dict(tree.parts), list(tree.notes)
    if "valid" not in parts:
        train = parts["train"]
        held = split_by_class(np.array([label for _, label in train]), seed, str(folder))
        parts["train"] = [file for file, out in zip(train, held, strict=True) if not out]
        parts["valid"] = [file for file, out in zip(train, held, strict=True) if out]
        notes.append(
            f"{held.sum():,} of {len(held):,} pictures are held back to validate, drawn by class with seed {seed}"
        )
    files = [file for part in PARTS for file in parts.get(part, [])]
    return files, np.array([label for _, label in files], np.int64), [len(parts.get(part, [])) for part in PARTS], notes


class _Reader:
    """Reads pictures from files or from the cache, in threads."""

    def __init__(
        self,
        folder: Path,
        paths: list[Path],
        size: tuple[int, int] | None,
        skip_broken: bool,
        progress: Progress | None,
    ) -> None:
        self._folder, self._paths, self._size, self._skip = folder, paths, size, skip_broken
        self._progress, self._done = progress, 0
        self.grey_in_colour = False

    def pixels(self) -> tuple[NDArray[np.uint8], dict[int, str]]:
        """Return the pixels of all whole pictures (n, h, w, c), and why each other one (by its place) is broken."""
        digests = self._each(lambda path: hashlib.sha256(path.read_bytes()).digest())
        key = picture_cache.key_of(digests, list(map(self._name, self._paths)), self._size)
        if kept := picture_cache.find(key, lambda needed: check_fits(needed, str(self._folder))):
            pixels, about = kept
            broken = {int(place): reason for place, reason in about["broken"].items()}
            self.grey_in_colour = about["grey_in_colour"]
            self._check_broken(broken)
            self._tell(2 * len(self._paths))
            return pixels, broken
        pixels, broken = self._decoded()
        about = {"broken": broken, "grey_in_colour": self.grey_in_colour}
        picture_cache.keep(key, pixels, about)
        return pixels, broken

    def _decoded(self) -> tuple[NDArray[np.uint8], dict[int, str]]:
        headers = self._each(_header)
        broken = {k: str(found) for k, found in enumerate(headers) if isinstance(found, BrokenPictureError)}
        self._check_broken(broken)
        whole = [found for found in headers if isinstance(found, Header)]
        h, w = self._size or self._one_size(whole)
        colour = any(header.colour for header in whole)
        shape = (len(self._paths), h, w, 3 if colour else 1)
        check_fits(int(np.prod(shape, dtype=object)), f"{self._folder} ({len(self._paths):,} pictures of {w} x {h})")
        pixels = np.empty(shape, np.uint8)
        places = {path: k for k, path in enumerate(self._paths)}

        def one(path: Path) -> bool | str:
            """Decode a picture into its place. Return whether it is grey, or why it is broken."""
            place = places[path]
            if place in broken:
                return broken[place]
            try:
                image = decode(path.read_bytes(), (h, w), colour=colour, resize=self._size is not None)
            except BrokenPictureError as error:
                return str(error)
            pixels[place] = image
            return bool((image == image[..., :1]).all())

        found = self._each(one)
        broken = {k: each for k, each in enumerate(found) if isinstance(each, str)}
        self._check_broken(broken)
        if broken:
            pixels = _without(pixels, broken)
        if colour and all(each is True for each in found if not isinstance(each, str)):
            self.grey_in_colour = True
            pixels = pixels[..., :1].copy()
        return pixels, broken

    def _one_size(self, headers: Sequence[Header]) -> tuple[int, int]:
        sizes = Counter((header.h, header.w) for header in headers)
        if len(sizes) > 1:
            told = ", ".join(f"{w} x {h} ({count:,})" for (h, w), count in sizes.most_common(4))
            more = f" and {len(sizes) - 4:,} other sizes" if len(sizes) > 4 else ""
            h, w = sizes.most_common(1)[0][0]
            raise ValueError(
                f"{self._folder} must hold pictures of one size, or be scaled to one, such as --size {w}x{h} "
                f"(width x height); got {told}{more}"
            )
        if not sizes:
            raise ValueError(f"{self._folder} must hold whole pictures; all {len(self._paths):,} are broken")
        return next(iter(sizes))

    def _check_broken(self, broken: dict[int, str]) -> None:
        if broken and not self._skip:
            raise ValueError(
                f"{self._folder} has broken pictures ({len(broken):,} of {len(self._paths):,}); --skip-broken leaves "
                f"them out: {self.told(broken)}"
            )

    def told(self, broken: dict[int, str]) -> str:
        """Name the first few broken pictures, with the reasons."""
        first = [f"{self._name(self._paths[k])} {reason}" for k, reason in list(broken.items())[:_NAMED]]
        more = [f"and {len(broken) - _NAMED:,} more"] if len(broken) > _NAMED else []
        return "; ".join(first + more)

    def _name(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()

    def _tell(self, count: int) -> None:
        self._done += count
        if self._progress:
            self._progress(self._done, 3 * len(self._paths))

    def _each(self, function: Callable[[Path], Found]) -> list[Found]:
        """Return function(path) for each path, computed in threads."""
        cuts = [self._paths[start : start + _TOGETHER] for start in range(0, len(self._paths), _TOGETHER)]
        found: list[Found] = []
        with ThreadPoolExecutor(_threads()) as pool:
            try:
                for some in pool.map(lambda cut: [function(path) for path in cut], cuts):
                    found += some
                    self._tell(len(some))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return found


def _header(path: Path) -> Header | BrokenPictureError:
    try:
        return read_header(path.read_bytes())
    except BrokenPictureError as error:
        return error


def _threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _without(pixels: NDArray[np.uint8], broken: dict[int, Any]) -> NDArray[np.uint8]:
    """Return pixels without the broken places. The others are moved together in the same memory."""
    place = 0
    for k in range(len(pixels)):
        if k not in broken:
            if place < k:
                pixels[place] = pixels[k]
            place += 1
    return pixels[:place]
