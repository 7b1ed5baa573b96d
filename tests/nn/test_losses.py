"""Losses as objects: names, targets, what they need from the last layer, and Keras's results."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from convlens import losses, ops
from convlens.gradcheck import check_vjp
from convlens.nn.losses import CROSS_ENTROPY
from convlens.nn.targets import example_weights, labels_of, one_hot

NAMES = ("sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy", "mean_squared_error")
F8 = np.dtype(np.float64)


@pytest.mark.smoke
def test_a_loss_by_its_name_class_and_object():
    for name in NAMES:
        found = losses.get(name)
        assert found.name == name and losses.get(found) is found and losses.get(type(found)) == found
        assert losses.get(type(found).__name__) == found
    assert losses.get("bce") == losses.BinaryCrossentropy() and losses.get("mse") == losses.MeanSquaredError()
    assert losses.CategoricalCrossentropy(name="mine").name == "mine"


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("identifier", "message"),
    [
        ("dice", "got 'dice'; the nearest one is binary_crossentropy"),
        (
            "crossentropy",
            f"loss must be one of {', '.join(NAMES)}, mean_absolute_error, mean_absolute_percentage_error, ",
        ),
        (3, "got 3"),
    ],
)
def test_an_unknown_loss(identifier, message):
    with pytest.raises((ValueError, TypeError)) as caught:
        losses.get(identifier)
    assert message in str(caught.value)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: losses.CategoricalCrossentropy(label_smoothing=1.5), "label_smoothing must be from 0 to 1; got 1.5"),
        (lambda: losses.BinaryCrossentropy(label_smoothing=-0.1), "label_smoothing must be from 0 to 1; got -0.1"),
        (lambda: losses.BinaryCrossentropy(reduction="sum"), "reduction must be 'sum_over_batch_size'"),
        (lambda: losses.SparseCategoricalCrossentropy(ignore_class=0), "ignore_class is not here; leave class 0 out"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.smoke
def test_the_loss_fits_the_last_layer():
    sparse, soft = losses.SparseCategoricalCrossentropy, losses.CategoricalCrossentropy
    assert sparse().for_end("softmax", 10) is sparse(from_logits=True).for_end(None, 10) is CROSS_ENTROPY
    for loss, end in ((soft(), "softmax"), (soft(True), None), (losses.BinaryCrossentropy(), "sigmoid")):
        assert loss.for_end(end, 3) is loss
    with pytest.raises(ValueError) as caught:
        sparse().for_end(None, 10)
    assert str(caught.value) == (
        "SparseCategoricalCrossentropy needs probabilities from a softmax, but the network gives logits: write "
        "SparseCategoricalCrossentropy(from_logits=True) without an activation, or "
        'Dense(10, activation="softmax") as the last layer'
    )
    with pytest.raises(ValueError, match=r"needs logits, but the network ends in a softmax: leave out from_logits"):
        soft(from_logits=True).for_end("softmax", 10)
    with pytest.raises(ValueError, match=r"needs probabilities from a sigmoid, but the network ends in a softmax"):
        losses.BinaryCrossentropy().for_end("softmax", 10)


@pytest.mark.smoke
@pytest.mark.parametrize(
    "y",
    [
        np.array([2, 0, 1]),
        np.array([[2], [0], [1]], np.uint8),
        np.array([2.0, 0.0, 1.0]),
        [2, 0, 1],
        np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]]),
        np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]], bool),
    ],
)
def test_integer_and_one_hot_labels_are_the_same(y):
    assert_array_equal(labels_of(y, 3), [2, 0, 1])
    assert_array_equal(one_hot(y, 3, F8), np.eye(3)[[2, 0, 1]])


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0, 3], "labels must be from 0 to 2; got 0 to 3"),
        ([0.5, 1], "labels must be integers from 0 to 2; got 0.5"),
        ([[0.5, 0.5, 0.0]], "one-hot labels must be one 1 and 2 zeros in each row"),
        ([[1, 0], [0, 1]], r"labels must be integers \(n,\) or one-hot \(n, 3\); got \(2, 2\)"),
        (["cat"], "labels must be numbers"),
        ([np.nan], "labels must be finite; got 1 NaN"),
        ([], "labels must be numbers, at least one"),
    ],
)
def test_bad_labels(y, message):
    with pytest.raises(ValueError, match=message):
        losses.get(NAMES[0]).targets(y, 3, F8)


@pytest.mark.smoke
def test_binary_targets():
    loss = losses.BinaryCrossentropy(label_smoothing=0.2)
    assert_allclose(loss.targets([0, 1, 1], 1, F8), [[0.1], [0.9], [0.9]])
    with pytest.raises(ValueError, match="for one of several classes use categorical_crossentropy"):
        loss.targets([0, 1, 1], 3, F8)
    with pytest.raises(ValueError, match="must be from 0 to 1; got 0 to 2"):
        loss.targets([0, 1, 2], 1, F8)


@pytest.mark.smoke
def test_weights_of_examples():
    labels = np.array([0, 2, 1, 2])
    found = example_weights(labels, 4, class_weight={0: 2.0, 2: 0.5})
    assert found is not None and found.dtype == np.float32
    assert_array_equal(found, [2, 0.5, 1, 0.5])
    assert example_weights(labels, 4) is None
    assert_array_equal(example_weights(None, 2, sample_weight=[[3], [0]]), [3, 0])
    for options, message in (
        ({"class_weight": {0: 1}, "sample_weight": [1] * 4}, "only one of class_weight and sample_weight can be given"),
        ({"sample_weight": [1, 2]}, r"sample_weight must be 4 numbers, one for each example; got int64 \(2,\)"),
        ({"sample_weight": [1, 2, -1, 0]}, "sample_weight must be finite and at least 0; got -1.0"),
        ({"class_weight": {1: np.nan}}, r"class_weight\[1\] must be finite and at least 0; got nan"),
        ({"class_weight": {-1: 1}}, "each class in class_weight must be an integer of at least 0; got -1"),
    ):
        with pytest.raises(ValueError, match=message):
            example_weights(labels, 4, **options)
    with pytest.raises(TypeError, match="class_weight must be a dictionary"):
        example_weights(labels, 4, class_weight=[1, 2])  # type: ignore[arg-type]  # on purpose


@pytest.mark.smoke
@pytest.mark.parametrize("end", [None, "softmax", "sigmoid"])
def test_squared_error_goes_back_through_the_last_activation(end):
    rng = np.random.default_rng(0)
    logits, loss = rng.standard_normal((4, 3)), losses.MeanSquaredError().for_end(end, 3)
    targets = loss.targets(np.array([0, 2, 1, 1]), 3, F8)
    check_vjp(
        lambda logits: loss.forward(logits, targets),
        lambda dy, logits: loss.backward(dy, logits, targets),
        (logits,),
        rng=rng,
    )


KERAS = {
    "sparse": ("SparseCategoricalCrossentropy", {}, "softmax"),
    "categorical": ("CategoricalCrossentropy", {}, "softmax"),
    "smoothed": ("CategoricalCrossentropy", {"label_smoothing": 0.1}, "softmax"),
    "binary": ("BinaryCrossentropy", {}, "sigmoid"),
    "binary, smoothed": ("BinaryCrossentropy", {"label_smoothing": 0.3}, "sigmoid"),
    "squared": ("MeanSquaredError", {}, "softmax"),
}


@pytest.mark.frameworks
@pytest.mark.parametrize(("name", "options", "end"), KERAS.values(), ids=KERAS)
@pytest.mark.parametrize("from_logits", [False, True])
def test_keras_gives_the_same_loss_gradient_and_accuracy(tf, keras, name, options, end, from_logits):
    rng = np.random.default_rng(5)
    logits, weights = rng.standard_normal((7, 4)) * 2, rng.random(7)
    labels = rng.integers(0, 4, 7)
    y = labels if name.startswith("Sparse") else np.eye(4, dtype=int)[labels]
    if name == "BinaryCrossentropy":
        y = rng.integers(0, 2, (7, 4))
    if from_logits and name != "MeanSquaredError":
        options = {**options, "from_logits": True}
    theirs, ours = getattr(keras.losses, name)(**options), getattr(losses, name)(**options)
    activation = (lambda z: z) if from_logits else getattr(tf.nn, end)
    given = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(given)
        predicted = activation(given)
        mean = theirs(tf.constant(y), predicted, sample_weight=tf.constant(weights))
    assert ours(y, np.asarray(predicted), weights) == pytest.approx(float(mean), rel=1e-6)
    loss = ours.for_end(None if from_logits else end, 4)
    targets = loss.targets(y, 4, F8)
    assert (loss.forward(logits, targets) * weights).mean() == pytest.approx(float(mean), rel=1e-6)
    dlogits = loss.backward(weights / 7, logits, targets)
    assert_allclose(dlogits, np.asarray(tape.gradient(mean, given)), rtol=1e-5, atol=1e-8)
    if name != "MeanSquaredError":
        metric = keras.metrics.get(ours.accuracy)
        want = metric(tf.constant(y), getattr(tf.nn, end)(given))  # of probabilities, so that 1/2 is the threshold
        assert loss.right(logits, targets).mean() == pytest.approx(float(want), rel=1e-6)


def test_a_model_trains_with_soft_targets_and_weights():
    from tests.support.small import patterns, tiny

    model, (x, labels) = tiny(), patterns(30)
    classes = model.output_shape[0]
    gradient, other = np.empty_like(model.flat), np.empty_like(model.flat)
    model.loss_gradient(x, labels, 1 / 30, gradient)
    soft = losses.CategoricalCrossentropy(from_logits=True)
    model.loss_gradient(x, soft.targets(labels, classes, model.dtype), 1 / 30, other, loss=soft)
    assert_allclose(other, gradient, rtol=1e-4, atol=1e-6)
    weights = np.full(30, 2 / 30, model.dtype)
    model.loss_gradient(x, labels, weights, other)
    assert_allclose(other, 2 * gradient, rtol=1e-4, atol=1e-6)
    assert ops.softmax_forward(model.logits(x)).shape == (30, classes)
