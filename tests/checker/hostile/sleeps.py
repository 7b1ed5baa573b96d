"""Uses no time of the processor, and so no limit on that: sleeps for a minute."""

import time

GIVEN = {}


def conv_forward(*inputs):
    time.sleep(60)
