"""Layers of convlens that Keras lacks, written in Keras, so that Keras can train them. They are never exported."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

__all__ = ["with_own_layers"]


def with_own_layers(keras: Any) -> Any:
    """Return what `keras.layers` has, and LocalResponseNormalization."""

    class LocalResponseNormalization(keras.layers.Layer):  # type: ignore[misc]
        """y_i = x_i / (k + alpha sum_j x_j²)^beta over the channels: `ops.local_response_norm_forward`"""

        def __init__(self, size: int, k: float, alpha: float, beta: float, **settings: Any) -> None:
            super().__init__(**settings)
            self.size, self.k, self.alpha, self.beta = size, k, alpha, beta

        def call(self, x: Any) -> Any:
            """x (n, h, w, c) -> y of the same shape"""
            c, before = x.shape[-1], (self.size - 1) // 2
            squares = keras.ops.pad(x * x, [(0, 0), (0, 0), (0, 0), (before, self.size // 2)])
            sums = sum(squares[..., d : d + c] for d in range(self.size))
            return x * (self.k + self.alpha * sums) ** -self.beta

    return SimpleNamespace(**{**vars(keras.layers), "LocalResponseNormalization": LocalResponseNormalization})
