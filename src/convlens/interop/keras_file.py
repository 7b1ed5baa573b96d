"""Networks in Keras's files, `.keras` and `.h5`. The file is read as JSON and HDF5, and no code in it is run."""

from __future__ import annotations

import io
import json
import os
import re
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convlens.arrays import Array
from convlens.geometry import Pair
from convlens.interop.frameworks import load, load_keras
from convlens.interop.keras_compiled import compile_as
from convlens.interop.keras_graph import Graph, Node, read_graph
from convlens.interop.keras_reader import Imported, build
from convlens.nn import Sequential

SUFFIXES = (".keras", ".h5", ".hdf5")

_CHECKED = 8  # images in the comparison with Keras
_TOLERANCE = 1e-3  # relative to the largest prediction; float32 sums in another order differ by about 1e-6
_DAMAGED = (OSError, KeyError, TypeError, AttributeError, IndexError, ValueError, RecursionError, zipfile.BadZipFile)


def read_keras(path: str | os.PathLike[str], *, engine: str = "auto", compile: bool = True) -> Sequential:
    """Return the network in a .keras or .h5 file, see `import_keras`, without comparing it with Keras.

    compile: whether the network of a .keras file is compiled as it was when it was saved, with the optimizer's state
    """
    model = import_keras(path, engine=engine, compare=False).model
    if compile and Path(path).suffix == ".keras":
        with _open(Path(path)) as file:
            compile_as(
                load_keras("tensorflow", "a .keras file"), model, file.config.get("compile_config"), file.weights
            )
    return model


def import_keras(
    path: str | os.PathLike[str], *, size: Pair | None = None, engine: str = "auto", compare: bool = True
) -> Imported:
    """Return the network in a file that Keras 3 or Keras 2 saved, with notes about what was left out.

    size: (h, w) of the images, for a network that takes any. compare: whether Keras builds the same network, too, and
    predicts random images. Raises FileNotFoundError; ValueError for a damaged file, and for all that `build` refuses.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"a Keras model must be a .keras or .h5 file; got {path}")
    if not path.is_file():
        raise FileNotFoundError(f"there must be a file {path}; there is none")
    keras = load_keras("tensorflow", f"a {path.suffix} file")
    with _open(path) as file:
        try:
            graph = read_graph(file.config)
        except (KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
            raise _no_model(path, error) from None
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        try:
            found = build(keras.layers, graph, file.weights_of, size=size, engine=engine)
        except _NoWeightsError as error:
            raise _no_model(path, error) from None
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        return _compare(keras, file, graph, found) if compare else found


def from_keras(found: Any, *, engine: str = "auto") -> Sequential:
    """Return the same network with the same weights.

    found: a Sequential or functional model. The optimizer, regularizers and initializers, which only training needs,
    are ignored. Raises ValueError with everything that convlens does not support.
    """
    keras = load("keras", "a Keras model")
    if type(found) not in (keras.Sequential, keras.Model) and type(found).__name__ != "Functional":
        raise ValueError(f"a Keras model must be a Sequential or functional model; got {type(found).__name__}")
    if not getattr(found, "inputs", None):
        raise ValueError(f"a Keras model must know the shape of its input; {found.name} is not built")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras warns of functions, which are refused by name
        config = keras.saving.serialize_keras_object(found)
    graph = read_graph(config)

    def weights_of(node: Node) -> list[Array]:
        layer = found
        for name in node.path:
            layer = layer.get_layer(name)
        arrays: list[Array] = layer.get_weights()
        return arrays

    return build(keras.layers, graph, weights_of, engine=engine).model


# ---------------------------------------------------------------- the two kinds of file


class _NoWeightsError(ValueError):
    """The file lacks weights of a layer."""


@dataclass
class _File:
    """A file: its path, its configuration, its HDF5 file of weights, and whether Keras 3 laid it out"""

    path: Path
    config: dict[str, Any]
    weights: Any
    content: bytes
    new: bool

    def weights_of(self, node: Node) -> list[Array]:
        """Return a layer's weights in Keras's order."""
        try:
            return self._new_weights(node) if self.new else self._old_weights(node)
        except _DAMAGED as error:
            raise _NoWeightsError(f"the weights of layer {node.name} cannot be read: {_reason(error)}") from None

    def _new_weights(self, node: Node) -> list[Array]:
        """Keras 3 names a group after the layer's kind and counts the layers of each kind."""
        group, model = self.weights, self.config
        for name in node.path:
            layers = model["config"]["layers"]
            counts: dict[str, int] = {}
            for layer in layers:
                kind = _snake(layer["class_name"])
                key = f"{kind}_{counts[kind]}" if kind in counts else kind
                counts[kind] = counts.get(kind, 0) + 1
                if layer["config"].get("name") == name:
                    break
            group = next(group[top] for top in ("layers", "_layer_checkpoint_dependencies") if top in group)[key]
            model = layer
        if "vars" not in group:
            return []
        return [_array(group["vars"][str(k)]) for k in range(len(group["vars"]))]

    def _old_weights(self, node: Node) -> list[Array]:
        """Keras 2 has a group for each layer of the outermost model, with a list of its weights' names."""
        top = self.weights.get("model_weights", self.weights)
        group = top[node.path[0]]
        names = [_text(name) for name in group.attrs["weight_names"]]
        if len(node.path) > 1:
            names = [name for name in names if node.name in name.split("/")[:-1]]
        return [_array(group[name]) for name in names]


