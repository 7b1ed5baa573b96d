"""Fills its folder and all others that it may write to: 20 files of 16 MiB each, and one that grows beyond 64 MiB."""

import os

import numpy as np

GIVEN = {}


def conv_forward(*inputs):
    largest = 0
    for folder in (".", os.environ["TMPDIR"], "/tmp", "/dev/shm"):
        path = os.path.join(folder, "large")
        try:
            with open(path, "wb") as file:
                for _ in range(80):
                    largest = max(largest, file.tell())
                    file.write(bytes(2**20))
        except OSError:
            pass
        try:
            os.remove(path)
        except OSError:
            pass
    for number in range(20):
        try:
            with open(f"{number}", "wb") as file:
                file.write(bytes(2**24))
        except OSError:
            break
    return np.array([float(largest)])
