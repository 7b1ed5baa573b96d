"""Named arrays, and data about them, in one safetensors file: written whole, checked when read, without pickle.

Any safetensors reader opens these files. convlens adds one metadata entry, "convlens": JSON with `about` and the
sha256 of everything in the file. The sha256 is needed because safetensors itself does not notice a changed number.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.storage.atomic import atomic_write


def _digest(tensors: dict[str, Array], about: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(tensors):
        array = tensors[name]
        digest.update(f"\n{name} {array.dtype} {array.shape}\n".encode())
        digest.update(array.data)
    return digest.hexdigest()


def write_tensors(path: Path, tensors: dict[str, Array], about: dict[str, Any]) -> None:
    """Write the arrays and `about` (any JSON data) to `path`, whole or not at all."""
    from safetensors.numpy import save

    tensors = {k: np.asarray(v, v.dtype.newbyteorder("="), order="C") for k, v in tensors.items()}
    entry = {"about": about, "sha256": _digest(tensors, about)}
    content = save(tensors, {"convlens": json.dumps(entry)})
    with atomic_write(path) as file:
        file.write(content)


def read_tensors(path: Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Return the arrays and `about` from a file that `write_tensors` wrote.

    Raises FileNotFoundError if there is no file, and ValueError if the file is damaged or another program wrote it.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    if not path.is_file():
        raise FileNotFoundError(f"there must be a file {path}; there is none")
    content = path.read_bytes()
    try:
        tensors = load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        entry = json.loads(header["__metadata__"]["convlens"])
        about, wanted = dict(entry["about"]), str(entry["sha256"])
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = "it has no convlens metadata" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{path} must be a whole safetensors file written by convlens; it is not: {reason}") from None
    found = _digest(tensors, about)
    if found != wanted:
        raise ValueError(f"{path} must have the sha256 {wanted[:12]}… with which it was written; got {found[:12]}…")
    return tensors, about


def read_any_tensors(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Return the arrays and the metadata of a safetensors file that any program wrote; ValueError for another file."""
    return tensors_from_bytes(path.read_bytes(), str(path))


def tensors_to_bytes(tensors: dict[str, Array]) -> bytes:
    """Return the arrays as the bytes of a safetensors file without metadata."""
    from safetensors.numpy import save

    content: bytes = save({k: np.asarray(v, v.dtype.newbyteorder("="), order="C") for k, v in tensors.items()})
    return content


def tensors_from_bytes(content: bytes, name: str) -> tuple[dict[str, Array], dict[str, str]]:
    """Return the arrays and the metadata of the bytes of a safetensors file. Errors, ValueError, call it `name`."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        return load(content), dict(header.get("__metadata__", {}))
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"it holds numbers of the type {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{name} must be a whole safetensors file; it is not: {reason}") from None
