"""Text that callbacks show while a training runs. Nothing else of the library writes to the terminal."""

from __future__ import annotations

import sys

__all__ = ["interactive", "say"]


def say(text: str, end: str = "\n") -> None:
    """Write a text to standard output at once."""
    sys.stdout.write(text + end)
    sys.stdout.flush()


def interactive() -> bool:
    """Return whether standard output is a terminal, where a line can be written again."""
    return bool(getattr(sys.stdout, "isatty", lambda: False)())
