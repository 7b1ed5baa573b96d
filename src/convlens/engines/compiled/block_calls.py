"""The calls of a convolution with channels in lanes: see `over_blocks`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from convlens.arrays import Array
from convlens.engines.compiled import moves, over_blocks, over_examples, over_winograd
from convlens.engines.compiled.block_tiles import ADD, BIAS, ZERO
from convlens.engines.compiled.example_calls import Calls, PlannedLayer, Weights
from convlens.engines.compiled.image import Image
from convlens.engines.compiled.kernel import Call, Slot, address
from convlens.engines.compiled.registers import BYTES
from convlens.engines.compiled.tape import Tape
from convlens.engines.compiled.winograd import Form
from convlens.engines.specs import Conv, Depthwise
from convlens.machine.memory import aligned

# The positions in a register tile, and the most numbers of a tap in one of dw: the sums, one vector, and with 16
# registers a broadcast number
POSITIONS = tuple(range(8, 17)) if BYTES == 64 else tuple(range(6, 13))
NUMBERS = 20 if BYTES == 64 else 12


_COMPARED = 2**14  # numbers: fewer are packed faster than compared


class Packed:
    """The kernels of a network, packed: at each call of a fused pass after which they have changed.

    The programs of the pass share them.
    """

    def __init__(self) -> None:
        self._sources: dict[int, Array] = {}  # what is packed, by address
        self._numbers = 0  # in all sources
        self._compare: Tape | None = None
        self._other = np.zeros(1, np.int64)  # whether something has changed
        self._stale = {False, True}
        self._calls: dict[bool, list[Call]] = {False: [], True: []}  # whether they are for dx
        self._arrays: dict[object, Array] = {}
        self._cells: Array | None = None  # for the slot of packed kernels on the way to their points, one after another
        self._most = 0  # numbers that this slot needs
        self._tapes: dict[bool, Tape] = {}

    def array(self, key: object, w: Array, step: int, channels: int, rows: Array, dx: bool = False) -> Array:
        """Return the array (blocks, rows, vector) that `run` fills from w: see `over_blocks.pack`."""
        if key not in self._arrays:
            self._arrays[key] = aligned(_panel(w, channels, rows), w.dtype)
            self._pack(w, step, channels, rows, dx, self._arrays[key])
        return self._arrays[key]

    def _pack(self, w: Array, step: int, channels: int, rows: Array, dx: bool, y: Slot | Array) -> None:
        self._follow(w)
        self._calls[dx].append(over_blocks.pack(w=w, step=step, channels=channels, rows=rows, count=len(rows), y=y))
        self._tapes.pop(dx, None)

    def vectors(self, key: object, b: Array, channels: int) -> Array:
        """Return the array (blocks, vector) that `run` fills from b (channels,)."""
        return self.array(key, b, 1, channels, ONE)

    def points(
        self, key: object, w: Array, step: int, channels: int, rows: Array, form: Form, dx: bool = False
    ) -> Array:
        """Return the array (points, blocks, rows / taps², vector) that `run` fills: see `over_winograd.to_points`."""
        if (key, form) not in self._arrays:
            size, cells = _panel(w, channels, rows), Slot("cells")
            self._most = max(self._most, size)
            self._pack(w, step, channels, rows, dx, cells)
            kernels = size // form.taps**2
            found = self._arrays[key, form] = aligned(form.points * kernels, w.dtype)
            count = kernels // (BYTES // w.itemsize)
            self._calls[dx].append(over_winograd.to_points(form)(x=cells, count=count, y=found))
        return self._arrays[key, form]

    def made(self, key: object, w: Array, at: Array) -> Array:
        """Return the array that `run` fills with w[at], or 0 where `at` is below 0, before it packs."""
        if key not in self._arrays:
            found = self._arrays[key] = aligned(at.size, w.dtype)
            self._follow(w)
            self._calls[False].append(moves.gather(x=w, at=at, count=at.size, y=found))
            self._tapes.pop(False, None)
        return self._arrays[key]

    def _follow(self, w: Array) -> None:
        """Compare w from now on, and pack all again."""
        at = address(w)
        if at not in self._sources or self._sources[at].size < w.size:
            self._sources[at] = w
        self._numbers = sum(each.size for each in self._sources.values())
        self._compare, self._stale = None, {False, True}

    def _changed(self) -> bool:
        """Return whether a kernel has changed since it was asked last; few numbers are not compared."""
        if self._numbers < _COMPARED:
            return True
        if self._compare is None:
            calls = [
                over_blocks.differs(x=w, count=w.size, kept=np.full(w.size, np.nan, w.dtype), found=self._other)
                for w in self._sources.values()
            ]
            self._compare = Tape(calls, next(iter(self._sources.values())).dtype)
        self._other[0] = 0
        self._compare.run()
        return bool(self._other[0])

    def each_time(self) -> Tape | None:
        """Return the tape of what `run` does for a forward; None if it compares the kernels first, or packs none."""
        if self._numbers >= _COMPARED or not self._calls[False]:
            return None
        return self._tape(False)

    def _tape(self, dx: bool) -> Tape:
        if dx not in self._tapes:
            dtype = next(iter(self._arrays.values())).dtype
            if self._cells is None or self._cells.size < self._most:
                self._cells = aligned(self._most, dtype)
                self._tapes.clear()
            cells = self._cells
            calls = [
                Call(call.kernel, tuple(cells if isinstance(value, Slot) else value for value in call.values))
                for call in self._calls[dx]
            ]
            self._tapes[dx] = Tape(calls, dtype)
        return self._tapes[dx]

    def run(self, backward: bool) -> None:
        """Pack the current weights, for a backward those of dx too, without asking: a training step changes them."""
        if not self._calls[False] and not self._calls[True]:
            return
        if backward or self._changed():
            self._stale = {False, True}
        for dx in (False, True) if backward else (False,):
            if dx not in self._stale or not self._calls[dx]:
                continue
            self._tape(dx).run()
            self._stale.discard(dx)


def _panel(w: Array, channels: int, rows: Array) -> int:
    """Return the numbers of a packed kernel."""
    wide = BYTES // w.itemsize
    return -(-channels // wide) * len(rows) * wide


def blocks(channels: int, lanes: int) -> int:
    """Return how many blocks of `lanes` channels there are; the last one may be partly used."""
    return -(-channels // lanes)


def _table(numbers: list[int]) -> Array:
    return np.array(numbers, np.int64)


ONE = _table([0])


def best_tile(positions: int) -> tuple[int, int]:
    """Return the positions of a register tile, and of the last tile of a row if that one is shorter."""
    sizes = [size for size in POSITIONS if size <= positions] or [positions]
    size = min(sizes, key=lambda size: (-(-positions // size), -positions % size))
    return size, positions % size


def numbers(depth: int) -> int:
    """Return the numbers of a tap in a register tile of dw, if the tap has `depth` numbers."""
    return max(k for k in range(1, NUMBERS + 1) if depth % k == 0)


class Taps(NamedTuple):
    """offsets: of each tap from the first position; depth: the numbers of a tap; rows: see `over_blocks`"""

    offsets: Array
    depth: int
    rows: Array


def forward_taps(spec: Conv, x: Image) -> Taps:
    """Return the taps of a convolution of x, or of a group of its channels."""
    (kh, kw), (dh, dw), ci, co = spec.kernel, spec.dilation, spec.ci // spec.groups, spec.co
    (top, _), (left, _) = spec.pads
    offsets, rows = [], []
    joined = x.lanes == ci and dw == 1  # a row of the kernel has its numbers side by side
    steps, depth = (1, kw * ci) if joined else (kw, min(x.lanes, ci))
    for block in range(blocks(ci, x.lanes)):
        for a in range(kh):
            for d in range(steps):
                offsets.append(block * x.plane + (a * dh - top) * x.pitch + (d * dw - left) * x.lanes)
                first = block * x.lanes
                inside = depth if joined else min(depth, ci - first)
                start = ((a * kw + d) * ci + first) * co
                rows += [start + k * co if k < inside else -1 for k in range(depth)]
    return Taps(_table(offsets), depth, _table(rows))


def conv_calls(layer: PlannedLayer, weights: Weights, packed: Packed, key: int, more: bool = False) -> Calls:
    """Return the calls of a convolution. key: the number of the layer. more: whether dx is added to what is there

    With groups, each is a convolution of its own blocks of channels.
    """
    spec: Conv = layer.spec
    x, y, dy, dx, n = layer.x, layer.y, layer.dy, layer.dx, layer.n
    (sh, sw), (oh, ow), mine, dtype = spec.stride, spec.out, spec.co // spec.groups, weights.w.dtype
    outs, ins = blocks(mine, y.lanes), blocks(spec.ci // spec.groups, x.lanes)
    taps = forward_taps(spec, x)
    windows = {"taps": taps.offsets, "count": len(taps.offsets), "depth": taps.depth, "oh": oh, "ow": ow}
    every, db = outs * spec.groups, aligned(outs * spec.groups * y.lanes, dtype)
    forward, gradients, dx_calls = list[Call](), list[Call](), list[Call]()
    slopes = [
        over_examples.fill_zeros(x=db, count=db.size),
        over_blocks.relu_db(dy=dy, run=dy.run, y=y, relu=layer.relu, db=db, blocks=every, examples=n),
    ]
    for g in range(spec.groups):
        w, b = weights.w.reshape(-1)[g * mine :], weights.b[g * mine :]
        panel = packed.array((key, "w", g), w, 1, mine, taps.rows)
        bias = packed.array((key, "b", g), b, 1, mine, ONE)
        seen = {"x": past(x.origin, g * ins * x.plane), "x_example": ins * spec.groups * x.plane, "x_i": sh * x.pitch}
        forward.append(
            over_blocks.convolve(*best_tile(ow), sw * x.lanes, y.lanes)(
                **seen, **windows, examples=n, blocks=outs, w=panel, b=bias, start=BIAS, relu=layer.relu,
                y=past(y.origin, g * outs * y.plane), y_example=every * y.plane, y_plane=y.plane, y_i=y.pitch,
            )
        )  # fmt: skip
        sums = aligned(panel.size, dtype)
        gradients += [
            over_examples.fill_zeros(x=sums, count=sums.size),
            over_blocks.convolve_dw(numbers(taps.depth), sw * x.lanes, dy.lanes)(
                **seen, **windows, examples=n, blocks=outs, dy=past(dy.origin, g * outs * dy.plane),
                dy_example=every * dy.plane, dy_plane=dy.plane, dy_pitch=dy.pitch, dw=sums,
            ),
            over_blocks.unpack(
                x=sums, channels=mine, rows=taps.rows, count=len(taps.rows), dw=past(weights.dw, g * mine)
            ),
        ]  # fmt: skip
        slopes.append(
            over_blocks.unpack(
                x=db[g * outs * y.lanes :], channels=mine, rows=ONE, count=1, dw=past(weights.db, g * mine)
            )
        )
        if not layer.first:
            dx_calls += _dx_calls(spec, g, dy, dx, n, w, packed, key, more)
    return forward, [*(slopes if layer.relu or spec.bias else []), *gradients, *dx_calls]


def past(place: Slot | Array, numbers: int) -> Slot | Array:
    """Return the place so many numbers later."""
    return place._replace(past=place.past + numbers) if isinstance(place, Slot) else place[numbers:]


def _dx_calls(
    spec: Conv, g: int, dy: Image, dx: Image, n: int, w: Array, packed: Packed, key: int, more: bool
) -> Iterator[Call]:
    """Yield the calls for dx of a group.

    The places of dx that lie a stride apart are a convolution of dy, with some of the taps.
    """
    ci, mine = spec.ci // spec.groups, spec.co // spec.groups
    outs, ins = blocks(mine, dy.lanes), blocks(ci, dx.lanes)
    zeros = aligned(ins * dx.lanes, w.dtype)
    for phase in phases(spec):
        taps = phase.taps(spec, dy)
        panel = packed.array((key, "dx", g, phase), w, spec.co, ci, taps.rows, dx=True) if taps.rows.size else zeros
        yield over_blocks.convolve(*best_tile(phase.columns), dy.lanes, spec.stride[1] * dx.lanes)(
            x=past(dy.origin, g * outs * dy.plane), x_example=outs * spec.groups * dy.plane, x_i=dy.pitch,
            taps=taps.offsets, count=taps.rows.size // dy.lanes, depth=dy.lanes, w=panel, b=zeros,
            start=ADD if more else ZERO, relu=0, y=past(phase.of(dx), g * ins * dx.plane),
            y_example=ins * spec.groups * dx.plane, y_plane=dx.plane, y_i=spec.stride[0] * dx.pitch, blocks=ins,
            examples=n, oh=phase.rows, ow=phase.columns,
        )  # fmt: skip


class Phase(NamedTuple):
    """The places of x that lie a stride apart, from row r and column c on"""

    r: int
    c: int
    rows: int
    columns: int

    def of(self, x: Image) -> Slot | Array:
        """The memory of x from the first of these places on"""
        return past(x.origin, self.r * x.pitch + self.c * x.lanes)

    def cells(self, spec: Conv | Depthwise) -> list[tuple[int, int, int, int]]:
        """The cells a, d of the kernel that meet the first of these places, each with the output's place i, j there"""
        return [(a, i, d, j) for a, i in _cells(spec, 0, self.r) for d, j in _cells(spec, 1, self.c)]

    def taps(self, spec: Conv, dy: Image) -> Taps:
        """The taps of the convolution of dy that gives these places; if there is none, one that stands for it"""
        kw, ci, mine = spec.kernel[1], spec.ci // spec.groups, spec.co // spec.groups
        offsets, rows = [], []
        for block in range(blocks(mine, dy.lanes)):
            first = block * dy.lanes
            inside = min(dy.lanes, mine - first)
            for a, i, d, j in self.cells(spec):
                offsets.append(block * dy.plane + i * dy.pitch + j * dy.lanes)
                start = (a * kw + d) * ci * spec.co + first
                rows += [start + k if k < inside else -1 for k in range(dy.lanes)]
        return Taps(_table(offsets or [0]), dy.lanes, _table(rows))


