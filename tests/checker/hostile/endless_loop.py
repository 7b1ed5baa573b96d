"""Runs for a minute."""

import time

GIVEN = {}


def conv_forward(*inputs):
    until = time.monotonic() + 60
    while time.monotonic() < until:
        pass
