"""The kernels of a network's first convolution, as pictures show them."""

from __future__ import annotations

from convlens.arrays import Array
from convlens.inspection.trace import LayerTrace, Trace
from convlens.report.pixels import channels_first

__all__ = ["apart", "first_kernels", "kernel_name"]


def first_kernels(passed: Trace) -> LayerTrace | None:
    """Return the first layer with kernels of two dimensions; None if the network has no convolution."""
    return next((layer for layer in passed.layers if kernel_name(layer) is not None), None)


def kernel_name(layer: LayerTrace) -> str | None:
    """Return the name of the layer's first weight that is a kernel of two dimensions; None if it has none."""
    return next((name for name, w in layer.weights.items() if w.ndim == 4 and name.endswith("kernel")), None)


def apart(layer: LayerTrace, kernel: Array) -> Array:
    """Return the kernels (n, kh, kw) in the order of the feature maps: in a depthwise layer, channel by channel."""
    if layer.kind in ("DepthwiseConv2D", "SeparableConv2D"):
        return kernel.transpose(2, 3, 0, 1).reshape(-1, *kernel.shape[:2])
    return channels_first(kernel)
