"""Takes memory, and writes to it, until it has 4 GiB."""

import numpy as np

GIVEN = {}


def conv_forward(*inputs):
    hoard = [np.ones(2**23) for _ in range(64)]
    return hoard[0]
