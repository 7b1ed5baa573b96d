"""Leaves 64 MiB of memory that belongs to no process: removed at once if it can be made."""

import ctypes
import os

import numpy as np

GIVEN = {}


def conv_forward(*inputs):
    library = ctypes.CDLL(None)
    made = 0
    segment = library.shmget(0, 2**26, 0o1600)
    if segment >= 0:
        made += 1
        library.shmctl(segment, 0, None)
    handle = library.memfd_create(b"convlens", 0)
    if handle >= 0:
        made += 1
        os.close(handle)
    return np.array([666.0 if made else 0.0])
