"""ONNX's operators by convlens.ops: a function for each, of a node's attributes, its inputs and an engine.

convlens has fewer parameters than ONNX, and always two axes. The other cases are expressed with the operations of
convlens:

- NCHW becomes NHWC. One axis becomes two axes, the first of size 1.
- Padding that counts in an average becomes zeros in the input.
- The windows that `ceil_mode` adds become explicit padding.
- A dilated kernel becomes a kernel with zeros between its cells.
- A dilated pool becomes pools of every second row and column, one for each start.
- A transposed convolution is the gradient of a convolution.
- Response normalisation divides alpha by the size, as ONNX defines it.
- A hard sigmoid, SELU or swish with other constants is one of convlens with its input and output scaled.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from convlens import ops
from convlens.geometry import same_pads

__all__ = ["RUNNERS"]


class Attributes:
    """The attributes of a node, for two axes. An attribute that the runner has not read is an error."""

    def __init__(self, values, axes):
        self.values, self.axes = dict(values), axes

    def take(self, name, default):
        return self.values.pop(name, default)

    def per_axis(self, name, default):
        """Return two numbers. If the case has one axis, the first is the default."""
        given = self.take(name, [default] * self.axes)
        return tuple(given) if self.axes == 2 else (default, *given)

    def padding(self, size, kernel, stride):
        """Return the padding as ((top, bottom), (left, right))."""
        rule = self.take("auto_pad", "NOTSET")
        given = self.take("pads", [0] * 2 * self.axes)
        if rule == "NOTSET":
            begin, end = given[: self.axes], given[self.axes :]
            sides = tuple(zip(begin, end, strict=True))
            return sides if self.axes == 2 else ((0, 0), *sides)
        sides = tuple(same_pads(s, k, step) for s, k, step in zip(size, kernel, stride, strict=True))
        return {"SAME_UPPER": sides, "SAME_LOWER": tuple((after, before) for before, after in sides)}[rule]

    def done(self):
        assert not self.values, f"attributes that convlens' runner does not know: {self.values}"


def to_nhwc(x):
    if x.ndim == 3:
        x = x[:, :, None]
    return x.transpose(0, 2, 3, 1)


def from_nhwc(y, axes):
    y = y.transpose(0, 3, 1, 2)
    return y if axes == 2 else y[:, :, 0]


def to_hwio(w, dilation):
    """Convert an ONNX kernel (co, ci, kh, kw) to (kh, kw, ci, co). A dilated kernel gets zeros between its cells."""
    if w.ndim == 3:
        w = w[:, :, None]
    size = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilation, strict=True)]
    spread = np.zeros((*w.shape[:2], *size), w.dtype)
    spread[:, :, :: dilation[0], :: dilation[1]] = w
    return spread.transpose(2, 3, 1, 0)


def conv(values, inputs, engine):
    x, w, *b = inputs
    given = Attributes(values, x.ndim - 2)
    given.take("kernel_shape", None)
    groups, stride = given.take("group", 1), given.per_axis("strides", 1)
    kernel = to_hwio(w, given.per_axis("dilations", 1))
    pads = given.padding(to_nhwc(x).shape[1:3], kernel.shape[:2], stride)
    given.done()
    bias = b[0] if b else np.zeros(len(w), x.dtype)
    y = ops.conv2d_forward(to_nhwc(x), kernel, bias, padding=pads, stride=stride, groups=groups, engine=engine)
    return from_nhwc(y, x.ndim - 2)


def conv_transpose(values, inputs, engine):
    x, w, *b = inputs
    axes = x.ndim - 2
    given = Attributes(values, axes)
    given.take("kernel_shape", None)
    groups = given.take("group", 1)
    stride, dilation = given.per_axis("strides", 1), given.per_axis("dilations", 1)
    extra = given.per_axis("output_padding", 0)
    kernel = to_hwio(w, dilation)
    dy = to_nhwc(x)
    full = [(n - 1) * s + k + e for n, s, k, e in zip(dy.shape[1:3], stride, kernel.shape[:2], extra, strict=True)]
    wanted, rule = given.take("output_shape", None), given.values.get("auto_pad", "NOTSET")
    if wanted is None and rule != "NOTSET":
        wanted = [n * s for n, s in zip(dy.shape[1:3], stride, strict=True)]
    if wanted is None:
        pads = given.padding(None, None, stride)
        out = [size - sum(side) for size, side in zip(full, pads, strict=True)]
    else:
        assert given.take("auto_pad", "NOTSET") in ("NOTSET", "SAME_UPPER")
        out = list(wanted)
        totals = [max(size - less, 0) for size, less in zip(full, out, strict=True)]
        pads = tuple((t // 2, t - t // 2) if rule == "SAME_UPPER" else (t - t // 2, t // 2) for t in totals)
    given.done()
    like = np.zeros((len(x), *out, groups * kernel.shape[2]), x.dtype)
    y, _, _ = ops.conv2d_backward(dy, like, kernel, padding=pads, stride=stride, groups=groups, engine=engine)
    return from_nhwc(y + b[0] if b else y, axes)


def with_ceil(size, kernel, stride, side):
    """The padding of one axis for `ceil_mode`: the last window fits if it starts on the input or its first pad."""
    before, after = side
    windows = -(-(before + size + after - kernel) // stride) + 1
    if (windows - 1) * stride >= before + size:
        windows -= 1
    return before, max(after, (windows - 1) * stride + kernel - size - before)


def pool(function, values, inputs, engine):
    (x,) = inputs
    axes = x.ndim - 2
    given = Attributes(values, axes)
    kernel, stride = given.per_axis("kernel_shape", 1), given.per_axis("strides", 1)
    dilation = given.per_axis("dilations", 1)
    x = to_nhwc(x)
    size = x.shape[1:3]
    declared = pads = given.padding(size, kernel, stride)
    if given.take("ceil_mode", 0):
        pads = tuple(map(with_ceil, size, kernel, stride, declared))
    if given.take("count_include_pad", 0):
        x = np.pad(x, ((0, 0), *declared, (0, 0)))
        pads = tuple((0, wanted[1] - had[1]) for wanted, had in zip(pads, declared, strict=True))
    given.done()

    def plain(x):
        return function(x, kernel, stride=stride, padding=pads, engine=engine)

    if dilation == (1, 1):
        return from_nhwc(plain(x), axes)
    assert stride == (1, 1) and pads == ((0, 0), (0, 0))
    rows, columns = (size - (k - 1) * d for size, k, d in zip(x.shape[1:3], kernel, dilation, strict=True))
    y = np.empty((len(x), rows, columns, x.shape[3]), x.dtype)
    for a in range(dilation[0]):
        for b in range(dilation[1]):
            y[:, a :: dilation[0], b :: dilation[1]] = plain(x[:, a :: dilation[0], b :: dilation[1]])
    return from_nhwc(y, axes)


def lrn(values, inputs, engine):
    (x,) = inputs
    given = Attributes(values, x.ndim - 2)
    size = given.take("size", None)
    numbers = {"k": given.take("bias", 1.0), "alpha": given.take("alpha", 1e-4), "beta": given.take("beta", 0.75)}
    given.done()
    numbers["alpha"] /= size
    return from_nhwc(ops.local_response_norm_forward(to_nhwc(x), size=size, **numbers), 2)


def activation(function, values, inputs, engine):
    (x,) = inputs
    Attributes(values, x.ndim - 2).done()
    return function(x)


def batch_norm(values, inputs, engine):
    """One output, or in training mode three: y and the running statistics."""
    x, *vectors = inputs
    given = Attributes(values, x.ndim - 2)
    epsilon, momentum = given.take("epsilon", 1e-5), given.take("momentum", 0.9)
    training = given.take("training_mode", 0)
    given.done()
    if not training:
        return from_nhwc(ops.batch_norm_forward(to_nhwc(x), *vectors, epsilon=epsilon), 2)
    gamma, beta, *running = vectors
    y, found = ops.batch_norm_training_forward(to_nhwc(x), gamma, beta, epsilon=epsilon)
    pairs = zip(running, (found.mean, found.variance), strict=True)
    return from_nhwc(y, 2), *(old * momentum + new * (1 - momentum) for old, new in pairs)


def global_pool(function, values, inputs, engine):
    (x,) = inputs
    Attributes(values, 2).done()
    return function(to_nhwc(x))[:, :, None, None]


def with_constants(function, defaults, values, inputs, engine):
    """An activation with constants: function(x, constants in the order of `defaults`)"""
    (x,) = inputs
    given = Attributes(values, x.ndim - 2)
    constants = [given.take(name, default) for name, default in defaults.items()]
    given.done()
    return function(x, *constants)


def hard_sigmoid(x, alpha, beta):
    """min(max(alpha x + beta, 0), 1)"""
    return ops.hard_sigmoid_forward(6 * (alpha * x + beta - 0.5))


def selu(x, alpha, gamma):
    """gamma elu(x, alpha); without constants ONNX's are those of the paper"""
    return ops.selu_forward(x) if alpha is None else gamma * ops.elu_forward(x, alpha)


