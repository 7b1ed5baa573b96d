"""A convolution with strides as one without: a square of pixels becomes the channels of one pixel ("space to depth").

The pixels of a square of stride × stride numbers side by side make sh * sw * ci channels, and the kernel loses as many
rows and columns: ceil(kh / sh) × ceil(kw / sw) are left, filled up with zeros. So Winograd's algorithm serves kernels
like 11 × 11 at stride 4, which becomes 3 × 3.
"""

from __future__ import annotations

import numpy as np

from convlens.arrays import Array
from convlens.engines.compiled.block_tiles import copy_pixels
from convlens.engines.compiled.frames import forward_frame
from convlens.engines.compiled.image import Image
from convlens.engines.compiled.kernel import Call, Memory, Place, Slot, kernel
from convlens.engines.compiled.registers import BYTES, vector
from convlens.engines.compiled.room import Room
from convlens.engines.compiled.winograd import Form
from convlens.engines.padding import NO_PADS
from convlens.engines.specs import Conv
from convlens.geometry import Pair


def folded(spec: Conv) -> Conv:
    """Return the convolution of squares of pixels, at stride 1 and without padding; the same one if the stride is 1.

    >>> folded(Conv((227, 227), 3, (55, 55), 96, (11, 11), (4, 4), ((0, 0), (0, 0)))).kernel
    (3, 3)
    """
    (sh, sw), (kh, kw), (oh, ow) = spec.stride, spec.kernel, spec.out
    if spec.stride == (1, 1):
        return spec
    rows, columns = -(-kh // sh), -(-kw // sw)
    size = (oh - 1 + rows, ow - 1 + columns)
    return spec._replace(size=size, ci=sh * sw * spec.ci, kernel=(rows, columns), stride=(1, 1), pads=NO_PADS)


def fold_kernel(w: Array, stride: Pair) -> Array:
    """Return w (kh, kw, ci, co) as the kernel of `folded`; w itself if the stride is 1."""
    if stride == (1, 1):
        return w
    (kh, kw, ci, co), (sh, sw) = w.shape, stride
    rows, columns = -(-kh // sh), -(-kw // sw)
    whole = np.zeros((rows * sh, columns * sw, ci, co), w.dtype)
    whole[:kh, :kw] = w
    squares = whole.reshape(rows, sh, columns, sw * ci, co).swapaxes(1, 2)
    return np.ascontiguousarray(squares).reshape(rows, columns, sh * sw * ci, co)


def unfold_kernel(w: Array, stride: Pair, out: Array) -> None:
    """Copy a kernel of `folded` into `out` (kh, kw, ci, co)."""
    (kh, kw, ci, co), (sh, sw), (rows, columns) = out.shape, stride, w.shape[:2]
    squares = w.reshape(rows, columns, sh, sw * ci, co).swapaxes(1, 2)
    out[...] = squares.reshape(rows * sh, columns * sw, ci, co)[:kh, :kw]


@kernel
def load(
    m: Memory, x: Place, x_rows: int, x_run: int, top: int, before: int, sh: int, side: int, y: Place, y_example: int,
    y_plane: int, y_rows: int, y_columns: int, examples: int,
) -> None:  # fmt: skip
    """x (n, x_rows, x_run) -> the image y of squares, whose channels fill the lanes; outside of x there are zeros

    x_run: the numbers of a row; side: those of one row of a square; top, before: rows above x, numbers to its left
    """
    wide = vector(m)
    for e in range(examples):
        for i in range(y_rows):
            for r in range(sh):
                row = i * sh + r - top
                last = x_run if 0 <= row < x_rows else 0
                q = 0
                while q < side:  # the numbers of a row of a square that go to the same block of channels
                    block, lane = (r * side + q) // wide, (r * side + q) % wide
                    count = min(wide - lane, side - q)
                    source = x + (e * x_rows + row) * x_run
                    target = y + e * y_example + block * y_plane + i * y_columns * wide + lane
                    j, past = 0, q - before  # past: of the square's numbers from the row's first one
                    while j < y_columns:
                        low, size = max(past, 0), min(past + count, last) - max(past, 0)
                        out, whole = target + j * wide, 1
                        if size == count:
                            whole = min(y_columns - j, (last - past - count) // side + 1)
                            copy_pixels(m, source + past, side, count, out, wide, count, whole)
                        else:
                            copy_pixels(m, source, 0, 0, out, 0, count, 1)
                            copy_pixels(m, source + low, 0, size, out + low - past, 0, size, 1)
                        j, past = j + whole, past + whole * side
                    q += count


def image_calls(spec: Conv, n: int, form: Form, room: Room) -> tuple[list[Call], Image]:
    """Return the image of x (n, h, w, ci) in squares of pixels, and the calls that fill it."""
    inner, wide = folded(spec), BYTES // room.itemsize
    blocks, side = inner.ci // wide, spec.stride[1] * spec.ci
    image = room.image(n * blocks, *inner.size, wide, forward_frame(inner, form))
    call = load(
        x=Slot("x"), x_rows=spec.size[0], x_run=spec.size[1] * spec.ci, top=spec.pads[0][0],
        before=spec.pads[1][0] * spec.ci, sh=spec.stride[0], side=side, y=image.data,
        y_example=blocks * image.plane, y_plane=image.plane, y_rows=image.plane // image.pitch,
        y_columns=image.pitch // wide, examples=n,
    )  # fmt: skip
    return [call], image
