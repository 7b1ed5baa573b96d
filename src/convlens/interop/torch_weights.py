"""Weights of a PyTorch `state_dict` for a network of the same layers, as safetensors or .npz. PyTorch is not needed.

Conv2d weight (co, ci / groups, kh, kw)   kernel (kh, kw, ci / groups, co)
depthwise weight (c * m, 1, kh, kw)       kernel (kh, kw, c, m)
Linear weight (units, in)                 kernel (in, units); after Flatten, `in` goes from (c, h, w) to (h, w, c)
BatchNorm weight, bias                    gamma, beta
BatchNorm running_mean, running_var       moving_mean, moving_variance
"""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from convlens.arrays import Array
from convlens.interop.keras_reader import Imported, weights_by_layer
from convlens.nn import Flatten, Sequential
from convlens.nn.layer import Shape
from convlens.storage.tensors import read_any_tensors

__all__ = ["PICKLES", "SUFFIXES", "import_weights", "read_state_dict"]

SUFFIXES = (".safetensors", ".npz")
PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")
_NAMES = {
    "weight": ("kernel", "gamma"),
    "bias": ("bias", "beta"),
    "running_mean": ("moving_mean",),
    "running_var": ("moving_variance",),
}
_TORCH_EPSILON = 1e-5  # of PyTorch's BatchNorm2d; a state_dict does not hold it


class _Slot(NamedTuple):
    """A module's place in the network

    weights: for each name in PyTorch, the weight to fill. flattened: the shape before a Flatten in front of a Dense, or
    None
    """

    layer: str
    kind: str
    weights: dict[str, Array]
    flattened: Shape | None

    @property
    def shapes(self) -> tuple[tuple[str, Shape], ...]:
        """The shapes of the module's arrays in PyTorch, by name."""
        return tuple(sorted((name, _torch_shape(self.kind, name, w.shape)) for name, w in self.weights.items()))


def _torch_shape(kind: str, name: str, shape: Shape) -> Shape:
    if name != "weight" or len(shape) == 1:
        return shape
    if kind == "depthwise":
        kh, kw, c, m = shape
        return (c * m, 1, kh, kw)
    return tuple(shape[k] for k in ((3, 2, 0, 1) if len(shape) == 4 else (1, 0)))


def _from_torch(slot: _Slot, name: str, value: Array) -> Array:
    w = slot.weights[name]
    if name != "weight" or w.ndim == 1:
        return value
    if slot.kind == "depthwise":
        return value[:, 0].transpose(1, 2, 0).reshape(w.shape)
    if w.ndim == 4:
        return value.transpose(2, 3, 1, 0)
    if slot.flattened is not None:
        h, w_, c = slot.flattened
        return value.reshape(-1, c, h, w_).transpose(2, 3, 1, 0).reshape(w.shape)
    return value.T


# ---------------------------------------------------------------- the file


def read_state_dict(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Return the arrays of a `state_dict` by name, without the counters of batches.

    Raises FileNotFoundError; ValueError for a pickle, for another file, and for arrays that are not floats.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there must be a file {path}; there is none")
    if path.suffix in PICKLES:
        raise ValueError(
            f"{path} is a pickle, which can run code when it is read. In PyTorch, write its weights with "
            "safetensors.torch.save_file(model.state_dict(), 'weights.safetensors') and import that file"
        )
    if path.suffix not in SUFFIXES:
        raise ValueError(f"weights must be a .safetensors or .npz file; got {path}")
    found = _read_npz(path) if path.suffix == ".npz" else _read_safetensors(path)
    arrays = {name: value for name, value in found.items() if not name.endswith("num_batches_tracked")}
    if wrong := [f"{name} {value.dtype}" for name, value in arrays.items() if value.dtype.kind != "f"]:
        raise ValueError(f"{path}: weights must be floats; got {', '.join(wrong)}")
    infinite = {name: np.count_nonzero(~np.isfinite(value)) for name, value in arrays.items()}
    if any(infinite.values()):
        said = ", ".join(f"{name} has {count} that are NaN or infinite" for name, count in infinite.items() if count)
        raise ValueError(f"{path}: weights must be finite; {said}")
    return arrays


def _read_safetensors(path: Path) -> dict[str, Array]:
    found, about = read_any_tensors(path)
    if "convlens" in about:
        raise ValueError(f"{path} is a model of convlens already; use it with --run {path}")
    return {name: found[name] for name in sorted(found, key=_natural)}  # the file does not keep PyTorch's order


def _read_npz(path: Path) -> dict[str, Array]:
    try:
        with np.load(path, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path} must be a whole .npz file of arrays; it is not: {error}") from None


def _natural(name: str) -> list[Any]:
    """Return a key that sorts numbers in names as numbers: conv2 comes before conv10."""
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in re.split(r"(\d+)|\.", name) if part]


