"""BatchNormalization: batch statistics in training, running ones at prediction, the same bits on any thread count."""

import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.support.layers import check_layer, images, refused, weights_of
from tests.support.small import patterns

from convlens.engines import numpy_engine
from convlens.nn import SGD, BatchNormalization, Conv2D, Dense, Flatten, Sequential
from convlens.training.trainer import EngineTrainer

SHAPE = (4, 3, 2)


@pytest.mark.parametrize("shape", [SHAPE, (5,), (3, 4)])
@pytest.mark.parametrize(("center", "scale"), [(True, True), (False, True), (True, False), (False, False)])
def test_the_layer(shape, center, scale, quick_engine):
    layer = BatchNormalization(epsilon=0.1, center=center, scale=scale)
    wanted = {"gamma": shape[-1:]} if scale else {}
    check_layer(layer, shape, shape, wanted | ({"beta": shape[-1:]} if center else {}), quick_engine, training=True)


def test_the_running_statistics_move_towards_the_batch(rng):
    layer, x = BatchNormalization(momentum=0.75), rng.standard_normal((6, *SHAPE)) + 2
    own = weights_of(layer, SHAPE)
    _, saved = layer.forward(x, own, numpy_engine, rng)
    found = layer.new_state(saved, own)
    assert_allclose(found["moving_mean"], 0.75 * own["moving_mean"] + 0.25 * x.mean((0, 1, 2)))
    assert_allclose(found["moving_variance"], 0.75 * own["moving_variance"] + 0.25 * x.var((0, 1, 2)))
    _, saved = layer.forward(x, own, numpy_engine)
    assert layer.new_state(saved, own) == {}


def test_prediction_uses_the_running_statistics():
    layer, x = BatchNormalization(epsilon=0.5), images(SHAPE)
    own = weights_of(layer, SHAPE)
    y, _ = layer.forward(x, own, numpy_engine)
    one, _ = layer.forward(x[1:2], own, numpy_engine)
    assert_array_equal(y[1:2], one)


def model(engine):
    layers = [Conv2D(4, (2, 3), use_bias=False), BatchNormalization(), Flatten(), Dense(3)]
    return Sequential(layers, (5, 4, 1), seed=1, engine=engine)


def test_the_first_values():
    found = model("numpy").named_weights()
    assert list(found)[1:5] == [
        f"batch_normalization/{name}" for name in ("gamma", "beta", "moving_mean", "moving_variance")
    ]
    assert [float(found[name][0]) for name in list(found)[1:5]] == [1, 0, 0, 1]


def test_the_bits_do_not_depend_on_the_number_of_threads(quick_engine):
    x, y = patterns(96)
    found = []
    for threads in (1, 2, 3):
        net = model(quick_engine.name)
        with EngineTrainer(net, SGD(0.1), threads=threads) as trainer:
            for batch in range(2):
                trainer.step(x, y, (1, batch + 1), None)
            trainer.end_epoch()
        found.append((net.flat.tobytes(), net.flat_state.tobytes()))
    assert found[0] == found[1] == found[2]
    assert net.layer_weights[1]["moving_variance"][0] != 1


def test_bad_arguments_are_refused():
    assert refused(lambda: BatchNormalization(momentum=1.5)) == "momentum must be from 0 to 1; got 1.5"
    assert refused(lambda: BatchNormalization(epsilon=0)) == "epsilon must be a number above 0; got 0"
    assert refused(lambda: BatchNormalization(center=1)) == "center must be True or False; got 1"  # type: ignore[arg-type]  # on purpose
    assert refused(lambda: BatchNormalization(0)) == "axis of BatchNormalization must be the last one, -1; got 0"
    assert refused(lambda: BatchNormalization(1).output_shape(SHAPE)) == (
        "axis of BatchNormalization must be the last one, -1; got 1"
    )
    assert BatchNormalization(3).output_shape(SHAPE) == SHAPE
    assert refused(lambda: BatchNormalization().output_shape(())) == (
        "BatchNormalization needs an input of shape (…, channels); got ()"
    )
