"""model.fit, evaluate and their relatives: figures, weights of examples, streams of batches, callbacks, errors."""

import logging
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tests.support import small

import convlens
from convlens import callbacks, layers, losses, metrics, optimizers

pytestmark = pytest.mark.smoke

SHAPE = (6, 5, 2)


def network(end: str | None = "softmax", classes: int = 4, **options: Any) -> Any:
    return convlens.Sequential(
        [
            convlens.Input(SHAPE),
            layers.Conv2D(3, (2, 3), activation="tanh"),
            layers.MaxPooling2D((2, 1)),
            layers.Flatten(),
            layers.Dense(classes, activation=end),
        ],
        **options,
    )


def data(n: int = 40, classes: int = 4) -> Any:
    rng = np.random.default_rng(1)
    y = rng.integers(0, classes, n)
    return (rng.random((n, *SHAPE)) + y[:, None, None, None] / 4).astype(np.float32), y


def ready(end: str | None = "softmax", loss: Any = "sparse_categorical_crossentropy", **options: Any) -> Any:
    model = network(end, **options)
    model.compile(optimizers.SGD(0.1), loss, metrics=["accuracy"])
    return model


def test_the_same_bits_as_convlens_fit():
    (x, y), mine, other = data(), network(), network()
    mine.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    found = mine.fit(x, y, epochs=3, batch_size=16, verbose=0, validation_data=(x[:9], y[:9])).history
    wanted = convlens.fit(other, x, y, epochs=3, batch_size=16, validation=(x[:9], y[:9])).history
    assert_array_equal(mine.flat, other.flat)
    assert list(found) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    for name, values in wanted.items():
        assert_allclose(found[name], np.array(values, float), rtol=1e-7)
    scores = convlens.evaluate(other, x, y)
    assert_allclose(mine.evaluate(x, y, verbose=0), [scores.loss, scores.accuracy], rtol=1e-7)


def test_a_second_fit_goes_on_and_shuffles_anew():
    (x, y), once, twice = data(), ready(), ready()
    once.fit(x, y, epochs=4, verbose=0)
    for _ in range(2):
        assert twice.fit(x, y, epochs=2, verbose=0).epoch == [0, 1]
    assert_array_equal(once.flat, twice.flat)


def test_labels_in_every_form_train_the_same():
    x, y = data()
    hot = np.eye(4)[y]
    forms: list[Any] = [
        (y, "sparse_categorical_crossentropy"),
        (y[:, None].astype(float), "sparse_categorical_crossentropy"),
    ]
    forms += [(hot, "categorical_crossentropy"), (y.tolist(), losses.SparseCategoricalCrossentropy())]
    flats = []
    for labels, loss in forms:
        model = ready(loss=loss)
        history = model.fit(x.astype(float).tolist(), labels, verbose=0).history
        assert model.evaluate(x, labels, verbose=0)[1] == (model.predict(x).argmax(1) == y).mean()
        assert 0 < history["accuracy"][0] < 1
        flats.append(model.flat)
    for flat in flats[1:]:
        assert_allclose(flat, flats[0], rtol=1e-5, atol=1e-6)


def test_logits_and_a_softmax_train_the_same():
    (x, y), soft, logits = data(), ready(), ready(None, losses.SparseCategoricalCrossentropy(from_logits=True))
    for model in (soft, logits):
        model.fit(x, y, verbose=0)
    assert_array_equal(soft.flat, logits.flat)
    assert_allclose(soft.predict(x), logits.probabilities(x), rtol=1e-6)  # by two exponential functions


