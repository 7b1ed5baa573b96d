"""Weights of the classes in a run's loss: by name or balanced, kept, refused for unknown names."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.support import small

from convlens.data import from_arrays
from convlens.nn import Conv2D, Dense, Flatten, Sequential
from convlens.training import Run, Settings
from convlens.training import class_weights as module

pytestmark = pytest.mark.usefixtures("without_sync")

X, _ = small.patterns(30)
Y = np.array(["cat", "dog", "eel e"])[np.arange(30) ** 2 % 7 % 3]
DATA = from_arrays(X[:21], Y[:21], X[21:], Y[21:])
COUNTS = np.bincount(DATA.y_train, minlength=3)
SETTINGS = Settings(model="own", engine="numpy", batch_size=21, epochs=1, optimizer="sgd", learning_rate=0.5)


def class_weights(words, data):
    found = module.class_weights(words, data)
    assert found is not None
    return found


def own():
    layers = (Conv2D(3, (2, 3), activation="tanh"), Flatten(), Dense(3, activation="softmax"))
    return Sequential(layers, DATA.x_train.shape[1:], name="own", seed=3, engine="numpy")


def test_balanced_weights_are_those_of_scikit_learn():
    assert len(set(COUNTS)) > 1
    found = class_weights("balanced", DATA)
    assert_allclose(found, 21 / (3 * COUNTS))
    assert_allclose(found[DATA.y_train].mean(), 1)
    linear = pytest.importorskip("sklearn.utils.class_weight")
    assert_allclose(found, linear.compute_class_weight("balanced", classes=np.arange(3), y=DATA.y_train))


def test_a_class_without_training_images_does_not_count():
    some = DATA.y_train != 1
    data = from_arrays(DATA.pixels_train[some], Y[:21][some], DATA.pixels_valid, Y[21:])
    found = class_weights("balanced", data)
    assert data.classes == 3 and found[1] == 1
    assert_allclose(found[data.y_train].mean(), 1)


@pytest.mark.parametrize("words", ["balanced", " cat = 2.5, eel e=0"])
def test_the_step_is_that_of_the_weighted_loss(tmp_path, words):
    model = own()
    before = model.flat.copy()
    run = Run.start(tmp_path / "run", replace(SETTINGS, class_weights=words), DATA, model)
    list(run.train(DATA, 1))
    weights = {"balanced": 21 / (3 * COUNTS)}.get(words, np.array([2.5, 1, 0]))
    gradient, loss = np.zeros_like(before), 0.0
    for x, label in zip(DATA.x_train, DATA.y_train, strict=True):  # each image alone
        one = np.zeros_like(before)
        losses, _ = model.loss_gradient(x[None], np.array([label]), 1.0, one)
        gradient += weights[label] * one / 21
        loss += weights[label] * float(losses[0]) / 21
    assert_allclose(run.model.flat, before - 0.5 * gradient, rtol=1e-4, atol=1e-6)
    assert_allclose(run.epochs[0].loss, loss, rtol=1e-5)
    assert not np.allclose(run.model.flat, plain(tmp_path).model.flat, atol=1e-4)


def plain(folder):
    run = Run.start(folder / "plain", SETTINGS, DATA, own())
    list(run.train(DATA, 1))
    return run


def test_weights_of_one_change_no_bit(tmp_path):
    run = Run.start(tmp_path / "run", replace(SETTINGS, class_weights="cat=1"), DATA, own())
    list(run.train(DATA, 1))
    assert np.array_equal(run.model.flat, plain(tmp_path).model.flat)
    assert run.epochs[0].loss == plain(tmp_path / "again").epochs[0].loss


FORM = "class_weights must be balanced, or NAME=WEIGHT with commas between, such as cat=1,dog=2.5; got "
NUMBER = "class_weights must be finite numbers of at least 0; got "
WRONG = {
    "cow=2": "class_weights must name classes of the data, cat, dog, eel e; got 'cow'",
    "0=2": "class_weights must name classes of the data, cat, dog, eel e; got '0'",
    "cat=0,dog=0,eel e=0": "class_weights must leave a weight above 0 for some training images; got cat=0,dog=0,eel "
    "e=0",
    "cat": f"{FORM}'cat'",
    "cat=1,,dog=2": f"{FORM}''",
    "=1": f"{FORM}'=1'",
    "cat=": f"{NUMBER}nothing for cat",
    "cat=x": f"{NUMBER}x for cat",
    "cat=-1": f"{NUMBER}-1 for cat",
    "cat=inf": f"{NUMBER}inf for cat",
    "cat=1,cat=2": "class_weights must name each class once; got cat twice",
}


@pytest.mark.parametrize("words", WRONG)
def test_wrong_words_leave_no_folder(tmp_path, words):
    with pytest.raises(ValueError, match=f"^{re.escape(WRONG[words])}$"):
        Run.start(tmp_path / "run", replace(SETTINGS, class_weights=words), DATA, own())
    assert list(tmp_path.iterdir()) == []


def test_keras_has_no_class_weights_in_a_run():
    with pytest.raises(ValueError, match=r"^class_weights need the trainer convlens; got keras$"):
        Settings(trainer="keras", class_weights="balanced")


def test_the_command_keeps_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("set.npz", x_train=np.tile(X[:21], (1, 6, 7, 1)), y_train=Y[:21], x_valid=np.tile(X[21:], (1, 6, 7, 1)),
             y_valid=Y[21:])  # fmt: skip
    words = ["--class-weights", "cat=1, eel e=3"]
    done = small.run("train", "--data", "set.npz", "--model", "convnet", "--epochs", 1, "--out", "run", *words)
    assert done.code == 0, done.err
    assert json.loads((tmp_path / "run/history.json").read_text())["class_weights"] == "cat=1,eel e=3"
    resume = ["train", "--resume", "--run", "run", "--epochs", 2]
    message = small.fails(*resume, "--class-weights", "balanced")
    assert message == "class_weights must be the run's value, 'cat=1,eel e=3'; got 'balanced'"
    assert small.run(*resume, *words).code == 0
    message = small.fails("train", "--data", "set.npz", "--class-weights", "cow=1")
    assert message == WRONG["cow=2"] and not (tmp_path / "runs").exists()
    assert small.fails("train", "--data", "set.npz", "--class-weights", " ").startswith("--class-weights must be ")
