"""Initializers in Keras's spelling: `Dense(10, kernel_initializer=HeNormal())` is `kernel_initializer="he_normal"`.

A class of Keras is a function here: it returns a text that a layer takes, such as "random_normal(stddev=0.01)". Called
with a shape, the text gives an array. Without a `seed`, the seed of the model decides a layer's numbers.
"""

# ruff: noqa: N802  # the names are those of classes in Keras
from __future__ import annotations

from typing import Any

from convlens.nn.initializer_texts import InitializerText, initializer, known_initializer, text_of
from convlens.nn.initializers import Initializer

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "get",
]


def get(identifier: Any) -> Initializer:
    """Return the function of an initializer, (shape, rng, dtype) -> array, by its name in Keras."""
    return initializer(str(known_initializer("initializer", identifier)))


def HeNormal(seed: int | None = None) -> InitializerText:
    """`convlens.nn.initializers.he_normal`"""
    return text_of("he_normal", {"seed": seed})


def HeUniform(seed: int | None = None) -> InitializerText:
    """`convlens.nn.initializers.he_uniform`"""
    return text_of("he_uniform", {"seed": seed})


def GlorotNormal(seed: int | None = None) -> InitializerText:
    """`convlens.nn.initializers.glorot_normal`"""
    return text_of("glorot_normal", {"seed": seed})


def GlorotUniform(seed: int | None = None) -> InitializerText:
    """`convlens.nn.initializers.glorot_uniform`"""
    return text_of("glorot_uniform", {"seed": seed})


def LecunNormal(seed: int | None = None) -> InitializerText:
    """`convlens.nn.initializers.lecun_normal`"""
    return text_of("lecun_normal", {"seed": seed})


def LecunUniform(seed: int | None = None) -> InitializerText:
    """`convlens.nn.initializers.lecun_uniform`"""
    return text_of("lecun_uniform", {"seed": seed})


def RandomNormal(mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> InitializerText:
    """Numbers from a normal distribution"""
    return text_of("random_normal", {"mean": mean, "stddev": stddev, "seed": seed})


def RandomUniform(minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> InitializerText:
    """Numbers from a uniform distribution between minval and maxval"""
    return text_of("random_uniform", {"minval": minval, "maxval": maxval, "seed": seed})


def TruncatedNormal(mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> InitializerText:
    """Numbers from a normal distribution that is cut off at 2 standard deviations"""
    return text_of("truncated_normal", {"mean": mean, "stddev": stddev, "seed": seed})


def VarianceScaling(
    scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal", seed: int | None = None
) -> InitializerText:
    """Numbers with variance scale / fan; He et al. 2015 is scale 2, Glorot and Bengio 2010 scale 1 and "fan_avg" """
    return text_of("variance_scaling", {"scale": scale, "mode": mode, "distribution": distribution, "seed": seed})


def Orthogonal(gain: float = 1.0, seed: int | None = None) -> InitializerText:
    """Rows or columns at right angles, of length `gain`"""
    return text_of("orthogonal", {"gain": gain, "seed": seed})


def Identity(gain: float = 1.0) -> InitializerText:
    """The identity matrix times `gain`"""
    return text_of("identity", {"gain": gain})


def Constant(value: float = 0.0) -> InitializerText:
    """One number everywhere"""
    return text_of("constant", {"value": value})


def Zeros() -> InitializerText:
    """`convlens.nn.initializers.zeros`"""
    return text_of("zeros", {})


def Ones() -> InitializerText:
    """`convlens.nn.initializers.ones`"""
    return text_of("ones", {})


# Keras's other spelling: initializers.he_normal is the class HeNormal
he_normal, he_uniform, glorot_normal, glorot_uniform = HeNormal, HeUniform, GlorotNormal, GlorotUniform
lecun_normal, lecun_uniform, random_normal, random_uniform = LecunNormal, LecunUniform, RandomNormal, RandomUniform
truncated_normal, variance_scaling, orthogonal, constant = TruncatedNormal, VarianceScaling, Orthogonal, Constant
zeros, ones, identity = Zeros, Ones, Identity
