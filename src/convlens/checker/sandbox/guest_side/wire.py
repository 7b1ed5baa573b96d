"""Messages between the parent and an untrusted process: JSON text, and arrays in the format .npy.

A message is a prefix (magic, bytes of text, bytes of arrays), the text, and the arrays one after another. The text is
{"id": a number that the answer repeats, "message": {...}, "sizes": [bytes of each array]}. The reader trusts nothing:
it compares sizes with the limits before it allocates memory, and the shape of each array with the number of its bytes.
"""

from __future__ import annotations

import io
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
_NPY = struct.Struct("<8sH")
_NPY_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(
    rb"\{'descr': '([<>|][biufc]\d{1,2})', 'fortran_order': (?:False|True), "
    rb"'shape': \(((?:\d{1,18}, ){0,31}(?:\d{1,18},?)?)\), \} *\n"
)
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
    heads = [_npy_header(array) for array in arrays]
    sizes = [len(head) + array.nbytes for head, array in zip(heads, arrays, strict=True)]
    if sum(sizes) > MOST:
        raise TooMuchError(sum(sizes))
    if len(sizes) > MOST_ARRAYS:
        raise WireError(f"a message must have at most {MOST_ARRAYS} arrays; got {len(sizes)}")
    text = json.dumps({"id": number, "message": message, "sizes": sizes}).encode()
    if len(text) > MOST_TEXT:
        raise TooMuchError(len(text))
    parts = [_PREFIX.pack(_MAGIC, len(text), sum(sizes)), text]
    for head, array in zip(heads, arrays, strict=True):
        parts += [head, array.tobytes("F" if b"'fortran_order': True" in head else "C")]
    return b"".join(parts)


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
        number, message, sizes = head["id"], head["message"], head["sizes"]
    except (ValueError, RecursionError, MemoryError, KeyError, TypeError) as error:
        raise WireError(f"a message must be JSON; {type(error).__name__}") from None
    if not isinstance(number, int) or not isinstance(message, dict) or not isinstance(sizes, list):
        raise WireError("a message must have an id, a dict and a list of sizes")
    counts = [one for one in sizes if type(one) is int and 0 <= one <= size]
    if len(counts) != len(sizes) or len(counts) > MOST_ARRAYS or sum(counts) != size:
        raise WireError("the sizes of the arrays must add up to the number of bytes that are sent")
    return number, message, [_array(read(count)) for count in counts]


def _npy_header(array: Array) -> bytes:
    if array.dtype.kind not in "biufc":
        raise WireError(f"an array must have numbers or booleans; got dtype {array.dtype}")
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, np.lib.format.header_data_from_array_1_0(array))
    return out.getvalue()


def _array(data: bytes | bytearray) -> Array:
    """Return the array in these bytes of a .npy file. Raise WireError unless they are exactly one array."""
    if len(data) < _NPY.size or data[:8] != _NPY_MAGIC:
        raise WireError("an array must start as version 1.0 of .npy does")
    start = _NPY.size + _NPY.unpack_from(data)[1]
    header = _HEADER.fullmatch(data, _NPY.size, start)
    if header is None or start > len(data):
        raise WireError("an array must have the header of a .npy file of numbers")
    try:
        dtype = np.dtype(header[1].decode())
        shape = tuple(int(part) for part in header[2].decode().replace(",", " ").split())
        size = prod(shape) * dtype.itemsize
        if max(shape, default=0) > MOST or size != len(data) - start:
            raise WireError(f"an array of shape {shape} and dtype {dtype} has {size} bytes; got {len(data) - start}")
        array: Array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except (ValueError, TypeError, OverflowError, MemoryError) as error:
        raise WireError(f"an array must be a .npy file; {error}") from None
    return array


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
