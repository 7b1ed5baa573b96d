"""The TensorFlow that a file imports, whatever the edition of the course that the file was written for.

Edition 1 is for TensorFlow 1: `import tensorflow as tf`, with tf.contrib. Edition 2 imports tensorflow.compat.v1.
Edition 3 differs in task 5: `from tensorflow import keras as K`, and initializers with seed 0.
Today's TensorFlow has no tf.contrib, and tf.layers only with the package tf_keras. Here a file of task 4 gets both,
from an import function of its own, so that nothing changes for other code in this process. A file of task 5 gets the
Keras 2 of tf_keras on request.
"""

from __future__ import annotations

import ast
import builtins
import functools
import importlib
import importlib.util
import types
from collections.abc import Callable
from typing import Any

_LEGACY = "tf_keras.api._v1.keras"  # tf_keras's modules for the names of TensorFlow 1
LACKING = "the checker's stand-in for tf.contrib has no"  # the start of the message about any other name of tf.contrib


def edition(source: bytes, framework: str) -> int:
    """Return the edition of the course that a file of task 4 or 5 follows, 2 unless it shows another one."""
    found: set[str] = set()
    seeded = False
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.update(f"{node.module}:{name.name}" for name in node.names)
            found.add(str(node.module))
        elif isinstance(node, ast.keyword):
            seeded |= node.arg == "seed" and isinstance(node.value, ast.Constant) and node.value.value == 0
    if framework == "keras":
        return 3 if seeded or "tensorflow:keras" in found else 2
    newer = any(name.startswith(("tensorflow.compat", "tensorflow:compat")) for name in found)
    return 1 if found & {"tensorflow", "tensorflow.contrib"} and not newer else 2


def keras_2() -> Any:
    """Return the Keras 2 of tf_keras. Raise ModuleNotFoundError if that is not installed."""
    return importlib.import_module("tf_keras.api._v2.keras")


def builtins_for(source: bytes, framework: str) -> dict[str, Any]:
    """Return the builtins of a file with an import function: it gives a file of task 4 its edition's TensorFlow, and a
    file of task 5 Keras 2."""
    first = framework == "tensorflow" and edition(source, framework) == 1
    old = functools.cache(_older if framework == "keras" else _tensorflow_1 if first else _tensorflow)

    def importing(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        if level or name.partition(".")[0] != "tensorflow":
            return builtins.__import__(name, globals, locals, fromlist, level)
        top, found = old(), None
        for part in name.split(".")[1:]:
            found = getattr(top if found is None else found, part, None)
            if found is None:  # neither given here nor an attribute: the real module, or the real error
                found = importlib.import_module(name)
                break
        return (found or top) if fromlist else top

    return {**vars(builtins), "__import__": importing}


class _Facade(types.ModuleType):
    """A module with the names that are set here, and the names of other modules: of the first that has them."""

    def __init__(self, name: str, *others: Any, **given: Any) -> None:
        super().__init__(name)
        self.__dict__.update(given, _others=others)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(name for other in self.__dict__["_others"] for name in dir(other))]

    def __getattr__(self, name: str) -> Any:
        for other in self.__dict__["_others"]:
            if hasattr(other, name):
                return getattr(other, name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name, obj=self)


def _older() -> Any:
    return _Facade("tensorflow", importlib.import_module("tensorflow"), keras=keras_2())


def _tensorflow() -> Any:
    """Return TensorFlow, whose compat.v1 has the tf.layers and the tf.keras of tf_keras, if that is installed."""
    whole = importlib.import_module("tensorflow")
    v1 = whole.compat.v1
    if importlib.util.find_spec("tf_keras") is not None:
        given = {"keras": importlib.import_module(_LEGACY)}
        given["layers"] = importlib.import_module(f"{_LEGACY}.__internal__.legacy.layers")
        v1 = _Facade("tensorflow.compat.v1", v1, **given)
    compat = _Facade("tensorflow.compat", whole.compat, v1=v1)
    if v1 is not whole.compat.v1:
        v1.compat = compat
    return _Facade("tensorflow", whole, compat=compat)


def _tensorflow_1() -> Any:
    """Return TensorFlow 1 as far as a file needs it: the names of compat.v1, and a stand-in for tf.contrib."""
    whole = _tensorflow()
    v1 = whole.compat.v1
    return _Facade("tensorflow", v1, whole, compat=whole.compat, contrib=_contrib(v1))


class _Contrib(types.ModuleType):
    """A part of tf.contrib with a few of its names."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(f"{LACKING} {self.__name__.removeprefix('tensorflow.')}.{name}", name=name, obj=self)


def _contrib(tf: Any) -> Any:
    """Return the stand-in for tf.contrib, made of the names of compat.v1."""

    def variance_scaling_initializer(
        factor: float = 2.0, mode: str = "FAN_IN", uniform: bool = False, seed: Any = None, dtype: Any = tf.float32
    ) -> Any:
        """Like tf.contrib's, but with its factor 1.3, for the truncation, not rounded."""
        shape = "uniform" if uniform else "truncated_normal"
        return tf.variance_scaling_initializer(factor, mode.lower(), shape, seed=seed, dtype=dtype)

    def xavier_initializer(uniform: bool = True, seed: Any = None, dtype: Any = tf.float32) -> Any:
        return variance_scaling_initializer(1.0, "FAN_AVG", uniform, seed, dtype)

    def weighted(make: Callable[..., Any]) -> Callable[..., Any]:
        def layer(
            inputs: Any,
            outputs: int,
            *sizes: Any,
            activation_fn: Any = tf.nn.relu,
            weights_initializer: Any = None,
            biases_initializer: Any = "zeros",
            **more: Any,
        ) -> Any:
            bias = tf.zeros_initializer() if biases_initializer == "zeros" else biases_initializer
            initializers = {
                "kernel_initializer": weights_initializer or xavier_initializer(),
                "bias_initializer": bias,
                "use_bias": bias is not None,
            }
            return make(inputs, outputs, *sizes, activation=activation_fn, **initializers, **more)

        return layer

    def conv2d(
        inputs: Any, num_outputs: int, kernel_size: Any, stride: Any = 1, padding: str = "SAME", **more: Any
    ) -> Any:
        return weighted(tf.layers.conv2d)(inputs, num_outputs, kernel_size, stride, padding, **more)

    def fully_connected(inputs: Any, num_outputs: int, **more: Any) -> Any:
        return weighted(tf.layers.dense)(inputs, num_outputs, **more)

    def max_pool2d(inputs: Any, kernel_size: Any, stride: Any = 2, padding: str = "VALID") -> Any:
        return tf.layers.max_pooling2d(inputs, kernel_size, stride, padding)

    layers = _Contrib("tensorflow.contrib.layers")
    for one in (variance_scaling_initializer, xavier_initializer, conv2d, fully_connected, max_pool2d):
        setattr(layers, one.__name__, one)
    layers.__dict__.update(
        xavier_initializer_conv2d=xavier_initializer,
        flatten=lambda inputs: tf.layers.flatten(inputs),
        softmax=lambda logits: tf.nn.softmax(logits),
    )
    contrib = _Contrib("tensorflow.contrib")
    contrib.__dict__["layers"] = layers
    return contrib
