"""LeNet-5: its layers, its gradient; it learns; Keras with the same weights gives the same predictions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from convlens import ops
from convlens.gradcheck import check_vjp
from convlens.models import MODELS, build_model
from convlens.models.lenet5 import INPUT_SHAPE, LAYERS, lenet5
from convlens.nn import Adam


def digits(n, dtype=np.float32, seed=0):
    """Images with a background of zeros, like digits, so that max pooling meets ties."""
    rng = np.random.default_rng(seed)
    x = rng.random((n, *INPUT_SHAPE))
    return np.where(x > 0.6, x, 0).astype(dtype), rng.integers(0, 10, n)


@pytest.mark.smoke
def test_table_and_number_of_parameters():
    model = lenet5()
    assert model.name == "lenet5" and model.dtype == np.float32 and model.descriptions == LAYERS
    assert [(row.name, row.output_shape, row.parameters) for row in model.table] == [
        ("conv2d", (28, 28, 6), 156),
        ("max_pooling2d", (14, 14, 6), 0),
        ("conv2d_1", (10, 10, 16), 2416),
        ("max_pooling2d_1", (5, 5, 16), 0),
        ("flatten", (400,), 0),
        ("dense", (120,), 48120),
        ("dense_1", (84,), 10164),
        ("dense_2", (10,), 850),
    ]
    assert model.count_params() == 61_706
    assert "lenet5: 61,706 parameters, float32, engine " in model.summary_text()


@pytest.mark.smoke
def test_activations_are_relu_on_every_hidden_layer_and_softmax_at_the_end():
    assert [layer.activation for layer in LAYERS if hasattr(layer, "activation")] == ["relu"] * 4 + ["softmax"]


@pytest.mark.smoke
def test_initial_kernels_are_he_normal_and_depend_only_on_the_seed():
    model = lenet5(seed=1)
    assert_array_equal(model.flat, lenet5(seed=1).flat)
    assert not np.array_equal(model.flat, lenet5(seed=2).flat)
    assert_array_equal(model.flat, lenet5(seed=1, dtype=np.float64).flat.astype(np.float32))
    kernel = model.named_weights()["dense/kernel"]
    assert kernel.std() == pytest.approx(np.sqrt(2 / 400), rel=0.02)
    assert not model.named_weights()["dense/bias"].any()


@pytest.mark.smoke
def test_models_are_built_by_name(engine):
    assert {"alexnet", "lenet5"} <= set(MODELS)
    model = build_model("lenet5", seed=3, engine=engine.name)
    assert_array_equal(model.flat, lenet5(seed=3).flat)
    assert model.engine is engine
    with pytest.raises(ValueError) as caught:
        build_model("lenet4")
    assert str(caught.value) == f"model must be one of {', '.join(MODELS)}; got 'lenet4'"


@pytest.mark.smoke
def test_images_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"^x must be \(n, 28, 28, 1\) with n of at least 1; got \(2, 27, 28\)$"):
        lenet5().predict(np.zeros((2, 27, 28), np.float32))


@pytest.mark.smoke
def test_the_axis_of_one_channel_may_be_missing_as_in_keras():
    model, x = lenet5(), np.random.default_rng(0).random((2, 28, 28), np.float32)
    assert_array_equal(model.predict(x), model.predict(x[..., None]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_prediction_does_not_depend_on_the_other_images(quick_engine, dtype):
    model, (x, _) = lenet5(dtype=dtype, engine=quick_engine.name), digits(503, dtype)
    together = model.predict(x)
    assert together.shape == (503, 10) and together.dtype == dtype
    assert_allclose(together.sum(axis=1), 1, rtol=1e-5)
    separately = np.concatenate([model.predict(x[:1]), model.predict(x[1:40]), model.predict(x[40:])])
    assert_allclose(together, separately, rtol=1e-4 if dtype == np.float32 else 1e-11)


def test_backward_is_the_gradient_of_the_loss(engine):
    model, (x, labels) = lenet5(seed=4, dtype=np.float64, engine=engine.name), digits(2, np.float64)

    def loss(flat):
        model.flat[...] = flat
        return ops.softmax_cross_entropy_forward(model.forward(x)[0], labels)

    def backward(dy, flat):
        model.flat[...] = flat
        logits, saved = model.forward(x)
        gradient = np.full_like(flat, np.nan)
        model.backward(ops.softmax_cross_entropy_backward(dy, logits, labels), saved, gradient)
        return gradient

    check_vjp(loss, backward, [model.flat.copy()], rng=np.random.default_rng(0), step=1e-5, directions=5)


def test_it_can_learn_one_batch_completely(quick_engine):
    model, optimizer, (x, labels) = lenet5(engine=quick_engine.name), Adam(), digits(32)
    gradient = np.empty_like(model.flat)
    for _ in range(60):
        loss, _ = model.loss_gradient(x, labels, 1 / 32, gradient)
        optimizer.update(model.flat, gradient)
    assert loss.mean() < 0.1
    assert_array_equal(model.predict(x).argmax(axis=1), labels)


@pytest.fixture(scope="module")
def keras_lenet5(keras):
    """LeNet-5 written again in Keras, with our weights. Its last layer gives logits."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(16, 5, padding="valid", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(120, activation="relu"),
            layers.Dense(84, activation="relu"),
            layers.Dense(10),
        ]
    )
    model.set_weights(lenet5(seed=6).get_weights())
    return model


@pytest.mark.frameworks
def test_keras_has_the_same_weights_in_the_same_order(keras_lenet5):
    ours = lenet5(seed=6)
    assert [w.shape for w in ours.get_weights()] == [w.shape for w in keras_lenet5.get_weights()]
    assert keras_lenet5.count_params() == ours.count_params()
    assert [tuple(layer.output.shape[1:]) for layer in keras_lenet5.layers] == [row.output_shape for row in ours.table]


@pytest.mark.frameworks
def test_keras_predicts_the_same(tf, keras_lenet5, quick_engine):
    ours, (x, _) = lenet5(seed=6, engine=quick_engine.name), digits(40, seed=8)
    logits = keras_lenet5(x, training=False)
    assert_allclose(ours.forward(x)[0], logits.numpy(), rtol=1e-5, atol=1e-5)
    assert_allclose(ours.predict(x), tf.nn.softmax(logits).numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.frameworks
def test_keras_has_the_same_loss_and_gradients(tf, keras, keras_lenet5, quick_engine):
    ours, (x, labels) = lenet5(seed=6, engine=quick_engine.name), digits(40, seed=9)
    with tf.GradientTape() as tape:
        want_loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, keras_lenet5(x, training=True))
    want = tape.gradient(want_loss, [v.value for v in keras_lenet5.trainable_variables])
    gradient = np.full_like(ours.flat, np.nan)
    loss, _ = ours.loss_gradient(x, labels, 1 / 40, gradient)
    assert loss.mean() == pytest.approx(float(want_loss), rel=1e-5)
    found = [view for views in ours.views(gradient) for view in views.values()]
    for got, expected in zip(found, want, strict=True):
        assert_allclose(got, expected.numpy(), rtol=1e-5, atol=1e-5)
