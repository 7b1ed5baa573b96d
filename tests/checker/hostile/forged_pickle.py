"""Answers with an array of objects, which says what is to be run when it is read."""

import os
import pickle
import struct

GIVEN = {}


class Order:
    def __reduce__(self):
        return os.mkdir, (GIVEN["made"],)


def conv_forward(*inputs):
    array = pickle.dumps([Order()])
    text = b'{"id": 2, "message": {"result": {"array": 0}}, "arrays": [["|O", [1]]]}'
    os.write(3, struct.pack(">4sIQ", b"cvl1", len(text), len(array)) + text + array)
    os._exit(0)
