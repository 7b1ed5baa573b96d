"""Training with dropout, augmentation and a schedule: it gives the same bits, it resumes, it refuses bad arguments."""

import re
from typing import Any

import numpy as np
import pytest
from tests.support.small import patterns, tiny

from convlens.data import ColourShift, Compose, RandomCrop, RandomFlip, center_crop
from convlens.engines.partition import partition
from convlens.nn import SGD, Conv2D, Dense, Dropout, Flatten, LocalResponseNormalization, Sequential, StepDecay
from convlens.training import Epoch, Scores, evaluate, fit, train

pytestmark = pytest.mark.smoke


def small_alexnet(engine="auto", seed=0):
    """A small network for 5 x 4 images with every kind of layer of AlexNet except pooling."""
    layers = (
        Conv2D(4, (2, 3), activation="relu"),
        LocalResponseNormalization(),
        Conv2D(6, (2, 1), padding="same", groups=2, activation="tanh"),
        Flatten(),
        Dropout(0.5),
        Dense(8, activation="relu"),
        Dropout(0.25),
        Dense(3),
    )
    return Sequential(layers, (5, 4, 1), engine=engine, seed=seed)


X, Y = patterns(150)
WIDE = np.pad(X, ((0, 0), (1, 0), (0, 2), (0, 0)))  # 6 x 6
AUGMENT = Compose((RandomCrop((5, 4), padding=(1, 0)), RandomFlip(), ColourShift.from_images(WIDE)))
HOW: dict[str, Any] = {"schedule": StepDecay(0.1, (2, 4)), "augment": AUGMENT, "seed": 3}


def sgd():
    return SGD(momentum=0.9, weight_decay=0.0005)


def bits(engine="auto", **changed):
    model = small_alexnet(engine)
    valid = center_crop(WIDE, (5, 4)), Y
    history = fit(model, WIDE, Y, **{"optimizer": sgd(), "epochs": 2, "validation": valid, **HOW, **changed})
    return model.flat.tobytes(), str(history.history)


@pytest.mark.parametrize("batch_size", [37, 70, 150])
def test_any_number_of_threads_gives_the_same_bits(quick_engine, batch_size):
    found = {bits(quick_engine.name, threads=threads, batch_size=batch_size) for threads in (1, 2, 3, 64)}
    assert len(found) == 1


def test_seed_augment_and_dropout_each_change_the_bits():
    without_randomness = {"augment": lambda images, rng: center_crop(images, (5, 4))}
    found = {bits(), bits(seed=4), bits(**without_randomness), bits(augment=AUGMENT.changes[0])}
    assert len(found) == 4
    assert bits() == bits()


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_resuming_after_an_epoch_gives_the_bits_of_an_uninterrupted_training(quick_engine, stop):
    whole = small_alexnet(quick_engine.name)
    rows = [e for e in train(whole, WIDE, Y, optimizer=sgd(), epochs=4, **HOW) if isinstance(e, Epoch)]
    part, before = small_alexnet(quick_engine.name), sgd()
    list(train(part, WIDE, Y, optimizer=before, epochs=stop, **HOW))
    other, after = small_alexnet(quick_engine.name, seed=9), sgd()
    other.set_weights(part.get_weights())
    after.set_state(before.get_state())
    events = train(other, WIDE, Y, optimizer=after, epochs=4, first_epoch=stop + 1, **HOW)
    again = [e for e in events if isinstance(e, Epoch)]
    assert other.flat.tobytes() == whole.flat.tobytes()
    assert [(row.epoch, row.loss) for row in again] == [(row.epoch, row.loss) for row in rows[stop:]]


def test_it_learns_and_evaluates_without_dropout():
    x, y = patterns(400)
    model, valid = small_alexnet(), (x[300:], y[300:])
    history = fit(
        model,
        x[:300],
        y[:300],
        optimizer=SGD(0.05, 0.9, coupled_weight_decay=0.0005),
        validation=valid,
        epochs=25,
        schedule=StepDecay(0.05, (20,)),
        augment=lambda images, rng: images + rng.normal(0, 0.02, images.shape).astype(images.dtype),
    )
    last = history.epochs[-1]
    assert last.val_loss is not None and last.val_accuracy is not None
    assert last.val_accuracy > 0.9
    assert last.val_loss < last.loss, "only the training loss is computed with dropout"
    scores = evaluate(model, *valid)
    assert scores == Scores(last.val_loss, last.val_accuracy)
    predicted = model.predict(valid[0]).argmax(axis=1)
    assert scores.accuracy == (predicted == valid[1]).mean()


