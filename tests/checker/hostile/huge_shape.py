"""Returns an array that says it has 8 TB, made of one number."""

import numpy as np

GIVEN = {}


def conv_forward(*inputs):
    return np.broadcast_to(0.0, (10**9, 10**3))
