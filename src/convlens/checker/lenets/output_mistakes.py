"""Find the likely mistake behind a wrong output: a faulty variant of LeNet-5 that gives this output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from convlens import ops
from convlens.arrays import Array
from convlens.checker.lenets.expected import PlantedBatch
from convlens.checker.lenets.mistakes import Likely
from convlens.checker.lenets.variables import LAYERS
from convlens.checker.lenets.variant import RIGHT, PoolVariant, Variant, run_variant

__all__ = ["faulty_variants", "output_mistake"]

_FEW = 6  # examples with ten outputs each: enough to distinguish the variants
_TOLERANCE = 2e-5  # twice the tolerance of the output checks


def faulty_variants() -> Iterator[tuple[Likely, Variant]]:
    """Yield variants of LeNet-5 with one mistake each, all with LeNet-5's weights."""

    def faulty(mistake: str, what: str, **parts: object) -> tuple[Likely, Variant]:
        return Likely(mistake, what), replace(RIGHT, **parts)  # type: ignore[arg-type]

    hidden, softmax = RIGHT.activations[:4], "softmax"
    yield faulty("softmax_missing", "", head="none")
    yield faulty("softmax_twice", "", head="softmax twice")
    yield faulty("softmax_axis", "", head="softmax over examples")
    yield faulty("activation_other", "sigmoid in layer 7", head="sigmoid")
    yield faulty("relu_on_logits", "", activations=(*hidden, "relu"))
    yield faulty("relu_on_logits", "and no softmax", activations=(*hidden, "relu"), head="none")
    for k in range(4):
        for head in ("softmax", "none"):
            yield faulty("softmax_wrong_layer", LAYERS[k], activations=_at(RIGHT.activations, k, softmax), head=head)
        yield faulty("softmax_wrong_layer", LAYERS[k], depth=k + 1)
        yield faulty("activation_missing", LAYERS[k], activations=_at(RIGHT.activations, k, "none"))
        for other in ("sigmoid", "tanh"):
            yield faulty("activation_other", f"{other} in {LAYERS[k]}", activations=_at(RIGHT.activations, k, other))
    yield faulty("activation_missing", "both convolutions", activations=("none", "none", "relu", "relu", "none"))
    yield faulty("activation_missing", "both dense layers", activations=("relu", "relu", "none", "none", "none"))
    yield faulty("activation_missing", "all layers", activations=("none",) * 5)
    for other in ("sigmoid", "tanh"):
        yield faulty("activation_other", f"{other} in all layers", activations=(other,) * 4 + ("none",))
    for k in range(5):
        yield faulty("no_bias", LAYERS[k], biases=_at(RIGHT.biases, k, False))
    yield faulty("no_bias", "both convolutions", biases=(False, False, True, True, True))
    yield faulty("no_bias", "all dense layers", biases=(True, True, False, False, False))
    yield faulty("no_bias", "all layers", biases=(False,) * 5)
    average, larger, dense = PoolVariant("avg"), PoolVariant("max", 3, 2, "same"), PoolVariant("max", 1, 2)
    for mistake, other_pool in (("average_pool", average), ("pool_size", larger), ("pool_size", dense)):
        yield faulty(mistake, "layer 2", pools=(other_pool, PoolVariant()))
        yield faulty(mistake, "layer 4", pools=(PoolVariant(), other_pool))
        yield faulty(mistake, "layers 2 and 4", pools=(other_pool, other_pool))
    for pads, what in (
        (((4, 0), (4, 0)), "only at the top and left"),
        (((0, 4), (0, 4)), "only at the bottom and right"),
    ):
        yield faulty("padding_other", what, paddings=(pads, "valid"))
    yield faulty("flatten_order", "", flatten="chw")


def _at(values: tuple[object, ...], place: int, value: object) -> tuple[object, ...]:
    return (*values[:place], value, *values[place + 1 :])


def output_mistake(weights: Sequence[Array], batch: PlantedBatch, got: Array) -> tuple[Likely, Variant | None] | None:
    """Return the likely mistake behind an output, and the variant that gives the output; None if none is known.

    The variant is None if the mistake is known but its effect on the loss is not.
    """
    x = batch.x.astype(np.float64)
    if got.ndim == 0 or len(got) != len(x):
        return None
    for likely, variant in faulty_variants():
        few = len(x) if variant.head == "softmax over examples" else _FEW
        found = run_variant(weights, x[:few], variant)
        if _near(got[:few], found.output):
            return likely, variant
        if variant.depth < 5 and _near(got[:few], ops.softmax_forward(found.logits)):
            return likely, None
    for factor, what in ((1 / 255, "divided by 255"), (1 / 256, "divided by 256"), (255.0, "multiplied by 255")):
        if _near(got[:_FEW], run_variant(weights, x[:_FEW] * factor).output):
            return Likely("input_changed", what), None
    return None


def _near(got: Array, want: Array) -> bool:
    """Return whether two outputs are equal within twice the tolerance of the checks."""
    return got.shape == want.shape and bool(
        (np.abs(got - want) < _TOLERANCE * max(1.0, float(np.abs(want).max()))).all()
    )
