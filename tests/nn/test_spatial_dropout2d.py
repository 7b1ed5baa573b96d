"""SpatialDropout2D drops whole channels of an example."""

import numpy as np
from numpy.testing import assert_allclose
from tests.support.layers import check_layer, refused

from convlens.engines import numpy_engine
from convlens.nn import SpatialDropout2D

SHAPE = (4, 3, 50)


def test_the_layer(quick_engine):
    check_layer(SpatialDropout2D(0.4), (4, 3, 2), (4, 3, 2), {}, quick_engine, training=True)


def test_whole_channels_are_dropped(rng):
    x = np.ones((40, *SHAPE), np.float32)
    y, _ = SpatialDropout2D(0.25).forward(x, {}, numpy_engine, rng)
    assert set(np.unique(y)) == {0, np.float32(4 / 3)}
    assert (y == y[:, :1, :1]).all()
    assert_allclose((y == 0).mean(), 0.25, atol=0.03)


def test_bad_arguments_are_refused():
    assert refused(lambda: SpatialDropout2D(1.0)) == "rate must be from 0 to below 1; got 1.0"
    assert refused(lambda: SpatialDropout2D(0.5).output_shape((5,))) == (
        "SpatialDropout2D needs an input of shape (h, w, channels); got (5,)"
    )
