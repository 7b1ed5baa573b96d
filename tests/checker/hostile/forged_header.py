"""Answers with an array that says it has 10**15 numbers, in 8 bytes."""

import os
import struct

GIVEN = {}


def conv_forward(*inputs):
    text = b'{"id": 2, "message": {"result": {"array": 0}}, "arrays": [["<f8", [1000000000000000]]]}'
    os.write(3, struct.pack(">4sIQ", b"cvl1", len(text), 8) + text + bytes(8))
    os._exit(0)
