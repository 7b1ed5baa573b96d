"""Checks of the data before training starts, and checks that the numbers stay finite during training."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from convlens.arrays import Array, is_plain, kind
from convlens.data.pixels import Pixels
from convlens.nn import Sequential
from convlens.ops.losses import Labels, check_labels

__all__ = ["LOWER", "Augment", "check_data", "check_finite", "check_training", "check_validation"]

LOWER = "a lower learning rate may help"
Augment = Callable[[Array, "np.random.Generator"], Array]


def check_data(model: Sequential, name: str, x: Array | Pixels, y: Labels) -> None:
    """Raise ValueError unless x (n, h, w, c) and y (n,) fit the model. The error calls the data `name`."""
    model.check_images(f"{name} images", _checked(model, x))
    try:
        check_labels(y, len(x), model.output_shape[0])
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None


def _checked(model: Sequential, x: Array | Pixels) -> Array:
    """Return an array to check in place of x. uint8 pixels are always finite; zeros stand for them."""
    if not isinstance(x, Pixels):
        return x
    if x.raw.dtype == np.float32:
        return x.raw
    zeros = np.broadcast_to(np.float32(0), x.shape)  # all of them are one number in memory
    return zeros[:1] if x.shape[1:] == model.input_shape else zeros


def check_training(model: Sequential, x: Array | Pixels, y: Labels, augment: Augment | None) -> None:
    """Raise ValueError unless the training data fit the model and have its dtype.

    With `augment`, the images that it returns must fit, not the images that it takes.
    """
    seen = given = _checked(model, x)
    dtype = x.dtype if isinstance(x, Pixels) else None
    if augment is not None:
        if not is_plain(given) or given.dtype.kind not in "fiu" or given.ndim != 4 or len(given) == 0:
            got = f"{given.dtype} {given.shape}" if is_plain(given) else kind(given)
            raise ValueError(f"training images must be numbers (n, h, w, c) with n of at least 1; got {got}")
        if not np.isfinite(given).all():
            bad = np.count_nonzero(~np.isfinite(given))
            raise ValueError(f"training images must be finite; got {bad} NaN or infinite numbers")
        seen = augment(x[:1], np.random.default_rng(0))
        model.check_images("training images after augment", seen)
        dtype = seen.dtype
        if len(seen) != 1:
            raise ValueError(f"augment must return one image for one image; got {len(seen)}")
        try:
            check_labels(y, len(x), model.output_shape[0])
        except ValueError as error:
            raise ValueError(f"training {error}") from None
    else:
        check_data(model, "training", x, y)
        dtype = dtype or seen.dtype
    if dtype != model.dtype:
        made = "" if augment is None else " after augment"
        raise ValueError(f"training images{made} must be {model.dtype}, the model's dtype; got {dtype}")


def check_validation(model: Sequential, validation: object) -> None:
    """Raise ValueError unless `validation` is None or a pair of images and labels that fit the model."""
    if validation is not None:
        if not isinstance(validation, tuple | list) or len(validation) != 2:
            raise ValueError(f"validation must be a pair, images and labels; got {type(validation).__name__}")
        check_data(model, "validation", *validation)


def check_finite(name: str, value: float, where: str, *, steps: int = 1) -> None:
    """Raise ArithmeticError unless the value is finite. The error says `where` in the training it was found.

    steps: the number of steps before. Before the first one, the learning rate has no part in it.
    """
    if not math.isfinite(value):
        why = LOWER if steps else "no step was made yet, so the images or the network's own numbers are too large"
        raise ArithmeticError(f"{name} must stay finite; got {value} {where}: {why}")
