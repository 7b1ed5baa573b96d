"""Starts 1000 threads that sleep for a minute at most."""

import threading
import time

GIVEN = {}


def conv_forward(*inputs):
    threading.stack_size(2**16)
    for _ in range(1000):
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    time.sleep(60)
