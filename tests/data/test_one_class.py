"""A data set whose training images are of one class is refused, in every format with the same words."""

import struct

import numpy as np
import pytest

from convlens.data import load

N = 12
X = np.random.default_rng(0).integers(0, 256, (N, 6, 5), dtype=np.uint8)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("CONVLENS_DATA", str(tmp_path_factory.mktemp("cache")))


def idx(path, array):
    path.write_bytes(struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes())


def npz(folder, y):
    np.savez(folder / "set.npz", x_train=X, y_train=y, x_test=X, y_test=y)
    return folder / "set.npz"


def csv(folder, y):
    names = [f"{i}x{j}" for i in range(6) for j in range(5)]
    rows = [",".join(map(str, [label, *image.ravel()])) for label, image in zip(y, X, strict=True)]
    (folder / "set.csv").write_text("\n".join([",".join(["label", *names]), *rows]))
    return folder / "set.csv"


def idx_folder(folder, y):
    idx(folder / "train-images-idx3-ubyte", X)
    idx(folder / "train-labels-idx1-ubyte", y.astype(np.uint8))
    return folder


def pictures(folder, y):
    from PIL import Image

    for k, label in enumerate(y):
        (folder / str(label)).mkdir(exist_ok=True)
        Image.fromarray(X[k]).save(folder / str(label) / f"{k}.png")
    return folder


def parts(folder, y):
    for part in ("train", "val"):
        (folder / part).mkdir()
        pictures(folder / part, y)
    return folder


@pytest.mark.parametrize("write", [npz, csv, idx_folder, pictures, parts])
def test_is_refused_in_every_format(tmp_path, write):
    place = write(tmp_path, np.full(N, 3))
    named = place / "train" if write is parts else place
    with pytest.raises(ValueError) as caught:
        load(place)
    assert str(caught.value) == f"{named} must hold at least two classes; it holds one: 3"


def test_other_classes_in_the_other_parts_do_not_help(tmp_path):
    path = tmp_path / "set.npz"
    np.savez(
        path, x_train=X, y_train=np.zeros(N, int), x_valid=X, y_valid=np.arange(N) % 3, class_names=["a", "b", "c"]
    )
    with pytest.raises(ValueError) as caught:
        load(path)
    assert str(caught.value) == f"the training part of {path} must hold at least two classes; it holds one: a"
