"""Kernels that copy arrays (n, h, w, c) into images with channels in lanes, and back."""

from __future__ import annotations

from convlens.engines.compiled.block_tiles import copy_pixels
from convlens.engines.compiled.kernel import Memory, Place, kernel
from convlens.engines.compiled.registers import vector, zero


@kernel
def load(
    m: Memory, x: Place, x_pixel: int, channels: int, y: Place, y_rows: int, y_columns: int, y_plane: int, y_pitch: int,
    above: int, below: int, before: int, examples: int,
) -> None:  # fmt: skip
    """x (n, h, w, x_pixel) -> the image y of its first `channels` channels, with the zeros of its frame

    y: where the frame begins; above, below: its numbers over and under the rows; before: those to the left of a row
    """
    wide, run = vector(m), y_columns * vector(m)
    for e in range(examples):
        for c in range(0, channels, wide):
            target = y + (e * ((channels + wide - 1) // wide) + c // wide) * y_plane
            for p in range(target, target + above):
                m[p] = zero(m)
            target += above
            for i in range(y_rows):
                source = x + (e * y_rows + i) * y_columns * x_pixel + c
                for p in range(target, target + before):
                    m[p] = zero(m)
                copy_pixels(m, source, x_pixel, min(wide, channels - c), target + before, wide, wide, y_columns)
                for p in range(target + before + run, target + y_pitch):
                    m[p] = zero(m)
                target += y_pitch
            for p in range(target, target + below):
                m[p] = zero(m)


@kernel
def store(
    m: Memory, x: Place, x_rows: int, x_columns: int, x_plane: int, x_pitch: int, channels: int, examples: int,
    y: Place, y_pixel: int, bad: Place,
) -> None:  # fmt: skip
    """The image x -> the first `channels` channels of y (n, h, w, y_pixel); bad (n,): NaN where not all are finite"""
    wide = vector(m)
    for e in range(examples):
        found = zero(m)
        for c in range(0, channels, wide):
            source = x + (e * ((channels + wide - 1) // wide) + c // wide) * x_plane
            for i in range(x_rows):
                target = y + (e * x_rows + i) * x_columns * y_pixel + c
                found += copy_pixels(
                    m, source + i * x_pitch, wide, wide, target, y_pixel, min(wide, channels - c), x_columns
                )
        m[bad + e] = found


@kernel
def add(m: Memory, x: Place, count: int, y: Place) -> None:
    """y += x"""
    for p in range(count):
        m[y + p] += m[x + p]
