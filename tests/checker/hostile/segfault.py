"""Reads from address 0."""

import ctypes

GIVEN = {}


def conv_forward(*inputs):
    return ctypes.string_at(0)