# ---------------------------------------------------------------- the match


def import_weights(path: str | os.PathLike[str], model: Sequential, *, own_epsilon: bool = True) -> Imported:
    """Return the model with the weights of a file. Modules and layers are matched by their shapes.

    Modules of equal shapes are taken in the order of their names, in an .npz file in the file's order. own_epsilon:
    whether a BatchNormalization keeps its epsilon; otherwise it gets PyTorch's, 1e-5. Raises ValueError with every
    layer without weights and every array that no layer takes.
    """
    arrays = read_state_dict(path)
    notes = []
    if not own_epsilon and any(getattr(layer, "epsilon", None) not in (None, _TORCH_EPSILON) for layer in model.layers):
        layers: list[Any] = list(model.layers)
        layers = [replace(layer, epsilon=_TORCH_EPSILON) if hasattr(layer, "epsilon") else layer for layer in layers]
        model = Sequential(layers, model.input_shape, name=model.name, dtype=model.dtype, engine=model.engine.name)
        notes.append("BatchNormalization has PyTorch's epsilon, 1e-05")
    modules: dict[str, dict[str, Array]] = {}
    for name, value in arrays.items():
        module, _, own = name.rpartition(".")
        modules.setdefault(module, {})[own] = value
    by_shapes: dict[Any, list[str]] = {}
    for module, found in modules.items():
        key = tuple(sorted((name, value.shape) for name, value in found.items()))
        by_shapes.setdefault(key, []).append(module)
    slots = list(_slots(model))
    missing = []
    for slot in slots:
        if not by_shapes.get(slot.shapes):
            missing.append(f"layer {slot.layer} needs {_said(slot.shapes)}")
            continue
        module = by_shapes[slot.shapes].pop(0)
        for name, w in slot.weights.items():
            w[...] = _from_torch(slot, name, modules[module][name])
        notes.append(f"{slot.layer} has the weights of {module or 'the file'}")
    left = [f"{module} has {_said(key)}" for key, names in by_shapes.items() for module in names]
    if missing or left:
        rule = f"{path} must have the weights of {model.name}, layer by layer; without a match: "
        raise ValueError(rule + "; ".join(missing + left))
    notes.append("the predictions were not compared with PyTorch's: a file of weights does not hold the network")
    return Imported(model, tuple(notes))


def _said(shapes: Any) -> str:
    return ", ".join(f"{name} {tuple(shape)}" for name, shape in shapes) or "no weights"


def _slots(model: Sequential) -> Iterator[_Slot]:
    """Yield the modules that the network needs, in order."""
    flattened: Shape | None = None
    for row, own in weights_by_layer(model):
        if isinstance(row.layer, Flatten):
            flattened = row.input_shape if len(row.input_shape) == 3 else None
        groups: dict[str, dict[str, Array]] = {}
        for name, w in own.items():
            place, _, last = name.rpartition("/")
            part, last = ("/depthwise", "kernel") if last == "depthwise_kernel" else ("", last)
            last = "kernel" if last == "pointwise_kernel" else last
            torch = next(theirs for theirs, ours in _NAMES.items() if last in ours)
            groups.setdefault(place + part, {})[torch] = w
        for place, weights in groups.items():
            kernel = weights.get("weight")
            dense = kernel is not None and kernel.ndim == 2
            depthwise = "depthwise" in place or type(row.layer).__name__ == "DepthwiseConv2D"
            kind = "depthwise" if depthwise and kernel is not None and kernel.ndim == 4 else "other"
            name = "/".join(filter(None, (row.name, place.strip("/"))))
            yield _Slot(name, kind, weights, flattened if dense else None)
            flattened = None if dense else flattened
