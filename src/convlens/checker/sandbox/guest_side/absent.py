"""Modules that tasks 0 to 3 do not allow. A file may import them without need, but it cannot use them.

Without this, a right file with a useless `import matplotlib.pyplot as plt` would not load. That the import is not
allowed is a matter of form.
"""

from __future__ import annotations

import sys
import types
from typing import Any

__all__ = ["Absent", "allowed"]


def allowed(name: str) -> bool:
    """Return whether a module with this dotted name is imported as it is: NumPy or a part of Python."""
    root = name.partition(".")[0]
    return root == "numpy" or root in sys.stdlib_module_names or not root


class Absent(types.ModuleType):
    """A module, or something in it, that is not there. Its parts are absent too, and a call raises ImportError."""

    def __getattr__(self, name: str) -> Absent:
        if name.startswith("__"):
            raise AttributeError(name)
        return Absent(f"{self.__name__}.{name}")

    def __call__(self, *values: Any, **named: Any) -> Any:
        """Raise ImportError."""
        raise ImportError(f"the file uses {self.__name__}; the task allows only NumPy")
