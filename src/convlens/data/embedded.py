"""The 5,000 real digits in the package: the first 500 of each class in the training set of MNIST.

MNIST has the licence CC BY-SA 3.0; see DIGITS-LICENSE.txt. `scripts/make_digits.py` makes the file.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np

from convlens.data.course_npz import read_arrays
from convlens.data.digits import Digits, from_arrays

__all__ = ["embedded"]

_FILE = Path(__file__).with_name("digits5k.npz")
_VALID = 100


def embedded() -> Digits:
    """Return 4,000 digits to train and 1,000 to validate, both balanced over the ten classes. There is no test part.

    The validation part has the last 100 digits of each class. Both parts keep the order of MNIST's training set, so
    the first ten training images are the first ten of MNIST.

    Raises ValueError if the sha256 of the installed file is not the one stored beside it.
    """
    content = _FILE.read_bytes()
    expected = _FILE.with_suffix(".sha256").read_text(encoding="ascii").split()[0]
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise ValueError(f"{_FILE} must have the sha256 {expected}; got {found}. Install convlens again to repair it")
    arrays = read_arrays(io.BytesIO(content), str(_FILE), required=["images", "labels"])
    x, y = arrays["images"], arrays["labels"]
    held = np.zeros(len(y), dtype=bool)
    for label in range(10):
        held[np.flatnonzero(y == label)[-_VALID:]] = True
    return from_arrays(x[~held], y[~held], x[held], y[held], source="embedded")
