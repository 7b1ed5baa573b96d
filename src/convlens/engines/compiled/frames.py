"""The frames of images with channels in lanes: the zeros that convolutions read around an image or its gradient.

form: of the tiles of Winograd's algorithm, if the convolution uses it. The tiles cover the output, and some stick out.
"""

from __future__ import annotations

from collections.abc import Iterator

from convlens.engines.compiled.image import Frame
from convlens.engines.compiled.winograd import Form
from convlens.engines.specs import Conv, Depthwise

__all__ = ["backward_frame", "forward_frame"]


def forward_frame(spec: Conv | Depthwise, form: Form | None = None) -> Frame:
    """Return the frame that a convolution's input needs: its padding."""
    (top, bottom), (left, right) = spec.pads
    if form:
        return _of_tiles(spec.size, spec.out, top, left, form.size, form.taps - 1)
    return Frame(*(max(0, side) for side in (top, bottom, left, right)))


def backward_frame(spec: Conv | Depthwise, form: Form | None = None) -> Frame:
    """Return the frame that the gradient of a convolution's output needs, so that dx reads zeros outside of it."""
    if form:
        past = form.taps - 1
        for_dx = _of_tiles(spec.out, spec.size, past - spec.pads[0][0], past - spec.pads[1][0], form.size, past)
        for_dw = _of_tiles(spec.out, spec.out, 0, 0, form.size, 0)
        return Frame(*(max(pair) for pair in zip(for_dx, for_dw, strict=True)))
    sides = []
    for axis in range(2):
        read = [i for _, i in _readers(spec, axis)]
        sides += [max(0, -min(read)), max(0, max(read) - spec.out[axis] + 1)]
    return Frame(*sides)


def _readers(spec: Conv | Depthwise, axis: int) -> Iterator[tuple[int, int]]:
    """Yield for each place of x and each cell of the kernel that can meet it the place and the output's."""
    before, stride = spec.pads[axis][0], spec.stride[axis]
    for place in range(spec.size[axis]):
        for cell in range(spec.kernel[axis]):
            distance = place + before - cell * spec.dilation[axis]
            if distance % stride == 0:
                yield place, distance // stride
    yield 0, 0


def _of_tiles(seen: tuple[int, int], made: tuple[int, int], top: int, left: int, size: int, past: int) -> Frame:
    """Return the frame of an image, if tiles that cover another one begin at (-top, -left) and read `past` more."""
    bottom, right = (
        -(-length // size) * size + past - before - there
        for length, before, there in zip(made, (top, left), seen, strict=True)
    )
    return Frame(*(max(0, side) for side in (top, bottom, left, right)))
