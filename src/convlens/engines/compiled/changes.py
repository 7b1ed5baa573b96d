"""Random changes of images in a fused pass: before the first operation with weights, or in the middle of the network.

A change needs the whole batch in one piece, since it draws for one example after the other. Before the network, the
batch is changed as it is. In the middle, all blocks wait while the batch is put together, changed, and cut up again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from convlens.arrays import Array, contiguous
from convlens.engines import numpy_engine
from convlens.engines.compiled.image import Image
from convlens.engines.compiled.value import Value
from convlens.engines.specs import Affine, Random, Reshape, Spec


class Change:
    """A random change of one network, for all blocks of a batch. rng: what it draws from, before each forward"""

    def __init__(self, spec: Random) -> None:
        self._spec = spec
        self._saved: object = None
        self._blocks: list[tuple[Array, Array, Array, Array]] = []
        self.rng: np.random.Generator | None = None

    def add(self, value: Value, out: Value, n: int) -> None:
        """Add a block: the value that it changes, and the result."""
        images = (value.x, out.x, value.dx, out.dx)
        x, y, dx, dy = (_view(value, image, n) for image in images)
        self._blocks.append((x, y, dx, dy))

    def forward(self, gradient: Array) -> None:
        """y = the changed x"""
        x = np.concatenate([self._joined(block[0]) for block in self._blocks])
        y, self._saved = self._spec.layer.forward(x, {}, numpy_engine, self.rng)
        self._cut(y, 1)

    def backward(self, gradient: Array) -> None:
        """dx: the gradient of x"""
        dy = np.concatenate([self._joined(block[3]) for block in self._blocks])
        self._cut(self._spec.layer.backward(dy, self._saved, {}, numpy_engine)[0], 2)

    def _joined(self, view: Array) -> Array:
        """(n, h, w, blocks, lanes) -> (n, h, w, c)"""
        return view.reshape(*view.shape[:3], -1)[..., : self._spec.shape[2]]

    def _cut(self, whole: Array, k: int) -> None:
        """Write the numbers of a batch into the k-th image of each block."""
        at = 0
        for block in self._blocks:
            view = block[k]
            n, c, wide = len(view), whole.shape[3], math.prod(view.shape[3:])
            part = np.pad(whole[at : at + n], ((0, 0), (0, 0), (0, 0), (0, wide - c)))
            view[...] = part.reshape(view.shape)
            at += n


def _view(value: Value, image: Image, n: int) -> Array:
    """Return the pixels of an image as a view (n, h, w, blocks, lanes); with examples in lanes (n, h, w, c, 1)."""
    numbers = image.data.itemsize
    steps = (image.plane, image.pitch, image.lanes, 1)
    shape = (image.planes, image.rows, image.columns, image.lanes)
    whole = np.lib.stride_tricks.as_strided(image.origin, shape, [step * numbers for step in steps])
    if value.channels:
        return whole.reshape(n, -1, *shape[1:]).transpose(0, 2, 3, 1, 4)
    return whole.transpose(3, 1, 2, 0)[..., None]


def before(specs: Sequence[Spec]) -> int:
    """Return how many operations at the beginning end with the last change before anything else."""
    found = 0
    for k, spec in enumerate(specs):
        if isinstance(spec, Random):
            found = k + 1
        elif not isinstance(spec, Affine | Reshape):
            break
    return found


def changed(x: Array, specs: Sequence[Spec], rng: np.random.Generator) -> Array:
    """Return x after these operations, each a change, a scale or a reshape."""
    for spec in specs:
        if isinstance(spec, Random):
            x = spec.layer.forward(x, {}, numpy_engine, rng)[0]
        elif isinstance(spec, Affine):
            x = x * np.array(spec.factor, x.dtype) + np.array(spec.offset, x.dtype)
        elif isinstance(spec, Reshape):
            x = x.reshape(len(x), *spec.target)
    return contiguous(x)
