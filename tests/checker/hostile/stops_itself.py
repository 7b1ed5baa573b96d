"""Stops its own process."""

import os
import signal

GIVEN = {}


def conv_forward(*inputs):
    os.kill(os.getpid(), signal.SIGSTOP)
