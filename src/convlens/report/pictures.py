"""The report's sections in which the model looks at images: confusion matrix, worst mistakes, one image's way."""

from __future__ import annotations

from html import escape

import numpy as np

from convlens.data import Digits
from convlens.engines import Array
from convlens.nn import Sequential
from convlens.report import figures
from convlens.report.page import count, number, percent, picture, shape, strip, tiles
from convlens.report.pixels import channels_first
from convlens.trace import LayerTrace, Trace, trace

__all__ = ["confusion", "journey", "mistakes"]

_MISTAKES, _CONFUSIONS = 24, 3  # how many are shown at most
_BATCH = 250


def confusion(digits: Digits, probabilities: Array) -> str:
    """How often each label of the validation part was taken for which; probabilities (n, classes) are the model's."""
    truth, found = digits.y_valid, probabilities.argmax(axis=1)
    classes = max(digits.classes, int(found.max()) + 1)
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (truth, found), 1)
    errors = counts.copy()
    np.fill_diagonal(errors, 0)
    most = max(1, int(errors.max()))

    def cell(k: int, j: int) -> str:
        n = int(counts[k, j])
        if k == j:
            return f'<td class="hit">{n:,}</td>'
        return f'<td style="--heat:{15 + 55 * n / most:.0f}%">{n:,}</td>' if n else '<td class="none">0</td>'

    lines = []
    for k in range(classes):
        images = int(counts[k].sum())
        right = percent(counts[k, k] / images if images else None, 1)
        cells = "".join(cell(k, j) for j in range(classes))
        lines.append(
            f'<tr><th scope="row">{k}</th>{cells}<td class="sum">{images:,}</td><td class="sum">{right}</td></tr>'
        )
    head = "".join(f'<th scope="col">{j}</th>' for j in (*range(classes), "images", "right"))
    wrong = int(errors.sum())
    order = np.argsort(-errors, axis=None, kind="stable")[:_CONFUSIONS]
    pairs = [(*divmod(int(place), classes), int(errors.flat[place])) for place in order if errors.flat[place]]
    often = "; ".join(f"{k} taken for {j} ({count(n, 'time')})" for k, j, n in pairs)
    return (
        f"<p>The {count(len(truth), 'validation image')}, which the network was not trained on: {len(truth) - wrong:,} "
        f"right, {wrong:,} wrong. {f'Most often: {often}. ' if often else ''}The test part, if the data have one, was "
        "not looked at. The colour goes by the number of mistakes alone.</p>\n"
        '<div class="wide"><table class="confusion">\n'
        "<caption>A row for each true label, a column for each prediction</caption>\n"
        f'<thead><tr><th scope="col">true</th>{head}</tr></thead>\n<tbody>\n'
        + "\n".join(lines)
        + "\n</tbody></table></div>"
    )


def mistakes(model: Sequential, digits: Digits, probabilities: Array) -> str:
    """The wrong predictions of the validation part with the highest loss, as pictures."""
    found = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(found != digits.y_valid)
    if not len(wrong):
        return f"<p>None: all {count(len(found), 'validation image')} are predicted right.</p>"
    parts = [wrong[k : k + _BATCH] for k in range(0, len(wrong), _BATCH)]
    losses = np.concatenate([trace(model, digits.x_valid[part], digits.y_valid[part]).loss for part in parts])
    order = np.argsort(-losses, kind="stable")[:_MISTAKES]
    cards = []
    for k, its_loss in zip(wrong[order], losses[order], strict=True):
        true, taken = int(digits.y_valid[k]), int(found[k])
        cards.append(
            f"<figure>{picture(digits.x_valid[k], 96, f'label {true}, predicted {taken}')}<figcaption>"
            f"<b>{true} taken for {taken}</b><br>{taken}: {percent(probabilities[k, taken], 1)}<br>"
            f"{true}: {percent(probabilities[k, true], 1)}<br>loss {its_loss:.2f}<br>no. {k}</figcaption></figure>"
        )
    which = "all" if len(cards) == len(wrong) else f"the {len(cards)} with the highest loss"
    return (
        f"<p>{count(len(wrong), 'validation image')} predicted wrong; here {which}, worst first, with the probability "
        "of the predicted and of the true label, and the number in the validation part, from 0.</p>\n"
        '<div class="mistakes">\n' + "\n".join(cards) + "\n</div>"
    )


def journey(passed: Trace, label: int) -> str:
    """One image of that label through the network, layer by layer."""
    probabilities = passed.probabilities[0]
    taken = int(probabilities.argmax())
    image, kernel = passed.layers[0].input[0], passed.layers[0].weights.get("kernel")
    parts = [
        f"<p>The first validation image: label {label}, predicted {taken} ({percent(probabilities[taken], 1)}). The "
        "pictures of a layer share one scale: black is 0 and yellow the layer's largest number. Where there are any "
        "below 0, they are blue, 0 is white, and those above are red.</p>",
        f"<h3>input <span>{shape(image.shape)}</span></h3>\n{picture(image, 140, f'label {label}')}",
    ]
    if kernel is not None and kernel.ndim == 4:
        painted = figures.colours(channels_first(kernel), signed=True)
        parts.append(
            f"<h3>kernels of {passed.layers[0].name} <span>{shape(kernel.shape)}: what the first layer looks for"
            f"</span></h3>\n{tiles(painted, f'{len(painted)} kernels', 19)}"
        )
    parts += [_layer(layer) for layer in passed.layers]
    rows = "\n".join(
        f'<tr><th scope="row">{k}</th><td class="number">{number(z)}</td><td class="number">{percent(p, 2)}</td>'
        f'<td><span class="bar" style="width:{100 * p:.2f}%"></span></td></tr>'
        for k, (z, p) in enumerate(zip(passed.logits[0], probabilities, strict=True))
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("label", "logit", "probability", ""))
    parts.append(
        f"<h3>probabilities <span>{len(probabilities)}: the softmax of the logits</span></h3>\n"
        f'<div class="wide"><table class="bars"><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>'
    )
    return "\n".join(parts)


def _layer(layer: LayerTrace) -> str:
    y = layer.output[0]
    span = f"from {number(y.min())} to {number(y.max())}"
    if y.ndim == 3:
        drawn = tiles(figures.colours(channels_first(y)), f"{y.shape[-1]} feature maps of {shape(y.shape[:2])}")
    else:
        drawn = strip(figures.colours(y.ravel()), f"{y.size} numbers {span}")
    return f"<h3>{escape(layer.name)} <span>{layer.kind}, {shape(y.shape)}, {span}</span></h3>\n{drawn}"
