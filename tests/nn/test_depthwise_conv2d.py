"""DepthwiseConv2D and SeparableConv2D."""

import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.support.layers import check_layer, images, refused, weights_of

from convlens import ops
from convlens.engines import numpy_engine
from convlens.nn import Conv2D, DepthwiseConv2D, SeparableConv2D

SHAPE = (6, 5, 3)


@pytest.mark.parametrize(
    ("layer", "out", "weights"),
    [
        (DepthwiseConv2D((3, 2)), (4, 4, 3), {"kernel": (3, 2, 3, 1), "bias": (3,)}),
        (
            DepthwiseConv2D((2, 3), strides=(2, 1), padding="same", depth_multiplier=2, activation="silu"),
            (3, 5, 6),
            {"kernel": (2, 3, 3, 2), "bias": (6,)},
        ),
        (DepthwiseConv2D(2, dilation_rate=(3, 2), use_bias=False), (3, 3, 3), {"kernel": (2, 2, 3, 1)}),
        (
            SeparableConv2D(4, (3, 2), activation="tanh"),
            (4, 4, 4),
            {"depthwise_kernel": (3, 2, 3, 1), "pointwise_kernel": (1, 1, 3, 4), "bias": (4,)},
        ),
        (
            SeparableConv2D(2, (2, 3), (1, 2), ((1, 0), (0, 2)), depth_multiplier=2, use_bias=False),
            (6, 3, 2),
            {"depthwise_kernel": (2, 3, 3, 2), "pointwise_kernel": (1, 1, 6, 2)},
        ),
        (
            SeparableConv2D(2, 2, padding="same", dilation_rate=2),
            (6, 5, 2),
            {"depthwise_kernel": (2, 2, 3, 1), "pointwise_kernel": (1, 1, 3, 2), "bias": (2,)},
        ),
    ],
    ids=str,
)
def test_the_layer(layer, out, weights, quick_engine):
    check_layer(layer, SHAPE, out, weights, quick_engine)


def test_a_separable_convolution_is_two_layers():
    layer, x = SeparableConv2D(4, (3, 2), strides=2, padding="same", activation="relu"), images(SHAPE)
    own = weights_of(layer, SHAPE)
    first, _ = DepthwiseConv2D((3, 2), 2, "same", use_bias=False).forward(
        x, {"kernel": own["depthwise_kernel"]}, numpy_engine
    )
    second = {"kernel": own["pointwise_kernel"], "bias": own["bias"]}
    want, _ = Conv2D(4, 1, activation="relu").forward(first, second, numpy_engine)
    assert_array_equal(layer.forward(x, own, numpy_engine)[0], want)


def test_a_depthwise_convolution_is_a_convolution_with_groups():
    layer, x = DepthwiseConv2D((3, 2), depth_multiplier=2), images(SHAPE)
    own = weights_of(layer, SHAPE)
    want = ops.conv2d_forward(x, own["kernel"].reshape(3, 2, 1, 6), own["bias"], groups=3)
    assert_allclose(layer.forward(x, own, numpy_engine)[0], want, rtol=1e-12, atol=1e-12)


def test_bad_arguments_are_refused():
    assert refused(lambda: DepthwiseConv2D(2, depth_multiplier=0)) == (
        "depth_multiplier must be an integer of at least 1; got 0"
    )
    assert refused(lambda: SeparableConv2D(2, 3, strides=2, dilation_rate=(1, 2))) == (
        "strides must be 1 where dilation_rate is above 1; got strides (2, 2), dilation_rate (1, 2)"
    )
    assert refused(lambda: SeparableConv2D(2, 3).output_shape((5,))) == (
        "SeparableConv2D needs an input of shape (h, w, channels); got (5,)"
    )
    assert refused(lambda: DepthwiseConv2D(2, use_bias=None)) == "use_bias must be True or False; got None"  # type: ignore[arg-type]  # on purpose
