"""A stack of layers with its weights, all of them views of one flat vector."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from convlens import ops
from convlens.arrays import FLOATS, Array, is_plain, kind
from convlens.engines import Network, get_engine
from convlens.machine.memory import aligned
from convlens.machine.threads import Workers, usable_threads, workers
from convlens.nn.initializers import Initializer, he_normal
from convlens.nn.layers import Layer, Shape, Weights, initial_weights
from convlens.ops.losses import Labels, check_labels

_PREDICT_BATCH = 500


class Row(NamedTuple):
    """One line of a model's table."""

    name: str
    layer: Layer
    input_shape: Shape
    output_shape: Shape
    parameters: int


class Sequential:
    """Layers one after the other, ending in logits (n, classes).

    layers: descriptions from `convlens.nn`. input_shape: (h, w, c) of one example. seed: of the kernels, drawn by
    `initial`. dtype: float32 to train, float64 to check. engine: see `convlens.engines.get_engine`.
    The weights are `flat` (size,); `weights[k][name]` are views of it, so that an optimizer moves them all in one pass.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        input_shape: Shape,
        *,
        name: str = "sequential",
        seed: int = 0,
        dtype: DTypeLike = np.float32,
        engine: str = "auto",
        initial: Initializer = he_normal,
    ) -> None:
        self.name = name
        self.layers = tuple(layers)
        self.input_shape = tuple(input_shape)
        self.dtype = np.dtype(dtype)
        self.engine = get_engine(engine)
        if not self.layers:
            raise ValueError("a Sequential needs at least one layer; got none")
        if self.dtype not in FLOATS:
            raise ValueError(f"dtype must be float32 or float64; got {self.dtype}")
        self.table = tuple(self._rows())
        rng = np.random.default_rng(seed)
        self.flat: Array = aligned(sum(row.parameters for row in self.table), self.dtype)
        self.weights = self.views(self.flat)
        for row, views in zip(self.table, self.weights, strict=True):
            for name, values in initial_weights(row.layer, row.input_shape, rng, self.dtype, initial).items():
                views[name][...] = values
        self.network = self._network()

    def _network(self) -> Network | None:
        """The engine's own passes, if it has them for these layers: images, flattened, then dense layers."""
        found = [row.layer.step(row.input_shape) for row in self.table]
        kinds = [type(step).__name__ for step in found]
        flat = kinds.index("Flatten") if "Flatten" in kinds else len(kinds)
        if None in found or set(kinds[:flat]) - {"Conv", "Pool"} or set(kinds[flat + 1 :]) != {"Dense"}:
            return None
        return self.engine.network([step for step in found if step is not None], self.flat)

    def _rows(self) -> Iterator[Row]:
        counts: Counter[str] = Counter()
        shape = self.input_shape
        for layer in self.layers:
            name = layer.kind + (f"_{counts[layer.kind]}" if counts[layer.kind] else "")
            counts[layer.kind] += 1
            try:
                out = layer.output_shape(shape)
            except ValueError as error:
                raise ValueError(f"layer {name}: {error}") from None
            yield Row(name, layer, shape, out, sum(map(math.prod, layer.weight_shapes(shape).values())))
            shape = out

    def views(self, flat: Array) -> list[Weights]:
        """A vector as long as `flat`, cut into arrays of the weights' names and shapes, layer by layer: no copies."""
        found, start = [], 0
        for row in self.table:
            views = {}
            for name, shape in row.layer.weight_shapes(row.input_shape).items():
                views[name] = flat[start : start + math.prod(shape)].reshape(shape)
                start += math.prod(shape)
            found.append(views)
        return found

    @property
    def output_shape(self) -> Shape:
        """The shape of one example's logits."""
        return self.table[-1].output_shape

    def named_weights(self) -> dict[str, Array]:
        """The weights as "layer/name" -> view, in order."""
        return {
            f"{row.name}/{name}": w
            for row, weights in zip(self.table, self.weights, strict=True)
            for name, w in weights.items()
        }

    def count_params(self) -> int:
        """How many numbers are trained."""
        return self.flat.size

    def get_weights(self) -> list[Array]:
        """Copies of the weights, in Keras's order: kernel and bias, layer by layer."""
        return [w.copy() for w in self.named_weights().values()]

    def set_weights(self, weights: Sequence[Array]) -> None:
        """Take over arrays in the order of `get_weights`; ValueError if their number or a shape differs."""
        own = self.named_weights()
        if len(weights) != len(own):
            raise ValueError(f"{self.name} needs {len(own)} arrays of weights; got {len(weights)}")
        for (name, w), new in zip(own.items(), weights, strict=True):
            if w.shape != np.shape(new):
                raise ValueError(f"{self.name} needs {name} {w.shape}; got {np.shape(new)}")
        for w, new in zip(own.values(), weights, strict=True):
            w[...] = new

    def check_images(self, name: str, x: Array) -> None:
        """A ValueError unless x is a non-empty float array (n, *input_shape) of numbers."""
        if not is_plain(x) or x.dtype not in FLOATS:
            raise ValueError(f"{name} must be float32 or float64; got {kind(x)}")
        if x.shape[1:] != self.input_shape or len(x) == 0:
            shape = ", ".join(map(str, self.input_shape))
            raise ValueError(f"{name} must be (n, {shape}) with n of at least 1; got {x.shape}")
        if not np.isfinite(x).all():
            raise ValueError(f"{name} must be finite; got {np.count_nonzero(~np.isfinite(x))} NaN or infinite numbers")

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> tuple[Array, list[Any]]:
        """x (n, *input_shape) -> logits (n, classes), and what each layer saved for `backward`

        rng: while training, for the layers that draw numbers, see `Dropout`
        """
        saved = []
        for layer, weights in zip(self.layers, self.weights, strict=True):
            x, kept = layer.forward(x, weights, self.engine, rng)
            saved.append(kept)
        return x, saved

    def logits(self, x: Array) -> Array:
        """x (n, *input_shape) -> logits (n, classes)"""
        if self.network is None:
            for layer, weights in zip(self.layers, self.weights, strict=True):
                x, _ = layer.forward(x, weights, self.engine)  # nothing is kept: memory for two layers, not for all
            return x
        self._check_pass(x)
        return self.network.forward(x)

    def _check_pass(self, x: Array) -> None:
        """What an engine's own pass relies on; layer by layer, each operation checks for itself."""
        if not is_plain(x) or x.dtype != self.dtype:
            raise ValueError(f"x must be {self.dtype} as the model is; got {kind(x)}")
        if x.shape[1:] != self.input_shape or len(x) == 0:
            raise ValueError(f"x must be (n, {str(self.input_shape)[1:]} with n of at least 1; got {x.shape}")

    def backward(self, dlogits: Array, saved: list[Any], gradient: Array) -> None:
        """dlogits (n, classes), saved by `forward` -> gradient, a vector like `flat`, is written"""
        dy: Array | None = dlogits
        views = self.views(gradient)
        for k in reversed(range(len(self.layers))):
            assert dy is not None
            dy, grads = self.layers[k].backward(dy, saved[k], self.weights[k], self.engine, need_dx=k > 0)
            for name, value in grads.items():
                views[k][name][...] = value

    def loss_gradient(
        self,
        x: Array,
        labels: Labels,
        weight: float,
        gradient: Array,
        threads: int = 1,
        rng: np.random.Generator | None = None,
    ) -> tuple[Array, Array]:
        """One pass there and back: loss (n,), logits (n, classes); `gradient` of weight * sum(loss) is written

        x (n, *input_shape), labels (n,); with weight 1 / n it is the gradient of the mean loss. An engine with a pass
        of its own shares it among the threads. rng: for the layers that draw numbers while training, as Dropout does;
        without it they do nothing.
        """
        if self.network is not None:
            self._check_pass(x)
            check_labels(labels, len(x), self.output_shape[0])
            return self.network.loss_gradient(x, labels, weight, gradient, threads)
        logits, saved = self.forward(x, rng)
        loss = ops.softmax_cross_entropy_forward(logits, labels)
        dlogits = ops.softmax_cross_entropy_backward(np.full_like(loss, weight), logits, labels)
        self.backward(dlogits, saved, gradient)
        return loss, logits

    def predict(self, x: Array) -> Array:
        """Probabilities (n, classes): the softmax of the logits"""
        self.check_images("x", x)
        starts = range(0, len(x), _PREDICT_BATCH)
        with workers(min(usable_threads(), len(starts))) if len(starts) > 1 else nullcontext(Workers(1)) as crew:
            parts = crew.map(lambda k: self.logits(x[starts[k] : starts[k] + _PREDICT_BATCH]), len(starts))
        return ops.softmax_forward(np.concatenate(parts))

    def summary(self) -> str:
        """The table of layers as text: name, kind, output shape, parameters."""
        head = ("layer", "kind", "output shape", "parameters")
        lines = [
            (row.name, type(row.layer).__name__, " × ".join(map(str, row.output_shape)), f"{row.parameters:,}")
            for row in self.table
        ]
        a, b, c, d = (max(map(len, column)) for column in zip(head, *lines, strict=True))
        text = [f"{line[0]:{a}}  {line[1]:{b}}  {line[2]:{c}}  {line[3]:>{d}}" for line in [head, *lines]]
        rule = "-" * len(text[0])
        total = f"{self.name}: {self.count_params():,} parameters, {self.dtype}, engine {self.engine.name}"
        return "\n".join([text[0], rule, *text[1:], rule, total])
