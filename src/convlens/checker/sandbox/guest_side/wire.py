"""Messages between the parent and an untrusted process: JSON text, and the bytes of arrays.

A message is a prefix (magic, bytes of text, bytes of arrays), the text, and the arrays, each in C order. The
text is {"id": a number that the answer repeats, "message": {...}, "arrays": [[dtype, shape] of each array]}. The reader
trusts nothing: it compares sizes with the limits before it allocates memory, and the shapes of the arrays with the
number of bytes.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST", "Read", "TooMuchError", "WireError", "dump", "load", "refusal"]

MOST = 2**26  # bytes of all arrays of a message: a hundred times the size of a right answer of any task
MOST_TEXT = 2**18  # bytes of the JSON text: the description of a network with hundreds of operations fits
MOST_ARRAYS = 64  # LeNet-5 has ten
_MAX_DEPTH = 20  # nesting of lists and dicts; messages of convlens have less than ten

_MAGIC = b"cvl1"
_PREFIX = struct.Struct(">4sIQ")
_DTYPE = re.compile(r"[<>|][biufc]\d{1,2}")
_AXES = 32  # the most axes of an array
# Characters that are not text for a terminal or XML: control characters, lone surrogates, marks of text direction
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")

Array = NDArray[Any]
Read = Callable[[int], bytes | bytearray]  # for n it returns exactly n bytes, or raises an exception


class WireError(ValueError):
    """The bytes are not a message."""


class TooMuchError(WireError):
    """A message has more bytes than the limit. `size` is their number."""

    def __init__(self, size: int) -> None:
        super().__init__(f"a message must have at most {MOST:,} bytes; got {size:,}")
        self.size = size


def dump(number: int, message: dict[str, Any], arrays: Sequence[Array] = ()) -> bytes:
    """Return a message as one bytes object, so that its reader wakes up only once.

    Raise WireError for an array that has other values than numbers and booleans, TooMuchError (before any copy) if the
    arrays are too large, and the errors of json for a message that is not JSON.
    """
    for array in arrays:
        if array.dtype.kind not in "biufc":
            raise WireError(f"an array must have numbers or booleans; got dtype {array.dtype}")
    size = sum(array.nbytes for array in arrays)
    if size > MOST:
        raise TooMuchError(size)
    if len(arrays) > MOST_ARRAYS:
        raise WireError(f"a message must have at most {MOST_ARRAYS} arrays; got {len(arrays)}")
    kinds = [[array.dtype.str, array.shape] for array in arrays]
    text = json.dumps({"id": number, "message": message, "arrays": kinds}).encode()
    if len(text) > MOST_TEXT:
        raise TooMuchError(len(text))
    return b"".join([_PREFIX.pack(_MAGIC, len(text), size), text, *(array.tobytes() for array in arrays)])


def refusal(size: int) -> bytes:
    """Return only the prefix of a message that is too large, so that the reader stops there and knows the size."""
    return _PREFIX.pack(_MAGIC, 0, max(size, MOST + 1))


def load(read: Read) -> tuple[int, dict[str, Any], list[Array]]:
    """Read the next message. Return its number, its JSON part and its arrays.

    Control characters in strings are replaced. Raise WireError if the bytes are not a message, TooMuchError if the
    message is too large. Nothing larger than the limits is read or allocated.
    """
    magic, text_size, size = _PREFIX.unpack(read(_PREFIX.size))
    if magic != _MAGIC:
        raise WireError(f"a message must start with {_MAGIC!r}; got {magic!r}")
    if size > MOST or text_size > MOST_TEXT:
        raise TooMuchError(size + text_size)
    try:
        head = _safe(json.loads(read(text_size)))
        number, message, kinds = head["id"], head["message"], head["arrays"]
    except (ValueError, RecursionError, MemoryError, KeyError, TypeError) as error:
        raise WireError(f"a message must be JSON; {type(error).__name__}") from None
    if not isinstance(number, int) or not isinstance(message, dict) or not isinstance(kinds, list):
        raise WireError("a message must have an id, a dict and a list of arrays")
    if len(kinds) > MOST_ARRAYS:
        raise WireError(f"a message must have at most {MOST_ARRAYS} arrays; got {len(kinds)}")
    forms = [_form(kind) for kind in kinds]
    sizes = [dtype.itemsize * prod(shape) for dtype, shape in forms]
    if sum(sizes) != size:
        raise WireError("the sizes of the arrays must add up to the number of bytes that are sent")
    data, start, arrays = read(size), 0, []
    for (dtype, shape), count in zip(forms, sizes, strict=True):
        try:
            array: Array = np.ndarray(shape, dtype, data, start)
        except (ValueError, TypeError) as error:  # an empty array whose other axes are too long
            raise WireError(f"an array must have a shape of NumPy; {error}") from None
        arrays.append(array.copy())  # aligned, and with memory of its own
        start += count
    return number, message, arrays


def _form(kind: object) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Return the dtype and the shape of an array. Raise WireError unless it is one of numbers within the limits."""
    if not isinstance(kind, list) or len(kind) != 2 or not isinstance(kind[0], str) or not isinstance(kind[1], list):
        raise WireError("an array must have a dtype and a shape")
    name, shape = kind
    if not _DTYPE.fullmatch(name):
        raise WireError("an array must have a dtype of numbers or booleans")
    if len(shape) > _AXES or not all(type(one) is int and 0 <= one <= MOST for one in shape):
        raise WireError(f"an array must have at most {_AXES} axes, each from 0 to {MOST:,}")
    try:
        return np.dtype(name), tuple(shape)
    except TypeError as error:
        raise WireError(f"an array must have a dtype of NumPy; {error}") from None


def _safe(value: Any, depth: int = 0) -> Any:
    """Return a JSON value with safe characters in its strings. Raise WireError if it is nested too deep."""
    if depth > _MAX_DEPTH:
        raise WireError(f"a message must be at most {_MAX_DEPTH} lists and dicts deep")
    if isinstance(value, str):
        return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, list):
        return [_safe(one, depth + 1) for one in value]
    if isinstance(value, dict):
        return {_safe(key): _safe(one, depth + 1) for key, one in value.items()}
    return value
