"""A guest's job that repeats each request, to show that a sandbox works."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = list[NDArray[Any]]


def start(source: bytes, options: dict[str, Any]) -> Callable[[dict[str, Any], Arrays], tuple[dict[str, Any], Arrays]]:
    """Return a function that returns its request and arrays, or for {"source": true} the options and the file."""

    def answer(request: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        if request.get("source"):
            return {"options": options}, [np.frombuffer(source, np.uint8)]
        return request, arrays

    return answer
