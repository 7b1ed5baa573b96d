"""Leaves another program behind, with nothing that shows where it comes from, for a minute."""

import subprocess

import numpy as np

GIVEN = {}


def conv_forward(*inputs):
    subprocess.Popen(["/bin/sh", "-c", "sleep 60 & sleep 60"], env={}, cwd="/", start_new_session=True)
    return np.zeros(1)
