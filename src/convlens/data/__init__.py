"""Digits to train and test on, and pictures to predict: every way in ends in the same checked arrays.

And how images are changed while a network trains: `convlens.data.augmentation`.

Importing this costs numpy alone; pooch, Pillow and the archive readers are imported by the functions that need them.
"""

from convlens.data.augmentation import ColourShift, Compose, RandomCrop, RandomFlip, center_crop, ten_crops
from convlens.data.batches import batches
from convlens.data.course_npz import export
from convlens.data.digits import Digits, from_arrays
from convlens.data.images import read_digit
from convlens.data.sources import load

__all__ = [
    "ColourShift",
    "Compose",
    "Digits",
    "RandomCrop",
    "RandomFlip",
    "batches",
    "center_crop",
    "export",
    "from_arrays",
    "load",
    "read_digit",
    "ten_crops",
]
