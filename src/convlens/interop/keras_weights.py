"""Weights alone in Keras's .weights.h5 files: layers/NAME/vars/0, 1, …; NAME is the layer's kind with a number."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.interop.frameworks import load
from convlens.nn import Add, Sequential
from convlens.nn.table import LayerRow
from convlens.storage.atomic import atomic_write

__all__ = ["input_channels", "load_weights", "save_weights"]

_WHAT = "a .weights.h5 file"


def _groups(model: Sequential) -> Iterator[tuple[str, LayerRow, dict[str, Array]]]:
    """Yield the name of each layer's group in the file, the layer's row, and its weights."""
    counts: Counter[str] = Counter()
    for row, weights in zip(model.table, model.layer_weights, strict=True):
        if isinstance(row.layer, Add):
            raise ValueError(
                f"layer {row.name}: a .weights.h5 file has no place for a residual block; write .safetensors, or the "
                "whole network as .keras"
            )
        name = row.layer.kind + (f"_{counts[row.layer.kind]}" if counts[row.layer.kind] else "")
        counts[row.layer.kind] += 1
        yield f"layers/{name}/vars", row, weights


def save_weights(path: str | os.PathLike[str], model: Sequential) -> None:
    """Write the weights as Keras's `save_weights` does, whole or not at all."""
    h5py, buffer = load("h5py", _WHAT), io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for group, row, weights in _groups(model):
            made = file.create_group(group)
            made.attrs["name"] = row.name
            for k, w in enumerate(weights.values()):
                made.create_dataset(str(k), data=w)
        file.create_group("vars").attrs["name"] = model.name
    with atomic_write(path) as out:
        out.write(buffer.getvalue())


def load_weights(path: str | os.PathLike[str], model: Sequential) -> None:
    """Copy the weights of a file of Keras or convlens into the model.

    Raises ValueError, and changes nothing, if a layer or a shape differs or a weight is not finite.
    """
    found: list[Array] = []
    with _opened(path) as file:
        wrong = []
        for group, row, weights in _groups(model):
            stored = _arrays(file, group)
            if [w.shape for w in stored] != [w.shape for w in weights.values()]:
                wanted, got = (
                    ", ".join(str(w.shape) for w in arrays) or "none" for arrays in (weights.values(), stored)
                )
                wrong.append(f"layer {row.name} has weights of shapes {wanted}, the file {got}")
            else:
                for name, w in zip(weights, stored, strict=True):
                    if count := np.count_nonzero(~np.isfinite(w)):
                        wrong.append(f"{row.name}/{name} has {count} of {w.size} numbers that are NaN or infinite")
            found += stored
        own = {group.split("/")[1] for group, _, weights in _groups(model) if weights}
        more = sorted(
            name for name in file.get("layers", ()) if name not in own and _arrays(file, f"layers/{name}/vars")
        )
        wrong += [f"the file has weights of {name}, the network does not" for name in more]
    if wrong:
        raise ValueError(f"{path} must hold the weights of {model.name}: {'; '.join(wrong)}")
    model.set_weights(found)


def input_channels(path: str | os.PathLike[str]) -> int | None:
    """Return the number of channels of the images: the ci of the file's first convolution. None if it has none."""
    with _opened(path) as file:
        shape = next((w.shape for w in _arrays(file, "layers/conv2d/vars") if w.ndim == 4), None)
        return None if shape is None else int(shape[2])


def _opened(path: str | os.PathLike[str]) -> Any:
    h5py, content = load("h5py", _WHAT), Path(path).read_bytes()
    try:
        return h5py.File(io.BytesIO(content), "r")
    except OSError as error:
        raise ValueError(f"{path} must be {_WHAT} of Keras; it is not: {error}") from None


def _arrays(file: Any, group: str) -> list[Array]:
    if group not in file:
        return []
    stored = file[group]
    return [np.asarray(stored[str(k)][...]) for k in range(len(stored))]
