"""What a fused pass reads off the specifications of a network: its layout, and which ReLU belongs to which layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from convlens.engines.compiled.over_examples import LANES
from convlens.engines.specs import (
    Activation,
    Affine,
    BatchNorm,
    Conv,
    Dense,
    Depthwise,
    Dropout,
    GlobalPool,
    LocalResponseNorm,
    Pad,
    Random,
    Residual,
    Spec,
    input_shape,
)

# The most bytes of a convolution's input and output, for 16 examples, with which examples stay in lanes: they must fit
# into the second-level cache
CACHE = 2**20
FEW = 4  # examples that leave most of the lanes empty


_IN_BLOCKS = GlobalPool | Residual | Depthwise | LocalResponseNorm | Pad  # operations with channels in lanes alone


class Fused(NamedTuple):
    """An operation, and whether a ReLU follows it"""

    spec: Spec
    relu: bool


def fuse_relus(specs: Sequence[Spec]) -> list[Fused]:
    """Return the operations in order; a ReLU becomes part of the operation before it, if that one can have it."""
    found: list[Fused] = []
    for spec in specs:
        relu = isinstance(spec, Activation) and spec.function == "relu"
        if relu and found and isinstance(found[-1].spec, Conv | Depthwise | Dense | BatchNorm | Residual):
            found[-1] = Fused(found[-1].spec, True)
        else:
            found.append(Fused(spec, False))
    return found


def channels_in_lanes(specs: Sequence[Spec], itemsize: int, examples: int = LANES) -> bool:
    """Return whether channels are in lanes up to Flatten, for a batch of so many examples.

    They are if the images of 16 examples would not fit into the cache, if an operation knows no other layout, and for
    a few examples, which would leave most lanes empty.
    """
    whole = list(every(specs))
    sizes = [
        spec.size[0] * spec.size[1] * spec.ci + spec.out[0] * spec.out[1] * spec.co
        for spec in whole
        if isinstance(spec, Conv)
    ]
    few = examples <= FEW and bool(sizes)
    return few or needs_channels(specs) or max(sizes, default=0) * LANES * itemsize > CACHE


def needs_channels(specs: Sequence[Spec]) -> bool:
    """Return whether an operation knows no other layout than channels in lanes."""
    return any(
        (isinstance(spec, _IN_BLOCKS) and len(input_shape(spec)) > 1)
        or (isinstance(spec, Conv) and (spec.groups > 1 or spec.dilation != (1, 1)))
        for spec in every(specs)
    )


def begins_with_convolution(specs: Sequence[Spec]) -> bool:
    """Return whether the first operation is a convolution without groups, perhaps after a scale."""
    first = next((spec for spec in specs[:2] if not isinstance(spec, Affine)), None)
    return isinstance(first, Conv) and first.groups == 1


def every(specs: Sequence[Spec]) -> list[Spec]:
    """Return all operations, those in residual blocks too."""
    found: list[Spec] = []
    for spec in specs:
        found.append(spec)
        if isinstance(spec, Residual):
            for chain in (spec.branch, spec.shortcut):
                found += every([inner for layer in chain for inner in layer])
    return found


def active(specs: Sequence[Spec], training: bool) -> list[Spec]:
    """Return the operations that act: no dropout that drops nothing, and outside of training nothing random.

    A depthwise convolution with several kernels for a channel is one with a group for each channel: the kernel's
    numbers lie in the same order.
    """
    found: list[Spec] = []
    for spec in specs:
        if isinstance(spec, Residual):
            chains = [
                tuple(tuple(active(layer, training)) for layer in chain) for chain in (spec.branch, spec.shortcut)
            ]
            found.append(spec._replace(branch=chains[0], shortcut=chains[1]))
        elif isinstance(spec, Depthwise) and spec.multiplier > 1:
            co = spec.c * spec.multiplier
            found.append(
                Conv(
                    spec.size, spec.c, spec.out, co, spec.kernel, spec.stride, spec.pads, spec.c, spec.dilation,
                    spec.bias,
                )
            )  # fmt: skip
        elif isinstance(spec, Dropout):
            found += [spec] if training and spec.rate else []
        elif training or not isinstance(spec, Random):
            found.append(spec)
    return found


def readers_of(specs: Sequence[Spec], after: Sequence[Spec]) -> list[Spec]:
    """Return the operations that read the input of a chain."""
    if not specs:
        return list(after)
    if isinstance(specs[0], Residual):
        chains = [[inner for layer in chain for inner in layer] for chain in (specs[0].branch, specs[0].shortcut)]
        return [reader for chain in chains for reader in readers_of(chain, [])]
    return [specs[0]]
