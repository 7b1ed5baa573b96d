"""Digits to train and test on, and pictures to predict. Every reader returns the same kind of checked arrays.

`convlens.data.augmentation` changes images at random during training.

Importing this package loads only NumPy. The functions that need pooch, Pillow or an archive reader import it.
"""

from convlens.data.augmentation import ColourShift, Compose, RandomCrop, RandomFlip, center_crop, ten_crops
from convlens.data.batches import batches
from convlens.data.course_npz import export
from convlens.data.digits import Digits, Pixels, as_float, from_arrays
from convlens.data.handwriting import read_digit, read_digits
from convlens.data.sources import load

__all__ = [
    "ColourShift",
    "Compose",
    "Digits",
    "Pixels",
    "RandomCrop",
    "RandomFlip",
    "as_float",
    "batches",
    "center_crop",
    "export",
    "from_arrays",
    "load",
    "read_digit",
    "read_digits",
    "ten_crops",
]
