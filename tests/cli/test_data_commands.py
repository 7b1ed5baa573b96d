"""`convlens data`: what the data are, as text and as JSON; a file of them; MNIST fetched."""

import pytest
from tests.support import small
from tests.support.small import says, tells

from convlens.data import download, load


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory):
    """A working folder with two files of digits."""
    folder = tmp_path_factory.mktemp("place")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        small.npz(folder / "few.npz")
        small.npz(folder / "more.npz", train=1500, valid=150, test=50)
        yield folder


@pytest.mark.smoke
def test_data_info():
    value = tells("data", "info")
    assert list(value) == ["data", "shape", "sha256", "class_names", "scale", "light_ink", "notes", "parts"]
    assert value["class_names"] == list("0123456789")
    assert (value["scale"], value["light_ink"], value["notes"]) == (1 / 256, True, [])
    assert (value["data"], value["shape"], len(value["sha256"])) == ("embedded", [28, 28, 1], 64)
    assert value["parts"] == {
        "train": {"images": 4000, "labels": [400] * 10},
        "valid": {"images": 1000, "labels": [100] * 10},
        "test": {"images": 0, "labels": [0] * 10},
    }
    lines = says("data", "info").splitlines()
    assert lines[0] == f"embedded: images 28 × 28 × 1, sha256 {value['sha256']}"
    assert lines[2].split() == ["train", "4,000", *["400"] * 10]
    assert tells("data", "info", "more.npz")["parts"]["test"]["images"] == 50


def test_data_export_makes_its_folder(place):
    value = tells("data", "export", "data/MNIST.npz")
    assert value == {
        "file": "data/MNIST.npz",
        "data": "embedded",
        "images": {"train": 4000, "valid": 1000, "test": 0},
    }
    assert load("data/MNIST.npz").fingerprint == load("embedded").fingerprint
    assert says("data", "export", "data/MNIST.npz") == "data/MNIST.npz: 4,000 train, 1,000 valid, 0 test\n"
    assert "holds other data" in small.fails("data", "export", "data/MNIST.npz", "--data", "few.npz")
    assert says("data", "export", "data/MNIST.npz", "--data", "few.npz", "--overwrite").startswith("data/MNIST.npz: 96")


def test_data_fetch(place, monkeypatch):
    monkeypatch.setattr(download, "fetch", lambda progress: place / "mnist")
    assert tells("data", "fetch") == {"data": "mnist", "folder": str(place / "mnist")}
    assert says("data", "fetch") == f"MNIST is in {place / 'mnist'}; use it with --data mnist\n"
