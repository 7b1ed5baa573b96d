"""Initializers in Keras's spelling: `Dense(10, kernel_initializer=HeNormal())` is `kernel_initializer="he_normal"`.

A class of Keras is a function here: it returns the name that a layer takes. The seed of the model decides the numbers.
"""

# ruff: noqa: N802  # the names are those of classes in Keras
from __future__ import annotations

from convlens.nn.initializers import INITIALIZERS, Initializer, known_initializer

__all__ = [
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "Zeros",
    "get",
]


def get(name: str) -> Initializer:
    """Return the function of an initializer, (shape, rng, dtype) -> array, by its name in Keras."""
    return INITIALIZERS[str(known_initializer("initializer", name))]


def HeNormal(seed: object = None) -> str:
    """`convlens.nn.initializers.he_normal`"""
    return "he_normal"


def HeUniform(seed: object = None) -> str:
    """`convlens.nn.initializers.he_uniform`"""
    return "he_uniform"


def GlorotNormal(seed: object = None) -> str:
    """`convlens.nn.initializers.glorot_normal`"""
    return "glorot_normal"


def GlorotUniform(seed: object = None) -> str:
    """`convlens.nn.initializers.glorot_uniform`"""
    return "glorot_uniform"


def LecunNormal(seed: object = None) -> str:
    """`convlens.nn.initializers.lecun_normal`"""
    return "lecun_normal"


def LecunUniform(seed: object = None) -> str:
    """`convlens.nn.initializers.lecun_uniform`"""
    return "lecun_uniform"


def RandomNormal(mean: float = 0.0, stddev: float = 0.05, seed: object = None) -> str:
    """`convlens.nn.initializers.random_normal`, with Keras's default numbers only"""
    return _fixed("random_normal", (mean, stddev), (0.0, 0.05))


def RandomUniform(minval: float = -0.05, maxval: float = 0.05, seed: object = None) -> str:
    """`convlens.nn.initializers.random_uniform`, with Keras's default numbers only"""
    return _fixed("random_uniform", (minval, maxval), (-0.05, 0.05))


def TruncatedNormal(mean: float = 0.0, stddev: float = 0.05, seed: object = None) -> str:
    """`convlens.nn.initializers.truncated_normal`, with Keras's default numbers only"""
    return _fixed("truncated_normal", (mean, stddev), (0.0, 0.05))


def Zeros() -> str:
    """`convlens.nn.initializers.zeros`"""
    return "zeros"


def Ones() -> str:
    """`convlens.nn.initializers.ones`"""
    return "ones"


def _fixed(name: str, numbers: tuple[float, float], only: tuple[float, float]) -> str:
    if numbers != only:
        raise ValueError(
            f"{name} has the numbers {only} in convlens; got {numbers}: set a layer's numbers with model.set_weights, "
            "or give Sequential(initial=…) a function (shape, rng, dtype) -> array"
        )
    return name
