"""The pixels of many pictures, decoded in threads or read from the cache, by one host or by several together."""

from __future__ import annotations

import hashlib
import math
import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from convlens.data import picture_cache
from convlens.data.decode import BrokenPictureError, Header, decode, decoders, read_header
from convlens.data.room import check_fits
from convlens.data.together import Alone, Hosts, copy, exchange

__all__ = ["PictureReader", "Progress"]

Progress = Callable[[int, int], None]
Found = TypeVar("Found")
_TOGETHER = 64  # pictures that a thread takes at a time
_NAMED = 5  # broken pictures that an error or a note names


class PictureReader:
    """Reads the pictures at `paths`, which lie in `folder`.

    hosts: with several hosts that have the same pictures in the same order, each decodes picture k only if k % size is
    its rank; then they exchange the pixels. If a host has the pixels in its cache, none decodes: that host sends them
    to the others. Every host reads the bytes of all pictures for their sha256. Hosts whose decoders differ in version
    may decode different pixels, so each of them decodes all pictures itself.
    """

    def __init__(
        self,
        folder: Path,
        paths: list[Path],
        size: tuple[int, int] | None,
        skip_broken: bool,
        progress: Progress | None,
        hosts: Hosts | None = None,
    ) -> None:
        self._folder, self._paths, self._size, self._skip = folder, paths, size, skip_broken
        self._hosts = hosts or Alone()
        self._mine = range(self._hosts.rank, len(paths), self._hosts.size)
        self._progress, self._done = progress, 0
        self.grey_in_colour = False

    def pixels(self) -> tuple[NDArray[np.uint8], dict[int, str]]:
        """Return the pixels of all whole pictures (n, h, w, c), and why each other one (by its place) is broken."""
        digests = self._each(range(len(self._paths)), lambda path: hashlib.sha256(path.read_bytes()).digest())
        key = picture_cache.key_of(digests, list(map(self._name, self._paths)), self._size)
        kept = picture_cache.find(key, lambda needed: check_fits(needed, str(self._folder)))
        told = self._hosts.gather(
            {
                "sha256": hashlib.sha256(b"".join(digests)).hexdigest(),
                "pictures": len(digests),
                "decoders": decoders(),
                "kept": kept and kept[1],
            }
        )
        self._check_same(told)
        if any(each["decoders"] != told[0]["decoders"] for each in told):
            told = [told[self._hosts.rank]]
            self._alone()
        if sources := [rank for rank, each in enumerate(told) if each["kept"]]:
            about = told[sources[0]]["kept"]
            broken = {int(place): reason for place, reason in about["broken"].items()}
            self.grey_in_colour = about["grey_in_colour"]
            self._check_broken(broken)
            pixels = kept[0] if kept else self._room(about["shape"])
            if len(sources) < len(told):
                self._hosts.gather(None)  # now each host has room
                copy(pixels, self._hosts, sources[0])
            self._tell(2 * len(self._mine))
        else:
            pixels, broken = self._decoded()
        if not kept:
            picture_cache.keep(key, pixels, {"broken": broken, "grey_in_colour": self.grey_in_colour})
        return pixels, broken

    def _alone(self) -> None:
        self._hosts = Alone()
        self._mine = range(len(self._paths))

    def _check_same(self, told: list[dict[str, Any]]) -> None:
        """Raise ValueError on all hosts unless all have the same pictures."""
        leader, mine = told[0], told[self._hosts.rank]
        if mine["sha256"] != leader["sha256"]:
            raise ValueError(
                f"the data must be the leader's, sha256 {leader['sha256'][:12]}… of {leader['pictures']:,} pictures; "
                f"{self._folder} has {mine['sha256'][:12]}… of {mine['pictures']:,}"
            )
        if any(each["sha256"] != leader["sha256"] for each in told):
            self._hosts.gather(None)  # raises the error of the other host

    def _decoded(self) -> tuple[NDArray[np.uint8], dict[int, str]]:
        headers = [
            each if isinstance(each, str) else Header(*each) for each in self._of_all(self._each(self._mine, _header))
        ]
        broken = {k: each for k, each in enumerate(headers) if isinstance(each, str)}
        self._check_broken(broken)
        whole = [each for each in headers if isinstance(each, Header)]
        h, w = self._size or self._one_size(whole)
        colour = any(header.colour for header in whole)
        pixels = self._room((len(self._paths), h, w, 3 if colour else 1))
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

        found: list[bool | str] = self._of_all(self._each(self._mine, one))
        broken = {k: each for k, each in enumerate(found) if isinstance(each, str)}
        self._check_broken(broken)
        exchange(pixels, self._hosts)
        if broken:
            pixels = _without(pixels, broken)
        if colour and all(each is True for each in found if not isinstance(each, str)):
            self.grey_in_colour = True
            pixels = pixels[..., :1].copy()
        return pixels, broken

    def _of_all(self, mine: list[Any]) -> list[Any]:
        """Return what all hosts found for their pictures, in the order of all pictures."""
        found: list[Any] = [None] * len(self._paths)
        for rank, part in enumerate(self._hosts.gather(mine)):
            found[rank :: self._hosts.size] = part
        return found

    def _room(self, shape: Sequence[int]) -> NDArray[np.uint8]:
        """Return zeros of the shape (n, h, w, c) for pixels. ValueError if they do not fit into memory."""
        _, h, w, _ = shape
        check_fits(math.prod(shape), f"{self._folder} ({len(self._paths):,} pictures of {w} x {h})")
        return np.zeros(shape, np.uint8)

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
            self._progress(self._done, len(self._paths) + 2 * len(self._mine))

    def _each(self, places: Sequence[int], function: Callable[[Path], Found]) -> list[Found]:
        """Return function(path) for the path at each place, computed in threads."""
        cuts = [places[start : start + _TOGETHER] for start in range(0, len(places), _TOGETHER)]
        found: list[Found] = []
        with ThreadPoolExecutor(_threads()) as pool:
            try:
                for some in pool.map(lambda cut: [function(self._paths[k]) for k in cut], cuts):
                    found += some
                    self._tell(len(some))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return found


def _header(path: Path) -> Header | str:
    """Return the header of a picture, or why the picture is broken."""
    try:
        return read_header(path.read_bytes())
    except BrokenPictureError as error:
        return str(error)


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
