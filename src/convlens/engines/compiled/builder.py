"""Builds the calls of a network's passes over a block of n examples, layer by layer, with the images between them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from convlens.arrays import Array
from convlens.engines.compiled import (
    block_calls,
    example_calls,
    example_tile_calls,
    groups,
    moves,
    over_blocks,
    over_examples,
    over_windows,
    pointwise,
    small_calls,
    winograd,
    winograd_calls,
)
from convlens.engines.compiled.block_calls import Packed, blocks
from convlens.engines.compiled.buffers import Buffers
from convlens.engines.compiled.changes import Change
from convlens.engines.compiled.example_calls import PlannedLayer
from convlens.engines.compiled.frames import backward_frame, forward_frame
from convlens.engines.compiled.image import Frame
from convlens.engines.compiled.kernel import Call, Slot
from convlens.engines.compiled.layer_weights import LayerWeights, Vectors
from convlens.engines.compiled.normalisation import Normalisation
from convlens.engines.compiled.over_examples import LANES
from convlens.engines.compiled.plan import active, begins_with_convolution, channels_in_lanes, fuse_relus, readers_of
from convlens.engines.compiled.registers import BYTES
from convlens.engines.compiled.room import Memory
from convlens.engines.compiled.value import Value, as_image, places
from convlens.engines.specs import (
    Activation,
    Affine,
    BatchNorm,
    Conv,
    Dense,
    Depthwise,
    Dropout,
    Elu,
    Flatten,
    GlobalPool,
    LocalResponseNorm,
    Pad,
    Pool,
    Random,
    Reshape,
    Residual,
    Spec,
    ThresholdRelu,
    input_shape,
    output_shape,
)

# What a builder adds
KINDS = (
    *(Activation, Affine, BatchNorm, Conv, Dense, Depthwise, Dropout, Elu, Flatten, GlobalPool, LocalResponseNorm, Pad),
    *(Pool, Random, Reshape, Residual, ThresholdRelu),
)
_WEIGHTED = BatchNorm | Conv | Dense | Depthwise | Residual


@dataclass
class Shared:
    """What the programs of a network share: the packed kernels, and for the blocks of one batch what they wait for

    training: whether dropout drops and normalisations use the statistics of the batch. examples: of the batch, on which
    the layout depends; the blocks of a batch share it. by_tiles: whether Winograd's algorithm may be used.
    only_forward: whether no backward runs. memory: of the programs, by thread or block. normalisations, changes: by the
    number of the layer
    """

    packed: Packed
    training: bool = False
    examples: int = LANES
    by_tiles: bool = False
    only_forward: bool = False
    memory: Memory = field(default_factory=Memory)
    normalisations: dict[int, Normalisation] = field(default_factory=dict)
    changes: dict[int, Change] = field(default_factory=dict)


Meeting = Callable[[Array], None]  # what is done between two stages; it gets a gradient to which it may add


class Builder:
    """Adds layers; `ahead` and `back` are the calls of the forward and of the backward, in the order in which they run.

    Both are lists of calls, and of what the blocks of a batch wait for: see `Meeting`. All values with more than one
    axis are in the layout of the network; a row, such as a dense layer's, has examples in lanes.
    """

    def __init__(self, specs: Sequence[Spec], vectors: Vectors, n: int, shared: Shared) -> None:
        self.n, self._shared = n, shared
        self._dtype = vectors.flat.dtype
        shape, specs = input_shape(specs[0]), active(specs, shared.training)
        self._blocks = channels_in_lanes(specs, self._dtype.itemsize, shared.examples)
        self._wide = BYTES // self._dtype.itemsize
        self._layer = self._dropouts = 0
        self._pooled: Slot | Array | None = None  # the gradient of a convolution's bias, which the next pool adds up
        self._given, self.buffers = LayerWeights(vectors), Buffers(self._dtype)
        self.ahead: list[Call | Meeting] = []
        self.back: list[Call | Meeting] = []
        self.normalisations: list[Normalisation] = []
        while specs and isinstance(specs[0], Reshape | Flatten):
            shape, specs = output_shape(specs[0]), specs[1:]  # the numbers stay where they are
        begin, done = self._begin(shape, specs)
        self.end = self._rowed(self._chain(specs[done:], begin, [], first=True))

    def _add(self, ahead: Sequence[Call | Meeting], back: Sequence[Call | Meeting]) -> None:
        """Add a layer's calls, each in the order in which they run."""
        self.ahead += ahead
        self.back[:0] = back

    # ------------------------------------------------------------ images

    def _begin(self, shape: tuple[int, ...], specs: Sequence[Spec]) -> tuple[Value, int]:
        """Add the call that reads the network's input, and return its value, and how many operations that call does."""
        found = over_windows.beginning(specs, self._wide) if self._blocks and self._shared.only_forward else None
        if found and self._tiles(found.conv) is None:
            return self._begin_with_windows(found, specs), found.done
        source, scale = Slot("x"), specs[0] if specs else None
        readers = readers_of(specs[isinstance(scale, Affine) :], [])
        if self._blocks and begins_with_convolution(specs) and not self._tiles(readers[0]):
            h, w, c = as_image(shape)
            x = self.buffers.image(self.n, h, w, c, self._frame(readers))
            value = Value(x, x, shape, True)  # nobody needs the gradient
            if not isinstance(scale, Affine):
                self._add([over_blocks.from_nhwc(x=source, y=x)], [])
                return value, 0
            a, b = (np.resize(np.array(numbers, self._dtype), c) for numbers in (scale.factor, scale.offset))
            self._add([over_blocks.from_nhwc_scaled(x=source, y=x, a=a, b=b)], [])
            return value, 1
        value = self._new(shape, readers_of(specs, []))
        if value.channels:
            at, example = places(value, value.x, self.n)
            given = {"x_at": np.arange(at.size), "x_example": at.size, "count": at.size, "examples": self.n}
            self._add([moves.move(x=source, y=value.x, y_at=at, y_example=example, **given)], [])
        else:
            self._add([over_examples.from_nhwc(x=source, y=value.x, lanes=self.n)], [])
        return value, 0

    def _begin_with_windows(self, found: over_windows.Beginning, specs: Sequence[Spec]) -> Value:
        """Add the calls of the first operations, and return the value after them."""
        conv, out = found.conv, self._new(output_shape(found.pool), readers_of(specs[found.done :], []))
        weights = self._given.kernel(*conv.kernel, conv.ci, conv.co, bias=conv.bias)
        self._add(over_windows.calls(found, weights, out.x, self.n), [])
        self._layer += 2  # the later layers keep their numbers
        return out

    def _frame(self, readers: Sequence[Spec]) -> Frame:
        """Return the frame that the readers of an image need."""
        sides = [forward_frame(spec, self._tiles(spec)) for spec in readers if isinstance(spec, Conv | Depthwise)]
        return self._cut(Frame(*(max(side) for side in zip(*sides, strict=True))) if sides else Frame())

    def _tiles(self, spec: Spec) -> winograd.Form | None:
        """Return the form of the tiles of a convolution by Winograd's algorithm, None for another operation."""
        if self._blocks and self._shared.by_tiles and isinstance(spec, Conv):
            return winograd.chosen(spec, self._wide, self.n)
        return None

    def _cut(self, frame: Frame) -> Frame:
        return frame if self._blocks else Frame(0, 0, frame.left, frame.right)

    def _new(self, shape: tuple[int, ...], readers: Sequence[Spec], makers: Sequence[Spec] = ()) -> Value:
        """Return new images, with the frames that the readers need, and the makers for the gradient."""
        if len(shape) == 1:
            return self._row(shape[0])
        frame = self._frame(readers)
        sides = [backward_frame(maker, self._tiles(maker)) for maker in makers if isinstance(maker, Conv | Depthwise)]
        back = self._cut(Frame(*(max(side) for side in zip(*sides, strict=True))) if sides else Frame())
        if not self._blocks and any(isinstance(maker, Conv) and maker.stride != (1, 1) for maker in makers):
            back = Frame()
        h, w, c = as_image(shape)
        lanes = self._wide if self._blocks else self.n
        planes = self.n * blocks(c, lanes) if self._blocks else c
        whole = not self._blocks or c % lanes == 0
        x, dx = (self.buffers.image(planes, h, w, lanes, each, whole) for each in (frame, back))
        return Value(x, dx, shape, self._blocks)

    def _row(self, units: int) -> Value:
        """Return the images of a dense layer's output: one pixel, with examples in lanes."""
        x, dx = (self.buffers.image(units, 1, 1, self.n) for _ in range(2))
        return Value(x, dx, (units,), False)

    def _like(self, value: Value, readers: Sequence[Spec]) -> Value:
        """Return new images of the same size and layout."""
        x, frames = value.x, (self._frame(readers), Frame())
        whole = not value.channels or value.shape[-1] % x.lanes == 0
        y, dy = (self.buffers.image(x.planes, x.rows, x.columns, x.lanes, frame, whole) for frame in frames)
        return value._replace(x=y, dx=dy)

    def _move(self, value: Value, out: Value, first: bool = False) -> Value:
        """Add the calls that put the numbers of a value into another one, in the same order."""
        numbers = {"count": math.prod(value.shape), "examples": self.n}
        (x, x_e), (dx, dx_e) = (places(value, each, self.n) for each in (value.x, value.dx))
        (y, y_e), (dy, dy_e) = (places(out, each, self.n) for each in (out.x, out.dx))
        ahead = moves.move(x=value.x, x_at=x, x_example=x_e, y=out.x, y_at=y, y_example=y_e, **numbers)
        back = moves.move(x=out.dx, x_at=dy, x_example=dy_e, y=value.dx, y_at=dx, y_example=dx_e, **numbers)
        self._add([ahead], [] if first else [back])
        return out

    def _rowed(self, value: Value, first: bool = False) -> Value:
        """Return the value as a row: each number of an example is a plane of its own."""
        return value if value.is_row else self._move(value, self._row(math.prod(value.shape)), first)

    # ------------------------------------------------------------ layers

    def _chain(
        self, specs: Sequence[Spec], value: Value, after: Sequence[Spec], first: bool, more: bool = False
    ) -> Value:
        """Add the operations of a chain. after: the operations that read its end. first: whether nothing before it has
        weights. more: whether the first one adds to the gradient of `value`, which another reader has written."""
        steps = fuse_relus(specs)
        for k, (spec, relu) in enumerate(steps):
            readers = readers_of([step.spec for step in steps[k + 1 :]], after)
            value = self._step(spec, relu, value, readers, first, more)
            first, more = first and not isinstance(spec, _WEIGHTED), False
        return value

    def _step(self, spec: Spec, relu: bool, value: Value, readers: Sequence[Spec], first: bool, more: bool) -> Value:
        self._layer += 1
        if isinstance(spec, Residual):
            return self._residual(spec, relu, value, readers, first)
        if isinstance(spec, Flatten | Reshape):
            return self._reshape(output_shape(spec), value, readers, first)
        if isinstance(spec, GlobalPool):
            return self._global_pool(spec, value, readers, first)
        if len(value.shape) == 1 and (
            isinstance(spec, BatchNorm) or (isinstance(spec, Affine) and len(spec.factor + spec.offset) > 2)
        ):
            value = self._rowed(value, first)  # each number is a channel
        if isinstance(spec, Conv | Depthwise | Dense | Pool):
            out = self._new(output_shape(spec), readers, [spec])
            layer = PlannedLayer(spec, relu, value.x, out.x, value.dx, out.dx, first, self.n)
            self._add(*self._windowed(layer, readers, more))
            return out
        if isinstance(spec, Pad):
            out = self._new(output_shape(spec), readers)
            out = out._replace(x=self.buffers.keep(out.x))
            ahead, back = small_calls.pad_calls(spec, value, out)
        else:
            out = self._like(value, readers)
            if isinstance(spec, BatchNorm):
                self._normalise(spec, relu, value, out, first)
                return out
            if isinstance(spec, Random):
                self._change(spec, value, out, first)
                return out
            if isinstance(spec, Dropout):
                key = Slot("keys", self._dropouts)
                self._dropouts += 1
                ahead, back = small_calls.dropout_calls(spec, value, out, self.n, key, self._dtype)
            else:
                assert isinstance(spec, Activation | ThresholdRelu | Elu | Affine | LocalResponseNorm)
                ahead, back = small_calls.CALLS[type(spec)](spec, value, out, self.n, self._dtype)
        self._add(ahead, [] if first else back)
        return out

    def _windowed(self, layer: PlannedLayer, readers: Sequence[Spec], more: bool) -> example_calls.Calls:
        """Return the calls of a convolution, a pool, or a dense layer."""
        spec, packed = layer.spec, self._shared.packed
        if isinstance(spec, Pool):
            db, self._pooled = self._pooled, None
            return example_calls.pool_calls(layer) if db is None else example_calls.pooled_calls(layer, db)
        if isinstance(spec, Dense):
            return example_calls.dense_calls(layer, self._given.kernel(spec.inputs, spec.units, bias=spec.bias))
        if isinstance(spec, Depthwise):
            weights = self._given.kernel(*spec.kernel, spec.c, 1, bias=spec.bias, units=spec.c)
            return block_calls.depthwise_calls(layer, weights, packed, self._layer, more)
        weights = self._given.kernel(*spec.kernel, spec.ci // spec.groups, spec.co, bias=spec.bias)
        if not self._blocks:
            if layer.relu and readers and isinstance(reader := readers[0], Pool) and not reader.average:
                layer, self._pooled = replace(layer, pooled=True), weights.db
            if self._shared.by_tiles and winograd.chosen_for_examples(spec, self._wide, self.n):
                return example_tile_calls.conv_calls(layer, weights, self.buffers)
            return example_calls.conv_calls(layer, weights)
        if form := self._tiles(spec):
            return winograd_calls.conv_calls(layer, weights, packed, self._layer, form, self.buffers, more)
        many = groups.joined(spec, self._wide)
        return groups.conv_calls(layer, many, weights, packed, self._layer, more)

    def _reshape(self, shape: tuple[int, ...], value: Value, readers: Sequence[Spec], first: bool) -> Value:
        if len(shape) > 1:
            return self._move(value, self._new(shape, readers), first)
        if not value.channels:
            return value._replace(shape=shape)  # the dense layer reads the image before Flatten
        h, w, c = as_image(value.shape)
        x, dx = (self.buffers.image(c, h, w, self.n) for _ in range(2))
        layer = PlannedLayer(None, False, value.x, x, value.dx, dx, first, self.n)
        self._add(*block_calls.flatten_calls(layer))
        return Value(x, dx, shape, False)

    def _global_pool(self, spec: GlobalPool, value: Value, readers: Sequence[Spec], first: bool) -> Value:
        out, per = self._row(spec.shape[-1]), value.per(self.n)
        if spec.average:
            ahead = pointwise.global_mean(x=value.x, per=per, y=out.x)
            back = pointwise.global_mean_dx(dy=out.dx, dx=value.dx, per=per)
        else:
            ahead = pointwise.global_max(x=value.x, per=per, y=out.x)
            back = pointwise.global_max_dx(dy=out.dx, x=value.x, y=out.x, dx=value.dx, per=per)
        self._add([ahead], [] if first else [back])
        return self._move(out, self._new(output_shape(spec), readers), first) if spec.keepdims else out

    def _normalise(self, spec: BatchNorm, relu: bool, value: Value, out: Value, first: bool) -> None:
        training = self._shared.training and not spec.fixed
        found, per = self._shared.normalisations, value.per(self.n)
        parameters = self._given.normalisation(spec)
        if self._layer not in found:
            found[self._layer] = Normalisation(spec, parameters, per, not value.channels, training)
        mine = found[self._layer]
        self.normalisations.append(mine)
        sums, scale, back, after = mine.block(value.x, out.x, value.dx, out.dx, relu)
        ahead: list[Call | Meeting] = [*sums, lambda gradient: mine.set_batch()] if training else []
        self._add([*ahead, scale], [back, mine.gradients, *([] if first else [after])])

    def _change(self, spec: Random, value: Value, out: Value, first: bool) -> None:
        mine = self._shared.changes.setdefault(self._layer, Change(spec))
        x, y, dx, dy = map(self.buffers.keep, (value.x, out.x, value.dx, out.dx))
        mine.add(value._replace(x=x, dx=dx), out._replace(x=y, dx=dy), self.n)
        self._add([mine.forward], [] if first else [mine.backward])

    def _residual(self, spec: Residual, relu: bool, value: Value, readers: Sequence[Spec], first: bool) -> Value:
        chains = [[inner for layer in chain for inner in layer] for chain in (spec.branch, spec.shortcut)]
        value = self._rowed(value, first) if len(value.shape) == 1 else value
        ends = []
        for k, chain in enumerate(chains):
            begin, more = value, k == 0  # in the backward the branch comes last, and adds to what the shortcut wrote
            if more and not (chain and isinstance(chain[0], Conv)):
                begin = self._like(value, readers_of(chain, []))
                back = [] if first else [pointwise.copy(x=begin.dx, y=value.dx, more=1)]
                self._add([pointwise.copy(x=value.x, y=begin.x, more=0)], back)
                more = False
            end = self._chain(chain, begin, [], first, more)
            ends.append(self._rowed(end) if len(end.shape) == 1 else end)
        out = self._new(spec.out, readers)
        branch, shortcut = ends
        both = pointwise.add_dx(dy=out.dx, y=out.x, relu=relu, dx=shortcut.dx, other=branch.dx)
        self._add([pointwise.add(x=branch.x, other=shortcut.x, y=out.x, relu=relu)], [both])
        return out
