"""How a fused pass runs each operation, in words for `summary`."""

from __future__ import annotations

from collections.abc import Sequence

from convlens.engines.compiled import winograd
from convlens.engines.compiled.changes import before
from convlens.engines.compiled.groups import joined
from convlens.engines.compiled.over_examples import LANES
from convlens.engines.compiled.plan import active
from convlens.engines.specs import Conv, Depthwise, Random, Residual, Spec, input_shape

__all__ = ["ways"]


def ways(specs: Sequence[Spec], channels: bool, by_tiles: bool, wide: int) -> list[str]:
    """Return for each operation how it runs. channels: whether channels are in lanes; by_tiles: whether Winograd's
    algorithm may be used; wide: the numbers of a vector"""
    first = before(specs)
    return ["before the pass" if k < first else _way(spec, channels, by_tiles, wide) for k, spec in enumerate(specs)]


def _way(spec: Spec, channels: bool, by_tiles: bool, wide: int) -> str:
    if isinstance(spec, Random):
        return "the whole batch at once"
    if isinstance(spec, Residual):
        inner = [_way(part, channels, by_tiles, wide) for chain in spec[2:] for layer in chain for part in layer]
        return max(inner, key=len, default="channels in lanes")
    if not channels or len(input_shape(spec)) == 1:
        tiled = isinstance(spec, Conv) and by_tiles and winograd.chosen_for_examples(spec, wide, LANES)
        return "examples in lanes" + (f", {winograd.IN_LANES.name}" if tiled else "")
    found = "channels in lanes"
    if isinstance(spec, Conv) and by_tiles and (form := winograd.chosen(spec, wide)):
        return f"{found}, {form.name}"
    if isinstance(spec, Conv | Depthwise):
        (conv,) = active([spec], training=False)
        if isinstance(conv, Conv) and (many := joined(conv, wide)) > 1:
            return f"{found}, {many} groups joined"
    return found
