"""The report's sections in which the model looks at images: confusion matrix, mistakes, what is alike, one's way."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convlens.arrays import Array
from convlens.data import Digits
from convlens.inspection.neighbours import Nearest, nearest_images
from convlens.inspection.trace import LayerTrace, Trace, trace
from convlens.nn import Dense, Sequential
from convlens.report import figures
from convlens.report.page import count, number, percent, picture, shape, strip, tiles
from convlens.report.pixels import channels_first

__all__ = ["alike", "confusion", "journey", "mistakes", "worst_first"]

_MISTAKES, _CONFUSIONS, _ALIKE, _NEAREST = 24, 3, 6, 5  # how many are shown at most
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


class Worst(NamedTuple):
    """Wrong predictions of the validation part, the highest loss first: their places in it and losses (n,)."""

    places: NDArray[np.int64]
    losses: Array


def worst_first(model: Sequential, digits: Digits, probabilities: Array) -> Worst:
    """All wrong predictions of the validation part, the highest loss first."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != digits.y_valid)
    parts = [wrong[k : k + _BATCH] for k in range(0, len(wrong), _BATCH)]
    losses = [trace(model, digits.x_valid[part], digits.y_valid[part]).loss for part in parts]
    found = np.concatenate([np.empty(0, model.dtype), *losses])
    order = np.argsort(-found, kind="stable")
    return Worst(wrong[order], found[order])


def mistakes(digits: Digits, probabilities: Array, worst: Worst) -> str:
    """The wrong predictions of the validation part with the highest loss, as pictures."""
    found, wrong = probabilities.argmax(axis=1), worst.places
    if not len(wrong):
        return f"<p>None: all {count(len(found), 'validation image')} are predicted right.</p>"
    cards = []
    for k, its_loss in zip(wrong[:_MISTAKES], worst.losses, strict=False):
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


def alike(model: Sequential, digits: Digits, probabilities: Array, wrong: NDArray[np.int64]) -> str:
    """The training images nearest to the first validation image of each label, and to the worst of the wrong ones."""
    found = probabilities.argmax(axis=1)
    first, worst = np.unique(digits.y_valid, return_index=True)[1], wrong[:_ALIKE]
    k = min(_NEAREST, len(digits.x_train))
    near = nearest_images(model, digits.x_valid[np.concatenate([first, worst])], digits.x_train, k)
    labels = digits.y_train[near.places]
    units = next(row.input_shape[0] for row in reversed(model.table) if isinstance(row.layer, Dense))

    def rows(title: str, words: str, shown: NDArray[np.int64], start: int) -> str:
        lines = [_nearest(digits, place, int(found[place]), near, start + q) for q, place in enumerate(shown.tolist())]
        return f'<h3>{title} <span>{words}</span></h3>\n<div class="alike">\n' + "\n".join(lines) + "\n</div>"

    true = np.count_nonzero(labels[: len(first)] == digits.y_valid[first, None])
    parts = [
        f"<p>The last hidden layer makes {count(units, 'number')} of each image. Beside a validation image stand the "
        f"{count(k, 'training image')} whose numbers are nearest to its own: they are alike to the network, though "
        "their pixels may differ. Under each its label (red, where it is not the validation image's), its distance "
        "and its number in the training part, from 0. After Krizhevsky, Sutskever and Hinton 2012, figure 4.</p>",
        rows("The first of each label", f"{true} of their {k * len(first)} nearest have their label", first, 0),
    ]
    if len(worst):
        theirs = labels[len(first) :]
        own, said = (np.count_nonzero(theirs == some[worst, None]) for some in (digits.y_valid, found))
        words = f"of their {theirs.size} nearest, {own} have the true label, {said} the predicted one"
        parts.append(rows("The worst mistakes", words, worst, len(first)))
    return "\n".join(parts)


def _nearest(digits: Digits, place: int, taken: int, near: Nearest, q: int) -> str:
    """One validation image and, beside it, the training images nearest to it"""
    true = int(digits.y_valid[place])
    said = "right" if taken == true else f"taken for {taken}"
    alt = f"validation image {place}, label {true}, {said}; the nearest training images follow"
    cells = [f"<div>{picture(digits.x_valid[place], 84, alt)}<b>{true}</b> {said}<br>no. {place}</div>"]
    for k, distance in zip(near.places[q].tolist(), near.distances[q], strict=True):
        label = int(digits.y_train[k])
        mark = "" if label == true else ' class="other"'
        shown = picture(digits.x_train[k], 56, f"training image {k}, label {label}")
        cells.append(f"<div>{shown}<b{mark}>{label}</b><br>{number(distance)}<br>no. {k}</div>")
    return f"<figure>{''.join(cells)}</figure>"


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
        side = max(passed.layers[0].output.shape[1:3])
        over = ", each above the map that it makes" if kernel.shape[2] == 1 else ""
        parts.append(
            f"<h3>kernels of {passed.layers[0].name} <span>{shape(kernel.shape)}, after training: what the first layer "
            f"looks for{over}</span></h3>\n{tiles(painted, f'{len(painted)} kernels', side)}"
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
