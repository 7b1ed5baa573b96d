"""fit, evaluate and train: they learn, their events come in order, and they give the same bits each time."""

import re
import time

import numpy as np
import pytest
from tests.support import small
from tests.support.small import patterns, tiny

import convlens
from convlens.nn import SGD, Adam
from convlens.training import Batch, EarlyStopping, Epoch, Scores, evaluate, fit, train


def weights_after(threads=1, **settings):
    model = tiny()
    fit(model, *patterns(), optimizer=Adam(0.01), epochs=2, threads=threads, **settings)
    return model.flat.tobytes()


def figures(history, name) -> list[float]:
    """The list `name` of the history. None of its values may be missing."""
    found = [figure for figure in history.history[name] if figure is not None]
    assert len(found) == len(history.epochs)
    return found


# Learning ------------------------------------------------------------------------------------------------------------


@pytest.mark.smoke
def test_a_network_learns_the_patterns():
    x, y = patterns(200)
    model = tiny()
    valid = x[150:], y[150:]
    history = fit(model, x[:150], y[:150], validation=valid, optimizer=Adam(0.01), epochs=12, batch_size=16)
    losses = figures(history, "loss")
    assert losses[-1] < losses[0] / 2
    assert figures(history, "val_accuracy")[-1] > 0.9
    last = history.epochs[-1]
    assert last.val_loss is not None and last.val_accuracy is not None
    assert evaluate(model, *valid) == Scores(last.val_loss, last.val_accuracy)


@pytest.mark.smoke
def test_lenet5_learns_300_digits():
    digits = small.digits(300, 100)
    model = convlens.lenet5(seed=0)
    history = convlens.fit(model, digits.x_train, digits.y_train, validation=(digits.x_valid, digits.y_valid), epochs=4)
    losses = figures(history, "loss")
    assert losses[-1] < losses[0] / 2
    assert figures(history, "val_accuracy")[-1] > 0.7


@pytest.mark.parametrize("optimizer", [SGD(0.1, momentum=0.9), Adam(0.01)])
def test_a_float64_model_trains(optimizer):
    model = tiny(np.float64)
    losses = figures(fit(model, *patterns(dtype=np.float64), optimizer=optimizer, epochs=6), "loss")
    assert model.flat.dtype == np.float64
    assert losses[-1] < losses[0] * 0.7


def test_evaluate_takes_either_type_and_changes_nothing():
    x, y = patterns()
    model = tiny()
    kept = x.copy(), y.copy(), model.flat.copy()
    one, two = evaluate(model, x, y), evaluate(model, x.astype(np.float64), y.astype(np.uint8))
    assert one == two
    for array, was in zip((x, y, model.flat), kept, strict=True):
        np.testing.assert_array_equal(array, was)


def test_evaluate_is_the_mean_over_all_examples():
    x, y = patterns(601)  # two parts of 250 and a smaller one
    model = tiny()
    logits, _ = model.forward(x)
    losses = np.log(np.exp(logits.astype(float)).sum(axis=1)) - logits[np.arange(601), y]
    scores = evaluate(model, x, y)
    assert scores.loss == pytest.approx(losses.mean(), rel=1e-6)
    assert scores.accuracy == (logits.argmax(axis=1) == y).mean()


# History and callbacks -----------------------------------------------------------------------------------------------


