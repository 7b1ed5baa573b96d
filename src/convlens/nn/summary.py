"""The table of a network as text."""

from __future__ import annotations

from convlens.nn.stack import Stack

__all__ = ["summary_text"]


def summary_text(model: Stack) -> str:
    """Return the table of layers: name, kind, output shape, parameters, and how each runs in a fused pass.

    An unbuilt model has only the layers.
    """
    head = ("layer", "kind", "output shape", "parameters")
    if "flat" in vars(model):
        lines = [
            (row.name, type(row.layer).__name__, " × ".join(map(str, row.output_shape)), f"{row.parameters:,}")
            for row in model.table
        ]
        frozen = sum(row.parameters for k, row in enumerate(model.table) if k in model.frozen)
        left = f", {frozen:,} of them not trained" if frozen else ""
        total = f"{model.name}: {model.count_params():,} parameters{left}, {model.dtype}, engine {model.engine.name}"
        if model.fused is not None:
            total += f", {model.fused.about}"
        elif model.not_fused:
            total += f", layer by layer because of {model.not_fused}"
        end = [f"{model.end}: part of the loss and of predict"] if model.end else []
    else:
        lines = [(layer.name or layer.kind, type(layer).__name__, "?", "?") for layer in model.descriptions]
        total, end = f"{model.name}: not built, so it has no weights yet", []
    a, b, c, d = (max(map(len, column)) for column in zip(head, *lines, strict=True))
    text = [f"{line[0]:{a}}  {line[1]:{b}}  {line[2]:{c}}  {line[3]:>{d}}" for line in [head, *lines]]
    rule = "-" * len(text[0])
    if "flat" in vars(model) and model.fused is not None:
        text = [f"{line}  {way}".rstrip() for line, way in zip(text, ["runs with", *_ways(model)], strict=True)]
        rule = "-" * max(map(len, text))
    return "\n".join([text[0], rule, *text[1:], *end, rule, total])


def _ways(model: Stack) -> list[str]:
    """Return how each layer runs in the fused pass; "" for a layer that computes nothing."""
    assert model.fused is not None
    ways, at = [], 0
    for row in model.table:
        count = len(row.layer.specs(row.input_shape) or ())
        ways.append(max(model.fused.ways[at : at + count], key=len, default=""))
        at += count
    return ways
