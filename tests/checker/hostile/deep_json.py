"""Answers with lists in lists, 100,000 deep."""

import os
import struct

GIVEN = {}


def conv_forward(*inputs):
    text = b'{"id": 2, "arrays": [], "message": ' + b"[" * 10**5 + b"]" * 10**5 + b"}"
    os.write(3, struct.pack(">4sIQ", b"cvl1", len(text), 0) + text)
    os._exit(0)
