"""One training step of networks that people start from: convlens compared with Keras and with PyTorch.

    python -m benchmarks.steps [NETWORK …]

All programs get the same weights, images and labels. They compute the mean loss and the gradient of all weights in
training mode: normalisations use the statistics of the batch. Dropout is left out, since each program draws its own
zeros. The error of a step is the larger of two relative errors: of the loss, and of the whole gradient,
|ours - theirs| / |theirs| in the Euclidean norm. PyTorch's networks are written here layer by layer, from the layers'
fields; Keras's come from `to_keras`.

The figure is the median over SEEDS batches. At a ReLU's kink or a tie of a pooling window the gradient has no single
value, so rounding may switch a unit and change the gradient by far more than rounding. The note counts the batches with
an error above the bound, and how many of them come that near to a switch in float64.
"""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from benchmarks.table import Row, show
from convlens import nn
from convlens.arrays import Array
from convlens.models import build_model
from convlens.nn import Layer, Sequential

BATCH = 4  # few images, so that few units are near a switch
ASKED = {"float64": 1e-10, "float32": 1e-5}
ENGINES = ("numpy", "numba")
SEEDS = 5
NEAR = 2e-6  # distance to a switch, in units of the layer's root mean square, that float32's rounding can reach


def cifar_tutorial() -> Sequence[Layer]:
    """The network of TensorFlow's tutorial on CIFAR-10"""
    return (
        nn.Conv2D(32, (3, 3), activation="relu"),
        nn.MaxPooling2D((2, 2)),
        nn.Conv2D(64, (3, 3), activation="relu"),
        nn.MaxPooling2D((2, 2)),
        nn.Conv2D(64, (3, 3), activation="relu"),
        nn.Flatten(),
        nn.Dense(64, activation="relu"),
        nn.Dense(10),
    )


def mobile() -> Sequence[Layer]:
    """A network like MobileNet (Howard et al. 2017): depthwise 3 x 3 and pointwise convolutions, normalised, ReLU6"""

    def normalised(layer: Layer) -> tuple[Layer, ...]:
        return layer, nn.BatchNormalization(), nn.ReLU(max_value=6.0)

    def block(filters: int, stride: int) -> tuple[Layer, ...]:
        depthwise = nn.DepthwiseConv2D((3, 3), strides=stride, padding="same", use_bias=False)
        return *normalised(depthwise), *normalised(nn.Conv2D(filters, (1, 1), use_bias=False))

    return (
        *normalised(nn.Conv2D(16, (3, 3), padding="same", use_bias=False)),
        *block(32, 1),
        *block(64, 2),
        *block(64, 1),
        *block(128, 2),
        nn.GlobalAveragePooling2D(),
        nn.Dense(10),
    )


def _model(name: str) -> tuple[Sequence[Layer], tuple[int, ...]]:
    shape = (28, 28, 1) if name == "convnet" else (32, 32, 3)
    return build_model(name, input_shape=shape, classes=10, engine="numpy").layers, shape


NETWORKS: dict[str, Callable[[], tuple[Sequence[Layer], tuple[int, ...]]]] = {
    "Keras's MNIST convnet": lambda: _model("convnet"),
    "TensorFlow's CIFAR tutorial": lambda: (cifar_tutorial(), (32, 32, 3)),
    "vgg_small": lambda: _model("vgg_small"),
    "ResNet-8": lambda: _model("resnet8"),
    "MobileNet-like": lambda: (mobile(), (32, 32, 3)),
}


def build(name: str, dtype: str, engine: str) -> Sequential:
    """Return a network without its dropout layers; its weights are moved from their initial values."""
    layers, shape = NETWORKS[name]()
    kept = [layer for layer in layers if not isinstance(layer, nn.Dropout)]
    model = Sequential(kept, shape, dtype="float64", engine=engine, seed=3)
    model.flat *= 1 + 0.1 * np.random.default_rng(4).standard_normal(model.flat.size)
    if dtype == "float64":
        return model
    single = Sequential(kept, shape, dtype=dtype, engine=engine)
    single.set_weights([w.astype(dtype) for w in model.get_weights()])
    return single


def batch(shape: tuple[int, ...], dtype: str, seed: int) -> tuple[Array, Array]:
    """Return images (BATCH, *shape) and labels (BATCH,)."""
    rng = np.random.default_rng([5, seed])
    return rng.random((BATCH, *shape)).astype(dtype), rng.integers(0, 10, BATCH)


def ours(model: Sequential, x: Array, labels: Array) -> tuple[float, Array]:
    """Return the mean loss and the gradient (size,)."""
    gradient = np.empty_like(model.flat)
    loss, _ = model.loss_gradient(x, labels, 1 / len(x), gradient, rng=np.random.default_rng(0))
    return float(loss.mean(dtype=np.float64)), gradient


