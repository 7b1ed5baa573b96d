"""Digits to train and test on, and pictures to predict: every way in ends in the same checked arrays.

Importing this costs numpy alone; pooch, Pillow and the archive readers are imported by the functions that need them.
"""

from convlens.data.batches import batches
from convlens.data.course_npz import export
from convlens.data.digits import Digits, from_arrays
from convlens.data.images import read_digit
from convlens.data.sources import load

__all__ = ["Digits", "batches", "export", "from_arrays", "load", "read_digit"]
