"""Report sections that need predictions: confusion matrix, mistakes, nearest training images, one image by layers."""

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

__all__ = ["confusion", "layer_by_layer", "mistakes", "neighbours", "worst_first"]

_MISTAKES, _CONFUSIONS = 24, 3  # the most mistakes and pairs of confused labels that are shown
_WORST, _NEAREST = 6, 5  # the most mistakes with neighbours, and the most neighbours of an image
_BATCH = 250  # wrong predictions whose loss is computed at once


def confusion(digits: Digits, probabilities: Array) -> str:
    """Return the confusion matrix of the validation part. probabilities (n, classes): the model's predictions."""
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
    often = "; ".join(f"{k} predicted as {j} ({count(n, 'time')})" for k, j, n in pairs)
    return (
        f"<p>The network predicts {count(len(truth), 'validation image')}, which it was not trained on: "
        f"{len(truth) - wrong:,} right, {wrong:,} wrong. {f'Most frequent mistakes: {often}. ' if often else ''}"
        "The test part, if there is one, is not used. The colour of a cell shows its number of mistakes.</p>\n"
        '<div class="wide"><table class="confusion">\n'
        "<caption>One row for each true label, one column for each prediction</caption>\n"
        f'<thead><tr><th scope="col">true</th>{head}</tr></thead>\n<tbody>\n'
        + "\n".join(lines)
        + "\n</tbody></table></div>"
    )


class Worst(NamedTuple):
    """Wrong predictions of the validation part, the highest loss first: their indices in it, and their losses (n,)."""

    places: NDArray[np.int64]
    losses: Array


def worst_first(model: Sequential, digits: Digits, probabilities: Array) -> Worst:
    """Return all wrong predictions of the validation part, the highest loss first."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != digits.y_valid)
    parts = [wrong[k : k + _BATCH] for k in range(0, len(wrong), _BATCH)]
    losses = [trace(model, digits.x_valid[part], digits.y_valid[part]).loss for part in parts]
    found = np.concatenate([np.empty(0, model.dtype), *losses])
    order = np.argsort(-found, kind="stable")
    return Worst(wrong[order], found[order])


def mistakes(digits: Digits, probabilities: Array, worst: Worst) -> str:
    """Return pictures of the wrong predictions of the validation part with the highest loss."""
    found, wrong = probabilities.argmax(axis=1), worst.places
    if not len(wrong):
        return f"<p>None: all {count(len(found), 'validation image')} are predicted right.</p>"
    cards = []
    for k, its_loss in zip(wrong[:_MISTAKES], worst.losses, strict=False):
        true, predicted = int(digits.y_valid[k]), int(found[k])
        cards.append(
            f"<figure>{picture(digits.x_valid[k], 96, f'label {true}, predicted {predicted}')}<figcaption>"
            f"<b>{true} predicted as {predicted}</b><br>{predicted}: {percent(probabilities[k, predicted], 1)}<br>"
            f"{true}: {percent(probabilities[k, true], 1)}<br>loss {its_loss:.2f}<br>no. {k}</figcaption></figure>"
        )
    which = "all" if len(cards) == len(wrong) else f"the {len(cards)} with the highest loss"
    return (
        f"<p>{count(len(wrong), 'validation image')} predicted wrong. The pictures show {which}, the highest loss "
        "first. Below each picture are the probabilities of the predicted and the true label, the loss, and the index "
        "of the image in the validation part, from 0.</p>\n"
        '<div class="mistakes">\n' + "\n".join(cards) + "\n</div>"
    )


def neighbours(model: Sequential, digits: Digits, probabilities: Array, wrong: NDArray[np.int64]) -> str:
    """Return the nearest training images of the first validation image of each label and of the worst mistakes."""
    found = probabilities.argmax(axis=1)
    first, worst = np.unique(digits.y_valid, return_index=True)[1], wrong[:_WORST]
    k = min(_NEAREST, len(digits.x_train))
    near = nearest_images(model, digits.x_valid[np.concatenate([first, worst])], digits.x_train, k)
    labels = digits.y_train[near.places]
    units = next(row.input_shape[0] for row in reversed(model.table) if isinstance(row.layer, Dense))

    def rows(title: str, words: str, shown: NDArray[np.int64], start: int) -> str:
        lines = [_nearest(digits, place, int(found[place]), near, start + q) for q, place in enumerate(shown.tolist())]
        return f'<h3>{title} <span>{words}</span></h3>\n<div class="alike">\n' + "\n".join(lines) + "\n</div>"

    true = np.count_nonzero(labels[: len(first)] == digits.y_valid[first, None])
    parts = [
        f"<p>The last hidden layer computes {count(units, 'number')} for each image. Next to a validation image are "
        f"the {count(k, 'training image')} with the nearest numbers. To the network these images look alike, although "
        "their pixels may differ. Below each image are its label (red if it differs from the label of the validation "
        "image), its distance, and its index in the training part, from 0. Source: Krizhevsky, Sutskever and Hinton "
        "2012, figure 4.</p>",
        rows("The first image of each label", f"{true} of the {k * len(first)} nearest have the same label", first, 0),
    ]
    if len(worst):
        theirs = labels[len(first) :]
        true, predicted = (np.count_nonzero(theirs == some[worst, None]) for some in (digits.y_valid, found))
        words = f"of the {theirs.size} nearest, {true} have the true label, {predicted} have the predicted label"
        parts.append(rows("The worst mistakes", words, worst, len(first)))
    return "\n".join(parts)


def _nearest(digits: Digits, place: int, predicted: int, near: Nearest, q: int) -> str:
    """Return one validation image and, next to it, its nearest training images."""
    true = int(digits.y_valid[place])
    verdict = "right" if predicted == true else f"predicted as {predicted}"
    alt = f"validation image {place}, label {true}, {verdict}; the nearest training images follow"
    cells = [f"<div>{picture(digits.x_valid[place], 84, alt)}<b>{true}</b> {verdict}<br>no. {place}</div>"]
    for k, distance in zip(near.places[q].tolist(), near.distances[q], strict=True):
        label = int(digits.y_train[k])
        mark = "" if label == true else ' class="other"'
        shown = picture(digits.x_train[k], 56, f"training image {k}, label {label}")
        cells.append(f"<div>{shown}<b{mark}>{label}</b><br>{number(distance)}<br>no. {k}</div>")
    return f"<figure>{''.join(cells)}</figure>"


def layer_by_layer(passed: Trace, label: int) -> str:
    """Return the input and the outputs of all layers for the first example of a trace. label: its true label."""
    probabilities = passed.probabilities[0]
    predicted = int(probabilities.argmax())
    image, kernel = passed.layers[0].input[0], passed.layers[0].weights.get("kernel")
    parts = [
        f"<p>The first validation image: label {label}, predicted {predicted} "
        f"({percent(probabilities[predicted], 1)}). The pictures of a layer share one scale. In a layer without "
        "negative numbers, black is 0 and yellow is the largest number. In a layer with negative numbers, blue is "
        "below 0, white is 0 and red is above 0.</p>",
        f"<h3>input <span>{shape(image.shape)}</span></h3>\n{picture(image, 140, f'label {label}')}",
    ]
    if kernel is not None and kernel.ndim == 4:
        painted = figures.colours(channels_first(kernel), signed=True)
        side = max(passed.layers[0].output.shape[1:3])
        over = ", each above its feature map" if kernel.shape[2] == 1 else ""
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
