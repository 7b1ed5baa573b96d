"""One operation a file, forward with backward under it.

The backward takes the incoming gradient first, then the forward's own arguments. Gradients are returned, never
accumulated.
Arrays are float32 or float64, NHWC and HWIO; results take the inputs' dtype, and nothing passed in is changed.
"""

from convlens.ops.activations import (
    relu_backward,
    relu_forward,
    sigmoid_backward,
    sigmoid_forward,
    softmax_backward,
    softmax_forward,
    tanh_backward,
    tanh_forward,
)
from convlens.ops.conv import conv2d_backward, conv2d_forward
from convlens.ops.dense import dense_backward, dense_forward
from convlens.ops.losses import softmax_cross_entropy_backward, softmax_cross_entropy_forward
from convlens.ops.norm import local_response_norm_backward, local_response_norm_forward
from convlens.ops.pool import avg_pool2d_backward, avg_pool2d_forward, max_pool2d_backward, max_pool2d_forward

__all__ = [
    "avg_pool2d_backward",
    "avg_pool2d_forward",
    "conv2d_backward",
    "conv2d_forward",
    "dense_backward",
    "dense_forward",
    "local_response_norm_backward",
    "local_response_norm_forward",
    "max_pool2d_backward",
    "max_pool2d_forward",
    "relu_backward",
    "relu_forward",
    "sigmoid_backward",
    "sigmoid_forward",
    "softmax_backward",
    "softmax_cross_entropy_backward",
    "softmax_cross_entropy_forward",
    "softmax_forward",
    "tanh_backward",
    "tanh_forward",
]
