"""The calls of a single convolution with channels in lanes, on a group of a few examples.

The group is copied into images, as a fused pass has them, and the result is copied out. An input with fewer channels
than a vector has lanes is read in place. Slots: x, y, dy, dx, dw, w, b are arrays in their usual layout; kernel, bias
and sums are the packed kernel, the packed bias and the packed gradient of the kernel.

form: of the tiles of Winograd's algorithm; None for the direct way.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from convlens.engines.compiled import nhwc, over_blocks, over_examples, over_winograd, space_to_depth, winograd_calls
from convlens.engines.compiled.block_calls import ONE, best_tile, blocks, forward_taps, numbers, past, phases
from convlens.engines.compiled.block_tiles import BIAS, ZERO
from convlens.engines.compiled.frames import backward_frame, forward_frame
from convlens.engines.compiled.image import Frame, Image
from convlens.engines.compiled.kernel import Call, Slot
from convlens.engines.compiled.plan import CACHE
from convlens.engines.compiled.registers import BYTES
from convlens.engines.compiled.room import Room
from convlens.engines.compiled.winograd import Form
from convlens.engines.specs import Conv


class Packing(NamedTuple):
    """The calls that pack a kernel, and the numbers of the packed kernel and of its `cells`, an array between"""

    calls: list[Call]
    size: int
    cells: int


def pack(spec: Conv, dx: bool, form: Form | None, itemsize: int) -> Packing:
    """Return how to pack the kernel of the forward, or of dx."""
    wide = BYTES // itemsize
    step, channels = (spec.co, spec.ci) if dx else (1, spec.co)
    if form:
        spec = space_to_depth.folded(spec)
        rows = winograd_calls.turned_rows(spec) if dx else winograd_calls.kernel_rows(spec)
        tables = [rows]
    elif dx:
        tables = [phase.taps(spec, _like(spec.out, spec.co, wide)).rows for phase in phases(spec)]
    else:
        tables = [forward_taps(spec, _like(spec.size, spec.ci, _lanes(spec, itemsize))).rows]
    target, at, calls = "cells" if form else "kernel", 0, list[Call]()
    for rows in tables:
        if len(rows):
            calls.append(
                over_blocks.pack(
                    w=Slot("w"), step=step, channels=channels, rows=rows, count=len(rows), y=Slot(target, at)
                )
            )
        at += blocks(channels, wide) * len(rows) * wide
    if not form:
        return Packing(calls, at, 0)
    calls.append(over_winograd.to_points(form)(x=Slot("cells"), count=at // form.taps**2 // wide, y=Slot("kernel")))
    return Packing(calls, at // form.taps**2 * form.points, at)


def pack_bias(co: int) -> Call:
    """Return the call that fills `bias` from b (co,)."""
    return over_blocks.pack(w=Slot("b"), step=1, channels=co, rows=ONE, count=1, y=Slot("bias"))


def _like(size: tuple[int, int], c: int, lanes: int) -> Image:
    """Return an image of one example without memory."""
    plane = size[0] * size[1] * lanes
    return Image(None, None, blocks(c, lanes), *size, lanes, plane, size[1] * lanes, Frame())


def _load(
    name: str, size: tuple[int, int], c: int, n: int, frame: Frame, room: Room, pixel: int | None = None
) -> tuple[list[Call], Image]:
    """Return the image of an array (n, *size, pixel), of its first c channels, and the calls that fill it."""
    wide = BYTES // room.itemsize
    image = room.image(n * blocks(c, wide), *size, wide, frame)
    call = nhwc.load(
        x=Slot(name), x_pixel=pixel or c, channels=c, y=image.data, y_rows=image.rows, y_columns=image.columns,
        y_plane=image.plane, y_pitch=image.pitch, above=frame.top * image.pitch, below=frame.bottom * image.pitch,
        before=frame.left * wide, examples=n,
    )  # fmt: skip
    return [call], image


def _lanes(spec: Conv, itemsize: int) -> int:
    """Return the lanes of the image of x."""
    return min(spec.ci, BYTES // itemsize)


def _input(spec: Conv, n: int, form: Form | None, room: Room) -> tuple[list[Call], Image]:
    """Return the image of x, and the calls that fill it.

    If x has fewer channels than a vector has lanes, a pixel of the image has them alone, and without a frame it is x.
    """
    if form and spec.stride != (1, 1):
        return space_to_depth.image_calls(spec, n, form, room)
    if spec.ci >= BYTES // room.itemsize:
        return _load("x", spec.size, spec.ci, n, forward_frame(spec, form), room)
    (h, w), frame = spec.size, forward_frame(spec)
    if frame == Frame():
        pitch = w * spec.ci
        return [], Image(Slot("x"), Slot("x"), n, h, w, spec.ci, h * pitch, pitch, frame)
    image = room.image(n, h, w, spec.ci, frame)
    zeros = over_examples.fill_zeros(x=image.data, count=n * image.plane)
    return [zeros, over_blocks.from_nhwc(x=Slot("x"), y=image)], image


def _corner(spec: Conv) -> tuple[int, int]:
    """Return how far above and to the left of the image of x Winograd's first tile begins."""
    (top, _), (left, _) = space_to_depth.folded(spec).pads
    return top, left


