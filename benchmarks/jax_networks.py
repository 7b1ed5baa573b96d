"""Any network of the benchmarks in JAX: plain functions on images (n, h, w, c), and one jitted step with Adam."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.network_list import NETWORKS, model_of
from convlens import nn
from convlens.nn import Layer, Sequential

Weights = dict[str, Any]
STATES = ("moving_mean", "moving_variance")


def _two(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


def weights_of(model: Sequential) -> tuple[Weights, Weights]:
    """Return the trained weights of a model and the statistics of its normalisations, as "LAYER/NAME" -> array."""
    from jax import numpy as jnp

    found = {f"{k}/{name}": jnp.asarray(w) for k, own in enumerate(model.layer_weights) for name, w in own.items()}
    states = {name: w for name, w in found.items() if name.endswith(STATES)}
    return {name: w for name, w in found.items() if name not in states}, states


def _normalise(
    layer: nn.BatchNormalization, x: Any, prefix: str, weights: Weights, states: Weights, training: bool
) -> Any:
    """Normalise by the statistics of the batch, and move the stored ones in `states`; in prediction, by the stored."""
    from jax import lax
    from jax import numpy as jnp

    mean, variance = (states[prefix + name] for name in STATES)
    if training:
        axes = tuple(range(x.ndim - 1))
        stored, (mean, variance) = (mean, variance), (jnp.mean(x, axes), jnp.var(x, axes))
        for name, old, new in zip(STATES, stored, (mean, variance), strict=True):
            states[prefix + name] = layer.momentum * old + (1 - layer.momentum) * new
    scaled = (x - mean) * lax.rsqrt(variance + layer.epsilon)
    return scaled * weights[prefix + "gamma"] + weights[prefix + "beta"]


def _max_pool(layer: nn.MaxPooling2D, x: Any) -> Any:
    from jax import lax
    from jax import numpy as jnp

    size, stride = _two(layer.pool_size), _two(layer.strides or layer.pool_size)
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, *size, 1), (1, *stride, 1), str(layer.padding).upper())


def apply(layers: Sequence[Layer], x: Any, weights: Weights, states: Weights, key: Any, start: str = "") -> Any:
    """Apply layers to x -> logits; a softmax at the end is left to the caller.

    key: of the random numbers of dropout, or None for prediction. states: changed in training. start: what the names
    of the weights begin with.
    """
    import jax
    from jax import lax

    for k, layer in enumerate(layers):
        prefix = f"{start}{k}/"
        if isinstance(layer, nn.Conv2D):
            assert isinstance(layer.padding, str)
            x = lax.conv_general_dilated(
                x,
                weights[prefix + "kernel"],
                _two(layer.strides),
                layer.padding.upper(),
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
            )
            x = x + weights[prefix + "bias"] if layer.use_bias else x
        elif isinstance(layer, nn.Dense):
            x = x @ weights[prefix + "kernel"] + weights[prefix + "bias"]
        elif isinstance(layer, nn.BatchNormalization):
            x = _normalise(layer, x, prefix, weights, states, key is not None)
        elif isinstance(layer, nn.MaxPooling2D):
            x = _max_pool(layer, x)
        elif isinstance(layer, nn.GlobalAveragePooling2D):
            x = x.mean((1, 2))
        elif isinstance(layer, nn.Dropout):
            if key is None:
                continue
            kept = jax.random.bernoulli(jax.random.fold_in(key, k), 1 - layer.rate, x.shape)
            x = jax.numpy.where(kept, x / (1 - layer.rate), 0)
        elif isinstance(layer, nn.Flatten):
            x = x.reshape(len(x), -1)
        elif isinstance(layer, nn.Add):
            ends = [
                apply(chain, x, weights, states, key, f"{prefix}{name}_")
                for name, chain in (("branch", layer.branch), ("shortcut", layer.shortcut))
            ]
            x = ends[0] + ends[1]
        elif not isinstance(layer, nn.ReLU):
            raise TypeError(f"JAX's network is written here for other layers; got {type(layer).__name__}")
        if isinstance(layer, nn.ReLU) or getattr(layer, "activation", None) == "relu":
            x = jax.nn.relu(x)
    return x


def loss(layers: Sequence[Layer], weights: Weights, states: Weights, x: Any, y: Any, key: Any) -> tuple[Any, Weights]:
    """Return the mean cross-entropy, and the statistics of the normalisations after the step."""
    import jax
    from jax import numpy as jnp

    after = dict(states)
    logits = apply(layers, x, weights, after, key)
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1)), after


def step_of(name: str, shape: tuple[int, int, int] | None = None) -> Callable[[Any, Any], object]:
    """Forward, backward and Adam in one jitted function, which reuses the memory of weights and moments"""
    import jax
    from jax import numpy as jnp

    layers = NETWORKS[name].layers()
    weights, states = weights_of(model_of(name, shape))

    def update(kept: Any, x: Any, y: Any) -> Any:
        weights, states, m, v, t = kept
        t = t + 1
        value = jax.value_and_grad(lambda w: loss(layers, w, states, x, y, jax.random.PRNGKey(t)), has_aux=True)
        (mean, states), gradient = value(weights)
        m = jax.tree.map(lambda a, g: 0.9 * a + 0.1 * g, m, gradient)
        v = jax.tree.map(lambda a, g: 0.999 * a + 0.001 * g * g, v, gradient)
        rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        weights = jax.tree.map(lambda w, a, b: w - rate * a / (jnp.sqrt(b) + 1e-7), weights, m, v)
        return (weights, states, m, v, t), mean

    jitted = jax.jit(update, donate_argnums=0)
    zeros = [jax.tree.map(jnp.zeros_like, weights) for _ in range(2)]
    kept: list[Any] = [(weights, states, *zeros, jnp.int32(0))]

    def step(x: Any, y: Any) -> object:
        kept[0], mean = jitted(kept[0], x, y)
        return float(mean)

    return step


def predict_of(name: str) -> Callable[[Any], Any]:
    """Probabilities (n, 10) as a NumPy array, by one jitted function"""
    import jax
    import numpy as np

    layers = NETWORKS[name].layers()
    weights, states = weights_of(model_of(name))
    call = jax.jit(lambda weights, states, x: jax.nn.softmax(apply(layers, x, weights, states, None)))
    return lambda x: np.asarray(call(weights, states, x))
