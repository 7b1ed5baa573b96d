"""A stack of layers with its weights. All weights are views of one flat vector."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from convlens.arrays import FLOATS, Array, is_plain, kind
from convlens.engines import get_engine
from convlens.engines.specs import Spec
from convlens.machine.memory import aligned
from convlens.machine.threads import Workers, usable_threads, workers
from convlens.nn.initializers import Initializer, he_normal
from convlens.nn.layer import Layer, Rng, Shape, Weights, initial_weights
from convlens.nn.losses import CROSS_ENTROPY, Loss
from convlens.ops import ACTIVATIONS
from convlens.ops.losses import check_labels

# Images that `predict` gives to a thread at once. 1,000 digits on two threads (benchmarks.inference) take NumPy 1.3
# times as long with 100 or 250, and 1.5 times with 1,000; Numba takes the same time with 50 to 1,000.
_PREDICT_BATCH = 500


class LayerRow(NamedTuple):
    """One row of a model's table: a layer with its name, shapes and number of parameters"""

    name: str
    layer: Layer
    input_shape: Shape
    output_shape: Shape
    parameters: int


class LayerPass(NamedTuple):
    """A layer in a forward pass: weights, input x and output y (n, …), and `saved`, the values for its backward"""

    row: LayerRow
    weights: Weights
    x: Array
    y: Array
    saved: Any


class LayerGradients(NamedTuple):
    """A layer in a backward pass: the gradients of its output, its input and its weights by name

    dx is None for the first layer, unless the caller asked for it.
    """

    row: LayerRow
    dy: Array
    dx: Array | None
    d_weights: Weights


def split_end(layers: Sequence[Layer], input_shape: Shape) -> tuple[tuple[Layer, ...], str | None]:
    """Return the layers without a softmax or sigmoid at their end, and the name of that activation, or None.

    It is taken off only where the output is one number for each class: there the loss computes it from the logits.
    """
    if not layers:
        raise ValueError("a Sequential needs at least one layer; got none")
    *most, last = layers
    left, end = last.split_end()
    rest = (*most, *([] if left is None else [left]))
    if end is None or not rest or len(list(table(layers, input_shape))[-1].output_shape) != 1:
        return tuple(layers), None
    return rest, end


def table(layers: Sequence[Layer], input_shape: Shape) -> Iterator[LayerRow]:
    """Yield the table's rows for examples of `input_shape`; a ValueError names the first layer that does not fit."""
    if not layers:
        raise ValueError("a Sequential needs at least one layer; got none")
    counts: Counter[str] = Counter()
    given = [layer.name for layer in layers if layer.name is not None]
    if twice := next((name for name in given if given.count(name) > 1), None):
        raise ValueError(f"the names of layers must differ; got {twice!r} twice")
    shape = input_shape
    for layer in layers:
        name = layer.name
        while name is None or (layer.name is None and name in given):
            name = layer.kind + (f"_{counts[layer.kind]}" if counts[layer.kind] else "")
            counts[layer.kind] += 1
        try:
            out = layer.output_shape(shape)
        except ValueError as error:
            raise ValueError(f"layer {name}: {error}") from None
        sizes = (*layer.weight_shapes(shape).values(), *layer.state_shapes(shape).values())
        yield LayerRow(name, layer, shape, out, sum(map(math.prod, sizes)))
        shape = out


def specs_of(rows: Iterable[LayerRow]) -> tuple[Spec, ...] | None:
    """Return the specifications of all layers in order; None if a layer has none."""
    found: list[Spec] = []
    for row in rows:
        specs = row.layer.specs(row.input_shape)
        if specs is None:
            return None
        found += specs
    return tuple(found)


