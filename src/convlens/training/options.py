"""Options of a run, from their words to what computes: the optimizer, augmentation, dropout."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from convlens.data import Digits
from convlens.data.augmentation import ColourShift, Compose, RandomCrop, RandomFlip
from convlens.data.random_shift import RandomShift
from convlens.nn import Dropout, Layer, Optimizer
from convlens.nn.optimizers import OPTIMIZERS, get
from convlens.nn.schedules import over
from convlens.training.checks import Augment

__all__ = [
    "AUGMENT",
    "check_augment",
    "check_optimizer",
    "default_rate",
    "make_augment",
    "make_optimizer",
    "with_dropout",
]

_COLOURS_FROM = 2000  # training images from which the colour shifts are computed


def default_rate(optimizer: str) -> float:
    """Return the learning rate that the optimizer has by default; ValueError for an unknown name."""
    kind = type(get(optimizer))
    return float(inspect.signature(kind).parameters["learning_rate"].default)


def check_optimizer(optimizer: str, learning_rate: float, weight_decay: float | None, momentum: float | None) -> None:
    """Raise ValueError unless the optimizer has this name and takes these numbers."""
    make_optimizer(optimizer, learning_rate, weight_decay, momentum)


def make_optimizer(
    optimizer: str,
    learning_rate: float,
    weight_decay: float | None = None,
    momentum: float | None = None,
    *,
    schedule: str = "constant",
    steps: int = 1,
) -> Optimizer:
    """Return a new optimizer whose learning rate falls over `steps` steps by the schedule. See `Settings`."""
    options: dict[str, Any] = {"learning_rate": learning_rate}
    if weight_decay is not None:
        options["weight_decay"] = weight_decay
    if momentum is not None:
        if optimizer in OPTIMIZERS and "momentum" not in inspect.signature(OPTIMIZERS[optimizer]).parameters:
            raise ValueError(f"momentum is for sgd and rmsprop; got optimizer {optimizer}")
        options["momentum"] = momentum
    found = get(optimizer, **options)  # it checks the numbers
    if schedule == "constant":
        return found
    return get(optimizer, **{**options, "learning_rate": over(schedule, learning_rate, steps)})


# Augmentation --------------------------------------------------------------------------------------------------------


def _shift(digits: Digits) -> Augment:
    h, w = digits.pixels_train.shape[1:3]
    return RandomShift((max(1, h // 10), max(1, w // 10)))


def _crop(digits: Digits) -> Augment:
    h, w = digits.pixels_train.shape[1:3]
    return RandomCrop((h, w), padding=(max(1, h // 8), max(1, w // 8)))


# The changes by name, in the order in which they are made:
# shift: by at most a tenth of the height and the width; the edge pixels are repeated
# crop: an eighth of zeros is added at each side, and a window of the old size is cut out
# flip: mirrored left to right, with probability 1/2
# colour: brightness and colour of the light, see `ColourShift`
AUGMENT: dict[str, Callable[[Digits], Augment]] = {
    "shift": _shift,
    "crop": _crop,
    "flip": lambda digits: RandomFlip(),
    "colour": lambda digits: ColourShift.from_images(digits.images("train")[:_COLOURS_FROM]),
}


def check_augment(words: str) -> str:
    """Return the names of random changes, with commas between, in the order of AUGMENT; ValueError for others."""
    names = [name.strip() for name in words.split(",") if name.strip()]
    for name in names:
        if name not in AUGMENT:
            raise ValueError(f"augment must be some of {', '.join(AUGMENT)}, with commas between; got {name!r}")
    return ",".join(name for name in AUGMENT if name in names)


def make_augment(words: str, digits: Digits) -> Augment | None:
    """Return the function that changes a batch at random, or None. See AUGMENT"""
    changes = tuple(AUGMENT[name](digits) for name in check_augment(words).split(",") if name)
    return Compose(changes) if changes else None


# Dropout -------------------------------------------------------------------------------------------------------------


def with_dropout(layers: tuple[Layer, ...], rate: float) -> tuple[Layer, ...]:
    """Return the layers with this rate in each Dropout. If there is none, one is put before the last layer."""
    changed = tuple(_with_rate(layer, rate) for layer in layers)
    if changed == layers and not any(map(_drops, layers)):
        return (*layers[:-1], Dropout(rate), layers[-1])
    return changed


def _drops(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(map(_drops, value))
    if isinstance(value, Layer):
        return isinstance(value, Dropout) or any(_drops(getattr(value, field.name)) for field in fields(value))
    return False


def _with_rate(value: Any, rate: float) -> Any:
    if isinstance(value, Dropout):
        return replace(value, rate=rate)
    if isinstance(value, tuple):
        return tuple(_with_rate(each, rate) for each in value)
    if isinstance(value, Layer) and _drops(value):
        return replace(
            value, **{field.name: _with_rate(getattr(value, field.name), rate) for field in fields(value) if field.init}
        )
    return value
