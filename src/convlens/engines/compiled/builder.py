"""Builds the calls of a network's passes over a block of n examples, layer by layer, with the images between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from convlens.arrays import Array
from convlens.engines.compiled import (
    block_calls,
    example_calls,
    lrn,
    over_blocks,
    over_examples,
    pointwise,
    winograd,
    winograd_calls,
)
from convlens.engines.compiled.activation import DEFAULTS, GIVEN, activate, activate_dx
from convlens.engines.compiled.block_calls import Packed, blocks
from convlens.engines.compiled.example_calls import PlannedLayer
from convlens.engines.compiled.frames import backward_frame, forward_frame
from convlens.engines.compiled.image import Frame, Image, image
from convlens.engines.compiled.kernel import Call, Slot
from convlens.engines.compiled.layer_weights import LayerWeights, Vectors
from convlens.engines.compiled.normalisation import Normalisation
from convlens.engines.compiled.over_examples import LANES
from convlens.engines.compiled.plan import active, channels_in_lanes, fuse_relus, input_of, readers_of
from convlens.engines.compiled.registers import BYTES
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
    Reshape,
    Residual,
    Spec,
    ThresholdRelu,
)
from convlens.machine.memory import aligned

# What a builder adds
KINDS = (
    *(Activation, Affine, BatchNorm, Conv, Dense, Depthwise, Dropout, Elu, Flatten, GlobalPool, LocalResponseNorm, Pad),
    *(Pool, Reshape, Residual, ThresholdRelu),
)


@dataclass
class Shared:
    """What the programs of a network share: the packed kernels, and for the blocks of one batch the normalisations

    training: whether dropout drops and normalisations use the statistics of the batch. examples: of the batch, on which
    the layout depends; the blocks of a batch share it. by_tiles: whether Winograd's algorithm may be used
    """

    packed: Packed
    training: bool = False
    examples: int = LANES
    by_tiles: bool = False
    normalisations: dict[int, Normalisation] = field(default_factory=dict)


Meeting = Callable[[Array], None]  # what is done between two stages; it gets a gradient to which it may add


class _Value(NamedTuple):
    """An image and the image of its gradient"""

    x: Image
    dx: Image


class Builder:
    """Adds layers; `ahead` and `back` are the calls of the forward and of the backward, in the order in which they run.

    Both are lists of calls, and of what the blocks of a batch wait for: see `Meeting`.
    """

    def __init__(self, specs: Sequence[Spec], vectors: Vectors, n: int, shared: Shared) -> None:
        self.n, self._shared = n, shared
        self._dtype = vectors.flat.dtype
        specs = active(specs, shared.training)
        self._blocks = channels_in_lanes(specs, self._dtype.itemsize, shared.examples)
        self._scratch = winograd_calls.Scratch(self._dtype)
        self._flattened = False  # whether Flatten or a global pool was added
        self._wide = BYTES // self._dtype.itemsize
        self._layer = self._dropouts = 0
        self._given = LayerWeights(vectors)
        self.ahead: list[Call | Meeting] = []
        self.back: list[Call | Meeting] = []
        self.normalisations: list[Normalisation] = []
        if isinstance(specs[0], Reshape):
            specs = specs[1:]  # the numbers stay where they are
        begin = self._begin(specs)
        if isinstance(specs[0], Affine) and self._blocks:
            specs = specs[1:]  # done while the images are read
        self.end = self._chain(specs, begin, [], first=True)

    def _add(self, ahead: Sequence[Call | Meeting], back: Sequence[Call | Meeting]) -> None:
        """Add a layer's calls, each in the order in which they run."""
        self.ahead += ahead
        self.back[:0] = back

    # ------------------------------------------------------------ images

    def _begin(self, specs: Sequence[Spec]) -> _Value:
        before = specs[0] if isinstance(specs[0], Affine) and self._blocks else None
        specs = specs[1:] if before else specs
        size, c = input_of(specs)
        frame = self._frame(readers_of(specs, []))
        read = over_blocks.from_nhwc if self._blocks else over_examples.from_nhwc
        lanes, planes = (c, self.n) if self._blocks else (self.n, c)
        x = image(planes, *size, lanes, frame, self._dtype)
        if before:
            a, b = (np.resize(np.array(numbers, self._dtype), c) for numbers in (before.factor, before.offset))
            self.ahead.append(over_blocks.from_nhwc_scaled(x=Slot("x"), y=x, a=a, b=b))
        else:
            self.ahead.append(read(x=Slot("x"), y=x, **({} if self._blocks else {"lanes": self.n})))
        return _Value(x, image(planes, *size, lanes, Frame(), self._dtype))

    def _frame(self, readers: Sequence[Spec]) -> Frame:
        """Return the frame that the readers of an image need."""
        sides = [forward_frame(spec, self._tiles(spec)) for spec in readers if isinstance(spec, Conv | Depthwise)]
        return self._cut(Frame(*(max(side) for side in zip(*sides, strict=True))) if sides else Frame())

    def _tiles(self, spec: Spec) -> int | None:
        """Return the size of the tiles of a convolution by Winograd's algorithm, None for another operation."""
        if self._blocks and self._shared.by_tiles and isinstance(spec, Conv):
            return winograd.chosen(spec, self._wide, self.n)
        return None

    def _cut(self, frame: Frame) -> Frame:
        return frame if self._blocks else Frame(0, 0, frame.left, frame.right)

    def _new(self, size: tuple[int, int], c: int, readers: Sequence[Spec], makers: Sequence[Spec] = ()) -> _Value:
        """Return new images (h, w, c), with the frames that the readers need, and the makers for the gradient."""
        frame = self._frame(readers)
        sides = [backward_frame(maker, self._tiles(maker)) for maker in makers if isinstance(maker, Conv | Depthwise)]
        back = self._cut(Frame(*(max(side) for side in zip(*sides, strict=True))) if sides else Frame())
        if not self._blocks and any(isinstance(maker, Conv) and maker.stride != (1, 1) for maker in makers):
            back = Frame()
        lanes = self._wide if self._blocks else self.n
        planes = self.n * blocks(c, lanes) if self._blocks else c
        return _Value(*(image(planes, *size, lanes, each, self._dtype) for each in (frame, back)))

    def _row(self, units: int) -> _Value:
        """Return the images of a dense layer's output: one pixel, with examples in lanes."""
        return _Value(*(image(units, 1, 1, self.n, Frame(), self._dtype) for _ in range(2)))

    def _like(self, value: _Value, readers: Sequence[Spec]) -> _Value:
        """Return new images of the same size and layout."""
        x = value.x
        return _Value(
            *(image(x.planes, x.rows, x.columns, x.lanes, f, self._dtype) for f in (self._frame(readers), Frame()))
        )

    def _per(self, value: _Value) -> int:
        """Return the number of planes after which the channels begin again."""
        return value.x.planes if value.x.lanes == self.n and not self._is_block(value) else value.x.planes // self.n

    def _is_block(self, value: _Value) -> bool:
        """Return whether channels are in lanes."""
        return self._blocks and not self._flattened

    # ------------------------------------------------------------ layers

    def _chain(
        self, specs: Sequence[Spec], value: _Value, after: Sequence[Spec], first: bool, more: bool = False
    ) -> _Value:
        """Add the operations of a chain. after: the operations that read its end. first: whether nothing before it has
        weights. more: whether the first one adds to the gradient of `value`, which another reader has written."""
        steps = fuse_relus(specs)
        for k, (spec, relu) in enumerate(steps):
            readers = readers_of([step.spec for step in steps[k + 1 :]], after)
            value = self._step(spec, relu, value, readers, first, more)
            first, more = first and isinstance(spec, Flatten), False
        return value

    def _step(self, spec: Spec, relu: bool, value: _Value, readers: Sequence[Spec], first: bool, more: bool) -> _Value:
        self._layer += 1
        if isinstance(spec, Conv):
            out = self._new(spec.out, spec.co, readers, [spec])
            weights = self._given.kernel(*spec.kernel, spec.ci // spec.groups, spec.co, bias=spec.bias)
            layer = self._layer_of(spec, relu, value, out, first)
            if size := self._tiles(spec):
                self._add(
                    *winograd_calls.conv_calls(
                        layer, weights, self._shared.packed, self._layer, size, self._scratch, more
                    )
                )
            elif self._blocks:
                self._add(*block_calls.conv_calls(layer, weights, self._shared.packed, self._layer, more))
            else:
                self._add(*example_calls.conv_calls(layer, weights))
            return out
        if isinstance(spec, Depthwise):
            out = self._new(spec.out, spec.c, readers, [spec])
            weights = self._given.kernel(*spec.kernel, spec.c, 1, bias=spec.bias, units=spec.c)
            layer = self._layer_of(spec, relu, value, out, first)
            self._add(*block_calls.depthwise_calls(layer, weights, self._shared.packed, self._layer, more))
            return out
        if isinstance(spec, LocalResponseNorm):
            return self._normalise_locally(spec, value, readers)
        if isinstance(spec, Affine):
            return self._scale(spec, value, readers)
        if isinstance(spec, Pad):
            return self._pad(spec, value, readers)
        if isinstance(spec, Dense):
            out = self._row(spec.units)
            weights = self._given.kernel(spec.inputs, spec.units, bias=spec.bias)
            self._add(*example_calls.dense_calls(self._layer_of(spec, relu, value, out, first), weights))
            return out
        if isinstance(spec, Pool):
            out = self._new(spec.out, spec.c, readers)
            self._add(*example_calls.pool_calls(self._layer_of(spec, relu, value, out, first)))
            return out
        if isinstance(spec, Flatten):
            return self._flatten(spec, value, first)
        if isinstance(spec, GlobalPool):
            return self._global_pool(spec, value, first)
        if isinstance(spec, BatchNorm):
            return self._normalise(spec, relu, value, readers)
        if isinstance(spec, Dropout):
            return self._drop(spec, value, readers)
        if isinstance(spec, Activation | ThresholdRelu | Elu):
            return self._activate(spec, value, readers)
        assert isinstance(spec, Residual)
        return self._residual(spec, relu, value, readers, first)

    def _layer_of(self, spec: Spec, relu: bool, value: _Value, out: _Value, first: bool) -> PlannedLayer:
        return PlannedLayer(spec, relu, value.x, out.x, value.dx, out.dx, first, self.n)

    def _flatten(self, spec: Flatten, value: _Value, first: bool) -> _Value:
        if not self._is_block(value):
            return value  # the dense layer reads the image before Flatten
        self._flattened = True
        h, w, c = spec.shape
        out = _Value(*(image(c, h, w, self.n, Frame(), self._dtype) for _ in range(2)))
        self._add(*block_calls.flatten_calls(self._layer_of(spec, False, value, out, first)))
        return out

    def _global_pool(self, spec: GlobalPool, value: _Value, first: bool) -> _Value:
        self._flattened = True
        out, per = self._row(spec.shape[-1]), value.x.planes // self.n
        if spec.average:
            ahead = pointwise.global_mean(x=value.x, per=per, y=out.x)
            back = pointwise.global_mean_dx(dy=out.dx, dx=value.dx, per=per)
        else:
            ahead = pointwise.global_max(x=value.x, per=per, y=out.x)
            back = pointwise.global_max_dx(dy=out.dx, x=value.x, y=out.x, dx=value.dx, per=per)
        self._add([ahead], [] if first else [back])
        return out

    def _normalise(self, spec: BatchNorm, relu: bool, value: _Value, readers: Sequence[Spec]) -> _Value:
        out, training = self._like(value, readers), self._shared.training
        per, found = self._per(value), self._shared.normalisations
        if self._layer not in found:
            found[self._layer] = Normalisation(
                spec, self._given.normalisation(spec), per, not self._is_block(value), training
            )
        else:
            self._given.normalisation(spec)
        mine = found[self._layer]
        self.normalisations.append(mine)
        sums, scale, back, after = mine.block(value.x, out.x, value.dx, out.dx, relu)
        ahead: list[Call | Meeting] = [*sums, lambda gradient: mine.set_batch()] if training else []
        self._add([*ahead, scale], [back, mine.gradients, after])
        return out

    def _drop(self, spec: Dropout, value: _Value, readers: Sequence[Spec]) -> _Value:
        key = Slot("keys", self._dropouts)
        self._dropouts += 1
        h, w, c = value.x.rows, value.x.columns, spec.shape[-1] if self._is_block(value) else value.x.planes
        steps = {"of_example": h * w * c, "of_row": w * c, "of_column": c}
        steps |= (
            {"of_plane": self._wide, "of_lane": 1} if self._is_block(value) else {"of_plane": 1, "of_lane": h * w * c}
        )
        factor = np.array([1 / (1 - spec.rate)], self._dtype)
        mask = {"first": Slot("first"), "keys": key, "scale": factor, "threshold": int(spec.rate * 2**32)}
        mask |= {"per": self._per(value), "size": h * w * c, **steps}
        out = self._like(value, readers)
        self._add([pointwise.drop(x=value.x, y=out.x, **mask)], [pointwise.drop(x=out.dx, y=value.dx, **mask)])
        return out

    def _activate(self, spec: Activation | ThresholdRelu | Elu, value: _Value, readers: Sequence[Spec]) -> _Value:
        if isinstance(spec, Elu):
            name, given = "elu", [spec.alpha]
        elif isinstance(spec, ThresholdRelu):
            most = np.inf if spec.max_value is None else spec.max_value
            name, given = "threshold_relu", [spec.negative_slope, spec.threshold, most]
        else:
            name, given = spec.function, list(DEFAULTS.get(spec.function, ()))
        out, numbers = self._like(value, readers), np.array([*given, *[0.0] * (GIVEN - len(given))], self._dtype)
        self._add(
            [activate(name)(x=value.x, given=numbers, y=out.x)],
            [activate_dx(name)(dy=out.dx, x=value.x, y=out.x, given=numbers, dx=value.dx)],
        )
        return out

    def _spread(self, value: _Value, numbers: Sequence[float]) -> Array:
        """Return numbers of the channels, or one for all, as vectors (per, vector)."""
        per, wide = self._per(value), self._wide
        found = aligned(per * wide, self._dtype)
        if len(numbers) == 1:
            found[...] = numbers[0]
        elif self._is_block(value):
            found[: len(numbers)] = numbers
        else:
            found.reshape(per, wide)[...] = np.array(numbers)[:, None]
        return found

    def _scale(self, spec: Affine, value: _Value, readers: Sequence[Spec]) -> _Value:
        out, per = self._like(value, readers), self._per(value)
        a, b, zeros = (self._spread(value, numbers) for numbers in (spec.factor, spec.offset, (0.0,)))
        self._add(
            [pointwise.scale(x=value.x, a=a, mean=zeros, b=b, per=per, y=out.x, relu=0)],
            [pointwise.scale_dx(dy=out.dx, x=value.x, a=a, mean=zeros, b=zeros, c=zeros, per=per, dx=value.dx)],
        )
        return out

    def _pad(self, spec: Pad, value: _Value, readers: Sequence[Spec]) -> _Value:
        (top, bottom), (left, right) = spec.pads
        x = value.x
        out = self._new((x.rows + top + bottom, x.columns + left + right), spec.shape[-1], readers)
        y, dy = (each.origin[top * each.pitch + left * each.lanes :] for each in (out.x, out.dx))
        self._add(
            [pointwise.copy(x=x, y=y, y_plane=out.x.plane, y_pitch=out.x.pitch, more=0)],
            [pointwise.copy(
                x=dy, x_planes=x.planes, x_rows=x.rows, x_run=x.run, x_plane=out.dx.plane, x_pitch=out.dx.pitch,
                y=value.dx, more=0,
            )],
        )  # fmt: skip
        return out

    def _normalise_locally(self, spec: LocalResponseNorm, value: _Value, readers: Sequence[Spec]) -> _Value:
        out, per = self._like(value, readers), self._per(value)
        numbers = np.array([spec.k, spec.alpha, spec.beta], self._dtype)
        squares, through = (aligned(per * self._wide + spec.size, self._dtype) for _ in range(2))
        given = {"numbers": numbers, "size": spec.size, "squares": squares, "per": per}
        given["scales"] = aligned(self._wide, self._dtype)
        self._add(
            [lrn.normalise(x=value.x, y=out.x, **given)],
            [lrn.normalise_dx(dy=out.dx, x=value.x, dx=value.dx, through=through, **given)],
        )
        return out

    def _residual(self, spec: Residual, relu: bool, value: _Value, readers: Sequence[Spec], first: bool) -> _Value:
        chains = [[inner for layer in chain for inner in layer] for chain in (spec.branch, spec.shortcut)]
        ends = []
        for k, chain in enumerate(chains):
            begin, more = value, k == 0  # in the backward the branch comes last, and adds to what the shortcut wrote
            if more and not (chain and isinstance(chain[0], Conv)):
                begin = self._like(value, readers_of(chain, []))
                self._add(
                    [pointwise.copy(x=value.x, y=begin.x, more=0)], [pointwise.copy(x=begin.dx, y=value.dx, more=1)]
                )
                more = False
            ends.append(self._chain(chain, begin, [], first, more) if chain else begin)
        size, c = spec.out[:2], spec.out[2]
        out = self._new((size[0], size[1]), c, readers)
        branch, shortcut = ends
        back = [pointwise.relu_mask(dy=out.dx, y=out.x)] if relu else []
        back += [pointwise.copy(x=out.dx, y=end.dx, more=0) for end in (shortcut, branch)]
        self._add([pointwise.add(x=branch.x, other=shortcut.x, y=out.x, relu=relu)], back)
        return out
