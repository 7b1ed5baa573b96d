"""What hosts that read a folder of pictures together need from each other, and the exchange of decoded pixels."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Alone", "Hosts", "copy", "exchange"]

_CHUNK = 16_000_000  # bytes that a host receives at once


class Hosts(Protocol):
    """Some hosts, each with its own rank from 0 to size - 1. All hosts call the same methods in the same order."""

    rank: int
    size: int

    def gather(self, message: Any) -> list[Any]:
        """Return the messages of all hosts in the order of their ranks. A message is what JSON can hold."""

    def gather_arrays(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the arrays of all hosts (size, *shape), in the order of their ranks; all have one shape and dtype."""

    def share(self, array: NDArray[Any], source: int = 0) -> NDArray[Any]:
        """Return the array of the host `source`; all hosts pass an array of its shape and dtype."""


class Alone:
    """A single host."""

    rank, size = 0, 1

    def gather(self, message: Any) -> list[Any]:
        """Return the own message in a list."""
        return [message]

    def gather_arrays(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return the own array (1, *shape)."""
        return array[None]

    def share(self, array: NDArray[Any], source: int = 0) -> NDArray[Any]:
        """Return the own array."""
        return array


def exchange(pixels: NDArray[np.uint8], hosts: Hosts) -> None:
    """Fill in the pictures that the other hosts decoded: pixels (n, h, w, c), picture k from the host k % size.

    The pictures are sent in parts, so that the memory for it does not grow with their number.
    """
    n, size = len(pixels), hosts.size
    if size == 1:
        return
    each = min(-(-n // size), max(1, _CHUNK // (size * pixels[0].nbytes)))
    for start in range(0, n, each * size):
        block = pixels[start : start + each * size]
        mine = np.zeros((each, *pixels.shape[1:]), np.uint8)  # the last part may be filled with zeros
        own = block[hosts.rank :: size]
        mine[: len(own)] = own
        for rank, part in enumerate(hosts.gather_arrays(mine)):
            place = block[rank::size]
            place[...] = part[: len(place)]


def copy(pixels: NDArray[np.uint8], hosts: Hosts, source: int) -> None:
    """Fill `pixels` (n, h, w, c) with the pixels of the host `source`, in parts."""
    each = max(1, _CHUNK // max(1, pixels[0].nbytes))
    for start in range(0, len(pixels), each):
        block = pixels[start : start + each]
        found = hosts.share(block, source)
        if hosts.rank != source:
            block[...] = found