class Sequential:
    """A model of layers one after the other.

    layers: descriptions from `convlens.nn`. A softmax or sigmoid at the end belongs to the loss and to `predict`: `end`
    is its name, `table` leaves it out, and `logits` are the numbers before it.
    input_shape: (h, w, c) of one example. seed: seed of the random kernels, which `initial` draws. dtype: float32 to
    train, float64 to check. engine: see `convlens.engines.get_engine`.
    The vector `flat` (size,) holds all trained weights, `flat_state` the running statistics, and each
    `weights[k][name]` is a view of one of them. So an optimizer can update all weights in one pass.
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
        if self.dtype not in FLOATS:
            raise ValueError(f"dtype must be float32 or float64; got {self.dtype}")
        trained, self.end = split_end(self.layers, self.input_shape)
        self.table = tuple(table(trained, self.input_shape))
        rng = np.random.default_rng(seed)
        self.flat: Array = aligned(_size(row.layer.weight_shapes(row.input_shape) for row in self.table), self.dtype)
        self.flat_state: Array = aligned(
            _size(row.layer.state_shapes(row.input_shape) for row in self.table), self.dtype
        )
        states = self.state_views(self.flat_state)
        self.weights = [{**views, **state} for views, state in zip(self.views(self.flat), states, strict=True)]
        for row, views, state in zip(self.table, self.weights, states, strict=True):
            for name, values in initial_weights(row.layer, row.input_shape, rng, self.dtype, initial).items():
                views[name][...] = values
            for name, value in row.layer.initial_state(row.input_shape).items():
                state[name][...] = value
        specs = self.specs()
        self.fused = None if specs is None else self.engine.fused_pass(specs, self.flat)

    def specs(self) -> tuple[Spec, ...] | None:
        """Return the network's specifications, plain numbers for each operation; None if a layer has none."""
        return specs_of(self.table)

    def views(self, flat: Array) -> list[Weights]:
        """Return views of a vector as long as `flat`: for each layer, arrays with its weights' names and shapes."""
        return _views(flat, [row.layer.weight_shapes(row.input_shape) for row in self.table])

    def state_views(self, flat_state: Array) -> list[Weights]:
        """Return views of a vector as long as `flat_state`: for each layer, its running statistics by name."""
        return _views(flat_state, [row.layer.state_shapes(row.input_shape) for row in self.table])

    @property
    def output_shape(self) -> Shape:
        """The shape of one example's output, usually (classes,)."""
        return self.table[-1].output_shape

    def named_weights(self) -> dict[str, Array]:
        """Return the weights in order, as a dictionary from "layer/name" to view."""
        return {
            f"{row.name}/{name}": w
            for row, weights in zip(self.table, self.weights, strict=True)
            for name, w in weights.items()
        }

    def count_params(self) -> int:
        """Return the number of parameters. As in Keras, running statistics count too."""
        return self.flat.size + self.flat_state.size

    def get_weights(self) -> list[Array]:
        """Return copies of the weights in Keras's order: layer by layer, kernel before bias."""
        return [w.copy() for w in self.named_weights().values()]

    def set_weights(self, weights: Sequence[Array]) -> None:
        """Copy arrays into the weights, in the order of `get_weights`; ValueError if the count or a shape differs."""
        own = self.named_weights()
        if len(weights) != len(own):
            raise ValueError(f"{self.name} needs {len(own)} arrays of weights; got {len(weights)}")
        for (name, w), new in zip(own.items(), weights, strict=True):
            if w.shape != np.shape(new):
                raise ValueError(f"{self.name} needs {name} {w.shape}; got {np.shape(new)}")
        for w, new in zip(own.values(), weights, strict=True):
            w[...] = new

    def check_images(self, name: str, x: Array) -> None:
        """Raise ValueError unless x is a non-empty float array (n, *input_shape) of finite numbers."""
        if not is_plain(x) or x.dtype not in FLOATS:
            raise ValueError(f"{name} must be float32 or float64; got {kind(x)}")
        if x.shape[1:] != self.input_shape or len(x) == 0:
            shape = ", ".join(map(str, self.input_shape))
            raise ValueError(f"{name} must be (n, {shape}) with n of at least 1; got {x.shape}")
        if not np.isfinite(x).all():
            raise ValueError(f"{name} must be finite; got {np.count_nonzero(~np.isfinite(x))} NaN or infinite numbers")

    def walk(self, x: Array, rng: Rng | None = None) -> Iterator[LayerPass]:
        """Run a forward pass of x (n, *input_shape) and yield each layer; a layer runs when the caller asks for it.

        rng: generator for the layers that draw random numbers during training, see `Dropout`; None at prediction
        """
        for row, weights in zip(self.table, self.weights, strict=True):
            y, saved = row.layer.forward(x, weights, self.engine, rng)
            yield LayerPass(row, weights, x, y, saved)
            x = y

    def walk_back(self, dy: Array, passes: Sequence[LayerPass], *, need_dx: bool = False) -> Iterator[LayerGradients]:
        """Run a backward pass and yield the gradients of each layer, from the last layer to the first.

        dy: the gradient of the last output. passes: everything that `walk` yielded. need_dx: whether to compute the
        gradient of the images too
        """
        for k in reversed(range(len(passes))):
            row, weights, _, _, saved = passes[k]
            dx, d_weights = row.layer.backward(dy, saved, weights, self.engine, need_dx=need_dx or k > 0)
            yield LayerGradients(row, dy, dx, d_weights)
            if k:
                assert dx is not None
                dy = dx

    def forward(self, x: Array, rng: Rng | None = None) -> tuple[Array, list[LayerPass]]:
        """x (n, *input_shape) -> logits (n, classes), and the passes that `backward` needs. rng: see `walk`"""
        passes = list(self.walk(x, rng))
        return passes[-1].y, passes

    def backward(self, dlogits: Array, passes: Sequence[LayerPass], gradient: Array) -> None:
        """Write the gradient of all weights into `gradient`, a vector like `flat`.

        dlogits (n, classes): the gradient of the logits. passes: as `forward` returned them
        """
        views = {row.name: views for row, views in zip(self.table, self.views(gradient), strict=True)}
        for found in self.walk_back(dlogits, passes):
            for name, value in found.d_weights.items():
                views[found.row.name][name][...] = value
            del found  # so that its arrays are free while the next layer runs

    def logits(self, x: Array) -> Array:
        """x (n, *input_shape) -> logits (n, classes)"""
        if self.fused is not None:
            self._check_fused(x)
            return self.fused.forward(x)
        for layer in self.walk(x):  # no pass is kept, so memory holds two layers, not all
            x = layer.y
        return x

    def _check_fused(self, x: Array) -> None:
        """Raise ValueError unless x fits a fused pass. Without a fused pass, each operation checks its own input."""
        if not is_plain(x) or x.dtype != self.dtype:
            raise ValueError(f"x must be {self.dtype}, the model's dtype; got {kind(x)}")
        if x.shape[1:] != self.input_shape or len(x) == 0:
            raise ValueError(f"x must be (n, {str(self.input_shape)[1:]} with n of at least 1; got {x.shape}")

    def loss_gradient(
        self,
        x: Array,
        labels: Array,
        weight: float | Array,
        gradient: Array,
        threads: int = 1,
        rng: Rng | None = None,
        *,
        loss: Loss = CROSS_ENTROPY,
        state: Array | None = None,
    ) -> tuple[Array, Array]:
        """Run one forward and backward pass: x (n, *input_shape), labels (n,) -> loss (n,), logits (n, classes)

        The gradient of sum(weight * loss) is written into `gradient`, a vector like `flat`; with weight 1 / n it is the
        gradient of the mean loss. weight may be an array (n,), a weight for each example. threads: number of threads
        that an engine's fused pass uses. rng: generator for the layers that draw random numbers during training, such
        as Dropout; without it these layers do nothing, and a normalisation uses its running statistics. state: a vector
        like `flat_state`, which gets the running statistics after this step.
        """
        if self.fused is not None and loss is CROSS_ENTROPY and not isinstance(weight, np.ndarray):
            self._check_fused(x)
            check_labels(labels, len(x), self.output_shape[0])
            return self.fused.loss_gradient(x, labels, weight, gradient, threads)
        logits, passes = self.forward(x, rng)
        losses = loss.forward(logits, labels)
        each = np.empty_like(losses)
        each[...] = weight
        self.backward(loss.backward(each, logits, labels), passes, gradient)
        if state is not None:
            self._new_state(passes, state)
        return losses, logits

    def _new_state(self, passes: Sequence[LayerPass], state: Array) -> None:
        state[...] = self.flat_state
        for found, views in zip(passes, self.state_views(state), strict=True):
            for name, value in found.row.layer.new_state(found.saved, found.weights).items():
                views[name][...] = value

    def predict(self, x: Array) -> Array:
        """x (n, *input_shape) -> what the last layer gives: logits, or after a softmax at the end probabilities"""
        logits = self._all_logits(x)
        return ACTIVATIONS[self.end].forward(logits) if self.end else logits

    def probabilities(self, x: Array) -> Array:
        """x (n, *input_shape) -> probabilities (n, classes), whether the model ends in a softmax or in logits"""
        return ACTIVATIONS[self.end or "softmax"].forward(self._all_logits(x))

    def _all_logits(self, x: Array) -> Array:
        self.check_images("x", x)
        starts = range(0, len(x), _PREDICT_BATCH)
        with workers(min(usable_threads(), len(starts))) if len(starts) > 1 else nullcontext(Workers(1)) as pool:
            parts = pool.map(lambda k: self.logits(x[starts[k] : starts[k] + _PREDICT_BATCH]), len(starts))
        return np.concatenate(parts)

    def summary(self) -> str:
        """Return the table of layers as text: name, kind, output shape, parameters."""
        head = ("layer", "kind", "output shape", "parameters")
        lines = [
            (row.name, type(row.layer).__name__, " × ".join(map(str, row.output_shape)), f"{row.parameters:,}")
            for row in self.table
        ]
        a, b, c, d = (max(map(len, column)) for column in zip(head, *lines, strict=True))
        text = [f"{line[0]:{a}}  {line[1]:{b}}  {line[2]:{c}}  {line[3]:>{d}}" for line in [head, *lines]]
        rule = "-" * len(text[0])
        total = f"{self.name}: {self.count_params():,} parameters, {self.dtype}, engine {self.engine.name}"
        end = [f"{self.end}: part of the loss and of predict"] if self.end else []
        return "\n".join([text[0], rule, *text[1:], *end, rule, total])


def _size(shapes: Iterable[dict[str, Shape]]) -> int:
    return sum(math.prod(shape) for found in shapes for shape in found.values())


def _views(flat: Array, shapes: Sequence[dict[str, Shape]]) -> list[Weights]:
    found, start = [], 0
    for named in shapes:
        views = {}
        for name, shape in named.items():
            views[name] = flat[start : start + math.prod(shape)].reshape(shape)
            start += math.prod(shape)
        found.append(views)
    return found
