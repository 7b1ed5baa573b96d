"""Functions that load a framework, or say in one line which package is missing."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# oneDNN is off: with it, TensorFlow 2.21 overwrites memory in the filter gradient of a strided 1x1 convolution, and
# prints a greeting.
_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "GRPC_VERBOSITY": "NONE", "TF_ENABLE_ONEDNN_OPTS": "0"}
# The title of each package, and the extra of convlens that installs it
PACKAGES = {
    "h5py": ("h5py", "keras"),
    "jax": ("JAX", "keras"),
    "keras": ("Keras", "keras"),
    "onnx": ("ONNX", "onnx"),
    "onnxruntime": ("ONNX Runtime", "onnx"),
    "tensorflow": ("TensorFlow", "keras"),
}


def load(name: str, what: str) -> Any:
    """Import a package without its log messages. If it is not installed, the ImportError says that `what` needs it."""
    check_installed(name, what)
    for variable, value in _QUIET.items():
        os.environ.setdefault(variable, value)
    with _quiet():
        return importlib.import_module(name)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what is written to the process's standard error from the user, unless an exception ends the block.

    TensorFlow built for GPUs writes that it finds none, from C++, before any setting of its log is read.
    """
    try:
        shown = os.dup(2)
    except OSError:  # the process has no standard error
        yield
        return
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(shown, kept.read())
            raise
        finally:
            os.dup2(shown, 2)
            os.close(shown)


def check_installed(name: str, what: str) -> None:
    """Raise ImportError, which names the extra to install, unless the package is installed."""
    top = name.split(".")[0]
    if top not in sys.modules and importlib.util.find_spec(top) is None:
        title, extra = PACKAGES[top]
        raise ImportError(f"{what} needs {title}: pip install 'convlens[{extra}]'")


def load_keras(backend: str, what: str) -> Any:
    """Import Keras with the backend "tensorflow" or "jax".

    A process can have only one backend: ValueError if Keras already uses another one.
    """
    check_installed("keras", what)
    check_installed(backend, what)
    before = os.environ.get("KERAS_BACKEND")
    os.environ["KERAS_BACKEND"] = backend  # Keras reads it once, when it is loaded
    try:
        keras = load("keras", what)
    finally:
        if before is None:
            del os.environ["KERAS_BACKEND"]
        else:
            os.environ["KERAS_BACKEND"] = before
    if keras.backend.backend() != backend:
        raise ValueError(
            f"{what} needs Keras on {backend}; in this process Keras already runs on {keras.backend.backend()}"
        )
    return keras
