"""Becomes another program, which has no limits of Python's."""

import os

GIVEN = {}


def conv_forward(*inputs):
    os.execv("/bin/sh", ["sh", "-c", "sleep 60"])
