"""Changes a file that is not its own: its mode, times, marks and content."""

import os

import numpy as np

GIVEN = {}


def conv_forward(*inputs):
    path = GIVEN["owned"]
    handles = []

    def keep(flags):
        handles.append(os.open(path, flags))

    ways = (
        lambda: os.chmod(path, 0o777),
        lambda: os.utime(path, (1, 1)),
        lambda: os.setxattr(path, "user.convlens", b"1"),
        lambda: os.truncate(path, 1),
        lambda: keep(os.O_RDONLY | os.O_TRUNC),
        lambda: keep(os.O_RDWR | os.O_TRUNC),
        lambda: os.rename(path, path + ".moved"),
        lambda: os.remove(path),
        lambda: os.mkdir(GIVEN["made"]),
    )
    for way in ways:
        try:
            way()
        except OSError:
            pass
    return np.zeros(1)