def _array(dataset: Any) -> Array:
    counter = hasattr(dataset, "shape") and (dataset.dtype.kind, dataset.shape) == ("i", ())  # Normalization has one
    if not hasattr(dataset, "shape") or (dataset.dtype.kind != "f" and not counter):
        raise TypeError(f"a weight must be an array of floats; got {dataset}")
    found: Array = np.asarray(dataset[...])
    return found


def _snake(name: str) -> str:
    """Return a class's name as Keras's files write it: Conv2D -> conv2d, MaxPooling2D -> max_pooling2d"""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@contextmanager
def _open(path: Path) -> Iterator[_File]:
    h5py = load("h5py", f"a {path.suffix} file")
    content = path.read_bytes()
    try:
        if path.suffix == ".keras":
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                if damaged := archive.testzip():
                    raise ValueError(f"{damaged} is damaged")
                config, content = json.loads(archive.read("config.json")), archive.read("model.weights.h5")
            weights = h5py.File(io.BytesIO(content), "r")
        else:
            weights = h5py.File(io.BytesIO(content), "r")
            if "model_config" not in weights.attrs:
                raise ValueError(
                    "it holds weights without a model; model.save(...) in Keras writes both, "
                    "or convert it with --model NAME and a safetensors file"
                )
            config = json.loads(_text(weights.attrs["model_config"]))
        if not isinstance(config, dict):
            raise TypeError(f"its configuration must be a dictionary; got {type(config).__name__}")
    except Exception as error:  # damaged bytes make zipfile, zlib, json and HDF5 raise many types
        raise _no_model(path, error) from None
    with weights:
        yield _File(path, config, weights, content, path.suffix == ".keras")


def _no_model(path: Path, error: Exception) -> ValueError:
    return ValueError(f"{path} must be a whole model as Keras saves it; it is not: {_reason(error)}")


def _reason(error: Exception) -> str:
    reason = f"there is no entry {error}" if isinstance(error, KeyError) else str(error).strip()
    return (reason.splitlines() or [type(error).__name__])[0]


# ---------------------------------------------------------------- the comparison with Keras


def _compare(keras: Any, file: _File, graph: Graph, found: Imported) -> Imported:
    """Return `found` with the largest difference between its predictions and Keras's, for random images."""
    model = found.model
    scale = 255 if type(model.layers[0]).__name__ == "Rescaling" else 1
    x = (np.random.default_rng(0).random((_CHECKED, *model.input_shape)) * scale).astype(model.dtype)
    shape = [own if n is None else n for n, own in zip(graph.input_shape or (), model.input_shape, strict=False)]
    count = len(x) if graph.batch is None else -(-len(x) // graph.batch) * graph.batch
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / ("model.keras" if file.new else "model.h5")
            path.write_bytes(_plain_file(file))
            theirs = keras.models.load_model(path, compile=False, safe_mode=True)
        images = np.resize(x, (count, *x.shape[1:])).reshape(count, *shape)
        parts = range(0, count, graph.batch or count)
        wanted = np.concatenate([np.asarray(theirs(images[k : k + parts.step], training=False)) for k in parts])
    except Exception as error:  # Keras raises many types, and the network is read whether or not Keras can
        said = f"the predictions were not compared with Keras's, which cannot read the file: {_reason(error)}"
        return found._replace(notes=(*found.notes, said))
    wanted = wanted[: len(x)]
    difference = float(np.abs(model.predict(x) - wanted).max())
    if not difference <= _TOLERANCE * max(1.0, float(np.abs(wanted).max())):
        raise ValueError(
            f"{file.path}: the predictions must be equal to Keras's; for {_CHECKED} random images they differ by "
            f"{difference:.2g}"
        )
    return found._replace(difference=difference)


def _plain_file(file: _File) -> bytes:
    """Return the file without what only training needs, since Keras would look up classes by name for it."""
    config = json.dumps(_plain_config(file.config))
    buffer = io.BytesIO()
    if file.new:
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("config.json", config)
            archive.writestr("metadata.json", json.dumps({"keras_version": "3"}))
            archive.writestr("model.weights.h5", file.content)
    else:
        buffer.write(file.content)
        with load("h5py", "an .h5 file").File(buffer, "r+") as weights:
            weights.attrs["model_config"] = config
            weights.attrs.pop("training_config", None)
    return buffer.getvalue()


def _plain_config(config: Any) -> Any:
    if isinstance(config, dict):
        return {
            key: None if key.endswith(("_regularizer", "_constraint")) else _plain_config(value)
            for key, value in config.items()
            if not key.endswith("_initializer") and key != "compile_config"
        }
    return [_plain_config(value) for value in config] if isinstance(config, list) else config
