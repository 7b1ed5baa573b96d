"""The first difference between the layers of a submission and the layers of the task.

The layers come from the guest's description, which only explains a failure. The verdict depends on outputs and weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import NamedTuple

from convlens.checker.lenets.layer_table import WANTED, LayerFacts

__all__ = ["LayerDifference", "layer_difference"]

# The cost of an alignment: a layer left out or added; a layer of another kind; one fact that differs
_GAP, _OTHER_KIND, _OTHER_POOL, _FACT = 2.0, 5.0, 1.0, 0.4


class LayerDifference(NamedTuple):
    """The first difference between two lists of layers: a sentence, and the name of the mistake."""

    message: str
    mistake: str


def layer_difference(layers: Sequence[LayerFacts], unused: Sequence[str] = ()) -> LayerDifference | None:
    """Return the first difference from the layers of the task, None if there is none.

    A softmax on the wrong layer counts first, then a layer that is missing or added, then a layer that differs. unused:
    the kinds of the layers that take the images but never reach the output
    """
    pairs = _aligned(layers)
    found = [(layer, place) for layer, place in pairs if layer is not None and place is not None]
    for one, number in found:
        if "softmax" in one.activations and number < len(WANTED) - 1:
            return LayerDifference(f"{_name(number)}: softmax, which belongs only to layer 7", "softmax_wrong_layer")
    for k, (layer, place) in enumerate(pairs):
        if layer is None and place is not None:
            return _missing(place, list(unused))
        if place is None and layer is not None:
            before = [earlier for _, earlier in pairs[:k] if earlier is not None]
            where = f"after {_name(before[-1])}" if before else "before layer 1"
            return LayerDifference(f"there is one more layer {where}: {layer.kind}", "layer_other")
    paddings = [layer.padding for layer, _ in found if layer.kind == "convolution"]
    if paddings == ["valid", "same"]:
        return LayerDifference('layer 1 has padding "valid" and layer 3 has "same"', "padding_swapped")
    units = [layer.units for layer, _ in found if layer.kind == "dense"]
    if units[:2] == [WANTED[5].units, WANTED[4].units]:
        return LayerDifference("layer 5 has 84 outputs and layer 6 has 120", "units_swapped")
    for layer, place in found:
        if (different := _differs(layer, place, found[max(0, place - 2)][0])) is not None:
            return different
    return None


def _aligned(layers: Sequence[LayerFacts]) -> list[tuple[LayerFacts | None, int | None]]:
    """Return pairs of a layer and its place in WANTED, None for a layer that is missing or one too many."""
    best: dict[tuple[int, int], tuple[float, list[tuple[LayerFacts | None, int | None]]]] = {(0, 0): (0.0, [])}
    for i in range(len(layers) + 1):
        for k in range(len(WANTED) + 1):
            choices = [best[i, k]] if (i, k) == (0, 0) else []
            if i and k:
                cost, pairs = best[i - 1, k - 1]
                choices.append((cost + _cost(layers[i - 1], WANTED[k - 1]), [*pairs, (layers[i - 1], k - 1)]))
            if k:
                cost, pairs = best[i, k - 1]
                choices.append((cost + _GAP, [*pairs, (None, k - 1)]))
            if i:
                cost, pairs = best[i - 1, k]
                choices.append((cost + _GAP, [*pairs, (layers[i - 1], None)]))
            best[i, k] = min(choices, key=lambda choice: choice[0])
    return best[len(layers), len(WANTED)][1]


def _cost(layer: LayerFacts, want: LayerFacts) -> float:
    if layer.kind != want.kind:
        return _OTHER_POOL if layer.is_pool and want.is_pool else _OTHER_KIND
    names = [one.name for one in fields(LayerFacts) if one.compare]
    return _FACT * len([name for name in names if getattr(layer, name) != getattr(want, name)])


def _name(k: int) -> str:
    return f"layer {k + 1}, {WANTED[k].kind}"


def _missing(place: int, unused: list[str]) -> LayerDifference:
    """Return the words for a layer that is not between the images and the output."""
    if WANTED[place].kind in unused:
        return LayerDifference(f"the output of {_name(place)}, is not used", "layer_unused")
    return LayerDifference(f"{_name(place)} is missing", "layer_missing")


def _differs(layer: LayerFacts, place: int, second_last: LayerFacts) -> LayerDifference | None:
    """Return the first difference of one layer. second_last: the layer two places before it, or the first one"""
    want = WANTED[place]
    name, pool = _name(place), want.is_pool
    if layer.kind != want.kind:
        mistake = "average_pool" if layer.kind == "average pool" else "layer_other"
        return LayerDifference(f"layer {place + 1} is {layer.kind}; the task says {want.kind}", mistake)
    if layer.size != want.size:
        what, mistake = ("windows", "pool_size") if pool else ("kernels", "kernel_size")
        said = f"{what} of {_size_text(layer.size)}; the task says {_size_text(want.size)}"
        return LayerDifference(f"{name}: {said}", mistake)
    if layer.strides != want.strides:
        said = f"strides {_size_text(layer.strides)}; the task says {_size_text(want.strides)}"
        return LayerDifference(f"{name}: {said}", "pool_stride" if pool else "conv_stride")
    # In a pool of 28 or 10 rows, "same" adds no zeros, since 28 and 10 are even
    if layer.padding != want.padding and not (pool and layer.padding == "same"):
        mistake = {"same": "padding_same", "valid": "padding_valid"}.get(layer.padding, "padding_other")
        got = "zeros added by hand" if layer.padding == "explicit" else f'padding "{layer.padding}"'
        return LayerDifference(f'{name}: {got}; the task says "{want.padding}"', mistake)
    if place == 4 and layer.inputs is not None and layer.inputs == second_last.units:
        said = f"it takes the {layer.inputs} channels of each place, not the flattened maps"
        return LayerDifference(f"{name}: {said}", "flatten_missing")
    if layer.units != want.units:
        return LayerDifference(f"{name}: {layer.units} outputs; the task says {want.units}", "units")
    if layer.activations != want.activations:
        got, right = (" and ".join(names) or "no activation" for names in (layer.activations, want.activations))
        mistake = _activation(layer.activations, want.activations)
        return LayerDifference(f"{name}: {got}; the task says {right}", mistake)
    if layer.bias != want.bias:
        return LayerDifference(f"{name}: no bias is added", "no_bias")
    return None


def _activation(got: tuple[str, ...], want: tuple[str, ...]) -> str:
    if want == ("softmax",):
        if "softmax" not in got:
            return "softmax_missing"
        return (
            "softmax_twice" if got.count("softmax") > 1 else "relu_on_logits" if "relu" in got else "activation_other"
        )
    return "activation_missing" if not got else "activation_other"


def _size_text(sizes: Sequence[int]) -> str:
    return " × ".join(map(str, sizes))
