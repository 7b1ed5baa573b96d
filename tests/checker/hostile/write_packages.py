"""Opens for writing what later files will load: numpy, Python's own modules, the code of the sandbox.

Nothing is written.
"""

import os
import sys

import numpy as np

GIVEN = {}


def conv_forward(*inputs):
    opened = 0
    for path in (np.__file__, os.__file__, sys.executable, sys.modules["wire"].__file__):
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_APPEND))
            opened += 1
        except OSError:
            pass
        try:
            os.rmdir(os.path.join(os.path.dirname(path), "no such folder"))
        except FileNotFoundError:
            pass
        except OSError:
            pass
    return np.array([666.0 if opened else 0.0])
