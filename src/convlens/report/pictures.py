"""Report sections with pictures of the data: the worst mistakes, and the nearest training images."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convlens import ops
from convlens.arrays import Array
from convlens.inspection.neighbours import Nearest, hidden, hidden_units, nearest
from convlens.nn import Sequential
from convlens.report.page import count, number, percent
from convlens.report.shown import Shown

__all__ = ["mistakes", "neighbours", "predictions", "worst_first"]

_MISTAKES = 24  # the most mistakes that are shown
_LABELS, _WORST, _NEAREST = 10, 6, 5  # the most labels and mistakes with neighbours, and neighbours of an image
_AMONG = 1 << 24  # the most hidden activations of training images that are compared: 64 MB
_BATCH = 250  # wrong predictions whose loss is computed at once
_PREDICTED = 2000  # images that are predicted at once


def predictions(model: Sequential, shown: Shown) -> Array:
    """Return the probabilities (n, classes) of the validation part, computed some images at a time."""
    images = shown.images("valid")
    parts = [model.probabilities(images[k : k + _PREDICTED]) for k in range(0, len(images), _PREDICTED)]
    return np.concatenate(parts)


class Worst(NamedTuple):
    """Wrong predictions of the validation part, the highest loss first: their indices in it, and their losses (n,)."""

    places: NDArray[np.int64]
    losses: Array


def worst_first(model: Sequential, shown: Shown, probabilities: Array) -> Worst:
    """Return all wrong predictions of the validation part, the highest loss first."""
    labels, images = shown.digits.y_valid, shown.images("valid")
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    parts = [wrong[k : k + _BATCH] for k in range(0, len(wrong), _BATCH)]
    losses = [ops.softmax_cross_entropy_forward(model.logits(images[part]), labels[part]) for part in parts]
    found = np.concatenate([np.empty(0, model.dtype), *losses])
    order = np.argsort(-found, kind="stable")
    return Worst(wrong[order], found[order])


def mistakes(shown: Shown, probabilities: Array, worst: Worst) -> str:
    """Return pictures of the wrong predictions of the validation part with the highest loss."""
    found, wrong, names = probabilities.argmax(axis=1), worst.places, shown.names
    if not len(wrong):
        return f"<p>None: all {count(len(found), 'validation image')} are predicted right.</p>"
    cards = []
    for k, its_loss in zip(wrong[:_MISTAKES].tolist(), worst.losses, strict=False):
        true, predicted = int(shown.digits.y_valid[k]), int(found[k])
        right, other = shown.html(true), shown.html(predicted)
        image = shown.picture("valid", k, 96, f"label {names[true]}, predicted {names[predicted]}")
        cards.append(
            f"<figure>{image}<figcaption>"
            f"<b>{right} predicted as {other}</b><br>{other}: {percent(probabilities[k, predicted], 1)}<br>"
            f"{right}: {percent(probabilities[k, true], 1)}<br>loss {its_loss:.2f}<br>no. {k}</figcaption></figure>"
        )
    which = "all" if len(cards) == len(wrong) else f"the {len(cards)} with the highest loss"
    return (
        f"<p>{count(len(wrong), 'validation image')} predicted wrong. The pictures show {which}, the highest loss "
        "first. Below each picture are the probabilities of the predicted and the true label, the loss, and the index "
        "of the image in the validation part, from 0.</p>\n"
        f'<div class="{_named(shown, "mistakes")}">\n' + "\n".join(cards) + "\n</div>"
    )


def neighbours(model: Sequential, shown: Shown, probabilities: Array, wrong: NDArray[np.int64]) -> str:
    """Return the nearest training images of the first validation image of each label and of the worst mistakes."""
    digits, found = shown.digits, probabilities.argmax(axis=1)
    labelled = np.unique(digits.y_valid, return_index=True)[1]
    first, worst = labelled[:_LABELS], wrong[:_WORST]
    try:
        units = hidden_units(model)
    except ValueError:
        return "<p>None: the network has no hidden activations to compare.</p>"
    among = _among(len(digits.y_train), units)
    k = min(_NEAREST, len(among))
    asked = hidden(model, shown.images("valid")[np.concatenate([first, worst])])
    train = shown.images("train")
    near = nearest(asked, hidden(model, train[among] if len(among) < len(train) else train), k)
    near = near._replace(places=among[near.places])
    labels = digits.y_train[near.places]

    def rows(title: str, words: str, places: NDArray[np.int64], start: int) -> str:
        lines = [_nearest(shown, place, int(found[place]), near, start + q) for q, place in enumerate(places.tolist())]
        return (
            f'<h3>{title} <span>{words}</span></h3>\n<div class="{_named(shown, "alike")}">\n'
            + "\n".join(lines)
            + "\n</div>"
        )

    true = np.count_nonzero(labels[: len(first)] == digits.y_valid[first, None])
    some = "" if len(among) == len(train) else f" of {count(len(among), 'training image')}"
    parts = [
        f"<p>The last hidden layer computes {count(units, 'number')} for each image. Next to a validation image are "
        f"the {count(k, 'training image')}{some} with the nearest numbers. To the network these images look alike, "
        "although their pixels may differ. Below each image are its label (red if it differs from the label of the "
        "validation image), its distance, and its index in the training part, from 0. Source: Krizhevsky, Sutskever "
        "and Hinton 2012, figure 4.</p>",
        rows(
            "The first image of each label"
            if len(first) == len(labelled)
            else f"The first image of each of {len(first)} labels",
            f"{true} of the {k * len(first)} nearest have the same label",
            first,
            0,
        ),
    ]
    if len(worst):
        theirs = labels[len(first) :]
        true, predicted = (np.count_nonzero(theirs == one[worst, None]) for one in (digits.y_valid, found))
        words = f"of the {theirs.size} nearest, {true} have the true label, {predicted} have the predicted label"
        parts.append(rows("The worst mistakes", words, worst, len(first)))
    return "\n".join(parts)


def _named(shown: Shown, style: str) -> str:
    """Return the style of a group of pictures, which get more room if the classes have names."""
    return style if max(map(len, shown.names)) <= 3 else f"named {style}"


def _among(images: int, units: int) -> NDArray[np.int64]:
    """Return the training images that are compared: all, or evenly spread ones if their activations are too many."""
    most = max(1000, _AMONG // units)
    return np.arange(images) if images <= most else np.linspace(0, images - 1, most).astype(np.int64)


def _nearest(shown: Shown, place: int, predicted: int, near: Nearest, q: int) -> str:
    """Return one validation image and, next to it, its nearest training images."""
    true, names = int(shown.digits.y_valid[place]), shown.names
    right = predicted == true
    verdict = "right" if right else f"predicted as {shown.html(predicted)}"
    said = "right" if right else f"predicted as {names[predicted]}"
    alt = f"validation image {place}, label {names[true]}, {said}; the nearest training images follow"
    cells = [f"<div>{shown.picture('valid', place, 84, alt)}<b>{shown.html(true)}</b> {verdict}<br>no. {place}</div>"]
    for k, distance in zip(near.places[q].tolist(), near.distances[q], strict=True):
        label = int(shown.digits.y_train[k])
        mark = "" if label == true else ' class="other"'
        picture = shown.picture("train", k, 56, f"training image {k}, label {names[label]}")
        cells.append(f"<div>{picture}<b{mark}>{shown.html(label)}</b><br>{number(distance)}<br>no. {k}</div>")
    return f"<figure>{''.join(cells)}</figure>"
