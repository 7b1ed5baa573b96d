"""Single convolutions with channels in lanes: on how many examples at a time, in how many pieces, and which of them.

Winograd's algorithm spreads a NaN or an infinity over a tile. So where its result is not finite, the result is computed
again directly.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from convlens.arrays import Array
from convlens.engines.compiled import over_examples, single_calls, space_to_depth, winograd
from convlens.engines.compiled.block_calls import blocks
from convlens.engines.compiled.kernel import Slot
from convlens.engines.compiled.operation import Operation, Plan, pieces
from convlens.engines.compiled.plan import CACHE
from convlens.engines.compiled.registers import BYTES
from convlens.engines.compiled.room import Room, memory
from convlens.engines.compiled.space_to_depth import folded
from convlens.engines.specs import Conv
from convlens.geometry import Pads, Pair
from convlens.machine.threads import usable_threads

_THREADS = usable_threads()
_SHAPES = 512  # planned shapes that are cached for each operation
_ENOUGH = 256  # multiply-adds for each of dw's sums with which it pays that each piece of examples has its own sums

Type = np.dtype[Any]


def spec_of(x: tuple[int, ...], w: tuple[int, ...], stride: Pair, y: tuple[int, ...], pads: Pads) -> Conv:
    """Return the specification of a convolution by the shapes of its arrays."""
    return Conv((x[1], x[2]), x[3], (y[1], y[2]), y[3], (w[0], w[1]), stride, pads)


def _group(spec: Conv, n: int, itemsize: int) -> int:
    """Return how many of n examples run at a time: their images fit the cache."""
    wide = BYTES // itemsize
    sizes = [h * w * blocks(c, wide) for (h, w), c in ((spec.size, spec.ci), (spec.out, spec.co))]
    return max(1, min(n, CACHE // (sum(sizes) * BYTES)))


def _work(spec: Conv, n: int) -> float:
    (kh, kw), (oh, ow) = spec.kernel, spec.out
    return 2.0 * n * oh * ow * spec.co * kh * kw * spec.ci


def _tiles(spec: Conv, n: int, dtype: Type) -> winograd.Form | None:
    """Return the form of the tiles of Winograd's algorithm, None for the direct way."""
    if dtype.itemsize != 4 or not winograd.allowed():
        return None
    return winograd.chosen(spec, BYTES // 4, n)


class _Convolution(NamedTuple):
    """pack: w, b -> kernel, bias; run: the rest; kernel, cells, bias: the sizes of the arrays between"""

    pack: Operation
    run: Operation
    kernel: int
    cells: int
    bias: int


@lru_cache(_SHAPES)
def _convolution(spec: Conv, n: int, dx: bool, form: winograd.Form | None, dtype: Type) -> _Convolution:
    """Return the operations of y, or of dx."""
    itemsize, wide = dtype.itemsize, BYTES // dtype.itemsize
    packing = single_calls.pack(spec, dx, form, itemsize)
    calls = [*packing.calls, *([] if dx else [single_calls.pack_bias(spec.co)])]
    make = single_calls.dx if dx else single_calls.forward
    cut, room = pieces(n, _work(spec, n)), Room(itemsize)
    most = _group(spec, -(-n // cut), itemsize)
    make(spec, most, form, room)
    moves = {"x": spec.size[0] * spec.size[1] * spec.ci, "y": spec.out[0] * spec.out[1] * spec.co, "bad": 1}
    plan = Plan(
        lambda examples: make(spec, examples, form, Room(itemsize)), n, cut,
        moves | {"dx": moves["x"], "dy": moves["y"]}, most=most, room=room.size,
    )  # fmt: skip
    first = Operation(Plan(lambda _: calls, 1), dtype, 1)
    return _Convolution(
        first, Operation(plan, dtype, _THREADS), packing.size, packing.cells, blocks(spec.co, wide) * wide
    )


def _run(spec: Conv, form: winograd.Form | None, back: bool, w: Array, b: Array, **arrays: Array) -> None:
    given = next(iter(arrays.values()))
    n, dtype = len(given), given.dtype
    made = _convolution(spec, n, back, form, dtype)
    with memory() as mine:
        kernel, cells = mine.of("kernel", made.kernel, dtype), mine.of("cells", made.cells, dtype)
        bias, bad = mine.of("bias", made.bias, dtype), mine.of("bad", n, dtype)
        made.pack.run(
            w=space_to_depth.fold_kernel(w, spec.stride) if form else w, b=b, kernel=kernel, cells=cells, bias=bias
        )
        room = [mine.of(("work", k), made.run.plan.room, dtype) for k in range(_THREADS)]
        made.run.run(room, kernel=kernel, bias=bias, bad=bad, **arrays)
        fine = form is None or bool(np.isfinite(bad).all())
    if not fine:
        _run(spec, None, back, w, b, **arrays)


def forward(x: Array, w: Array, b: Array, stride: Pair, pads: Pads, y: Array) -> None:
    """See `Engine.conv2d`."""
    spec = spec_of(x.shape, w.shape, stride, y.shape, pads)
    _run(spec, _tiles(folded(spec), len(x), x.dtype), False, w, b, x=x, y=y)


def gradient_of_x(dy: Array, w: Array, stride: Pair, pads: Pads, dx: Array) -> None:
    """See `Engine.conv2d_dx`."""
    spec = spec_of(dx.shape, w.shape, stride, dy.shape, pads)
    _run(spec, _tiles(spec, len(dy), dy.dtype), True, w, w, dy=dy, dx=dx)


class _Gradient(NamedTuple):
    """run: x, dy -> sums; finish: sums -> dw; sums, cells: the sizes of the arrays between"""

    run: Operation
    finish: Operation
    sums: int
    cells: int


def _cut(spec: Conv, n: int, form: winograd.Form | None, wide: int) -> tuple[int, int]:
    """Return the number of pieces of the examples, and of parts of the output channels.

    Each piece of the examples has its own sums. With few examples for many sums, parts of the channels are better.
    """
    places = winograd.tiles(spec.out, form.size) if form else spec.out[0] * spec.out[1]
    most, cut, parts = pieces(8, _work(spec, n)), pieces(n, _work(spec, n)), 1
    while spec.co % (2 * parts * wide) == 0 and (cut * parts < most or (cut > 1 and n * places < cut * _ENOUGH)):
        cut, parts = cut if cut * parts < most else cut // 2, 2 * parts
    return cut, parts


@lru_cache(_SHAPES)
def _gradient(spec: Conv, n: int, form: winograd.Form | None, dtype: Type) -> _Gradient:
    itemsize, wide = dtype.itemsize, BYTES // dtype.itemsize
    cut, parts = _cut(spec, n, form, wide)
    channels, room = spec.co // parts, Room(itemsize)
    each = single_calls.sums_size(spec, channels, form, itemsize)
    most = _group(spec, -(-n // cut), itemsize)
    single_calls.dw(spec, channels, most, form, room)
    plan = Plan(
        lambda examples: single_calls.dw(spec, channels, examples, form, Room(itemsize)), n, cut,
        {"x": spec.size[0] * spec.size[1] * spec.ci, "dy": spec.out[0] * spec.out[1] * spec.co}, {"sums": each}, most,
        parts, {"dy": channels}, [over_examples.fill_zeros(x=Slot("sums"), count=each)], room.size,
    )  # fmt: skip
    finish = single_calls.finish_dw(spec, cut, parts, form, itemsize)
    cells = blocks(channels, wide) * form.taps**2 * folded(spec).ci * wide if form else 0
    return _Gradient(
        Operation(plan, dtype, _THREADS), Operation(Plan(lambda _: finish, 1), dtype, 1), cut * parts * each, cells
    )


def gradient_of_w(dy: Array, x: Array, stride: Pair, pads: Pads, dw: Array) -> None:
    """See `Engine.conv2d_dw`."""
    spec = spec_of(x.shape, dw.shape, stride, dy.shape, pads)
    form = _tiles(folded(spec), len(x), x.dtype)
    _gradient_of_w(spec, form, x, dy, dw)
    if form and not np.isfinite(dw).all():
        _gradient_of_w(spec, None, x, dy, dw)


def _gradient_of_w(spec: Conv, form: winograd.Form | None, x: Array, dy: Array, dw: Array) -> None:
    made, dtype, inner = _gradient(spec, len(x), form, x.dtype), x.dtype, folded(spec) if form else spec
    found = dw if inner is spec else np.empty((*inner.kernel, inner.ci, inner.co), dtype)
    with memory() as mine:
        sums, cells = mine.of("sums", made.sums, dtype), mine.of("cells", made.cells, dtype)
        room = [mine.of(("work", k), made.run.plan.room, dtype) for k in range(_THREADS)]
        made.run.run(room, x=x, dy=dy, sums=sums)
        made.finish.run(sums=sums, cells=cells, dw=found)
    if inner is not spec:
        space_to_depth.unfold_kernel(found, spec.stride, dw)
