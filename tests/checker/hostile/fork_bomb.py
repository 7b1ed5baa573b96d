"""Starts processes until there are 200, each of which sleeps for a minute at most."""

import os
import time

GIVEN = {}


def conv_forward(*inputs):
    for _ in range(200):
        if not os.fork():
            time.sleep(60)
            os._exit(0)
    time.sleep(60)
