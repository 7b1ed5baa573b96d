"""Answers a byte at a time, each soon enough, for a minute."""

import os
import struct
import time

GIVEN = {}


def conv_forward(*inputs):
    text = b'{"id": 2, "message": {"result": {"none": true}}, "arrays": []}' + b" " * 400
    for byte in struct.pack(">4sIQ", b"cvl1", len(text), 0) + text:
        os.write(3, bytes([byte]))
        time.sleep(0.15)
