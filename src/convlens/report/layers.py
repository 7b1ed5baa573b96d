"""The report's section about one image: the input, the first kernels, every layer's output, the probabilities."""

from __future__ import annotations

from html import escape

import numpy as np

from convlens.inspection.trace import LayerTrace, Trace
from convlens.report import figures
from convlens.report.kernels import apart, first_kernels, kernel_name
from convlens.report.page import number, percent, shape, strip, tiles
from convlens.report.pixels import Pixels, channels_first, in_colour
from convlens.report.shown import Shown

__all__ = ["layer_by_layer"]

_MAPS, _LEAST, _ALL = 64, 8, 640  # the most feature maps of a layer, the fewest, and the most of all layers
_PROBABILITIES = 30  # the most labels whose probabilities are shown
_HIGHEST = 10  # the labels with the highest probabilities, if there are more


def layer_by_layer(shown: Shown, passed: Trace, label: int) -> str:
    """Return the input and the outputs of all layers for the first example of a trace. label: its true label."""
    probabilities = passed.probabilities[0]
    predicted = int(probabilities.argmax())
    image = passed.layers[0].input[0]
    drawn = shown.picture("valid", 0, 140, f"label {shown.names[label]}")
    parts = [
        f"<p>The first validation image: label {shown.html(label)}, predicted {shown.html(predicted)} "
        f"({percent(probabilities[predicted], 1)}). The pictures of a layer share one scale. In a layer without "
        "negative numbers, black is 0 and yellow is the largest number. In a layer with negative numbers, blue is "
        "below 0, white is 0 and red is above 0.</p>",
        f"<h3>input <span>{shape(image.shape)}</span></h3>\n{drawn}",
    ]
    most, kernels = _most(passed), first_kernels(passed)
    for layer in passed.layers:
        if layer is kernels:
            parts.append(_kernels(layer, most))
        parts.append(_layer(layer, most))
    parts.append(_probabilities(shown, passed, label))
    return "\n".join(parts)


def _kernels(layer: LayerTrace, most: int) -> str:
    name = kernel_name(layer)
    assert name is not None
    kernel = layer.weights[name]
    colour = kernel.shape[2] == 3 and layer.kind == "Conv2D"
    painted: Pixels = in_colour(kernel) if colour else figures.colours(apart(layer, kernel), signed=True)
    over = ", each above its feature map" if len(painted) == layer.output.shape[-1] else ""
    if colour:
        over += "; each colour is the weight of its channel, and grey is 0"
    label = f"{len(painted)} kernels"
    drawn = tiles(painted, label, layer.output.shape[1:3], most)
    return (
        f"<h3>kernels of {escape(layer.name)} <span>{shape(kernel.shape)}, after training: what the first "
        f"convolution looks for{over}</span></h3>\n{drawn}"
    )


def _most(passed: Trace) -> int:
    """Return how many feature maps of each layer are shown: fewer if the network has many layers."""
    channels = [layer.output.shape[-1] for layer in passed.layers if layer.output.ndim == 4 and not _same(layer)]
    most = _MAPS
    while most > _LEAST and sum(min(most, n) for n in channels) > _ALL:
        most //= 2
    return most


def _same(layer: LayerTrace) -> bool:
    """Return whether the layer gives its input as it is, as dropout does at prediction."""
    return layer.output.shape == layer.input.shape and np.array_equal(layer.output, layer.input)


def _layer(layer: LayerTrace, most: int) -> str:
    y = layer.output[0]
    span = f"from {number(y.min())} to {number(y.max())}"
    if _same(layer):
        drawn = "<p>The same numbers as its input.</p>"
    elif y.ndim == 3:
        label = f"{y.shape[-1]} feature maps of {shape(y.shape[:2])}"
        drawn = tiles(figures.colours(channels_first(y)), label, most=most)
    else:
        drawn = strip(figures.colours(y.ravel()), f"{y.size} numbers {span}")
    return f"<h3>{escape(layer.name)} <span>{layer.kind}, {shape(y.shape)}, {span}</span></h3>\n{drawn}"


def _probabilities(shown: Shown, passed: Trace, label: int) -> str:
    logits, probabilities = passed.logits[0], passed.probabilities[0]
    labels, words = list(range(len(probabilities))), "the softmax of the logits"
    if len(labels) > _PROBABILITIES:
        labels = np.argsort(-probabilities, kind="stable")[:_HIGHEST].tolist()
        words = f"the softmax of the logits; the {_HIGHEST} highest"
        if label not in labels:
            labels.append(label)
            words += " and the true label's"
    rows = "\n".join(
        f'<tr><th scope="row">{shown.html(k)}</th><td class="number">{number(logits[k])}</td>'
        f'<td class="number">{percent(probabilities[k], 2)}</td>'
        f'<td><span class="bar" style="width:{100 * probabilities[k]:.2f}%"></span></td></tr>'
        for k in labels
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("label", "logit", "probability", ""))
    return (
        f"<h3>probabilities <span>{len(probabilities)}: {words}</span></h3>\n"
        f'<div class="wide"><table class="bars"><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>'
    )
