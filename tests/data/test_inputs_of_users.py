"""Data that other tools write and users bring: each is read without an option, or refused for what it is."""

import os
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
from tests.support.places import SHARED, SOURCE

from convlens.data import load

SCRIPT = SHARED / "cases" / "inputs" / "data.py"
pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="needs ../shared/cases/inputs/data.py")

TURNED = "the images are transposed (rows and columns are exchanged)"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the data."""
    folder = tmp_path_factory.mktemp("inputs")
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    subprocess.run([sys.executable, str(SCRIPT), str(folder)], env=environment, check=True, capture_output=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONVLENS_DATA", str(folder / "cache"))
        yield folder


class Right(NamedTuple):
    """What is right: the sizes of the parts, the shape of an image, and a part of each note."""

    sizes: tuple[int, int, int] = (1200, 300, 0)
    shape: tuple[int, int, int] = (28, 28, 1)
    notes: tuple[str, ...] = ()


IDX = (1000, 200, 300)
READ = {
    "be.npz": Right(),
    "bool.npz": Right(),
    "col.npz": Right(),
    "emnist_digits": Right(IDX, notes=(TURNED,)),
    "emnist_renamed": Right(IDX, notes=(TURNED,)),
    "emptyvalid.npz": Right((965, 235, 0), notes=("235 of 1,200 images are held back to validate",)),
    "f16.npz": Right(),
    "fashion": Right(IDX),
    "flat.npz": Right(notes=("rows of 784 numbers: they are read as 28 × 28 pixels",)),
    "float255.npz": Right(notes=("the pixels are numbers from 0 to 255: they are divided by 256",)),
    "floatlab.npz": Right(),
    "fort.npz": Right(),
    "idxf": Right(IDX),
    "imgfolder": Right((50, 10, 60), notes=("test has no pictures of 0", "10 of 60 pictures are held back")),
    "int64.npz": Right(),
    "inv.npz": Right(notes=("dark ink on light paper: they are kept as they are",)),
    "kaggle.csv": Right((246, 54, 0), notes=("54 of 300 images are held back to validate",)),
    "keras_mnist.npz": Right(notes=("no validation part: x_test validates",)),
    "lab1.npz": Right(notes=("the labels go from 1 to 10",)),
    "leak.npz": Right((1200, 1200, 0), notes=("1,200 of 1,200 validation images are training images, too",)),
    "lower.npz": Right(),
    "medmnist.npz": Right((1200, 300, 300)),
    "nchw.npz": Right(notes=("channels first: they are turned to (n, 28, 28, 1)",)),
    "notest.npz": Right(notes=("no validation part: X_test validates",)),
    "onehot.npz": Right(),
    "pad32.npz": Right(shape=(32, 32, 1)),
    "rgb.npz": Right(shape=(28, 28, 3)),
    "strlab.npz": Right(),
    "torch": Right(IDX),
    "unz": Right(IDX),
}


@pytest.mark.parametrize("name", READ)
def test_is_read(place, name):
    right, digits = READ[name], load(place / name)
    assert (len(digits.y_train), len(digits.y_valid), len(digits.y_test)) == right.sizes
    assert digits.pixels_train.shape[1:] == right.shape
    assert len(digits.notes) == len(right.notes), digits.notes
    for note, part in zip(digits.notes, right.notes, strict=True):
        assert part in note
    assert digits.classes == 10
    assert digits.class_names == tuple(map(str, range(1, 11) if name == "lab1.npz" else range(digits.classes)))
    assert digits.light_ink is {"inv.npz": False, "rgb.npz": None}.get(name, True)
    assert 0.99 < digits.x_train.max() <= 1


SAME = ["col", "fort", "float255", "floatlab", "flat", "int64", "keras_mnist", "nchw", "notest", "onehot", "strlab"]


@pytest.mark.parametrize("name", SAME)
def test_all_forms_of_the_same_digits_give_the_same_data(place, name):
    assert load(place / f"{name}.npz").fingerprint == load(place / "lower.npz").fingerprint


@pytest.mark.parametrize("name", ["emnist_digits", "emnist_renamed", "torch", "unz"])
def test_all_folders_of_the_same_digits_give_the_same_data(place, name):
    assert load(place / name).fingerprint == load(place / "fashion").fingerprint


def test_transposed_images_are_kept_or_turned_when_asked(place):
    kept, turned = load(place / "emnist_digits", transposed=False), load(place / "emnist_digits")
    assert np.array_equal(kept.pixels_valid.swapaxes(1, 2), turned.pixels_valid)
    assert TURNED not in kept.notes
    assert load(place / "fashion", transposed=True).notes == (TURNED,)
    (place / "emnist_renamed").rename(place / "renamed")
    try:
        digits = load(place / "renamed")
        assert digits.notes == ("the digits seem to lie on their side: --transposed exchanges rows and columns",)
        assert digits.fingerprint == load(place / "emnist_digits", transposed=False).fingerprint
    finally:
        (place / "renamed").rename(place / "emnist_renamed")


ARRAYS = "write its arrays with numpy.savez as x_train, y_train, x_valid, y_valid"
REFUSED = {
    "const.npz": "must hold at least two classes; it holds one: 0",
    "just.npy": f"is an .npy file, one array without labels: {ARRAYS}",
    "mnist.pkl": f"is a pickle, which can run any code when it is read: load it where you trust it and {ARRAYS}",
    "mnist.pkl.gz": f"is a pickle, which can run any code when it is read: load it where you trust it and {ARRAYS}",
    "nan.npz": ": X_train must be finite in float32; got nan at (3, 4, 5)",
    "objlab.npz": ": Y_train must be a whole, plain array; ValueError: Object arrays cannot be loaded when "
    "allow_pickle=False; save text with .astype(str)",
    "svhn.mat": f"is a MATLAB file: read it with scipy.io.loadmat and {ARRAYS}",
    "torch/MNIST/raw/train-images-idx3-ubyte": "is one IDX file: give the folder that holds images and labels",
    "imgfolder/train/0": "must hold a folder of pictures for each class; it holds ",
}


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused_for_what_it_is(place, name):
    if name == "svhn.mat":
        pytest.importorskip("scipy")
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        load(place / name)
    assert str(caught.value).startswith(f"{place / name}{'' if REFUSED[name][0] == ':' else ' '}{REFUSED[name]}")