def test_one_sigmoid_for_two_classes():
    x, y = data(classes=2)
    x[y == 1, :3] += 1
    model = ready("sigmoid", "binary_crossentropy", classes=1)
    history = model.fit(x, y, epochs=60, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    p = model.predict(x)[:, 0]
    loss, accuracy = model.evaluate(x, y, verbose=0)
    assert accuracy == ((p > 0.5) == y).mean() > 0.7
    assert_allclose(loss, -np.log(np.where(y == 1, p, 1 - p)).mean(), rtol=1e-5)


def test_weights_of_examples_count_as_repetitions():
    x, y = data(30)
    weight = np.arange(30) % 3
    one, other = (ready(dtype="float64") for _ in range(2))
    one.fit(x, y, batch_size=30, sample_weight=weight, verbose=0)
    chosen = np.repeat(np.arange(30), weight)
    other.fit(x[chosen], y[chosen], batch_size=len(chosen), verbose=0)
    assert_allclose(one.flat, other.flat, rtol=1e-10)  # 30 examples with mean weight 1
    two = ready(dtype="float64")
    two.fit(x, y, batch_size=30, class_weight={0: 2.0, 3: 0.5}, verbose=0)
    three = ready(dtype="float64")
    three.fit(x, y, batch_size=30, sample_weight=np.array([2.0, 1, 1, 0.5])[y], verbose=0)
    assert_array_equal(two.flat, three.flat)
    assert not np.allclose(two.flat, one.flat)


def test_validation_split_takes_the_last_examples_before_shuffling():
    (x, y), split, given = data(), ready(), ready()
    a = split.fit(x, y, epochs=2, validation_split=0.3, verbose=0).history
    b = given.fit(x[:28], y[:28], epochs=2, validation_data=(x[28:], y[28:]), verbose=0).history
    assert a == b and len(a["val_loss"]) == 2
    assert_array_equal(split.flat, given.flat)


def test_batches_one_after_the_other():
    (x, y), arrays, stream = data(), ready(), ready()
    listed = [(x[k : k + 16], y[k : k + 16]) for k in range(0, 40, 16)]
    a = arrays.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0)
    b = stream.fit(listed, epochs=2, verbose=0, validation_data=listed)
    assert_array_equal(arrays.flat, stream.flat)
    assert a.history["loss"] == b.history["loss"] and b.params["steps"] == 3

    def endless():
        while True:
            yield from listed

    generated = ready()
    generated.fit(endless(), epochs=2, steps_per_epoch=3, verbose=0)
    assert_array_equal(generated.flat, stream.flat)
    assert generated.evaluate(iter(listed), verbose=0) == stream.evaluate(x, y, verbose=0)
    with pytest.raises(ValueError, match=r"^training needs a batch in each epoch; epoch 2 got none: a generator"):
        generated.fit(iter(listed), epochs=2, verbose=0)


def test_steps_per_epoch_goes_on_in_the_next_epoch():
    (x, y), short, long = data(), ready(), ready()
    short.fit(x, y, batch_size=8, epochs=5, steps_per_epoch=1, shuffle=False, verbose=0)
    long.fit(x, y, batch_size=8, epochs=1, shuffle=False, verbose=0)
    assert_array_equal(short.flat, long.flat)


