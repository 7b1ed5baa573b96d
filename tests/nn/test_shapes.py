"""Reshape, ZeroPadding2D, Identity and global pooling."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tests.support.layers import check_layer, images, refused

from convlens.engines import numpy_engine
from convlens.nn import GlobalAveragePooling2D, GlobalMaxPooling2D, Identity, Reshape, ZeroPadding2D

SHAPE = (4, 3, 2)


@pytest.mark.parametrize(
    ("layer", "out"),
    [
        (Reshape((6, 4)), (6, 4)),
        (Reshape((2, -1, 3)), (2, 4, 3)),
        (Reshape((24,)), (24,)),
        (ZeroPadding2D(), (6, 5, 2)),
        (ZeroPadding2D((2, 0)), (8, 3, 2)),
        (ZeroPadding2D(((1, 0), (0, 3))), (5, 6, 2)),
        (Identity(), SHAPE),
        (GlobalAveragePooling2D(), (2,)),
        (GlobalAveragePooling2D(keepdims=True), (1, 1, 2)),
        (GlobalMaxPooling2D(), (2,)),
        (GlobalMaxPooling2D(keepdims=True), (1, 1, 2)),
    ],
    ids=str,
)
def test_the_layer(layer, out, quick_engine):
    check_layer(layer, SHAPE, out, {}, quick_engine)


def test_what_they_compute():
    x = images(SHAPE)
    for layer, want in (
        (Reshape((2, -1, 3)), x.reshape(3, 2, 4, 3)),
        (ZeroPadding2D(((1, 0), (0, 3))), np.pad(x, ((0, 0), (1, 0), (0, 3), (0, 0)))),
        (GlobalMaxPooling2D(), x.max((1, 2))),
        (GlobalMaxPooling2D(keepdims=True), x.max((1, 2), keepdims=True)),
    ):
        assert_array_equal(layer.forward(x, {}, numpy_engine)[0], want)
    assert ZeroPadding2D(2) == ZeroPadding2D((2, 2)) == ZeroPadding2D([[2, 2], [2, 2]])  # type: ignore[arg-type]  # on purpose


def test_bad_arguments_are_refused():
    assert refused(lambda: Reshape((5, -1)).output_shape(SHAPE)) == (
        "target_shape must have the 24 numbers of (4, 3, 2); got (5, -1)"
    )
    assert refused(lambda: Reshape((-1, -1))) == "target_shape must have -1 at most once; got (-1, -1)"
    assert refused(lambda: Reshape((0, 2))) == "target_shape must be an integer of at least 1; got 0"
    text = "padding must be an integer of at least 0, two of them, or ((top, bottom), (left, right)); got "
    assert refused(lambda: ZeroPadding2D(-1)) == f"{text}-1"
    assert refused(lambda: ZeroPadding2D("same")) == f"{text}'same'"  # type: ignore[arg-type]  # on purpose
    assert refused(lambda: ZeroPadding2D((1, 2, 3))) == f"{text}(1, 2, 3)"  # type: ignore[arg-type]  # on purpose
    assert refused(lambda: ZeroPadding2D().output_shape((5,))) == (
        "ZeroPadding2D needs an input of shape (h, w, channels); got (5,)"
    )
    assert refused(lambda: GlobalMaxPooling2D(keepdims=1)) == "keepdims must be True or False; got 1"  # type: ignore[arg-type]  # on purpose
    assert refused(lambda: GlobalAveragePooling2D().output_shape((5, 4))) == (
        "GlobalAveragePooling2D needs an input of shape (h, w, channels); got (5, 4)"
    )
