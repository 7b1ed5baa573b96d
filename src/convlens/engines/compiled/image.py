"""Images: the values between two layers of a fused pass, in one of two layouts.

An image is (planes, rows, columns, lanes), and a vector holds neighbouring lanes. *Examples in lanes*: a plane is a
channel, and a lane is an example of a block. *Channels in lanes*: a plane is one example's block of channels, and a
lane is a channel.

Each plane has a frame of zeros, which a convolution reads as its padding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = ["Frame", "Image"]


class Frame(NamedTuple):
    """The zeros around a plane, in rows and columns"""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0


@dataclass(frozen=True)
class Image:
    """planes, rows, columns, lanes: the sizes without the frame. plane, pitch: the distance from one plane, or row, to
    the next, in numbers"""

    data: Any  # an array, or a slot
    origin: Any  # `data` from the first pixel on
    planes: int
    rows: int
    columns: int
    lanes: int
    plane: int
    pitch: int
    frame: Frame

    @property
    def run(self) -> int:
        """The numbers of a row"""
        return self.columns * self.lanes

    @property
    def size(self) -> int:
        """The numbers of all planes, with their frames"""
        return self.planes * self.plane
