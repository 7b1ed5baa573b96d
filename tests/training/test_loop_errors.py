"""The errors of fit, evaluate and train: bad arguments, bad data, a loss that is not finite."""

import re

import numpy as np
import pytest
from tests.support import small
from tests.support.small import patterns, tiny

import convlens
from convlens.nn import Adam, Dense, Flatten, Rescaling, Sequential
from convlens.training import evaluate, fit, train

# Bad arguments and data ----------------------------------------------------------------------------------------------


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("name", "value", "least"),
    [
        ("epochs", 0, 1),
        ("epochs", 2.0, 1),
        ("batch_size", 0, 1),
        ("batch_size", True, 1),
        ("batch_size", 1.5, 1),
        ("batch_size", None, 1),
        ("threads", 0, 1),
        ("threads", -3, 1),
        ("threads", "2", 1),
        ("seed", -1, 0),
        ("seed", 0.5, 0),
    ],
)
def test_counts_must_be_integers(name, value, least):
    message = re.escape(f"{name} must be an integer of at least {least}; got {value!r}")
    with pytest.raises(ValueError, match=message):
        fit(tiny(), *patterns(40), **{name: value})


@pytest.mark.parametrize("value", [0, 1.5])
def test_the_first_epoch_must_be_an_integer_of_at_least_1(value):
    with pytest.raises(ValueError, match="first_epoch must be an integer of at least 1; got"):
        next(train(tiny(), *patterns(40), optimizer=Adam(), first_epoch=value))


@pytest.mark.parametrize("threads", [0, True, 2.0])
def test_evaluate_needs_at_least_one_thread(threads):
    with pytest.raises(ValueError, match=f"threads must be an integer of at least 1; got {threads!r}"):
        evaluate(tiny(), *patterns(40), threads=threads)


X, Y = patterns(40)
NAN = X.copy()
NAN[3, 1, 2, 0] = np.nan
BAD_DATA = {
    "NaN": (NAN, Y, "images must be finite; got 1 NaN or infinite numbers"),
    "infinite": (np.where(np.isnan(NAN), np.inf, NAN), Y, "images must be finite; got 1 NaN or infinite numbers"),
    "shape": (X[:, :4], Y, "images must be (n, 5, 4, 1) with n of at least 1; got (40, 4, 4, 1)"),
    "rank": (X[..., 0], Y, "images must be (n, 5, 4, 1) with n of at least 1; got (40, 5, 4)"),
    "empty": (X[:0], Y[:0], "images must be (n, 5, 4, 1) with n of at least 1; got (0, 5, 4, 1)"),
    "integer images": (X.astype(int), Y, "images must be float32 or float64; got int64"),
    "a list of images": (list(X), Y, "images must be float32 or float64; got list"),
    "object images": (X.astype(object), Y, "images must be float32 or float64; got object"),
    "complex images": (X.astype(complex), Y, "images must be float32 or float64; got complex128"),
    "no images": (None, Y, "images must be float32 or float64; got NoneType"),
    "a label too large": (X, Y + 1, "labels must be from 0 to 2; got 1 to 3"),
    "a label below 0": (X, Y - 1, "labels must be from 0 to 2; got -1 to 1"),
    "float labels": (X, Y.astype(float), "labels must be 40 integers, one for each example; got float64 (40,)"),
    "fewer labels": (X, Y[:39], "labels must be 40 integers, one for each example; got int64 (39,)"),
    "fewer images": (X[:39], Y, "labels must be 39 integers, one for each example; got int64 (40,)"),
    "labels in a column": (X, Y[:, None], "labels must be 40 integers, one for each example; got int64 (40, 1)"),
    "one label": (X, np.array(1), "labels must be 40 integers, one for each example; got int64 ()"),
    "no labels": (X, None, "labels must be 40 integers, one for each example; got NoneType"),
    "a list of labels": (X, list(Y), "labels must be 40 integers, one for each example; got list"),
    "boolean labels": (X, Y > 1, "labels must be 40 integers, one for each example; got bool (40,)"),
}


@pytest.mark.smoke
@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data_are_named_with_the_rule_and_what_was_found(case):
    x, y, message = BAD_DATA[case]
    with pytest.raises(ValueError, match=f"^{re.escape(f'training {message}')}$"):
        fit(tiny(), x, y)
    with pytest.raises(ValueError, match=f"^{re.escape(f'validation {message}')}$"):
        fit(tiny(), X, Y, validation=(x, y))
    with pytest.raises(ValueError, match=f"^{re.escape(f'evaluation {message}')}$"):
        evaluate(tiny(), x, y)


def test_training_images_must_have_the_type_of_the_model():
    with pytest.raises(ValueError, match="training images must be float32, the model's dtype; got float64"):
        fit(tiny(), X.astype(np.float64), Y)
    with pytest.raises(ValueError, match="training images must be float64, the model's dtype; got float32"):
        fit(tiny(np.float64), X, Y)


@pytest.mark.parametrize("validation", [X, (X,), (X, Y, Y), 3])
def test_validation_must_be_a_pair(validation):
    with pytest.raises(ValueError, match="validation must be a pair, images and labels; got"):
        fit(tiny(), X, Y, validation=validation)


def test_bad_arguments_do_not_change_the_model():
    model = tiny()
    was = model.flat.copy()
    with pytest.raises(ValueError, match="validation labels must be from 0 to 2"):
        fit(model, X, Y, validation=(X, Y + 1))
    np.testing.assert_array_equal(model.flat, was)


# Divergence ----------------------------------------------------------------------------------------------------------


def test_the_error_for_a_huge_learning_rate_names_epoch_and_batch():
    digits = small.digits(300, 40)
    with pytest.raises(ArithmeticError, match=r"the loss must stay finite; got nan in epoch 1, batch \d+: a lower"):
        fit(convlens.lenet5(), digits.x_train, digits.y_train, optimizer=Adam(1e6))


def test_before_the_first_step_the_learning_rate_is_not_blamed():
    model = Sequential([Rescaling(1e300), Flatten(), Dense(3)], (5, 4, 1))
    message = "the loss must stay finite; got nan in epoch 1, batch 1: no step was made yet, so the images or the "
    with pytest.raises(ArithmeticError, match=message + "network's own numbers are too large$"):
        fit(model, X, Y)


@pytest.mark.parametrize("rate", [1e12, 1e30, 1e38, 1e300])
def test_divergence_in_the_last_batch_is_found(rate):
    digits = small.digits(32, 10)
    with pytest.raises(ArithmeticError, match=r"the (weights|validation loss) must stay finite; got \S+ after epoch 1"):
        fit(
            convlens.lenet5(),
            digits.x_train,
            digits.y_train,
            validation=(digits.x_valid, digits.y_valid),
            optimizer=Adam(rate),
        )
