"""Names of classes and files that steer a terminal or hold several lines: printed without it, kept as they are."""

import json

import numpy as np
import pytest
from PIL import Image
from tests.support import small

NAMES = ("red\x1b[31m", "two\nlines", "turn\u202eed")
SHOWN = ("red�[31m", "two�lines", "turn�ed")
NETWORK = """
from convlens import Dense, Flatten, Sequential
def net(input_shape, classes, seed):
    return Sequential([Flatten(), Dense(classes, activation="softmax")], input_shape, seed=seed)
"""


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory):
    """A working folder with pictures of three classes, and a run that was trained on them."""
    folder = tmp_path_factory.mktemp("place")
    rng = np.random.default_rng(0)
    for name in NAMES:
        (folder / "set" / name).mkdir(parents=True)
        for k in range(4):
            Image.fromarray(rng.integers(0, 256, (9, 8), dtype=np.uint8)).save(folder / "set" / name / f"{k}.png")
    (folder / "own.py").write_text(NETWORK)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("CONVLENS_DATA", str(tmp_path_factory.mktemp("cache")))
        train = ("train", "--data", "set", "--model", "own.py:net", "--engine", "numpy", "--epochs", 1)
        assert small.run(*train, "--out", "run").code == 0
        yield folder


def plain(text):
    """Whether a terminal shows this text line by line, as it is."""
    return not any(name in text for name in NAMES) and "\x1b" not in text


@pytest.mark.parametrize(
    "command", [("data", "info", "set"), ("evaluate", "--run", "run"), ("predict", "--run", "run", "set")]
)
def test_commands_print_each_name_in_one_line(place, command):
    pictures = [str(path) for path in sorted((place / "set").glob("*/*.png"))]
    done = small.run(*(command[:-1] + tuple(pictures) if command[0] == "predict" else command))
    assert done.code == 0 and plain(done.out) and plain(done.err)
    for name in SHOWN:
        assert name in done.out


def test_errors_and_notes_too(place):
    broken = place / "set" / NAMES[1] / "5.png"
    broken.write_bytes(b"no picture")
    try:
        message = small.fails("data", "info", "set")
        assert plain(message) and "two lines/5.png is no picture" in message
        noted = small.run("data", "info", "set", "--skip-broken")
        assert noted.code == 0 and plain(noted.err) and "two�lines/5.png is no picture" in noted.err
    finally:
        broken.unlink()
    wrong = small.fails("train", "--data", "set", "--model", "own.py:net", "--class-weights", "cow=2")
    assert plain(wrong) and SHOWN[0] in wrong


def test_json_and_the_run_keep_them(place):
    done = small.run("data", "info", "set", "--json")
    assert tuple(json.loads(done.out)["class_names"]) == tuple(sorted(NAMES)) and plain(done.out)
    assert tuple(json.loads((place / "run" / "history.json").read_text())["class_names"]) == tuple(sorted(NAMES))
