"""Prediction from ten crops of each image: Krizhevsky et al. 2012, section 4.1."""

from __future__ import annotations

from convlens.arrays import Array
from convlens.data.augmentation import crop_views
from convlens.nn.sequential import Sequential


def predict_ten_crops(model: Sequential, x: Array) -> Array:
    """x (n, h, w, c) -> probabilities (n, classes), the mean of the model's softmax over ten crops of each image

    The crops have the model's own h and w. They are the four corners, the centre, and the mirror images of these five,
    see `convlens.data.ten_crops`. ValueError for images that are smaller than the model's input.
    """
    h, w = model.input_shape[:2]
    first, *others = crop_views(x, (h, w), "predict_ten_crops")
    total = model.probabilities(first)
    for view in others:
        total += model.probabilities(view)
    total /= 10
    return total
