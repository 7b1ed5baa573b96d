"""What a student hands in: a folder, an archive or a notebook, of which the files of the tasks are found and read.

Nothing is unpacked, no link is followed, and nothing is run. Every amount of work has a bound.
"""

from convlens.checker.hand_ins.read import EmptyError, read, read_files

__all__ = ["EmptyError", "read", "read_files"]
