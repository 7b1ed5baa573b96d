"""Writes 200 MB to where errors go, and warns."""

import os
import sys
import warnings

import numpy as np

GIVEN = {}


def conv_forward(*inputs):
    warnings.warn("x" * 10**6, stacklevel=2)
    for _ in range(100):
        print("x" * 10**6, file=sys.stderr)
        os.write(2, b"x" * 10**6)
    return np.zeros(1)
