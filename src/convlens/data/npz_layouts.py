"""The names that people give to the arrays in an .npz file."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["CLASS_NAMES", "layout"]

CLASS_NAMES = ("class_names", "label_names", "target_names")  # arrays of text beside the images and labels

_PART = {
    "train": ("train", "training", "tr"),
    "valid": ("valid", "val", "validation", "dev"),
    "test": ("test", "testing", "te"),
}
_KIND = {
    "x": ("x", "image", "images", "img", "imgs", "data", "pixels", "features", "input", "inputs"),
    "y": ("y", "label", "labels", "target", "targets", "class", "classes"),
}


def layout(names: Iterable[str]) -> dict[str, str]:
    """Map x_train, y_train, x_valid … to the names in a file, as far as it has them.

    A name is a part and a kind in any order and case: X_train (the course), x_train (Keras), train_images (MedMNIST),
    trainX. A name of a kind alone (images and labels, x and y) is the training part if no other name is. If two names
    fit, the one with a capital X or Y is the course's and counts.

    >>> layout(["train_images", "train_labels", "val_images", "val_labels"])["x_valid"]
    'val_images'
    """
    found: dict[str, str] = {}
    alone: dict[str, str] = {}
    for name in sorted(names):  # capitals come first
        words = (
            re.findall(r"[A-Za-z][a-z]*", name) if "_" not in name and not name.islower() else re.split(r"[_\W]+", name)
        )
        parts, kinds = (
            [key for word in words for key, known in table.items() if word.lower() in known] for table in (_PART, _KIND)
        )
        if len(kinds) == 1 and len(parts) == 1 == len(words) - 1:
            found.setdefault(f"{kinds[0]}_{parts[0]}", name)
        elif len(kinds) == 1 == len(words):
            alone.setdefault(f"{kinds[0]}_train", name)
    return found or alone
