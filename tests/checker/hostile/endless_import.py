"""Runs for a minute when it is loaded."""

import time

GIVEN = {}
until = time.monotonic() + 60
while time.monotonic() < until:
    pass
