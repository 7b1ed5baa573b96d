"""Leaves 1000 folders within each other, with modes that forbid to look in, links out of them, and odd names."""

import os

import numpy as np

GIVEN = {}


def conv_forward(*inputs):
    top = os.getcwd()
    for number in range(1000):
        os.mkdir("d" * 200)
        os.chdir("d" * 200)
        if number % 250 == 0:
            os.symlink(os.path.dirname(GIVEN["secret"]), "link")
            with open("line\nfeed\x1b", "w") as file:
                file.write("x")
    os.chdir(top)
    os.mkdir(b"\xff\xfe")
    for path in (b"\xff\xfe", "d" * 200):
        try:
            os.chmod(path, 0)
        except OSError:
            pass
    return np.zeros(1)
