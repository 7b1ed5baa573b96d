"""Writes 200 MB to the standard output, through Python and past it."""

import os
import sys

import numpy as np

GIVEN = {}


def conv_forward(*inputs):
    for _ in range(100):
        print("x" * 10**6, file=sys.stdout)
        os.write(1, b"x" * 10**6)
    return np.zeros(1)
