"""Closes every file that it has, its socket too, and stays for a minute."""

import os
import time

GIVEN = {}


def conv_forward(*inputs):
    os.closerange(0, 1000)
    time.sleep(60)