@pytest.mark.smoke
def test_history_has_the_names_of_keras():
    x, y = patterns(40)
    history = fit(tiny(), x, y, validation=(x, y), epochs=2)
    assert list(history.history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert all(len(figures) == 2 for figures in history.history.values())
    assert [epoch.epoch for epoch in history.epochs] == [1, 2]


def test_without_validation_the_validation_loss_is_none():
    assert fit(tiny(), *patterns(40)).history["val_loss"] == [None]


@pytest.mark.smoke
def test_events_come_in_order():
    x, y = patterns(75)
    events = list(train(tiny(), x, y, optimizer=Adam(), epochs=2, batch_size=32, validation=(x[:9], y[:9])))
    kinds = [(type(event), event.epoch) for event in events]
    assert kinds == [(Batch, 1)] * 3 + [(Epoch, 1)] + [(Batch, 2)] * 3 + [(Epoch, 2)]
    first, end = [event for event in events[:3] if isinstance(event, Batch)], events[3]
    assert isinstance(end, Epoch)
    assert [(event.batch, event.batches, event.images) for event in first] == [(1, 3, 32), (2, 3, 64), (3, 3, 75)]
    assert first[2].loss == end.loss
    assert first[2].accuracy == end.accuracy
    assert end.images_per_second == pytest.approx(75 / end.seconds)
    assert first[0].seconds < first[1].seconds < first[2].seconds == end.seconds


def test_callbacks_get_every_event_and_can_stop_after_an_epoch():
    seen: list[Batch | Epoch] = []
    others: list[Batch | Epoch] = []

    def stop_at_two(event):
        seen.append(event)
        return event.epoch == 2  # also true for batches, which do not stop the training

    history = fit(tiny(), *patterns(75), epochs=5, callbacks=[stop_at_two, others.append])
    assert len(history.epochs) == 2
    assert seen == others
    assert [type(event) for event in seen] == ([Batch] * 3 + [Epoch]) * 2


def test_callbacks_may_be_an_iterator_and_their_errors_are_raised():
    def broken(event):
        raise RuntimeError("in the callback")

    with pytest.raises(RuntimeError, match="in the callback"):
        fit(tiny(), *patterns(40), callbacks=iter([broken]))


def epoch(number, val_loss):
    return Epoch(number, 1.0, 1.0, 1.0, 0.5, val_loss, None if val_loss is None else 0.5)


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("patience", "losses", "stops"),
    [
        (1, [3.0, 2.0, 2.0], 3),
        (2, [3.0, 2.0, 2.5, 1.9, 2.0, 1.95], 6),
        (2, [1.0, 2.0, 3.0], 3),
        (3, [1.0, 2.0, 3.0], None),
    ],
)
def test_early_stopping_stops_after_patience_epochs_without_a_lower_loss(patience, losses, stops):
    callback = EarlyStopping(patience)
    answers = [callback(epoch(k, loss)) for k, loss in enumerate(losses, 1)]
    assert answers == [k == stops for k in range(1, len(losses) + 1)]


def test_early_stopping_starts_again_with_the_next_fit():
    callback = EarlyStopping(2)
    for _ in range(2):
        assert [callback(epoch(k, loss)) for k, loss in enumerate([1.0, 2.0, 3.0], 1)] == [False, False, True]


def test_early_stopping_needs_validation_data():
    with pytest.raises(ValueError, match="EarlyStopping needs validation data; epoch 1 has no val_loss"):
        fit(tiny(), *patterns(40), callbacks=[EarlyStopping(1)])


@pytest.mark.parametrize("patience", [0, -1, True, 1.5])
def test_early_stopping_needs_an_integer_patience(patience):
    with pytest.raises(ValueError, match=re.escape(f"patience must be an integer of at least 1; got {patience!r}")):
        EarlyStopping(patience)


def test_seconds_do_not_include_the_time_of_the_caller():
    events = train(tiny(), *patterns(64), optimizer=Adam(), batch_size=32)
    for event in events:  # noqa: B007
        time.sleep(0.3)
    assert isinstance(event, Epoch)
    assert event.seconds < 0.3


# The same bits -------------------------------------------------------------------------------------------------------


@pytest.mark.smoke
@pytest.mark.parametrize("batch_size", [1, 37, 70, 150, 1000])
def test_any_number_of_threads_gives_the_same_bits(batch_size):
    expected = weights_after(threads=1, batch_size=batch_size)
    for threads in (2, 3, 5, 64):
        assert weights_after(threads=threads, batch_size=batch_size) == expected