def phases(spec: Conv | Depthwise) -> Iterator[Phase]:
    """Yield the phases of x: the places of each meet the same cells of the kernel."""
    (h, w), (sh, sw) = spec.size, spec.stride
    for r in range(min(sh, h)):
        for c in range(min(sw, w)):
            yield Phase(r, c, -(-(h - r) // sh), -(-(w - c) // sw))


def _cells(spec: Conv | Depthwise, axis: int, place: int) -> list[tuple[int, int]]:
    """Return the cells of the kernel that meet a place of x, each with the output's place there."""
    distances = [(cell, place + spec.pads[axis][0] - cell * spec.dilation[axis]) for cell in range(spec.kernel[axis])]
    return [(cell, far // spec.stride[axis]) for cell, far in distances if far % spec.stride[axis] == 0]


def depthwise_calls(layer: PlannedLayer, weights: Weights, packed: Packed, key: int, more: bool = False) -> Calls:
    """Return the calls of a depthwise convolution with one kernel for each channel: see `conv_calls`."""
    spec: Depthwise = layer.spec
    x, y, dy, dx, n, c = layer.x, layer.y, layer.dy, layer.dx, layer.n, layer.spec.c
    (kh, kw), (dh, dw), (sh, sw), (top, _), (left, _) = spec.kernel, spec.dilation, spec.stride, *spec.pads
    (oh, ow), per, dtype = spec.out, blocks(c, x.lanes), weights.w.dtype
    cells = [(a, d) for a in range(kh) for d in range(kw)]
    taps = _table([(a * dh - top) * x.pitch + (d * dw - left) * x.lanes for a, d in cells])
    rows = _table([(a * kw + d) * c for a, d in cells])
    panel, bias = packed.array((key, "w"), weights.w, 1, c, rows), packed.array((key, "b"), weights.b, 1, c, ONE)
    windows = {"taps": taps, "count": len(cells), "oh": oh, "ow": ow, "blocks": per, "examples": n}
    forward = over_blocks.depthwise(*best_tile(ow), sw * x.lanes, y.lanes)(
        **windows, x=x, x_i=sh * x.pitch, w=panel, b=bias, start=BIAS, relu=layer.relu, y=y, y_i=y.pitch
    )
    sums, db = aligned(panel.size, dtype), aligned(bias.size, dtype)
    backward = [
        over_examples.fill_zeros(x=sums, count=sums.size),
        over_examples.fill_zeros(x=db, count=db.size),
        over_blocks.relu_db(dy=dy, run=dy.run, y=y, relu=layer.relu, db=db, blocks=per, examples=n),
        over_blocks.depthwise_dw(sw * x.lanes)(**windows, x=x, x_i=sh * x.pitch, dy=dy, dw=sums),
        over_blocks.unpack(x=sums, channels=c, rows=rows, count=len(rows), dw=weights.dw),
        over_blocks.unpack(x=db, channels=c, rows=ONE, count=1, dw=weights.db),
    ]
    for phase in [] if layer.first else phases(spec):
        met = phase.cells(spec)
        back = _table([i * dy.pitch + j * dy.lanes for _, i, _, j in met] or [0])
        some = _table([(a * kw + d) * c for a, _, d, _ in met])
        kernels = packed.array((key, "dx", phase), weights.w, 1, c, some, dx=True) if met else bias
        backward.append(
            over_blocks.depthwise(*best_tile(phase.columns), dy.lanes, sw * dx.lanes)(
                x=dy, x_i=dy.pitch, taps=back, count=len(met), w=kernels, b=bias, start=ADD if more else ZERO, relu=0,
                y=phase.of(dx), y_plane=dx.plane, y_i=sh * dx.pitch, blocks=per, examples=n, oh=phase.rows,
                ow=phase.columns,
            )
        )  # fmt: skip
    return [forward], backward


def flatten_calls(layer: PlannedLayer) -> Calls:
    """Return the calls of Flatten, after which examples are in lanes."""
    per_example = layer.x.planes // layer.n
    forward = over_blocks.to_examples(x=layer.x, blocks=per_example, y=layer.y)
    backward = over_blocks.from_examples(y=layer.dy, x=layer.dx, blocks=per_example)
    return [forward], [] if layer.first else [backward]