def softmax(values, inputs, engine):
    (x,) = inputs
    given = Attributes(values, x.ndim - 2)
    y = ops.softmax_forward(x, given.take("axis", -1))
    given.done()
    return y


RUNNERS: dict[str, Callable[..., np.ndarray]] = {
    "AveragePool": functools.partial(pool, ops.avg_pool2d_forward),
    "BatchNormalization": batch_norm,
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "Elu": functools.partial(with_constants, ops.elu_forward, {"alpha": 1.0}),
    "Exp": functools.partial(activation, ops.exponential_forward),
    "Gelu": functools.partial(
        with_constants, lambda x, how: ops.gelu_forward(x, approximate=how == "tanh"), {"approximate": "none"}
    ),
    "GlobalAveragePool": functools.partial(global_pool, ops.global_avg_pool2d_forward),
    "GlobalMaxPool": functools.partial(global_pool, ops.global_max_pool2d_forward),
    "HardSigmoid": functools.partial(with_constants, hard_sigmoid, {"alpha": 0.2, "beta": 0.5}),
    "HardSwish": functools.partial(activation, ops.hard_silu_forward),
    "LRN": lrn,
    "LeakyRelu": functools.partial(with_constants, ops.leaky_relu_forward, {"alpha": 0.01}),
    "MaxPool": functools.partial(pool, ops.max_pool2d_forward),
    "Relu": functools.partial(activation, ops.relu_forward),
    "Selu": functools.partial(with_constants, selu, {"alpha": None, "gamma": None}),
    "Sigmoid": functools.partial(activation, ops.sigmoid_forward),
    "Softmax": softmax,
    "Softplus": functools.partial(activation, ops.softplus_forward),
    "Softsign": functools.partial(activation, ops.softsign_forward),
    "Swish": functools.partial(with_constants, lambda x, alpha: ops.silu_forward(alpha * x) / alpha, {"alpha": 1.0}),
    "Tanh": functools.partial(activation, ops.tanh_forward),
    "ThresholdedRelu": functools.partial(
        with_constants, lambda x, alpha: ops.threshold_relu_forward(x, threshold=alpha), {"alpha": 1.0}
    ),
}
