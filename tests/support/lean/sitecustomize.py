"""At the end of a child process, Python does not look for garbage in all of its modules, to save time."""

import atexit
import gc

gc.set_threshold(100_000, 20, 20)
atexit.register(gc.freeze)  # registered first, called last
