"""The calls of a convolution by Winograd's algorithm with examples in lanes: see `example_tiles`."""

from __future__ import annotations

import numpy as np

from convlens.engines.compiled import example_tiles
from convlens.engines.compiled.example_calls import DW_OUTPUT_TILES, Calls, PlannedLayer, Weights
from convlens.engines.compiled.example_tiles import POINTS, SIZE, TAPS
from convlens.engines.compiled.over_examples import fill_zeros, tile
from convlens.engines.compiled.registers import BYTES
from convlens.engines.compiled.room import Room
from convlens.engines.compiled.winograd_tiles import GRADIENTS, INPUTS
from convlens.engines.specs import Conv
from convlens.machine.memory import aligned

# The most bytes of the points of a chunk, inputs and outputs: about the second-level cache. The sums of dw stay in
# registers over a chunk, so few large chunks are better than many small ones
ROOM = 5 * 2**18
MOST = 16  # channels of a register tile
DW_INPUT_TILES = (6, 5, 4, 3)


def _divisor(channels: int) -> int:
    """Return the largest divisor up to MOST."""
    return max(size for size in range(1, MOST + 1) if channels % size == 0)


def conv_calls(layer: PlannedLayer, weights: Weights, scratch: Room) -> Calls:
    """Return the calls of a convolution in tiles of 2 × 2 outputs."""
    spec: Conv = layer.spec
    ci, co, dtype = spec.ci, spec.co, weights.w.dtype
    wide, n = BYTES // dtype.itemsize, layer.n
    across, whole = spec.out[1] // SIZE, spec.out[0] * spec.out[1] // SIZE**2 * (n // wide)
    chunk = min(whole, max(1, ROOM // (POINTS * (ci + co) * wide * dtype.itemsize)))
    kept = chunk == whole  # the forward's tiles of x are there when the backward needs them
    seen, made, again, given = (
        scratch.of(name, POINTS * (chunk * c + 1) * wide) for name in ("ahead", "back") for c in (ci, co)
    )
    again = seen if kept else again
    sums, back = scratch.of("sums", POINTS * ci * co), scratch.of("back", TAPS**2 * ci * co)
    w, bias = aligned(POINTS * ci * co, dtype), aligned(co * wide, dtype)  # the backward needs w again
    inputs, outputs = np.arange(ci), _divisor(co)
    forward = [example_tiles.to_points(x=weights.w, count=ci * co, y=w, b=weights.b, outs=co, bias=bias)]
    backward = [*layer.relu_db(weights.db), fill_zeros(x=sums, count=POINTS * ci * co)]
    backward += [] if layer.first else [layer.clear_dx()]
    for start in range(0, whole, chunk):
        part = {"start": start, "count": (count := min(chunk, whole - start)), "across": across, "lanes": n}
        forward += [
            example_tiles.to_tiles(INPUTS)(x=layer.x, y=seen, **part),
            example_tiles.multiply(outputs, wide)(
                x=seen, ins=ci, taps=inputs * co, w=w, outs=co, count=count, y=made
            ),
            example_tiles.from_tiles(x=made, b=bias, relu=layer.relu, y=layer.y, **part),
        ]  # fmt: skip
        backward += [
            *([] if kept else [example_tiles.to_tiles(INPUTS)(x=layer.x, y=again, **part)]),
            example_tiles.to_tiles(GRADIENTS)(x=layer.dy, y=given, **part),
            example_tiles.multiply_dw(tile(co, *DW_OUTPUT_TILES), tile(ci, *DW_INPUT_TILES))(
                x=again, ins=ci, taps=inputs * wide, dy=given, outs=co, count=count, dw=sums
            ),
        ]  # fmt: skip
        if not layer.first:
            backward += [
                example_tiles.multiply_dx(_divisor(ci), co, wide)(
                    dy=given, ins=ci, tap=np.zeros(1, np.int64), w=w, count=count, y=again
                ),
                example_tiles.from_tiles_dx(x=again, dx=layer.dx, **part),
            ]
    return forward, [*backward, example_tiles.from_points(x=sums, count=ci * co, y=back, dw=weights.dw)]
