"""Arguments of a wrong kind: each is told in a sentence that names the argument."""

import re
from typing import Any

import numpy as np
import pytest

import convlens
from convlens import callbacks, nn
from convlens.nn import Dense, Flatten

load: Any = convlens.load
load_model: Any = convlens.load_model
CSVLogger: Any = callbacks.CSVLogger
ModelCheckpoint: Any = callbacks.ModelCheckpoint
Input: Any = nn.Input
Sequential: Any = nn.Sequential
X, Y = np.random.default_rng(0).random((12, 5, 4, 1), dtype=np.float32), np.arange(12) % 3


def net(**words):
    return Sequential([Flatten(), Dense(3, activation="softmax")], **{"input_shape": (5, 4, 1), **words})


def fits(x=X, y=Y, **words):
    model = net()
    model.compile("adam", "sparse_categorical_crossentropy")
    return model.fit(x, y, verbose=0, **words)


NO_PATH = "must be a path, as text or as pathlib.Path; got"
CASES = {
    "load 5": (lambda: load(5), f"data {NO_PATH} int"),
    "load an array": (lambda: load(X), f"data {NO_PATH} ndarray"),
    "size": (lambda: load("embedded", size=28), "size must be a pair (h, w); got 28"),
    "size of 0": (lambda: load("embedded", size=(0, 5)), "size must be an integer of at least 1, or two of them; got"),
    "skip_broken": (lambda: load("embedded", skip_broken="no"), "skip_broken must be True or False; got 'no'"),
    "transposed": (lambda: load("embedded", transposed=1), "transposed must be True or False; got 1"),
    "seed of load": (lambda: load("embedded", seed=-1), "seed must be an integer of at least 0; got -1"),
    "load_model": (lambda: load_model(None), f"filepath {NO_PATH} NoneType"),
    "save": (lambda: net().save(b"x.keras"), f"filepath {NO_PATH} bytes"),
    "load_weights": (lambda: net().load_weights(["x.npz"]), f"filepath {NO_PATH} list"),
    "ModelCheckpoint": (lambda: ModelCheckpoint(5), f"filepath {NO_PATH} int"),
    "CSVLogger": (lambda: CSVLogger(None), f"filename {NO_PATH} NoneType"),
    "layers": (lambda: Sequential(5), "layers must be a list of layers; got int"),
    "input_shape": (
        lambda: net(input_shape="281"),
        "input_shape needs a tuple of integers, such as (28, 28, 1); got",
    ),
    "a size": (
        lambda: net(input_shape=(5, 4.0, 1)),
        "each size of shape must be an integer of at least 1; got 4.0",
    ),
    "Input": (lambda: Input(b"ab"), "Input needs a tuple of integers, such as (28, 28, 1); got b'ab'"),
    "seed": (lambda: net(seed=None), "seed must be an integer of at least 0; got None"),
    "name": (lambda: net(name=5), "name must be a text; got 5"),
    "dtype": (lambda: net(dtype="x"), "dtype must be float32 or float64; got x"),
    "engine": (lambda: net(engine=[]), "engine must be one of auto, numpy, numba, browser; got []"),
    "initial": (lambda: net(initial="he"), "initial must be a function of convlens.nn.initializers; got 'he'"),
    "set_weights": (lambda: net().set_weights(5), "set_weights takes a list of arrays; got int"),
    "predict": (lambda: net().predict("x.png"), "x must be an array of numbers; got str"),
    "validation_split": (lambda: fits(validation_split="a"), "validation_split must be from 0 to below 1; got 'a'"),
    "masked labels": (
        lambda: fits(y=np.ma.masked_array(Y, Y > 1)),
        "training labels must be a plain array; got Masked",
    ),
    "rows of labels": (lambda: fits(y=[[1], [2, 3]] * 6), "training labels must be numbers, or rows of one length"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_argument_is_named(case):
    call, message = CASES[case]
    with pytest.raises((TypeError, ValueError), match="^" + re.escape(message)):
        call()


def test_the_weight_of_a_class_without_examples_takes_no_memory():
    assert fits(class_weight={0: 2.0, 10**30: 3.0}).history["loss"] == fits(class_weight={0: 2.0}).history["loss"]
