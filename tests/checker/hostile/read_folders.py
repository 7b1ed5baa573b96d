"""Looks into folders: that of the other submissions, the user's home."""

import os

import numpy as np

GIVEN = {}


def conv_forward(*inputs):
    found = ""
    for path in (os.path.dirname(GIVEN["secret"]), GIVEN["home"]):
        try:
            found += " ".join(os.listdir(path))
        except OSError:
            pass
    return np.frombuffer(found.encode(), np.uint8)
