"""A prediction from ten cuts of each image: Krizhevsky et al. 2012, section 4.1."""

from __future__ import annotations

from convlens.arrays import Array
from convlens.data.augmentation import crop_views
from convlens.nn.sequential import Sequential


def predict_ten_crops(model: Sequential, x: Array) -> Array:
    """Probabilities (n, classes): the mean of the model's softmax over the ten cuts of each image of x (n, h, w, c)

    The cuts have the model's own h and w: the four corners, the centre, and their mirrors, see
    `convlens.data.ten_crops`. ValueError for images that are smaller.
    """
    h, w = model.input_shape[:2]
    first, *others = crop_views(x, (h, w), "predict_ten_crops")
    total = model.predict(first)
    for view in others:
        total += model.predict(view)
    total /= 10
    return total
