"""Tries to make a file everywhere but in its own folder.

It tries only where all folders are the sandbox's own, which bubblewrap makes. A file is empty and removed at once.
"""

import os

import numpy as np

GIVEN = {}
PLACES = ("/tmp", "/dev/shm", "/dev", "/run", "/var/tmp", "/", "..", os.path.expanduser("~"))


def conv_forward(*inputs):
    own = os.path.realpath(".")
    for place in PLACES if os.path.isdir("/run/convlens/guest_side") else ():
        if os.path.realpath(place) == own:
            continue
        path = os.path.join(place, "convlens-left")
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except OSError:
            continue
        os.remove(path)
        return np.array([666.0])
    return np.array([0.0])
