"""Batch normalisation as a layer, with its running statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from convlens import ops
from convlens.arrays import Array
from convlens.engines import Engine, specs
from convlens.nn.initializers import Initializer
from convlens.nn.layer import Layer, Rng, Shape, Weights
from convlens.nn.numbers import check_axis, check_flag, check_number
from convlens.ops import BatchStatistics


@dataclass(frozen=True)
class BatchNormalization(Layer):
    """Gives each channel, the last axis, mean 0 and variance 1, then y = gamma x_hat + beta with trained gamma, beta.

    In training the mean and variance are those of the batch, see `convlens.ops.batch_norm_training_forward`. Each step
    moves the running statistics: moving = momentum moving + (1 - momentum) batch. Prediction uses them. As in Keras,
    the running variance is that of the batch itself; PyTorch's divides by one less, and its momentum is 1 - momentum.
    The whole batch goes through the layer in one part, so the bits do not depend on the number of threads.

    axis: -1, the last axis. momentum, epsilon: numbers as above. center, scale: whether the layer has beta, and gamma
    """

    axis: int = -1
    momentum: float = 0.99
    epsilon: float = 1e-3
    center: bool = True
    scale: bool = True
    kind: ClassVar[str] = "batch_normalization"
    whole_batch: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_axis("BatchNormalization", self.axis)
        check_number("momentum", self.momentum, 0)
        if self.momentum > 1:
            raise ValueError(f"momentum must be from 0 to 1; got {self.momentum!r}")
        if not self.epsilon:
            raise ValueError(f"epsilon must be a number above 0; got {self.epsilon!r}")
        check_number("epsilon", self.epsilon, 0)
        check_flag("center", self.center)
        check_flag("scale", self.scale)

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of the input, (…, c)"""
        if not shape:
            raise ValueError(f"BatchNormalization needs an input of shape (…, channels); got {shape}")
        check_axis("BatchNormalization", self.axis, shape)
        return shape

    def weight_shapes(self, shape: Shape) -> dict[str, Shape]:
        """gamma (c,), beta (c,)"""
        wanted = (("gamma", self.scale), ("beta", self.center))
        return {name: shape[-1:] for name, has in wanted if has}

    def state_shapes(self, shape: Shape) -> dict[str, Shape]:
        """moving_mean (c,), moving_variance (c,)"""
        return {"moving_mean": shape[-1:], "moving_variance": shape[-1:]}

    def initial(self, name: str, size: Shape, rng: Rng, dtype: np.dtype[Any], kernel: Initializer) -> Array:
        """gamma begins at 1, beta at 0."""
        return np.full(size, name == "gamma", dtype)

    def initial_state(self, shape: Shape) -> dict[str, float]:
        """The running mean begins at 0, the running variance at 1."""
        return {"moving_mean": 0.0, "moving_variance": 1.0}

    def momentum_of(self, name: str) -> float:
        """The momentum of the running statistics"""
        return self.momentum

    def specs(self, shape: Shape) -> tuple[specs.Spec, ...]:
        """One specification"""
        return (specs.BatchNorm(shape, float(self.epsilon), self.center, self.scale),)

    def _gamma_beta(self, weights: Weights) -> tuple[Array, Array]:
        mean = weights["moving_mean"]
        return weights.get("gamma", np.ones_like(mean)), weights.get("beta", np.zeros_like(mean))

    def forward(self, x: Array, weights: Weights, engine: Engine, rng: Rng | None = None) -> tuple[Array, Any]:
        """y = gamma (x - mean) / sqrt(variance + epsilon) + beta; with an `rng` mean and variance are the batch's."""
        gamma, beta = self._gamma_beta(weights)
        if rng is not None:
            return ops.batch_norm_training_forward(x, gamma, beta, epsilon=self.epsilon)
        state = weights["moving_mean"], weights["moving_variance"]
        return ops.batch_norm_forward(x, gamma, beta, *state, epsilon=self.epsilon), x

    def backward(
        self, dy: Array, saved: Any, weights: Weights, engine: Engine, need_dx: bool = True
    ) -> tuple[Array | None, Weights]:
        """Return the gradients of the input, gamma and beta."""
        gamma, _ = self._gamma_beta(weights)
        if isinstance(saved, BatchStatistics):
            dx, dgamma, dbeta = ops.batch_norm_training_backward(dy, saved, gamma)
        else:
            state = weights["moving_mean"], weights["moving_variance"]
            dx, dgamma, dbeta = ops.batch_norm_backward(dy, saved, gamma, *state, epsilon=self.epsilon)
        found = (("gamma", self.scale, dgamma), ("beta", self.center, dbeta))
        return dx, {name: gradient for name, has, gradient in found if has}

    def new_state(self, saved: Any, weights: Weights) -> Weights:
        """Return the running statistics after a training step: momentum moving + (1 - momentum) batch."""
        if not isinstance(saved, BatchStatistics):
            return {}
        both = (("moving_mean", saved.mean), ("moving_variance", saved.variance))
        return {name: weights[name] * self.momentum + batch * (1 - self.momentum) for name, batch in both}
