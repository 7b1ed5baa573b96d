"""A stack of layers with its weights: forward, backward, loss, gradient. All weights are views of one flat vector."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from convlens.arrays import FLOATS, Array, is_plain, kind
from convlens.engines import Engine, FusedPass
from convlens.engines.specs import Spec
from convlens.engines.specs import fixed as only_fixed
from convlens.geometry import check_count
from convlens.machine.memory import aligned
from convlens.machine.threads import usable_threads, workers
from convlens.nn.images import Images, as_dtype
from convlens.nn.initializers import Initializer
from convlens.nn.layer import Layer, Rng, Shape, Weights, initial_weights
from convlens.nn.losses import CROSS_ENTROPY, Loss
from convlens.nn.regularizer_texts import Penalty, penalty_of
from convlens.nn.table import LayerRow, check_memory, specs_of, split_end, table
from convlens.ops import ACTIVATIONS
from convlens.ops.losses import check_labels

# Images that `predict` gives to a thread at once. 1,000 digits on two threads (benchmarks.inference) take NumPy 1.3
# times as long with 100 or 250, and 1.5 times with 1,000; Numba takes the same time with 50 to 1,000.
_PREDICT_BATCH = 500


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


class Stack:
    """A built model of layers one after the other: the part of `Sequential` that computes.

    The vector `flat` (size,) holds all trained weights, `flat_state` the running statistics, and each
    `layer_weights[k][name]` is a view of one of them. So an optimizer can update all weights in one pass.
    """

    name: str
    descriptions: tuple[Layer, ...]  # the layers as they were given
    input_shape: Shape
    dtype: np.dtype[Any]
    engine: Engine
    frozen: frozenset[int]  # the layers that training does not change, see `Layer.trainable`
    table: tuple[LayerRow, ...]
    end: str | None
    flat: Array
    flat_state: Array
    layer_weights: list[Weights]
    fused: FusedPass | None
    not_fused: str  # why there is no fused pass
    penalties: list[tuple[int, slice, Penalty]]  # a layer's number, the place of its weight in `flat`, its penalty

    def _make(self, input_shape: Shape, seed: int, initial: Initializer, known: Mapping[int, Weights]) -> None:
        """Make the table and the weights. known: the weights of layers that have some already, by their number"""
        trained, self.end = split_end(self.descriptions, input_shape)
        self.table, self.input_shape = tuple(table(trained, input_shape)), input_shape
        check_memory(self.table, self.dtype)
        rng = np.random.default_rng(seed)
        self.flat = aligned(_size(row.layer.weight_shapes(row.input_shape) for row in self.table), self.dtype)
        self.flat_state = aligned(_size(row.layer.state_shapes(row.input_shape) for row in self.table), self.dtype)
        states = self.state_views(self.flat_state)
        self.layer_weights = [{**views, **state} for views, state in zip(self.views(self.flat), states, strict=True)]
        for k, (row, views, state) in enumerate(zip(self.table, self.layer_weights, states, strict=True)):
            for name, values in initial_weights(row.layer, row.input_shape, rng, self.dtype, initial).items():
                views[name][...] = values
            for name, value in row.layer.initial_state(row.input_shape).items():
                state[name][...] = value
            old = known.get(k, {})
            own = self.layer_weights[k]
            if {name: w.shape for name, w in old.items()} == {name: w.shape for name, w in own.items()}:
                for name, w in old.items():
                    own[name][...] = w
        self.penalties = self._find_penalties()
        self._of_training: tuple[Sequence[int], FusedPass | None, Array] | None = None
        specs = self.specs()
        found = "a layer of one's own" if specs is None else self.engine.fused_pass(specs, self.flat, self.flat_state)
        self.fused, self.not_fused = (None, found) if isinstance(found, str) else (found, "")

    def _find_penalties(self) -> list[tuple[int, slice, Penalty]]:
        found, at = [], 0
        for k, row in enumerate(self.table):
            for name, shape in row.layer.weight_shapes(row.input_shape).items():
                size = math.prod(shape)
                if (text := row.layer.regularizer(name)) is not None:
                    found.append((k, slice(at, at + size), penalty_of(text)))
                at += size
        return found

    @property
    def losses(self) -> list[float]:
        """The penalties of the weights that training changes; training adds their sum to the loss."""
        return [penalty.value(self.flat[span]) for k, span, penalty in self.penalties if k not in self.frozen]

    def add_penalty_gradient(self, gradient: Array) -> None:
        """Add the gradient of the penalties to `gradient`, a vector like `flat`."""
        for k, span, penalty in self.penalties:
            if k not in self.frozen:
                gradient[span] += penalty.gradient(self.flat[span])

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
            for row, weights in zip(self.table, self.layer_weights, strict=True)
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
        if not isinstance(weights, Sequence | np.ndarray):
            raise TypeError(f"set_weights takes a list of arrays; got {type(weights).__name__}")
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
        for row, weights in zip(self.table, self.layer_weights, strict=True):
            fixed = rng is not None and row.layer.whole_batch and self._is_frozen(row)
            y, saved = row.layer.forward(x, weights, self.engine, None if fixed else rng)
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

    def logits(self, x: Array, softmax: bool = False) -> Array:
        """x (n, *input_shape) -> logits (n, classes), or if `softmax` their softmax, computed by a fused pass"""
        if self.fused is not None:
            self._check_fused(x)
            return self.fused.forward(x, softmax)
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
        check_count("threads", threads, 1)
        if not is_plain(gradient) or gradient.shape != self.flat.shape or not gradient.flags.writeable:
            got = f"{gradient.dtype} {gradient.shape}" if is_plain(gradient) else kind(gradient)
            raise ValueError(f"gradient must be a vector {self.flat.shape} that can be written; got {got}")
        fused, momenta = self._for_training() if self.fused is not None and rng is not None else (self.fused, None)
        if fused is not None:
            return self._fused_gradient(fused, momenta, x, labels, weight, gradient, threads, rng, loss, state)
        logits, passes = self.forward(x, rng)
        losses = loss.forward(logits, labels)
        each = np.empty_like(losses)
        each[...] = weight
        self.backward(loss.backward(each, logits, labels), passes, gradient)
        if state is not None:
            self._new_state(passes, state)
        return losses, logits

    def _fused_gradient(
        self,
        fused: FusedPass,
        momenta: Array | None,
        x: Array,
        labels: Array,
        weight: float | Array,
        gradient: Array,
        threads: int,
        rng: Rng | None,
        loss: Loss,
        state: Array | None,
    ) -> tuple[Array, Array]:
        self._check_fused(x)
        slopes = None
        inside = loss is CROSS_ENTROPY and len(self.output_shape) == 1
        if inside:
            check_labels(labels, len(x), self.output_shape[0])
        if not inside or isinstance(weight, np.ndarray):

            def slopes(logits: Array) -> tuple[Array, Array]:
                losses = loss.forward(logits, labels)
                each = np.empty_like(losses)
                each[...] = weight
                return losses, loss.backward(each, logits, labels)

        whole = labels if slopes is None else np.zeros(len(x), np.int64)
        number = 1.0 if isinstance(weight, np.ndarray) else weight
        found = fused.loss_gradient(x, whole, number, gradient, threads, rng, state, slopes)
        if state is not None:
            state[...] = self.flat_state if momenta is None else self.flat_state * momenta + state * (1 - momenta)
        return found

    def _for_training(self) -> tuple[FusedPass | None, Array]:
        """Return the fused pass of training, in which a frozen normalisation uses its running statistics, and how much
        of each running statistic a step keeps, a vector like `flat_state`."""
        fixed = [k for k, row in enumerate(self.table) if row.layer.whole_batch and self._is_frozen(row)]
        if self._of_training is None or self._of_training[0] != fixed:
            fused, momenta = self.fused, np.empty_like(self.flat_state)
            if fixed and fused is not None:
                each = [specs_of([row]) or () for row in self.table]
                kept = [spec for k, found in enumerate(each) for spec in (only_fixed(found) if k in fixed else found)]
                made = self.engine.fused_pass(kept, self.flat, self.flat_state)
                fused = None if isinstance(made, str) else made
            for k, (row, views) in enumerate(zip(self.table, self.state_views(momenta), strict=True)):
                for name, view in views.items():
                    view[...] = 1 if k in fixed else row.layer.momentum_of(name)
            self._of_training = fixed, fused, momenta
        return self._of_training[1:]

    def _new_state(self, passes: Sequence[LayerPass], state: Array) -> None:
        state[...] = self.flat_state
        for found, views in zip(passes, self.state_views(state), strict=True):
            if self._is_frozen(found.row):
                continue
            for name, value in found.row.layer.new_state(found.saved, found.weights).items():
                views[name][...] = value

    @property
    def to_probabilities(self) -> str:
        """The activation that turns logits into probabilities: the one at the end; without it softmax, for one output
        sigmoid"""
        return self.end or ("sigmoid" if self.output_shape == (1,) else "softmax")

    def activated(self, logits: Array) -> Array:
        """logits (n, classes) -> what the last layer gives: the same, or after a softmax at the end probabilities"""
        return ACTIVATIONS[self.end].forward(logits) if self.end else logits

    def all_outputs(self, x: Images, size: int | None = None) -> Array:
        """x (n, *input_shape) of any number type -> what the last layer gives, computed `size` images at a time"""
        if self.fused is not None and self.end == "softmax" and len(self.output_shape) == 1:
            return self._in_parts(x, size, lambda part: self.logits(part, softmax=True))
        return self.activated(self.all_logits(x, size))

    def all_logits(self, x: Images, size: int | None = None) -> Array:
        """x (n, *input_shape) of any number type -> logits (n, classes), computed `size` images at a time"""
        return self._in_parts(x, size, self.logits)

    def _in_parts(self, x: Images, size: int | None, outputs: Callable[[Array], Array]) -> Array:
        """Return outputs(x), computed `size` images at a time."""
        size = size or _PREDICT_BATCH
        if len(x) <= size:
            return outputs(as_dtype(x if isinstance(x, np.ndarray) else x[: len(x)], self.dtype))
        starts = range(0, len(x), size)

        def part(k: int) -> Array:
            return outputs(as_dtype(x[starts[k] : starts[k] + size], self.dtype))

        # a fused pass uses all cores by itself
        with workers(1 if self.fused is not None else min(usable_threads(), len(starts))) as pool:
            return np.concatenate(pool.map(part, len(starts)))

    def _is_frozen(self, row: LayerRow) -> bool:
        return bool(self.frozen) and any(row is self.table[k] for k in self.frozen if k < len(self.table))

    @contextmanager
    def kept_frozen(self, gradient: Array) -> Iterator[None]:
        """Keep the weights of frozen layers while an optimizer changes `flat`; their `gradient` becomes zero."""
        if not self.frozen:
            yield
            return
        spans, at = [], 0
        for k, row in enumerate(self.table):
            size = _size([row.layer.weight_shapes(row.input_shape)])
            if k in self.frozen and size:
                spans.append(slice(at, at + size))
            at += size
        kept = [self.flat[span].copy() for span in spans]
        for span in spans:
            gradient[span] = 0
        yield
        for span, w in zip(spans, kept, strict=True):
            self.flat[span] = w


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
