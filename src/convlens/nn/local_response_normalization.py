"""Local response normalisation as a layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from convlens import ops
from convlens.arrays import Array
from convlens.engines import Engine, specs
from convlens.nn.layer import Layer, Rng, Shape, Weights, expect
from convlens.ops.norm import check_numbers


@dataclass(frozen=True)
class LocalResponseNormalization(Layer):
    """Divides each number by a factor that grows with its neighbouring channels: `ops.local_response_norm_forward`.

    The defaults are the numbers of Krizhevsky et al. 2012, section 3.3, for pixels from 0 to 255. For pixels from 0 to
    1 the default alpha is too small to matter: the layer does little more than divide by k^beta. An alpha 256² times as
    large has the paper's effect on a first layer.
    """

    size: int = 5
    k: float = 2.0
    alpha: float = 1e-4
    beta: float = 0.75
    kind: ClassVar[str] = "local_response_normalization"

    def __post_init__(self) -> None:
        check_numbers(**self._numbers())

    def _numbers(self) -> dict[str, Any]:
        return {"size": self.size, "k": self.k, "alpha": self.alpha, "beta": self.beta}

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of the input, (h, w, c)"""
        expect("LocalResponseNormalization", shape, "h w channels")
        return shape

    def specs(self, shape: Shape) -> tuple[specs.Spec, ...]:
        """One specification, a normalisation over channels"""
        return (specs.LocalResponseNorm(shape, self.size, self.k, self.alpha, self.beta),)

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """y_i = x_i / (k + alpha sum_j x_j²)^beta"""
        return ops.local_response_norm_forward(x, **self._numbers()), x

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """Return the gradient of the input."""
        return ops.local_response_norm_backward(dy, saved, **self._numbers()), {}
