"""Sends a packet to a port of this machine."""

import socket

import numpy as np

GIVEN = {}


def conv_forward(*inputs):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(b"reached", ("127.0.0.1", GIVEN["udp"]))
    return np.array([666.0])
