"""Returns, and leaves threads that run for a minute."""

import threading
import time

import numpy as np

GIVEN = {}


def work():
    until = time.monotonic() + 60
    while time.monotonic() < until:
        pass


def conv_forward(*inputs):
    for _ in range(4):
        threading.Thread(target=work).start()
    return np.zeros(1)
