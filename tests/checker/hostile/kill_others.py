"""Kills a process that has nothing to do with it, in five ways."""

import ctypes
import fcntl
import os
import signal

import numpy as np

GIVEN = {}


def own_a_pipe():
    read, write = os.pipe()
    fcntl.fcntl(read, fcntl.F_SETOWN, GIVEN["victim"])
    fcntl.fcntl(read, 10, signal.SIGKILL)
    fcntl.fcntl(read, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    os.write(write, b"x")


def conv_forward(*inputs):
    victim, call = GIVEN["victim"], ctypes.CDLL(None).syscall
    ways = (
        lambda: os.kill(victim, signal.SIGKILL),
        lambda: signal.pidfd_send_signal(os.pidfd_open(victim), signal.SIGKILL),
        lambda: call(GIVEN["tkill"], victim, int(signal.SIGKILL)),
        lambda: call(GIVEN["tgkill"], victim, victim, int(signal.SIGKILL)),
        lambda: os.killpg(victim, signal.SIGKILL),
        own_a_pipe,
    )
    for way in ways:
        try:
            way()
        except OSError:
            pass
    return np.zeros(1)
