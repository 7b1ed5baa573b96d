"""Networks of one's own on the command line: trained, resumed, shown, and every mistake told in one sentence."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.support import small

from convlens.cli import train as cli_train
from convlens.cli.train_run import claim
from convlens.models import MODELS
from convlens.training import Run, load_model

NET = """
from convlens.nn import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D, Sequential


def small(input_shape, classes, seed=0):
    return Sequential(
        [
            Conv2D(4, 3, use_bias=False), BatchNormalization(), MaxPooling2D(4), Dropout(0.2), Flatten(),
            Dense(classes, activation="softmax"),
        ],
        input_shape, seed=seed,
    )


def three():
    return Sequential([Flatten(), Dense(3)], (28, 28, 1))


def breaks(classes):
    return Sequential([Dense(0)])
"""
TRAIN = ("train", "--data", "few.npz", "--model", "net.py:small", "--engine", "numpy", "--batch-size", 40)
MORE = ("--optimizer", "sgd", "--momentum", 0.9, "--learning-rate", 0.02, "--schedule", "cosine", "--augment", "shift")


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory):
    """A working folder with digits and a file of networks."""
    folder = tmp_path_factory.mktemp("place")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("os.fsync", lambda handle: None)
        patch.setattr(cli_train, "_report", lambda run, digits: None)
        small.npz(folder / "few.npz")
        (folder / "net.py").write_text(NET)
        yield folder


def test_a_network_of_ones_own_is_trained_and_goes_on_without_its_code(place):
    done = small.run(*TRAIN, *MORE, "--epochs", 2, "--json")
    assert done.code == 0, done.err
    history = json.loads(done.out)
    assert {name: history[name] for name in ("model", "network", "optimizer", "momentum", "schedule", "augment")} == {
        "model": "net.py:small",
        "network": "small",
        "optimizer": "sgd",
        "momentum": 0.9,
        "schedule": "cosine",
        "augment": "shift",
    }
    assert done.err.startswith("small (") and "; in runs/small-1\n" in done.err
    run = Run.start(place / "cut", Run.open("runs/small-1").settings, small.digits())
    training = run.train(small.digits())
    for _ in range(4):
        next(training)
    training.close()
    (place / "net.py").rename(place / "away.py")
    try:
        assert small.run("train", "--resume", "--run", "cut", "--data", "few.npz").code == 0
        one, two = load_model("cut"), load_model("runs/small-1")
    finally:
        (place / "away.py").rename(place / "net.py")
    assert one.flat.tobytes() == two.flat.tobytes()
    assert one.flat_state.tobytes() == two.flat_state.tobytes()


def test_the_specification_is_written_and_trained(place):
    done = small.run("summary", "--model", "net.py:small", "--out", "small.json")
    assert (done.code, done.err) == (0, "specification: small.json\n")
    done = small.run("train", "--data", "few.npz", "--model", "small.json", "--epochs", 1, "--out", "from_json")
    assert done.code == 0, done.err
    assert load_model("from_json").descriptions == Run.open("from_json").model.descriptions
    assert (
        small.fails("summary", "--out", "small.json") == "small.json exists; a specification is written to a new file"
    )
    assert small.fails("summary", "--out", "small.txt") == "--out must end in .json; got small.txt"
    out = json.loads(small.run("summary", "--model", "small.json", "--json").out)
    assert out["specification"] == json.loads((place / "small.json").read_text())


MISTAKES = {
    "net.py:three": "net.py:15: the network's output must be (10,), one number for each class; it is (3,)",
    "net.py:breaks": "net.py:20: breaks raised ValueError: units must be an integer of at least 1; got 0",
    "net.py:none": "net.py must have the function none; its functions are small, three, breaks",
    "net.py": "--model needs the name of a function, net.py:FUNCTION; its functions are small, three, breaks",
    "none.py:net": "--model needs a file that exists; there is no none.py",
    "few.npz": f"model must be one of {', '.join(MODELS)}, FILE.py:FUNCTION or FILE.json; got 'few.npz'",
}


@pytest.mark.parametrize("model", MISTAKES)
def test_a_mistake_is_one_sentence_and_leaves_nothing_behind(place, model):
    before = sorted(place.rglob("*"))
    assert small.fails("train", "--data", "few.npz", "--model", model) == MISTAKES[model]
    assert sorted(path for path in place.rglob("*") if "__pycache__" not in path.parts) == [
        path for path in before if "__pycache__" not in path.parts
    ]


def test_a_rate_that_is_too_high_is_told_when_it_happens():
    done = small.run(*TRAIN, "--optimizer", "sgd", "--learning-rate", 1e20, "--out", "exploded")
    assert (done.code, done.out) == (2, "")
    message = r"convlens: the loss must stay finite; got \S+ in epoch 1, batch \d: a lower .* may help, such as 1e\+19"
    assert re.fullmatch(message, done.err.splitlines()[-1])


def test_several_that_begin_at_once_each_get_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(claim, ["small"] * 40))
    assert sorted(path.name for path in folders) == sorted(f"small-{k}" for k in range(1, 41))


# summary -------------------------------------------------------------------------------------------------------------


def test_summary_says_what_each_layer_is():
    lines = small.run(
        "summary", "--model", "convnet", "--size", "20x16", "--channels", 3, "--classes", 4
    ).out.splitlines()
    assert lines[2].split()[:8] == ["conv2d", "Conv2D", "14", "×", "18", "×", "32", "896"]
    assert lines[0].endswith("runs with") and lines[2].endswith(" in lanes")
    assert "softmax: part of the loss and of predict" in lines
    assert lines[lines.index("layers as written:") + 1 :] == [
        "  Conv2D(32, (3, 3), activation='relu')",
        "  MaxPooling2D(strides=(2, 2))",
        "  Conv2D(64, (3, 3), activation='relu')",
        "  MaxPooling2D(strides=(2, 2))",
        "  Flatten()",
        "  Dropout(0.5)",
        "  Dense(4, activation='softmax')",
    ]


def test_summary_of_a_network_of_ones_own(place):
    value = json.loads(small.run("summary", "--model", "net.py:small", "--size", "30x20", "--json").out)
    assert (value["model"], value["end"]) == ("small", "softmax")
    assert value["layers"][0]["input_shape"] == [20, 30, 1]
    message = (
        "lenet5 needs larger images; with 30 × 9 pixels, layer conv2d_1: the kernel must fit into the padded input; "
    )
    assert small.fails("summary", "--size", "9x30") == message + "got kernel (5, 5), padded input (15, 4)"
    assert small.fails("summary", "--classes", 0) == "--classes must be an integer of at least 1; got 0"
    assert small.fails("summary", "--run", "cut", "--classes", 3) == (
        "--run has a network, with its images and classes; got --classes 3 too"
    )


def test_a_network_of_float64_is_trained_and_resumed(place):
    double = 'Sequential([Flatten(), Dense(classes)], input_shape, dtype="float64")'
    (place / "double.py").write_text(
        f"from convlens.nn import *\ndef double(input_shape, classes):\n    return {double}\n"
    )
    done = small.run(
        "train", *TRAIN[1:3], "--model", "double.py:double", "--engine", "numpy", "--epochs", 1, "--out", "f64"
    )
    assert done.code == 0, done.err
    assert small.run("train", "--resume", "--run", "f64", "--epochs", 2).code == 0
    assert load_model("f64").dtype == "float64"
