"""The gradient of the input of a convolution with few input channels, with pixels in lanes: see `over_pixels`.

dy is copied into planes. The places of dx that lie a stride apart are a convolution of dy, with some of the taps; each
gives planes of dx, which are then copied to their places.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from convlens.arrays import Array
from convlens.engines.compiled import moves, over_examples, over_pixels
from convlens.engines.compiled.block_calls import Phase, phases
from convlens.engines.compiled.frames import backward_frame
from convlens.engines.compiled.kernel import Call, Slot
from convlens.engines.compiled.operation import Operation, Plan, pieces
from convlens.engines.compiled.plan import CACHE
from convlens.engines.compiled.registers import BYTES
from convlens.engines.compiled.room import Room, memory
from convlens.engines.compiled.single import spec_of
from convlens.engines.specs import Conv
from convlens.geometry import Pads, Pair
from convlens.machine.threads import usable_threads

_THREADS = usable_threads()
_SHAPES = 512  # planned shapes that are cached
SUMS = 24 if BYTES == 64 else 12  # the vectors of sums in a register tile, at most
CHANNELS = 8  # the channels in a register tile, at most


def tile(channels: int) -> int:
    """Return the channels of a register tile: tiles of that many channels waste least.

    >>> tile(3), tile(8), tile(10)
    (3, 8, 5)
    """
    return -(-channels // -(-channels // CHANNELS))


def vectors(run: int, tile: int, wide: int) -> int:
    """Return the vectors of a register tile, more than half of what SUMS allows: they cover `run` with least waste."""
    most = SUMS // tile
    return min(range(most, most // 2, -1), key=lambda count: -(-run // (count * wide)) * count)


class _Gradient(NamedTuple):
    """pack: w -> kernel; run: dy, kernel -> dx; kernel: the numbers of the packed kernel"""

    pack: Operation
    run: Operation
    kernel: int


def _taps(spec: Conv, phase: Phase, plane: int, pitch: int, height: int) -> tuple[Array, Array]:
    """Return the offsets of a phase's taps, and where the numbers (tiles, taps, height) of its kernel stand in w."""
    met = phase.cells(spec)
    offsets = [o * plane + i * pitch + j for o in range(spec.co) for _, i, _, j in met]
    cells = [((a * spec.kernel[1] + d) * spec.ci) * spec.co + o for o in range(spec.co) for a, _, d, _ in met]
    channels = np.arange(-(-spec.ci // height) * height).reshape(-1, 1, height)
    at = np.where(channels < spec.ci, np.array(cells, np.int64)[:, None] + channels * spec.co, -1)
    return np.array(offsets, np.int64), at.reshape(-1)


def dx(spec: Conv, n: int, room: Room) -> tuple[list[Call], list[Call], int]:
    """Return the calls dy, kernel -> dx of n examples, the calls w -> kernel, and the numbers of `kernel`."""
    (oh, ow), (h, w), (sh, sw), wide = spec.out, spec.size, spec.stride, BYTES // room.itemsize
    frame, height = backward_frame(spec), tile(spec.ci)
    pitch = frame.left + ow + frame.right
    plane = (frame.top + oh + frame.bottom) * pitch
    each, slack = spec.co * plane, (SUMS + 1) * wide
    planes = room.of("dy", n * each + slack)
    origin = planes._replace(past=planes.past + frame.top * pitch + frame.left)
    tiles = -(-spec.ci // height)
    found_plane = -(-h // sh) * pitch + slack
    found = room.of("dx", n * tiles * height * found_plane)
    calls, packing, at = [
        over_examples.fill_zeros(x=planes, count=n * each),
        over_pixels.transpose(
            x=Slot("dy"), x_example=oh * ow * spec.co, x_i=ow * spec.co, x_j=spec.co, channels=spec.co, y=origin,
            y_example=each, y_i=pitch, y_c=plane, columns=ow, rows=oh, examples=n,
        ),
    ], list[Call](), 0  # fmt: skip
    for phase in phases(spec):
        offsets, numbers = _taps(spec, phase, plane, pitch, height)
        run = (phase.rows - 1) * pitch + phase.columns
        calls += [
            over_pixels.convolve(height, vectors(run, height, wide))(
                x=origin, x_example=each, taps=offsets, count=len(offsets),
                w=Slot("kernel", at), run=run, examples=n, y=found, y_example=tiles * height * found_plane,
                y_plane=found_plane, tiles=tiles,
            ),
            over_pixels.transpose(
                x=found, x_example=tiles * height * found_plane, x_i=pitch, x_j=found_plane, channels=phase.columns,
                y=Slot("dx", (phase.r * w + phase.c) * spec.ci), y_example=h * w * spec.ci, y_i=sh * w * spec.ci,
                y_c=sw * spec.ci, columns=spec.ci, rows=phase.rows, examples=n,
            ),
        ]  # fmt: skip
        packing.append(moves.gather(x=Slot("w"), at=numbers, count=len(numbers), y=Slot("kernel", at)))
        at += len(numbers)
    return calls, packing, at


@lru_cache(_SHAPES)
def _gradient(spec: Conv, n: int, dtype: np.dtype[Any]) -> _Gradient:
    numbers = {"dy": spec.out[0] * spec.out[1] * spec.co, "dx": spec.size[0] * spec.size[1] * spec.ci}
    cut = pieces(n, 2.0 * n * numbers["dy"] * spec.kernel[0] * spec.kernel[1] * spec.ci)
    one = Room(dtype.itemsize)
    _, packing, kernel = dx(spec, 1, one)
    most = max(1, min(-(-n // cut), CACHE // (2 * one.size * dtype.itemsize)))
    room = Room(dtype.itemsize)
    dx(spec, most, room)
    plan = Plan(
        lambda examples: dx(spec, examples, Room(dtype.itemsize))[0], n, cut, numbers, most=most, room=room.size
    )  # fmt: skip
    return _Gradient(Operation(Plan(lambda _: packing, 1), dtype, 1), Operation(plan, dtype, _THREADS), kernel)


def gradient_of_x(dy: Array, w: Array, stride: Pair, pads: Pads, dx: Array) -> None:
    """See `Engine.conv2d_dx`."""
    made, dtype = _gradient(spec_of(dx.shape, w.shape, stride, dy.shape, pads), len(dy), dy.dtype), dy.dtype
    with memory() as mine:
        kernel = mine.of("kernel", made.kernel, dtype)
        room = [mine.of(("work", k), made.run.plan.room, dtype) for k in range(_THREADS)]
        made.pack.run(w=w, kernel=kernel)
        made.run.run(room, kernel=kernel, dy=dy, dx=dx)
