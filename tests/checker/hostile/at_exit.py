"""Has something to do when it ends: a minute's work, and a folder."""

import atexit
import os
import time

import numpy as np

GIVEN = {}


def last():
    os.mkdir(GIVEN["made"])
    time.sleep(60)


def conv_forward(*inputs):
    atexit.register(last)
    return np.zeros(1)