def keras_step(model: Sequential, x: Array, labels: Array) -> tuple[float, Array]:
    """The same in Keras on TensorFlow"""
    import tensorflow as tf

    from convlens.interop.keras_model import keras_weights, to_keras

    network = to_keras(model, softmax=False)
    with tf.GradientTape() as tape:
        logits = network(tf.constant(x), training=True)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    variables = keras_weights(model, network)
    found = tape.gradient(loss, [variables[name].value for name in _trained(model)])
    return float(loss), np.concatenate([np.asarray(g).ravel() for g in found])


# PyTorch -------------------------------------------------------------------------------------------------------------


def torch_step(model: Sequential, x: Array, labels: Array) -> tuple[float, Array]:
    """The same in PyTorch"""
    import torch

    weights = {name: torch.from_numpy(w.copy()).requires_grad_() for name, w in _trained(model).items()}
    value = torch.from_numpy(x).permute(0, 3, 1, 2)
    for row in model.table:
        value = torch_layer(row.layer, value, f"{row.name}/", weights)
    loss: Any = torch.nn.functional.cross_entropy(value, torch.from_numpy(labels))
    loss.backward()
    gradients = [weights[name].grad for name in weights]
    return loss.item(), np.concatenate([np.asarray(g).ravel() for g in gradients])


def _trained(model: Sequential) -> dict[str, Array]:
    views = model.views(model.flat)
    return {f"{row.name}/{name}": w for row, found in zip(model.table, views, strict=True) for name, w in found.items()}


def torch_layer(layer: Layer, x: Any, prefix: str, weights: dict[str, Any]) -> Any:
    """Apply one layer to x (n, c, h, w) or (n, units); its weights have names that begin with `prefix`."""
    import torch

    functional, get = torch.nn.functional, partial(_named, weights, prefix)
    if isinstance(layer, nn.DepthwiseConv2D):
        kernel = get("kernel")  # (kh, kw, c, multiplier)
        kh, kw, c, multiplier = kernel.shape
        w = kernel.permute(2, 3, 0, 1).reshape(c * multiplier, 1, kh, kw)
        y = functional.conv2d(_padded(layer, x, (kh, kw)), w, get("bias"), _two(layer.strides), groups=c)
    elif isinstance(layer, nn.Conv2D):
        w = get("kernel").permute(3, 2, 0, 1)
        y = functional.conv2d(_padded(layer, x, w.shape[2:]), w, get("bias"), _two(layer.strides), groups=layer.groups)
    elif isinstance(layer, nn.Dense):
        y = x @ get("kernel") + get("bias")
    elif isinstance(layer, nn.BatchNormalization):
        y = functional.batch_norm(x, None, None, get("gamma"), get("beta"), training=True, eps=layer.epsilon)
    elif isinstance(layer, nn.MaxPooling2D):
        return functional.max_pool2d(x, _two(layer.pool_size), _two(layer.strides or layer.pool_size))
    elif isinstance(layer, nn.GlobalAveragePooling2D):
        return x.mean(dim=(2, 3))
    elif isinstance(layer, nn.Flatten):
        return x.permute(0, 2, 3, 1).flatten(1) if x.ndim == 4 else x.flatten(1)
    elif isinstance(layer, nn.ReLU):
        return x.clamp(min=0) if layer.max_value is None else x.clamp(0, layer.max_value)
    elif isinstance(layer, nn.Add):
        branch, shortcut = x, x
        for k, inner in enumerate(layer.branch):
            branch = torch_layer(inner, branch, f"{prefix}branch_{k}/", weights)
        for k, inner in enumerate(layer.shortcut):
            shortcut = torch_layer(inner, shortcut, f"{prefix}shortcut_{k}/", weights)
        y = branch + shortcut
    else:
        raise TypeError(f"there is no PyTorch layer here for {type(layer).__name__}")
    function = getattr(layer, "activation", None)
    if isinstance(layer, nn.Activation):
        function = layer.activation
    return y if function in (None, "linear") else getattr(functional, function)(y)


def _named(weights: dict[str, Any], prefix: str, name: str) -> Any:
    return weights.get(prefix + name)