def test_augment_gets_each_image_once_an_epoch_and_a_new_generator_for_each_part(quick_engine):
    """The seed of each generator is [seed, epoch, batch, part], as the docstring of `train` says."""
    numbers = np.arange(150, dtype=np.float32)
    x = np.broadcast_to(numbers[:, None, None, None], (150, 5, 4, 1)) / 150
    calls = []

    def record(images, rng):
        calls.append((np.rint(images[:, 0, 0, 0] * 150).astype(int), rng.random()))
        return images

    model = tiny()
    model = Sequential(model.layers, model.input_shape, engine=quick_engine.name)
    fit(
        model,
        np.ascontiguousarray(x),
        Y,
        optimizer=SGD(0.01),
        epochs=2,
        batch_size=100,
        threads=1,
        augment=record,
        seed=8,
    )
    calls = calls[1:]  # the first call only checks the shape
    want = []
    for epoch in (1, 2):
        order = np.random.default_rng([8, epoch]).permutation(150)
        for batch, chosen in enumerate((order[:100], order[100:]), 1):
            for k, cut in enumerate(partition(len(chosen), quick_engine.least_part)):
                want.append((chosen[cut], np.random.default_rng([8, epoch, batch, k]).random()))
    assert len(calls) == len(want)
    for (seen, drawn), (chosen, expected) in zip(calls, want, strict=True):
        np.testing.assert_array_equal(seen, chosen)
        assert drawn == expected


def test_the_arguments_are_not_changed():
    x, y = WIDE.copy(), Y.copy()
    fit(small_alexnet(), x, y, optimizer=sgd(), **HOW)
    np.testing.assert_array_equal(x, WIDE)
    np.testing.assert_array_equal(y, Y)


def unchanged(images, rng):
    return images


NAN = WIDE.copy()
NAN[9, 1, 2, 0] = np.nan
MADE = "training images after augment must be"
ILLEGAL = {
    "another shape": (
        (WIDE, Y, RandomCrop((4, 4))),
        f"{MADE} (n, 5, 4, 1) with n of at least 1; got (1, 4, 4, 1)",
    ),
    "another dtype": ((X, Y, lambda x, rng: x.astype(float)), f"{MADE} float32, the model's dtype; got float64"),
    "no array": ((X, Y, lambda x, rng: None), f"{MADE} float32 or float64; got NoneType"),
    "NaN made": ((X, Y, lambda x, rng: x / 0), f"{MADE} finite; got 20 NaN or infinite numbers"),
    "two of one": (
        (X, Y, lambda x, rng: np.repeat(x, 2, axis=0)),
        "augment must return one image for one image; got 2",
    ),
    "labels": ((WIDE, Y + 1, AUGMENT), "training labels must be from 0 to 2; got 1 to 3"),
    "fewer labels": (
        (WIDE, Y[:9], AUGMENT),
        "training labels must be 150 integers, one for each example; got int64 (9,)",
    ),
    "NaN given": ((NAN, Y, AUGMENT), "training images must be finite; got 1 NaN or infinite numbers"),
    "no images": (
        (WIDE[:0], Y[:0], unchanged),
        "training images must be numbers (n, h, w, c) with n of at least 1; got float32 (0, 6, 6, 1)",
    ),
    "a list": (
        (list(WIDE), Y, unchanged),
        "training images must be numbers (n, h, w, c) with n of at least 1; got list",
    ),
    "objects": (
        (WIDE.astype(object), Y, unchanged),
        "training images must be numbers (n, h, w, c) with n of at least 1; got object (150, 6, 6, 1)",
    ),
    "too small": (
        (X, Y, RandomCrop((6, 4))),
        "RandomCrop needs a size that fits into the images; got (6, 4), images (5, 4)",
    ),
}


@pytest.mark.parametrize(("data", "message"), ILLEGAL.values(), ids=ILLEGAL)
@pytest.mark.filterwarnings("ignore:divide by zero|invalid value")
def test_bad_arguments_are_refused(data, message):
    x, y, augment = data
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        fit(small_alexnet(), x, y, augment=augment)