def test_frozen_layers_stay_as_they_are():
    (x, y), model = data(), ready()
    model.layers[0].trainable = False
    first, last = model.layers[0].get_weights(), model.layers[-1].get_weights()
    model.compile(optimizers.AdamW(0.01), "sparse_categorical_crossentropy")
    model.fit(x, y, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(first, model.layers[0].get_weights(), strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(last, model.layers[-1].get_weights(), strict=True))
    assert "39 of them not trained" in model.summary_text()


class Names(callbacks.Callback):
    """Keeps the names of the methods that are called"""

    def __init__(self):
        super().__init__()
        self.seen: list[Any] = []

    def __getattribute__(self, name):
        found = super().__getattribute__(name)
        if name.startswith("on_") and "batch" not in name.removeprefix("on_train_batch_"):
            super().__getattribute__("seen").append(name)
        return found


def test_callbacks_are_called_in_the_order_of_keras():
    (x, y), names = data(20), Names()
    ready().fit(x, y, batch_size=10, verbose=0, validation_split=0.5, callbacks=[names])
    assert [name for name in names.seen if name not in ("on_batch_begin", "on_batch_end")] == [
        "on_train_begin",
        "on_epoch_begin",
        "on_train_batch_begin",
        "on_train_batch_end",
        "on_test_begin",
        "on_test_end",
        "on_epoch_end",
        "on_train_end",
    ]


def test_a_callback_may_stop_the_training():
    class Stop(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                self.model.stop_training = True

    (x, y), model = data(), ready()
    history = model.fit(x, y, batch_size=8, epochs=5, verbose=0, callbacks=[Stop()])
    assert history.epoch == [0] and model.optimizer.iterations == 2


def test_pixels_to_255_are_said_once_and_trained_as_they_are(caplog):
    (x, y), model = data(), ready()
    pixels = (x * 100).astype(np.uint8)
    with caplog.at_level(logging.WARNING, "convlens"):
        for _ in range(2):
            model.fit(pixels, y, verbose=0)
    assert [record.getMessage() for record in caplog.records] == [
        f"The images are uint8 and are trained as they are, from {pixels.min()} to {pixels.max()}. Networks learn "
        "faster from small numbers: divide them, x / 255, or begin the network with layers.Rescaling(1 / 255)."
    ]
    other = ready()
    other.fit(pixels.astype(np.float32), y, verbose=0)
    other.fit(pixels.astype(np.float32), y, verbose=0)
    assert_array_equal(model.flat, other.flat)


def test_train_and_test_on_batch():
    (x, y), model = data(), ready()
    before = model.test_on_batch(x, y, return_dict=True)
    assert model.train_on_batch(x, y) == pytest.approx([before["loss"], before["accuracy"]], rel=1e-6)
    assert model.test_on_batch(x, y)[0] < before["loss"]
    other = ready()
    other.fit(x, y, batch_size=40, shuffle=False, verbose=0)
    assert_array_equal(model.flat, other.flat)


def test_metrics_in_the_history():
    x, y = data()
    model = network()
    model.compile(
        "rmsprop",
        "sparse_categorical_crossentropy",
        metrics=[metrics.SparseCategoricalAccuracy(), metrics.SparseTopKCategoricalAccuracy(2, name="top2"), spread],
        weighted_metrics=["acc"],
    )
    found = model.fit(x, y, verbose=0, sample_weight=y == 1).history
    assert list(found) == ["acc", "loss", "sparse_categorical_accuracy", "spread", "top2"]
    assert model.metrics_names == ["loss", "sparse_categorical_accuracy", "top2", "spread", "acc"]
    answer = model.evaluate(x, y, verbose=0, sample_weight=y == 1, return_dict=True)
    p = model.predict(x)
    assert answer["acc"] == (p[y == 1].argmax(1) == 1).mean()
    assert answer["top2"] == np.mean([label in row.argsort()[-2:] for row, label in zip(p, y, strict=True)])
    assert answer["spread"] == pytest.approx(np.ptp(p, axis=1).mean(), rel=1e-6)


def spread(y_true, y_pred):
    return y_pred.max(axis=1) - y_pred.min(axis=1)


X, Y = data(8)
WRONG: dict[str, tuple[str | None, dict[str, Any], dict[str, Any], str]] = {
    "logits with the loss of probabilities": (
        None,
        {},
        {},
        "SparseCategoricalCrossentropy needs probabilities from a softmax, but the network gives logits: write "
        'SparseCategoricalCrossentropy(from_logits=True) without an activation, or Dense(4, activation="softmax") as '
        "the last layer",
    ),
    "probabilities with the loss of logits": (
        "softmax",
        {"loss": losses.CategoricalCrossentropy(from_logits=True)},
        {},
        "CategoricalCrossentropy(from_logits=True) needs logits, but the network ends in a softmax: leave out "
        "from_logits=True, or the softmax; the loss is computed from the logits in both cases",
    ),
    "an optimizer of Keras": (
        "softmax",
        {"optimizer": "lion"},
        {},
        "optimizer must be one of sgd, adam, adamw, rmsprop, adadelta, adagrad, adamax, nadam; got 'lion'; the nearest "
        "one to lion is adamw",
    ),
    "a metric that is not here": (
        "softmax",
        {"metrics": ["f1_score"]},
        {},
        "a metric must be one of accuracy, binary_accuracy, binary_crossentropy, categorical_accuracy, "
        "categorical_crossentropy, mean_absolute_error, mean_squared_error, precision, recall, "
        "sparse_categorical_accuracy, sparse_categorical_crossentropy, sparse_top_k_categorical_accuracy, "
        "top_k_categorical_accuracy; got 'f1_score'; the nearest: metrics.F1Score(average=\"macro\"), which is one "
        "number",
    ),
    "labels too large": (
        "softmax",
        {},
        {"y": Y + 1},
        "training labels: labels must be from 0 to 3; got 1 to 4",
    ),
    "fewer labels": (
        "softmax",
        {},
        {"y": Y[:7]},
        "training needs one label for each image; got 8 images, labels (7,)",
    ),
    "no labels": ("softmax", {}, {"y": None}, "training needs labels y; got none"),
    "images of another shape": (
        "softmax",
        {},
        {"x": X[:, :5]},
        "training images must be (n, 6, 5, 2) with n of at least 1; got (8, 5, 5, 2)",
    ),
    "nothing left": (
        "softmax",
        {},
        {"validation_split": 0.99},
        "validation_split must leave examples in both parts; got 0.99 of 8 examples",
    ),
    "validation that is no pair": (
        "softmax",
        {},
        {"validation_data": X},
        "validation_data must be a pair, images and labels; got ndarray",
    ),
    "verbose": ("softmax", {}, {"verbose": 3}, "verbose must be 0, 1, 2 or 'auto'; got 3"),
    "no loss": (
        "softmax",
        {"loss": None},
        {},
        "fit needs a loss: model.compile(loss='sparse_categorical_crossentropy')",
    ),
}


@pytest.mark.parametrize(("end", "choice", "given", "message"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_refused(end, choice, given, message):
    model = network(end)
    before = model.flat.copy()
    with pytest.raises(ValueError) as caught:
        model.compile(**{"optimizer": "sgd", "loss": "sparse_categorical_crossentropy"} | choice)
        model.fit(**{"x": X, "y": Y, "verbose": 0} | given)
    assert str(caught.value) == message
    assert_array_equal(model.flat, before)


def test_fit_needs_compile():
    with pytest.raises(ValueError, match=r"^fit needs compile first: model\.compile\(optimizer='adam', loss="):
        network().fit(X, Y)
    with pytest.raises(ValueError, match=r"^evaluate needs compile first: "):
        network().evaluate(X, Y)


def test_an_exploding_loss_stops_the_training():
    model = network()
    model.compile(optimizers.SGD(1e39), "sparse_categorical_crossentropy")
    with pytest.raises(ArithmeticError, match=r"^the loss must stay finite; got (nan|inf) in epoch \d, batch 1: "):
        model.fit(X, Y, epochs=9, verbose=0)
    stopped = network()
    stopped.compile(optimizers.SGD(1e39), "sparse_categorical_crossentropy")
    history = stopped.fit(X, Y, epochs=9, verbose=0, callbacks=[callbacks.TerminateOnNaN()])
    assert np.isnan(history.history["loss"][-1]) and len(history.epoch) < 9


def test_an_unbuilt_model_is_built_by_its_data():
    model = convlens.Sequential([layers.Flatten(), layers.Dense(4, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    assert not model.built
    model.fit(X, Y, verbose=0)
    assert model.input_shape == SHAPE and model.count_params() == 60 * 4 + 4


def test_digits_are_learned():
    digits, model = small.digits(), convlens.lenet5()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(digits.images("train"), digits.y_train, epochs=3, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
