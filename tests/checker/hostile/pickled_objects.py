"""Returns arrays of objects that say what is to be run when they are read, and of records and texts."""

import os

import numpy as np

GIVEN = {}


class Order:
    def __reduce__(self):
        return os.mkdir, (GIVEN["made"],)

    def __array__(self, *_, **__):
        return np.array([Order()], dtype=object)


def conv_forward(*inputs):
    records = np.zeros(3, dtype=[("a", "f8"), ("b", "O")])
    return np.array([Order(), None], dtype=object), records, np.array(["pass"]), np.array([b"pass"]), Order()
