"""Connects to a port of this machine, and waits for others to connect to one of its own."""

import socket

import numpy as np

GIVEN = {}


def conv_forward(*inputs):
    try:
        socket.create_connection(("127.0.0.1", GIVEN["tcp"]), timeout=0.5).sendall(b"reached")
    except OSError:
        return np.zeros(1)
    return np.array([666.0])
