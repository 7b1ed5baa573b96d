"""A network that the page has trained becomes a run like any other."""

import base64
import json
from typing import Any

import numpy as np
import pytest
from tests.support import small

import convlens
from convlens.explorer.save import Saver
from convlens.storage.tensors import tensors_to_bytes
from convlens.training import Epoch, Run, Settings

NAMES = ("seconds", "images_per_second", "loss", "accuracy", "val_loss", "val_accuracy")


def message(model, epochs=1, state=None, **settings):
    """What the page sends."""
    tensors = model.named_weights() | {f"optimizer/{name}": value for name, value in (state or {}).items()}
    rows = [{"epoch": k + 1, **dict.fromkeys(NAMES, 0.5 + k)} for k in range(epochs)]
    return {"weights": base64.b64encode(tensors_to_bytes(tensors)).decode(), "epochs": rows, "settings": settings}


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.fsync", lambda handle: None)
    small.npz(tmp_path / "few.npz")
    return tmp_path


@pytest.fixture
def save(place, network):
    """The saver of a page that was opened with the data few.npz."""
    return Saver(network, convlens.load("few.npz"), Settings(data="few.npz", seed=3), lambda: place / "runs" / "mine")


@pytest.fixture
def trained(network):
    """The network with other weights than those that the page began with."""
    model = convlens.models.clone_model(network)
    model.flat[...] = np.random.default_rng(5).standard_normal(model.flat.size) / 10
    return model


def test_it_evaluates_and_resumes(save, trained, place):
    assert save(message(trained, 2, optimizer="sgd", learning_rate=0.05, batch_size=16)) == {
        "run": str(place / "runs" / "mine")
    }
    assert (convlens.load_model("runs/mine").flat == trained.flat).all()
    done = small.run("evaluate", "--json")  # it is the newest run
    assert done.code == 0 and done.err == "" and json.loads(done.out)["images"] == 40
    done = small.run("train", "--resume", "--epochs", 3, "--json")
    assert done.code == 0, done.err
    history = json.loads(done.out)
    assert [row["epoch"] for row in history["epochs"]] == [1, 2, 3]
    assert [row["loss"] for row in history["epochs"][:2]] == [0.5, 1.5]
    assert (history["optimizer"], history["learning_rate"], history["batch_size"]) == ("sgd", 0.05, 16)
    assert (history["data"], history["seed"]) == ("few.npz", 3)
    assert not (convlens.load_model("runs/mine").flat == trained.flat).all()


def test_training_goes_on_exactly_with_the_optimizers_state(save, place):
    """The page stands in for a run that was stopped after its first epoch."""
    digits = convlens.load("few.npz")
    whole = Run.start(place / "whole", Settings(data="few.npz", seed=3, epochs=2, batch_size=16), digits, save.model)
    events = [event for event in whole.train(digits, threads=1) if isinstance(event, Epoch)]
    half = Run.start(place / "half", Settings(data="few.npz", seed=3, epochs=1, batch_size=16), digits, save.model)
    list(half.train(digits, threads=1))
    save(message(half.model, 1, half.optimizer.get_state(), batch_size=16))
    assert small.run("train", "--resume", "--run", "runs/mine", "--epochs", 2).code == 0
    again = Run.open("runs/mine")
    assert (again.model.flat == whole.model.flat).all()
    assert again.epochs[1].loss == events[1].loss


def test_a_frozen_layer_stays_frozen(save, trained, place):
    first: Any = save.model.layers[0]
    first.trainable = False
    try:
        save(message(trained))
    finally:
        first.trainable = True
    assert Run.open("runs/mine").model.frozen == {0}


def wrong(model):
    """What is wrong with a message, and the message."""
    right = message(model)
    row = right["epochs"][0]
    yield "only weights, epochs and settings", {**right, "path": "/etc"}
    odd: list[object] = [None, [], {}, "a"]
    for epochs in odd:
        yield "epochs must be a list of 1 to 10,000 epochs: train one", {**right, "epochs": epochs}
    yield "an epoch must have epoch, seconds", {**right, "epochs": [{"epoch": 1}]}
    for value in (None, "1", True, float("nan"), float("inf")):
        yield "the figures of epoch 1 must be finite numbers", {**right, "epochs": [{**row, "loss": value}]}
    yield "numbered 1, 2, …; epoch 1 has the number 2", {**right, "epochs": [{**row, "epoch": 2}]}
    yield "weights must be bytes in base64", {**right, "weights": "é"}
    yield "weights must be a whole safetensors file", {**right, "weights": "AAAA"}
    yield "settings must have only", {**right, "settings": {"data": "/etc/passwd"}}
    yield "optimizer must be a name", {**right, "settings": {"optimizer": 3}}
    yield "learning_rate must be a number", {**right, "settings": {"learning_rate": "1"}}
    yield "learning_rate must be a number above 0; got -1", {**right, "settings": {"learning_rate": -1}}
    yield "batch_size must be an integer", {**right, "settings": {"batch_size": 1.5}}
    yield "optimizer", {**right, "settings": {"optimizer": "none"}}
    yield "the optimizer's state must be step, m, v", message(model, state={"m": np.zeros(3, np.float32)})
    state = {"step": np.array(1), "m": np.zeros(3, np.float32), "v": model.flat * 0}
    yield r"the optimizer's m must be \(\d+,\)", message(model, state=state)
    yield "the optimizer's step must be", message(model, state={**state, "m": state["v"], "step": np.array(-1)})
    for name, weights in model.named_weights().items():
        for bad in (weights[..., :1], weights * np.nan, weights.astype(np.int32)):
            packed = base64.b64encode(tensors_to_bytes({**model.named_weights(), name: bad})).decode()
            yield f"{name} must be", {**right, "weights": packed}
        break
    yield "the weights must be", {**right, "weights": base64.b64encode(tensors_to_bytes({"a": state["v"]})).decode()}


def test_a_wrong_message_writes_nothing(save, trained, place):
    for text, found in wrong(trained):
        with pytest.raises(ValueError, match=text):
            save(found)
        assert not (place / "runs").exists(), text
