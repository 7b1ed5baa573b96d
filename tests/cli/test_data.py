"""Data that convlens refuses: one line names the file, the rule and the value; no file is left behind."""

from typing import Any

import numpy as np
import pytest
from tests.support import small

from convlens.cli import train as cli_train
from convlens.data import download


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory):
    """A working folder with digits and a finished run."""
    folder = tmp_path_factory.mktemp("place")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(cli_train, "_report", lambda run, digits: None)
        small.npz(folder / "few.npz")
        assert small.run("train", "--data", "few.npz", "--epochs", 1, "--out", "run").code == 0
        yield folder


def arrays(**changes):
    """Return the arrays of a small file in the course's layout, with the given changes."""
    x, y = np.full((12, 28, 28), 0.5, np.float32), np.arange(12) % 10
    return {"X_train": x, "Y_train": y, "X_valid": x, "Y_valid": y, **changes}


def with_nan():
    x = arrays()["X_train"].copy()
    x[3, 4, 5] = np.nan
    return x


BAD_DATA = {
    "NaN": ({"X_train": with_nan()}, "bad.npz: X_train must be finite in float32; got nan at (3, 4, 5)"),
    "objects": (
        {"Y_valid": np.array([None] * 12)},
        "bad.npz: Y_valid must be a whole, plain array; ValueError: Object",
    ),
    "complex": ({"X_valid": np.ones((12, 28, 28), complex)}, "bad.npz: X_valid must hold images as uint8 or floating"),
    "label -1": ({"Y_train": np.arange(12) - 1}, "bad.npz: Y_train must hold labels >= 0 that fit int64; got -1 to 10"),
    "float labels": ({"Y_train": np.ones(12) / 2}, "bad.npz: Y_train must hold labels as integers; got 0.5 at 0"),
    "fewer labels": (
        {"Y_train": np.arange(5)},
        "there must be one label for every image; got bad.npz: X_train 12, bad",
    ),
    "sizes that differ": (
        {"X_valid": np.ones((12, 9, 9))},
        "every part needs images of one (h, w, c); got bad.npz: X_t",
    ),
    "nothing": (
        {"X_train": np.ones((0, 28, 28)), "Y_train": np.ones(0, int)},
        "bad.npz: X_train must hold at least one",
    ),
}


@pytest.mark.smoke
@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data_leave_nothing_behind(place, case):
    changes, message = BAD_DATA[case]
    np.savez(place / "bad.npz", **arrays(**changes))
    assert small.fails("train", "--data", "bad.npz", "--out", "bad").startswith(message)
    assert not (place / "bad").exists()
    assert small.fails("data", "info", "bad.npz").startswith(message)


OTHER_DATA: dict[str, tuple[dict[str, Any], str]] = {
    "twelve classes": ({"Y_train": np.arange(12)}, "the classes of the data must be the network's, 0, 1, 2"),
    "twelve classes in one part": (
        {"Y_valid": np.arange(12)},
        "the classes of the data must be the network's, 0, 1, 2",
    ),
    "other sizes": (
        {"X_train": np.ones((12, 32, 30)), "X_valid": np.ones((12, 32, 30))},
        "the images must have the size of the network's, 28",
    ),
    "three channels": ({"X_train": np.ones((12, 28, 28, 3)), "X_valid": np.ones((12, 28, 28, 3))}, "grey"),
}


@pytest.mark.parametrize("case", OTHER_DATA)
def test_a_network_is_made_for_the_data_and_another_network_says_why_it_does_not_fit(place, case):
    changes, said = OTHER_DATA[case]
    np.savez(place / "other.npz", **arrays(**changes))
    out = f"other-{case.replace(' ', '-')}"
    assert small.run("train", "--data", "other.npz", "--epochs", 1, "--out", out).code == 0
    assert small.run("evaluate", "--run", out, "--data", "other.npz").code == 0
    done = small.run("evaluate", "--run", "run", "--data", "other.npz", "--part", "all")
    assert said in done.err
    assert (done.code == 0) == (case == "three channels"), "colours become grey, and that is said"


def test_data_that_are_none(place):
    message = (
        "data must be 'embedded', 'mnist', or the path of a folder of pictures, IDX or CSV files, an .npz or a CSV "
        "file; there is no 'nope'"
    )
    for command in (["train", "--out", "bad"], ["evaluate", "--run", "run"], ["data", "export", "new.npz"]):
        assert small.fails(*command, "--data", "nope") == message
    assert small.fails("data", "info", "nope") == message
    assert small.fails("data", "info", "run").startswith("run must hold a folder of pictures for each class")
    assert small.fails("data", "info", "/dev/null") == (
        "data must be a folder of pictures, IDX or CSV files, an .npz or a CSV file; '/dev/null' is none of them"
    )
    (place / "text.npz").write_text("I am no archive")
    assert small.fails("data", "info", "text.npz").startswith("text.npz must be an .npz file")
    (place / "cut.npz").write_bytes((place / "few.npz").read_bytes()[:-500])
    assert small.fails("data", "info", "cut.npz").startswith("cut.npz must be an .npz file")
    assert not (place / "new.npz").exists()


def test_labels_without_end_become_classes_that_keep_their_names(place):
    vast = np.arange(12) * 10**15
    np.savez(place / "vast.npz", **arrays(Y_train=vast, Y_valid=vast))
    done = small.run("data", "info", "vast.npz")
    assert f"note: the labels are 12 numbers up to {11 * 10**15}: they become classes that keep their names" in done.err
    assert f"label {10**15}" not in done.out and f"{10**15}" in done.out.split()
    many = np.arange(1100)
    x = np.zeros((1100, 5, 4), np.uint8)
    np.savez(place / "many.npz", X_train=x, Y_train=many, X_valid=x, Y_valid=many)
    assert small.fails("data", "info", "many.npz") == "data info counts at most 1,000 classes; many.npz has 1,100"


def test_export_to_where_it_cannot_be():
    assert small.fails("data", "export", "few.npz/x.npz") == "few.npz/x.npz: Not a directory"
    assert "must be a regular file" in small.fails("data", "export", "run", "--overwrite")
    assert small.fails("data", "export", "/proc/x.npz") == "/proc/x.npz: No such file or directory"


@pytest.mark.smoke
def test_fetch_without_a_network(tmp_path, monkeypatch):
    nowhere = ("http://127.0.0.1:9/one/", "http://127.0.0.1:9/two/")
    monkeypatch.setitem(download.fetch.__kwdefaults__, "mirrors", nowhere)
    monkeypatch.setenv("CONVLENS_DATA", str(tmp_path / "cache"))
    for command in (["data", "fetch"], ["data", "info", "mnist"], ["train", "--data", "mnist", "--out", "bad"]):
        message = small.fails(*command)
        assert message.startswith("train-images-idx3-ubyte could not be downloaded from any mirror: ")
        assert all(f"{mirror} (no connection: ConnectionError)" in message for mirror in nowhere)
    assert list(tmp_path.iterdir()) == []
