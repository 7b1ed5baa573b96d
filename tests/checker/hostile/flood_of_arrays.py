"""Answers with a message of 1 GiB that is well made from the first byte on."""

import os
import struct

GIVEN = {}


def conv_forward(*inputs):
    os.write(3, struct.pack(">4sIQ", b"cvl1", 60, 2**30))
    os.write(3, b'{"id": 2, "message": {"result": {"array": 0}}, "arrays": [["|u1", [%d]]]}' % 2**30)
    for _ in range(2**10):
        os.write(3, bytes(2**20))