def _store(image: Image, name: str, c: int, n: int) -> Call:
    return nhwc.store(x=image, channels=c, examples=n, y=Slot(name), y_pixel=c, bad=Slot("bad"))


def _inside(name: str, spec: Conv, n: int, outs: int, lanes: int) -> Image:
    """Return y or dy in its usual layout as an image: a block of channels is a part of each pixel."""
    return Image(Slot(name), Slot(name), n * outs, *spec.out, lanes, lanes, spec.out[1] * spec.co, Frame())


def forward(spec: Conv, n: int, form: Form | None, room: Room) -> list[Call]:
    """x -> y"""
    (oh, ow), (sh, sw), wide = spec.out, spec.stride, BYTES // room.itemsize
    load, x = _input(spec, n, form, room)
    outs = blocks(spec.co, wide)
    if form or spec.co % wide:
        y = room.image(n * outs, oh, ow, wide, Frame())
        store, pixel, example = [_store(y, "y", spec.co, n)], wide, outs * y.plane
    else:  # a block of channels is a part of each pixel of y
        y = _inside("y", spec, n, outs, wide)
        store, pixel, example = [], spec.co, oh * ow * spec.co
    if form:
        calls = winograd_calls.convolve(
            x, y, _corner(spec), spec.out, Slot("kernel"), Slot("bias"), False, False, n, form, room
        )  # fmt: skip
    else:
        taps = forward_taps(spec, x)
        direct = over_blocks.convolve(*best_tile(ow), sw * x.lanes, pixel)(
            x=x, x_example=x.planes // n * x.plane, x_i=sh * x.pitch, taps=taps.offsets, count=len(taps.offsets),
            depth=taps.depth, w=Slot("kernel"), b=Slot("bias"), start=BIAS, relu=0, y=y, y_example=example,
            y_i=y.pitch, blocks=outs, examples=n, oh=oh, ow=ow,
        )  # fmt: skip
        calls = [direct]
    return [*load, *calls, *store]


def dx(spec: Conv, n: int, form: Form | None, room: Room) -> list[Call]:
    """dy -> dx"""
    wide = BYTES // room.itemsize
    load, dy = _load("dy", spec.out, spec.co, n, backward_frame(spec, form), room)
    ins, outs = blocks(spec.ci, wide), blocks(spec.co, wide)
    found = room.image(n * ins, *spec.size, wide, Frame())
    zeros = np.zeros(ins * wide, f"f{room.itemsize}")
    calls, at = list[Call](), 0
    if form:
        pads = (form.taps - 1 - spec.pads[0][0], form.taps - 1 - spec.pads[1][0])
        calls += winograd_calls.convolve(dy, found, pads, spec.size, Slot("kernel"), zeros, False, False, n, form, room)
    else:
        for phase in phases(spec):
            taps = phase.taps(spec, dy)
            calls.append(
                over_blocks.convolve(*best_tile(phase.columns), wide, spec.stride[1] * wide)(
                    x=dy, x_example=outs * dy.plane, x_i=dy.pitch, taps=taps.offsets, count=len(taps.rows) // wide,
                    depth=wide, w=Slot("kernel", at), b=zeros, start=ZERO, relu=0, y=phase.of(found),
                    y_example=ins * found.plane, y_plane=found.plane, y_i=spec.stride[0] * found.pitch, blocks=ins,
                    examples=n, oh=phase.rows, ow=phase.columns,
                )
            )  # fmt: skip
            at += ins * len(taps.rows) * wide
    return [*load, *calls, _store(found, "dx", spec.ci, n)]


