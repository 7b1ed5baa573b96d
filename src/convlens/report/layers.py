"""The report's section about one image: input, first kernels, each layer's output, with gradients; probabilities."""

from __future__ import annotations

from html import escape

import numpy as np

from convlens.arrays import Array
from convlens.inspection.trace import LayerTrace, Trace
from convlens.ops.losses import Labels
from convlens.report import figures
from convlens.report.kernels import apart, first_kernels, kernel_name
from convlens.report.page import number, percent, shape, strip, tiles
from convlens.report.pixels import channels_first, in_colour
from convlens.report.shown import Shown

__all__ = ["layer_by_layer", "least_certain"]

_MAPS, _LEAST, _ALL = 64, 8, 640  # the most feature maps of a layer, the fewest, and the most of all layers
_PROBABILITIES = 30  # the most labels whose probabilities are shown
_HIGHEST = 10  # the labels with the highest probabilities, if there are more


def layer_by_layer(shown: Shown, passed: Trace, place: int, label: int) -> str:
    """Return the input and the outputs of all layers for the first example of a trace, and the gradients of its loss.

    place: of the image in the validation part; label: its true label.
    """
    probabilities = passed.probabilities[0]
    predicted = int(probabilities.argmax())
    image = passed.layers[0].input[0]
    drawn = shown.picture("valid", place, 140, f"label {shown.names[label]}")
    which = "the first validation image"
    if predicted == label:
        which = "of all validation images that are predicted right, the one whose probability is lowest"
    parts = [
        f"<p>Image no. {place}: {which}. Label {shown.html(label)}, predicted {shown.html(predicted)} "
        f"({percent(probabilities[predicted], 1)}). The pictures of a layer share one scale. In a layer without "
        "negative numbers, black is 0 and yellow is the largest number. In a layer with negative numbers, blue is "
        "below 0, white is 0 and red is above 0.</p>",
        f"<p>Beside each picture, or below it, is the gradient of the loss, {number(passed.loss[0])}. If a red number "
        "grows, the loss rises; if a blue number grows, it falls.</p>",
        f"<h3>input <span>{shape(image.shape)}</span></h3>\n"
        + _beside(drawn, _maps(passed.layers[0].d_input[0], "gradient of the input", 1, signed=True)),
    ]
    most, kernels = _most(passed), first_kernels(passed)
    for layer in passed.layers:
        if layer is kernels:
            parts.append(_kernels(layer, most))
        parts.append(_layer(layer, most))
    parts.append(_probabilities(shown, passed, label))
    return "\n".join(parts)


def least_certain(probabilities: Array, labels: Labels) -> int:
    """Return the index of the right prediction whose probability is lowest; 0 if none is right.

    probabilities: (n, classes); labels: (n,)

    >>> least_certain(np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]]), np.array([0, 0, 0]))
    2
    """
    right = np.flatnonzero(probabilities.argmax(axis=1) == labels)
    return int(right[probabilities[right].max(axis=1).argmin()]) if len(right) else 0


def _beside(forward: str, backward: str) -> str:
    """Return the pictures of both passes side by side, or one below the other where the page is narrow."""
    return f'<div class="passes">\n<div>{forward}</div>\n<div>{backward}</div>\n</div>'


def _maps(values: Array, label: str, most: int, *, signed: bool | None = None) -> str:
    """Return maps (h, w, c), or units (n,), as pictures."""
    if values.ndim == 3:
        return tiles(figures.colours(channels_first(values), signed), label, most=most)
    return strip(figures.colours(values.ravel(), signed), label)


def _kernels(layer: LayerTrace, most: int) -> str:
    name = kernel_name(layer)
    assert name is not None
    kernel = layer.weights[name]
    colour = kernel.shape[2] == 3 and layer.kind == "Conv2D"
    painted, gradient = (
        in_colour(weights) if colour else figures.colours(apart(layer, weights), signed=True)
        for weights in (kernel, layer.d_weights[name])
    )
    over = ", each above its feature map" if len(painted) == layer.output.shape[-1] else ""
    if colour:
        over += "; each colour is the weight of its channel, and grey is 0"
    label = f"{len(painted)} kernels"
    drawn = tiles(painted, label, layer.output.shape[1:3], most)
    backward = tiles(gradient, f"gradient of the {label}", layer.output.shape[1:3], most)
    return (
        f"<h3>kernels of {escape(layer.name)} <span>{shape(kernel.shape)}, after training: what the first "
        f"convolution looks for{over}</span></h3>\n{_beside(drawn, backward)}"
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
    else:
        label = f"{y.shape[-1]} feature maps of {shape(y.shape[:2])}" if y.ndim == 3 else f"{y.size} numbers {span}"
        gradient = _maps(layer.d_output[0], f"gradient of {layer.name}", most, signed=True)
        drawn = _beside(_maps(y, label, most), gradient)
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
