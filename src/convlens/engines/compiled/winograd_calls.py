"""The calls of a convolution by Winograd's algorithm: see `winograd` and `over_winograd`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from convlens.arrays import Array
from convlens.engines.compiled import over_blocks, over_examples, over_winograd
from convlens.engines.compiled.block_calls import POSITIONS, Packed
from convlens.engines.compiled.example_calls import Calls, PlannedLayer, Weights
from convlens.engines.compiled.image import Image
from convlens.engines.compiled.kernel import Call, Slot
from convlens.engines.compiled.room import Room
from convlens.engines.compiled.winograd import Form, tiles
from convlens.engines.compiled.winograd_tiles import GRADIENTS, INPUTS
from convlens.engines.specs import Conv
from convlens.machine.memory import aligned

# The most bytes of the points of a chunk, inputs and outputs, and the most tiles of a chunk. A large kernel is read
# from the third-level cache once for each chunk, so there the points may take a third of the kernel's bytes
ROOM, MOST = 3 * 2**18, 64


class _Chunk(NamedTuple):
    """tiles: of a chunk, whole register tiles; register: of a register tile; room: the most tiles that a chunk may have
    with so many tiles in all, or with fewer"""

    tiles: int
    register: int
    room: int


def _chunk(count: int, form: Form, ins: int, outs: int, wide: int, itemsize: int) -> _Chunk:
    """Return how `count` tiles are cut into chunks."""
    tile, kernel = (form.points * blocks * wide * itemsize for blocks in (ins + outs, ins * outs * wide))
    largest = POSITIONS[-1]
    most = min(MOST, max(largest, max(ROOM, kernel // 3) // tile))
    fitting = [tile for tile in POSITIONS if tile <= count] or [count]
    tile = min(fitting, key=lambda tile: (-(-count // tile) * tile, -tile))
    return _Chunk(min(most // tile, -(-count // tile)) * tile, tile, min(most, -(-count // largest) * largest))


def kernel_rows(spec: Conv) -> Array:
    """Return where the vectors of a packed kernel begin, for `over_blocks.pack`: for each channel its cells."""
    taps = spec.kernel[0]
    cells = [(k, a, d) for k in range(spec.ci) for a in range(taps) for d in range(taps)]
    return np.array([((a * taps + d) * spec.ci + k) * spec.co for k, a, d in cells], np.int64)


def turned_rows(spec: Conv) -> Array:
    """Return the same for the kernel of dx: turned by 180 degrees, with its channels swapped."""
    taps, turned = spec.kernel[0], range(spec.kernel[0] - 1, -1, -1)
    cells = [(k, a, d) for k in range(spec.co) for a in turned for d in turned]
    return np.array([(a * taps + d) * spec.ci * spec.co + k for k, a, d in cells], np.int64)


def conv_calls(
    layer: PlannedLayer, weights: Weights, packed: Packed, key: int, form: Form, scratch: Room, more: bool = False
) -> Calls:
    """Return the calls of a convolution with tiles of a form. key, more: as in `block_calls.conv_calls`"""
    spec: Conv = layer.spec
    x, y, dy, dx, n, wide = layer.x, layer.y, layer.dy, layer.dx, layer.n, layer.x.lanes
    ci, co, outs = spec.ci, spec.co, spec.co // wide
    (top, _), (left, _) = spec.pads
    rows = kernel_rows(spec)
    w, bias = packed.points((key, "w"), weights.w, 1, co, rows, form), packed.vectors((key, "b"), weights.b, co)
    points = form.points
    forward = convolve(x, y, (top, left), spec.out, w, bias, layer.relu, False, n, form, scratch)
    sizes = {"sums": points * ci * co, "back": len(rows) * co, "db": co}
    sums, back, db = (scratch.of(name, size) for name, size in sizes.items())
    slopes = [
        over_examples.fill_zeros(x=db, count=co),
        over_blocks.relu_db(dy=dy, run=dy.run, y=y, relu=layer.relu, db=db, blocks=outs, examples=n),
        over_blocks.unpack(x=db, channels=co, rows=np.zeros(1, np.int64), count=1, dw=weights.db),
    ]
    backward = [
        *(slopes if layer.relu or spec.bias else []),
        over_examples.fill_zeros(x=sums, count=points * ci * co),
        *convolve_dw(x, dy, (top, left), spec.out, sums, n, form, scratch),
        over_winograd.from_points(form)(x=sums, count=outs * ci, y=back),
        over_blocks.unpack(x=back, channels=co, rows=rows, count=len(rows), dw=weights.dw),
    ]  # fmt: skip
    if not layer.first:
        w = packed.points((key, "dx"), weights.w, co, ci, turned_rows(spec), form, dx=True)
        zeros = aligned(ci, w.dtype)
        past = form.taps - 1
        backward += convolve(
            dy, dx, (past - top, past - left), spec.size, w, zeros, False, more, n, form, scratch
        )  # fmt: skip
    return forward, backward


def _tiles(x: Image, corner: int, out: tuple[int, int], n: int, form: Form) -> dict[str, Any]:
    """Return the arguments of `over_winograd.to_tiles` for all chunks of images x."""
    blocks, across = x.planes // n, -(-out[1] // form.size)
    return {"x": x, "x_example": blocks * x.plane, "corner": corner, "blocks": blocks, "across": across,
            "each": tiles(out, form.size)}  # fmt: skip


def convolve(
    x: Image, y: Image, pads: tuple[int, int], out: tuple[int, int], w: Slot | Array, b: Slot | Array, relu: bool,
    more: bool, n: int, form: Form, scratch: Room,
) -> list[Call]:  # fmt: skip
    """Return the calls that compute y (n, …, *out) from x, whose first tile begins at -pads."""
    wide, ins, outs = x.lanes, x.planes // n, y.planes // n
    whole = n * tiles(out, form.size)
    chunk, tile, room = _chunk(whole, form, ins, outs, wide, scratch.itemsize)
    seen, made = _points(form, room, ins, outs, wide, scratch)
    taps, corner = np.arange(ins) * (chunk * wide), -(pads[0] * x.pitch + pads[1] * wide)
    images, calls = _tiles(x, corner, out, n, form), list[Call]()
    for start in range(0, whole, chunk):
        part = {"count": min(chunk, whole - start), "chunk": chunk}
        calls += [
            over_winograd.to_tiles(form, INPUTS)(**images, **part, start=start, y=seen),
            over_winograd.multiply(tile, wide)(
                x=seen, taps=taps, ins=ins, w=w, outs=outs, points=form.points, **part, y=made
            ),
            over_winograd.from_tiles(form)(
                x=made, b=b, relu=relu, more=more, y=y, y_example=outs * y.plane, blocks=outs, oh=out[0], ow=out[1],
                start=start, **part,
            ),
        ]  # fmt: skip
    return calls


def convolve_dw(
    x: Image, dy: Image, pads: tuple[int, int], out: tuple[int, int], sums: Slot | Array, n: int, form: Form,
    scratch: Room,
) -> list[Call]:  # fmt: skip
    """Return the calls that add the gradient of a kernel to its points `sums`; x and pads as in `convolve`."""
    wide, ins, outs = x.lanes, x.planes // n, dy.planes // n
    whole = n * tiles(out, form.size)
    chunk, _, room = _chunk(whole, form, ins, outs, wide, scratch.itemsize)
    seen, given = _points(form, room, ins, outs, wide, scratch)
    images = _tiles(x, -(pads[0] * x.pitch + pads[1] * wide), out, n, form)
    gradients, calls = _tiles(dy, 0, out, n, form), list[Call]()
    for start in range(0, whole, chunk):
        part = {"count": min(chunk, whole - start), "chunk": chunk}
        calls += [
            over_winograd.to_tiles(form, INPUTS)(**images, **part, start=start, y=seen),
            over_winograd.to_tiles(form, GRADIENTS)(**gradients, **part, start=start, y=given),
            over_winograd.multiply_dw(wide)(
                x=seen, ins=ins, dy=given, outs=outs, points=form.points, **part, dw=sums
            ),
        ]  # fmt: skip
    return calls


def _points(form: Form, room: int, ins: int, outs: int, wide: int, scratch: Room) -> Iterator[Slot]:
    """Yield memory for the points of `room` tiles, of the input and of the output."""
    for name, blocks in (("seen", ins), ("made", outs)):
        yield scratch.of(name, form.points * (blocks * room + 1) * wide)