def dw(spec: Conv, channels: int, n: int, form: Form | None, room: Room) -> list[Call]:
    """x, dy -> sums, of the first `channels` output channels: `sums_size` numbers, which get the sum of the examples"""
    (oh, ow), (sh, sw), wide = spec.out, spec.stride, BYTES // room.itemsize
    load_x, x = _input(spec, n, form, room)
    frame = backward_frame(space_to_depth.folded(spec), form) if form else Frame()
    outs, size = blocks(channels, wide), oh * ow * spec.co
    if not form and channels % wide == 0 and size * room.itemsize <= CACHE:  # it is read once for each tap
        load_dy, dy = list[Call](), _inside("dy", spec, n, outs, wide)
        pixel, example = spec.co, size
    else:
        load_dy, dy = _load("dy", spec.out, channels, n, frame, room, spec.co)
        pixel, example = wide, outs * dy.plane
    if form:
        calls = winograd_calls.convolve_dw(x, dy, _corner(spec), spec.out, Slot("sums"), n, form, room)
    else:
        taps = forward_taps(spec, x)
        direct = over_blocks.convolve_dw(numbers(taps.depth), sw * x.lanes, pixel)(
            x=x, x_example=x.planes // n * x.plane, x_i=sh * x.pitch, taps=taps.offsets, count=len(taps.offsets),
            depth=taps.depth, dy=dy, dy_example=example, blocks=outs, examples=n, oh=oh, ow=ow,
            dw=Slot("sums"),
        )  # fmt: skip
        calls = [direct]
    return [*load_x, *load_dy, *calls]


def sums_size(spec: Conv, channels: int, form: Form | None, itemsize: int) -> int:
    """Return how many numbers the sums of `dw` have."""
    wide = BYTES // itemsize
    cells = (
        form.points * space_to_depth.folded(spec).ci
        if form
        else len(forward_taps(spec, _like(spec.size, spec.ci, _lanes(spec, itemsize))).rows)
    )
    return blocks(channels, wide) * cells * wide


def finish_dw(spec: Conv, pieces: int, parts: int, form: Form | None, itemsize: int) -> list[Call]:
    """sums -> dw. pieces: how many sums of all output channels there are, each in `parts` one after another"""
    wide, channels = BYTES // itemsize, spec.co // parts
    each = sums_size(spec, channels, form, itemsize)
    spec = space_to_depth.folded(spec) if form else spec
    calls = [nhwc.add(x=Slot("sums", k * parts * each), count=parts * each, y=Slot("sums")) for k in range(1, pieces)]
    calls.append(over_examples.fill_zeros(x=Slot("dw"), count=spec.kernel[0] * spec.kernel[1] * spec.ci * spec.co))
    rows = (
        winograd_calls.kernel_rows(spec)
        if form
        else forward_taps(spec, _like(spec.size, spec.ci, _lanes(spec, itemsize))).rows
    )
    for part in range(parts):
        found = Slot("sums", part * each)
        if form:
            count = blocks(channels, wide) * spec.ci
            calls.append(over_winograd.from_points(form)(x=found, count=count, y=Slot("cells")))
            found = Slot("cells")
        calls.append(
            over_blocks.unpack(
                x=found, channels=channels, rows=rows, count=len(rows), dw=past(Slot("dw"), part * channels)
            )
        )
    return calls
