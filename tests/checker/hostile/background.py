"""Leaves a process behind: started twice over, with a session of its own, for a minute."""

import os
import time

import numpy as np

GIVEN = {}


def conv_forward(*inputs):
    if not os.fork():
        os.setsid()
        if not os.fork():
            os.closerange(0, 100)
            time.sleep(60)
        os._exit(0)
    return np.zeros(1)
