"""Calls itself until the stack is used up."""

import sys

GIVEN = {}


def conv_forward(*inputs):
    sys.setrecursionlimit(2**31 - 1)
    return [conv_forward(*inputs)]
