"""Conv2D and Dense without a bias, and Conv2D with a dilation; a fused pass takes them too."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tests.support.layers import check_layer, images, refused, weights_of

from convlens.nn import Conv2D, Dense, Flatten, Sequential

SHAPE = (6, 5, 2)


@pytest.mark.parametrize(
    ("layer", "shape", "out", "weights"),
    [
        (Dense(4, use_bias=False), (5,), (4,), {"kernel": (5, 4)}),
        (Conv2D(3, (2, 3), use_bias=False, activation="gelu"), SHAPE, (5, 3, 3), {"kernel": (2, 3, 2, 3)}),
        (Conv2D(4, (3, 2), groups=2, dilation_rate=(2, 3)), SHAPE, (2, 2, 4), {"kernel": (3, 2, 1, 4), "bias": (4,)}),
        (Conv2D(2, 2, padding="same", dilation_rate=2), SHAPE, (6, 5, 2), {"kernel": (2, 2, 2, 2), "bias": (2,)}),
    ],
    ids=str,
)
def test_the_layer(layer, shape, out, weights, quick_engine):
    check_layer(layer, shape, out, weights, quick_engine)


def test_without_a_bias_it_is_the_same_with_a_bias_of_0(quick_engine):
    x = images(SHAPE)
    own = weights_of(Conv2D(3, (2, 3)), SHAPE)
    own["bias"][...] = 0
    want, _ = Conv2D(3, (2, 3)).forward(x, own, quick_engine)
    assert_array_equal(Conv2D(3, (2, 3), use_bias=False).forward(x, {"kernel": own["kernel"]}, quick_engine)[0], want)


@pytest.mark.parametrize(
    ("conv", "dense"),
    [
        (Conv2D(4, 2, use_bias=False), Dense(3)),
        (Conv2D(4, 2, dilation_rate=2), Dense(3)),
        (Conv2D(4, 2), Dense(3, use_bias=False)),
    ],
)
def test_a_fused_pass_takes_them(conv, dense):
    pytest.importorskip("numba")
    models = [Sequential([conv, Flatten(), dense], SHAPE, engine=engine, seed=1) for engine in ("numba", "numpy")]
    assert models[0].fused is not None
    x = np.random.default_rng(0).random((3, *SHAPE), np.float32)
    np.testing.assert_allclose(models[0].logits(x), models[1].logits(x), rtol=1e-4, atol=1e-5)


def test_bad_arguments_are_refused():
    assert refused(lambda: Dense(4, use_bias=0)) == "use_bias must be True or False; got 0"  # type: ignore[arg-type]  # on purpose
    assert refused(lambda: Conv2D(4, 3, dilation_rate=0)) == (
        "dilation_rate must be an integer of at least 1, or two of them; got 0"
    )
    assert refused(lambda: Conv2D(4, 3, dilation_rate=3).output_shape(SHAPE)) == (
        "the kernel must fit into the padded input; got kernel (7, 7), padded input (6, 5)"
    )
