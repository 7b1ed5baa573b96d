"""Answers with something that does not want to go, and changes its answer after it was given."""

import time

import numpy as np

GIVEN = {}


class Stays:
    def __del__(self):
        until = time.monotonic() + 60
        while time.monotonic() < until:
            pass


def conv_forward(*inputs):
    stays = Stays()
    stays.itself = stays
    return {"a": Stays(), "b": np.zeros(1)}
