"""Known sets in forms of their own: QMNIST's labels are read, CIFAR's files are refused for what they are."""

import gzip
import io
import pickle
import struct

import numpy as np
import pytest
from PIL import Image

from convlens.data import load

N = 24
RNG = np.random.default_rng(0)
ROUND = "and write its arrays with numpy.savez as x_train, y_train, x_valid, y_valid"


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("CONVLENS_DATA", str(tmp_path_factory.mktemp("cache")))


def idx(path, array, code):
    content = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content))


def qmnist(folder, labels):
    for part in ("train", "test"):
        idx(folder / f"qmnist-{part}-images-idx3-ubyte.gz", RNG.integers(0, 256, (N, 6, 5), dtype=np.uint8), 8)
        idx(folder / f"qmnist-{part}-labels-idx2-int.gz", labels.astype(">i4"), 0x0C)


def test_the_first_column_of_qmnist_is_the_class(tmp_path):
    labels = RNG.integers(0, 500, (N, 8))
    labels[:, 0] = np.arange(N) % 3
    qmnist(tmp_path, labels)
    found = load(tmp_path)
    assert found.notes == ("the labels have 8 columns, as QMNIST's: the first one is the class",)
    assert np.array_equal(np.concatenate([found.y_train, found.y_valid]), labels[:, 0])
    assert np.array_equal(found.y_test, labels[:, 0]) and found.classes == 3


def test_eight_columns_of_one_hot_labels_are_eight_classes(tmp_path):
    y = np.arange(N) % 8
    qmnist(tmp_path, np.eye(8)[y])
    found = load(tmp_path)
    assert found.classes == 8 and np.array_equal(found.y_test, y) and not found.notes


def records(labels):
    pixels = RNG.integers(0, 256, (N, 3072), dtype=np.uint8)
    return np.column_stack([*labels, pixels]).astype(np.uint8).tobytes()


def sentence(kind, size, label, pixels):
    return (
        f"is {kind}'s binary file: read it with records = numpy.fromfile(FILE, numpy.uint8).reshape(-1, {size}), "
        f"labels = records[:, {label}], images = records[:, {pixels}:].reshape(-1, 3, 32, 32), {ROUND}"
    )


BINARY = {
    "CIFAR-10": ([np.arange(N) % 10], sentence("CIFAR-10", 3073, 0, 1)),
    "CIFAR-100": ([np.arange(N) % 20, 10 + np.arange(N) % 90], sentence("CIFAR-100", 3074, 1, 2)),
}


def message(path):
    with pytest.raises(ValueError) as caught:
        load(path)
    return str(caught.value)


@pytest.mark.parametrize("kind", BINARY)
def test_binary_files_of_cifar(tmp_path, kind):
    labels, said = BINARY[kind]
    path = tmp_path / "data_batch_1.bin"
    path.write_bytes(records(labels))
    (tmp_path / "batches.meta.txt").write_text("airplane\nautomobile\n")
    assert message(path) == f"{path} {said}"
    assert message(tmp_path) == (
        f"{tmp_path} must hold a folder of pictures for each class; it holds nothing that convlens reads and no "
        f"folders; data_batch_1.bin {said}"
    )
    path.write_bytes(records([labels[0] + 200, *labels[1:]]))
    assert (
        message(path)
        == f"{path} must be an .npz file (a zip of arrays) or CSV; it is something else, cut off or damaged"
    )


def test_what_the_sentence_says_gives_the_images(tmp_path):
    y = np.arange(N) % 10
    path = tmp_path / "data_batch_1.bin"
    path.write_bytes(records([y]))
    table = np.fromfile(path, np.uint8).reshape(-1, 3073)
    images = table[:, 1:].reshape(-1, 3, 32, 32)
    np.savez(tmp_path / "set.npz", x_train=images, y_train=table[:, 0], x_valid=images, y_valid=table[:, 0])
    found = load(tmp_path / "set.npz")
    assert np.array_equal(found.y_train, y)
    assert np.array_equal(found.pixels_train, np.moveaxis(images, 1, 3))


def test_pickles_of_cifar(tmp_path):
    for name in ("data_batch_1", "test_batch"):
        (tmp_path / name).write_bytes(pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0, 1]}, 2))
    assert message(tmp_path).endswith(
        "no folders; data_batch_1 is a pickle, which can run any code when it is read: load it where you trust it "
        f"{ROUND}"
    )


def test_colours_in_csv(tmp_path):
    path = tmp_path / "cifar.csv"
    rows = RNG.integers(0, 256, (6, 3 * 7 * 7))
    names = ["label", *(f"pixel{k}" for k in range(147))]
    path.write_text("\n".join([",".join(names), *(",".join(map(str, [k % 2, *row])) for k, row in enumerate(rows))]))
    assert message(path) == (
        f"{path} must have a label and a square number of pixels, h = w; got 147 pixels, as colour images of 7 x 7 "
        "have: a CSV file does not say whether they are (n, 3, 7, 7), one colour after the other, or (n, 7, 7, 3); "
        f"reshape them as they are, {ROUND}"
    )


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("cut", [1, 2, 5, 40])
def test_a_jpeg_without_its_last_bytes_is_broken_as_in_pillow_and_tensorflow(tmp_path, cut, progressive):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for k in range(3):
            image = Image.fromarray(RNG.integers(0, 256, (24, 20, 3), dtype=np.uint8))
            image.save(tmp_path / name / f"{k}.jpg", progressive=progressive)
    path = tmp_path / "b" / "1.jpg"
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(OSError, match="truncated"):
        Image.open(io.BytesIO(path.read_bytes())).load()
    said = message(tmp_path)
    assert said.startswith(
        f"{tmp_path} has broken pictures (1 of 6); --skip-broken leaves them out: b/1.jpg is cut off or damaged (image "
        "file is truncated"
    )
    found = load(tmp_path, skip_broken=True)
    assert len(found.y_train) + len(found.y_valid) == 5
    assert found.notes[-1].startswith("broken and left out (1 of 6 pictures): b/1.jpg is cut off or damaged")
