"""Answers with an array that says it has 10**15 numbers, in 8 bytes."""

import os
import struct

GIVEN = {}


def conv_forward(*inputs):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000,), }\n"
    array = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(8)
    text = b'{"id": 2, "message": {"result": {"array": 0}}, "sizes": [%d]}' % len(array)
    os.write(3, struct.pack(">4sIQ", b"cvl1", len(text), len(array)) + text + array)
    os._exit(0)
