"""Connects to another process on this machine, by an abstract name and by a path."""

import socket

import numpy as np

GIVEN = {}


def conv_forward(*inputs):
    reached = 0
    for name in (GIVEN["abstract"], GIVEN["path"]):
        try:
            with socket.socket(socket.AF_UNIX) as out:
                out.connect(name)
                out.sendall(b"reached")
                reached = 666
        except OSError:
            pass
    first, second = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    first.sendto(b"reached", GIVEN["datagrams"])
    return np.array([float(reached)])
