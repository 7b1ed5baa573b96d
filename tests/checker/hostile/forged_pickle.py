"""Answers with a .npy file of objects, which says what is to be run when it is read."""

import io
import os
import struct

import numpy as np

GIVEN = {}


class Order:
    def __reduce__(self):
        return os.mkdir, (GIVEN["made"],)


def conv_forward(*inputs):
    out = io.BytesIO()
    np.save(out, np.array([Order()], dtype=object), allow_pickle=True)
    array = out.getvalue()
    text = b'{"id": 2, "message": {"result": {"array": 0}}, "sizes": [%d]}' % len(array)
    os.write(3, struct.pack(">4sIQ", b"cvl1", len(text), len(array)) + text + array)
    os._exit(0)