@pytest.mark.smoke
def test_lenet5_gives_the_same_bits_on_any_number_of_threads():
    digits = small.digits(130, 40)
    results = []
    for threads in (1, 2, 3, 5):
        model = convlens.lenet5(seed=3)
        history = fit(
            model,
            digits.x_train,
            digits.y_train,
            validation=(digits.x_valid, digits.y_valid),
            batch_size=70,
            seed=7,
            threads=threads,
        )
        results.append((model.flat.tobytes(), history.history))
    assert all(result == results[0] for result in results)


def test_evaluate_gives_the_same_bits_on_any_number_of_threads():
    x, y = patterns(1101)
    assert len({evaluate(tiny(), x, y, threads=threads) for threads in (1, 2, 3, 5)}) == 1


def test_a_batch_size_above_the_number_of_examples_gives_one_batch():
    assert weights_after(batch_size=150) == weights_after(batch_size=10**9)


def test_another_seed_gives_other_weights():
    assert weights_after(seed=0) == weights_after(seed=0) != weights_after(seed=1)


@pytest.mark.smoke
@pytest.mark.parametrize("kind", [SGD, Adam])
@pytest.mark.parametrize("stop", [1, 2, 3])
def test_resuming_after_an_epoch_gives_the_bits_of_an_uninterrupted_training(kind, stop):
    x, y = patterns(75)
    whole, optimizer = tiny(), kind(0.01)
    rows = [event for event in train(whole, x, y, optimizer=optimizer, epochs=4, seed=5) if isinstance(event, Epoch)]

    part, before = tiny(), kind(0.01)
    list(train(part, x, y, optimizer=before, epochs=stop, seed=5))
    other, after = tiny(seed=9), kind(0.01)
    other.set_weights(part.get_weights())
    after.set_state(before.get_state())
    events = train(other, x, y, optimizer=after, epochs=4, seed=5, first_epoch=stop + 1)
    again = [event for event in events if isinstance(event, Epoch)]
    assert other.flat.tobytes() == whole.flat.tobytes()
    assert [(row.epoch, row.loss) for row in again] == [(row.epoch, row.loss) for row in rows[stop:]]


def test_training_after_the_last_epoch_does_nothing():
    model = tiny()
    was = model.flat.copy()
    assert list(train(model, *patterns(40), optimizer=Adam(), epochs=2, first_epoch=3)) == []
    np.testing.assert_array_equal(model.flat, was)


class Recorder:
    """An optimizer that records the gradients and does not change the weights."""

    learning_rate = 0.0

    def __init__(self):
        self.gradients = []

    def update(self, weights, gradient):
        self.gradients.append(gradient.copy())

    def get_state(self):
        return {}

    def set_state(self, state):
        pass


@pytest.mark.parametrize(("dtype", "close"), [(np.float32, 2e-6), (np.float64, 1e-14)])
@pytest.mark.parametrize("batch_size", [16, 33, 100, 150])
def test_the_gradient_equals_that_of_the_whole_batch_at_once(dtype, close, batch_size):
    x, y = patterns(150, dtype)
    model, recorder = tiny(dtype), Recorder()
    list(train(model, x, y, optimizer=recorder, batch_size=batch_size, seed=2, epochs=2))
    orders = [np.random.default_rng([2, epoch]).permutation(150) for epoch in (1, 2)]  # a new order for each epoch
    batches = [order[start : start + batch_size] for order in orders for start in range(0, 150, batch_size)]
    for found, chosen in zip(recorder.gradients, batches, strict=True):  # the last batch is divided by its own size
        whole = np.empty_like(model.flat)
        model.loss_gradient(x[chosen], y[chosen], 1 / len(chosen), whole)
        np.testing.assert_allclose(found, whole, rtol=0, atol=close * np.abs(whole).max())


def test_the_epoch_loss_is_the_mean_over_examples_not_batches():
    x, y = patterns(50)
    model = tiny()
    scores = evaluate(model, x, y)
    *_, last = train(model, x, y, optimizer=Recorder(), batch_size=48)
    assert last.loss == pytest.approx(scores.loss, rel=1e-6)
    assert last.accuracy == scores.accuracy