def _two(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


def _padded(layer: Any, x: Any, kernel: Sequence[int]) -> Any:
    """Pad x by Keras's rule: with "same", ceil(h / s) windows, and the odd row of zeros below."""
    import torch

    if layer.padding == "valid":
        return x
    assert layer.padding == "same"
    sides: list[int] = []
    for size, k, stride in reversed(list(zip(x.shape[2:], kernel, _two(layer.strides), strict=True))):
        total = max((-(-size // stride) - 1) * stride + k - size, 0)
        sides += [total // 2, total - total // 2]
    return torch.nn.functional.pad(x, sides)


PEERS = {"Keras": keras_step, "PyTorch": torch_step}


# Switches -------------------------------------------------------------------------------------------------------------


def to_a_switch(model: Sequential, x: Array) -> float:
    """Return the smallest distance to a switch in a training pass: of a ReLU's input to 0, of a maximum to the second.

    The unit is the root mean square of the layer's input, or of its output without the activation.
    """
    least = np.inf
    for found in model.walk(x, np.random.default_rng(0)):
        least = min(least, _margin(found.row.layer, found.x, found.weights, model))
    return least


def _margin(layer: Layer, x: Array, weights: dict[str, Array], model: Sequential) -> float:
    if isinstance(layer, nn.Add):
        least, ends = np.inf, []
        for name in ("branch", "shortcut"):
            y = x
            for k, inner in enumerate(getattr(layer, name)):
                prefix = f"{name}_{k}/"
                own = {key.removeprefix(prefix): w for key, w in weights.items() if key.startswith(prefix)}
                least = min(least, _margin(inner, y, own, model))
                y, _ = inner.forward(y, own, model.engine, np.random.default_rng(0))
            ends.append(y)
        return min(least, _to_zero(ends[0] + ends[1])) if layer.activation == "relu" else least
    if isinstance(layer, nn.MaxPooling2D):
        (kh, kw), (sh, sw) = _two(layer.pool_size), _two(layer.strides or layer.pool_size)
        windows = np.lib.stride_tricks.sliding_window_view(x, (kh, kw), axis=(1, 2))[:, ::sh, ::sw]
        first, second = np.sort(windows.reshape(*windows.shape[:4], -1))[..., :-3:-1].reshape(-1, 2).T
        gaps = (first - second)[first != second]  # equal maxima are zeros after a ReLU, which pass no gradient on
        return float(gaps.min() / _rms(x)) if gaps.size else np.inf
    if isinstance(layer, nn.ReLU):
        return min(_to_zero(x), np.inf if layer.max_value is None else _to_zero(x - layer.max_value))
    if isinstance(layer, nn.Activation):
        return _to_zero(x) if layer.activation == "relu" else np.inf
    if getattr(layer, "activation", None) == "relu":
        assert isinstance(layer, nn.Conv2D | nn.Dense)
        y, _ = replace(layer, activation=None).forward(x, weights, model.engine, np.random.default_rng(0))
        return _to_zero(y)
    return np.inf


def _to_zero(z: Array) -> float:
    return float(np.abs(z).min() / _rms(z))


def _rms(x: Array) -> float:
    return float(np.sqrt(np.mean(np.square(x))))


def _error(mine: tuple[float, Array], peer: tuple[float, Array]) -> float:
    (loss, gradient), (peer_loss, peer_gradient) = mine, peer
    far = np.linalg.norm(gradient - peer_gradient) / np.linalg.norm(peer_gradient)
    return max(abs(loss - peer_loss) / abs(peer_loss), float(far))


def measure(names: list[str] | None = None) -> list[Row]:
    """Return one row for each network, peer, dtype and engine."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    rows = []
    for name in NETWORKS:
        if names and not any(each.lower() in name.lower() for each in names):
            continue
        exact = build(name, "float64", "numpy")
        near = [to_a_switch(exact, batch(exact.input_shape, "float64", seed)[0]) for seed in range(SEEDS)]
        for dtype, asked in ASKED.items():
            models = {engine: build(name, dtype, engine) for engine in ENGINES}
            batches = [batch(exact.input_shape, dtype, seed) for seed in range(SEEDS)]
            for peer, step in PEERS.items():
                try:
                    peers = [step(models["numpy"], x, labels) for x, labels in batches]
                except ImportError as error:
                    rows.append(Row(f"{name}, {dtype}: one step against {peer}", "", None, "", None, str(error)))
                    continue
                for engine, model in models.items():
                    found = [
                        _error(ours(model, x, labels), theirs)
                        for (x, labels), theirs in zip(batches, peers, strict=True)
                    ]
                    above = [distance for error, distance in zip(found, near, strict=True) if error > asked]
                    explained = sum(distance < NEAR for distance in above)
                    note = f"largest {max(found):.2g}"
                    if above:
                        note += f"; {len(above)} of {SEEDS} above, {explained} of them within {NEAR:g} of a switch"
                    figure = statistics.median(found)
                    ok = figure <= asked and explained == len(above)
                    what = f"{name}, {dtype}, {engine}: one step against {peer}"
                    rows.append(Row(what, f"at most {asked:g}", figure, "", ok, note))
    return rows


if __name__ == "__main__":
    show(measure(sys.argv[1:]))
