"""Sixteen formats, three files of each, written by the tools that people use: each is read without an option.

Every image, label and class name is compared with what was written.
"""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from tests.support.formats_of_others import (
    BALANCED,
    COURSE,
    KERAS,
    LETTERS,
    MEDMNIST,
    PIECES,
    SKLEARN,
    Made,
    course,
    digits,
    frame,
    idx,
    joined,
    labelled,
    pictures,
    save,
    seen,
    some,
    write_idx,
)

from convlens.data import load

MAKERS: dict[tuple[str, str], Any] = {}


def made(kind, how):
    """Register a function that writes a format in one way."""

    def register(function):
        assert (kind, how) not in MAKERS
        MAKERS[kind, how] = function
        return function

    return register


def pil():
    return pytest.importorskip("PIL.Image")


# keras_mnist: what keras.datasets keeps, and what its users save


@made("keras_mnist", "mnist.npz")
def _(folder):
    path = save(folder / "mnist.npz", {"train": digits()["train"], "valid": digits()["valid"]}, KERAS, packed=False)
    return Made(path, seen(some("train", "valid")))


@made("keras_mnist", "as in Keras's convnet example")
def _(folder):
    one_hot = np.eye(10)
    parts = some("train", "valid", image=lambda x: (x.astype("float32") / 255)[..., None], label=lambda y: one_hot[y])
    return Made(save(folder / "ready.npz", parts, KERAS), seen(some("train", "valid"), 255))


@made("keras_mnist", "CIFAR-10")
def _(folder):
    def colour(x):
        return np.stack([x, x // 2, 255 - x], -1)

    path = save(folder / "cifar.npz", some("train", "valid", image=colour, label=lambda y: y[:, None]), KERAS)
    return Made(path, seen(some("train", "valid", image=colour)))


# lower-case: the spellings of the names


@made("lower-case", "x_train, x_valid")
def _(folder):
    names = {part: (x.lower(), y.lower()) for part, (x, y) in COURSE.items()}
    return Made(save(folder / "set.npz", digits(), names), seen(digits()))


@made("lower-case", "scikit-learn's X_train, y_train")
def _(folder):
    return Made(save(folder / "set.npz", digits(), SKLEARN), seen(digits()))


@made("lower-case", "trainX, trainY")
def _(folder):
    names = {"train": ("trainX", "trainY"), "valid": ("valX", "valY"), "test": ("testX", "testY")}
    return Made(save(folder / "set.npz", digits(), names), seen(digits()))


# medmnist


@made("medmnist", "grey")
def _(folder):
    parts = some("train", "valid", "test", label=lambda y: y[:, None])
    return Made(save(folder / "organamnist.npz", parts, MEDMNIST), seen(digits()))


@made("medmnist", "colour")
def _(folder):
    def colour(x):
        return np.stack([x, 255 - x, x // 3], -1)

    parts = some("train", "valid", "test", image=colour, label=lambda y: y[:, None])
    return Made(save(folder / "pathmnist.npz", parts, MEDMNIST), seen(some("train", "valid", "test", image=colour)))


@made("medmnist", "64 pixels")
def _(folder):
    def large(x):
        return np.kron(x, np.ones((1, 2, 2), np.uint8))

    parts = some("train", "valid", "test", image=large, label=lambda y: y[:, None].astype(np.int64))
    return Made(save(folder / "bloodmnist_64.npz", parts, MEDMNIST), seen(some("train", "valid", "test", image=large)))


# kaggle.csv: CSV files as pandas writes them


@made("kaggle.csv", "train.csv and an unlabelled test.csv")
def _(folder):
    frame("train").to_csv(folder / "train.csv", index=False)
    frame("test").drop(columns="label").to_csv(folder / "test.csv", index=False)
    (folder / "sample_submission.csv").write_text("ImageId,Label\n1,0\n2,0\n")
    return Made(folder, joined("train"))


@made("kaggle.csv", "train and test with names 1x1 to 28x28, packed, with an index")
def _(folder):
    for part in ("train", "test"):
        table = frame(part, lambda k: f"{k // 28 + 1}x{k % 28 + 1}")
        table.to_csv(folder / f"mnist_{part}.csv.gz", index=True)
    return Made(folder, joined("train") | seen(some("test")))


@made("kaggle.csv", "read without a header and written again")
def _(folder):
    pandas = pytest.importorskip("pandas")
    frame("train").to_csv(folder / "plain.csv", index=False, header=False)
    pandas.read_csv(folder / "plain.csv").to_csv(folder / "again.csv", index=False)  # names such as 0, 0.1, 0.2
    x, y = digits()["train"]
    return Made(folder / "again.csv", seen({"train": (x[1:], y[1:])}))


# imgfolder


@made("imgfolder", "torchvision's ImageFolder, PNG")
def _(folder):
    x, y = digits()["train"]
    pictures(folder / "root", x, y, PIECES, lambda a, path: pil().fromarray(a).save(f"{path}.png"))
    order = sorted(range(10), key=PIECES.__getitem__)
    return Made(folder, seen({"train": (x, np.argsort(order)[y])}), tuple(PIECES[k] for k in order))


@made("imgfolder", "train and validation in colour as Keras has cats and dogs")
def _(folder):
    for part, name in (("train", "train"), ("valid", "validation")):
        x, y = digits()[part]
        pictures(
            folder / "filtered" / name,
            np.stack([x, 255 - x, x], -1),
            y,
            tuple(f"{k}" for k in range(10)),
            lambda a, path: pil().fromarray(a).save(f"{path}.BMP"),
        )
    (folder / "filtered" / "vectorize.py").write_text("print(1)\n")
    return Made(folder, seen(some("train", "valid", image=lambda x: np.stack([x, 255 - x, x], -1))))


@made("imgfolder", "many kinds of pictures, with what systems leave beside them")
def _(folder):
    ways = [("png", {}), ("tif", {}), ("bmp", {}), ("webp", {"lossless": True}), ("gif", {}), ("pgm", {})]
    count = iter(range(1000))

    def write(array, path):
        suffix, how = ways[next(count) % len(ways)]
        image = pil().fromarray(array)
        (image.convert("P") if suffix == "png" else image).save(f"{path}.{suffix}", **how)

    for part, name in (("train", "Train"), ("valid", "Val"), ("test", "Test")):
        pictures(folder / name, *digits()[part], LETTERS, write)
        (folder / name / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
        (folder / name / "A" / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    (folder / "__MACOSX").mkdir()
    return Made(folder, seen(digits()), LETTERS[:10])


# emnist_digits


@made("emnist_digits", "the archive's gzip folder")
def _(folder):
    for part, name in (("train", "train"), ("test", "test")):
        x, y = digits()[part]
        write_idx(folder / "gzip", f"emnist-digits-{name}", x.swapaxes(1, 2), y, packed=True)
    return Made(folder, joined("train") | seen(some("test")))


@made("emnist_digits", "torchvision's EMNIST/raw, letters")
def _(folder):
    parts = digits(26)
    for part in ("train", "test"):
        x, y = parts[part]
        for packed in (True, False):
            write_idx(folder / "EMNIST" / "raw", f"emnist-letters-{part}", x.swapaxes(1, 2), y + 1, packed=packed)
    (folder / "EMNIST" / "raw" / "emnist-letters-mapping.txt").write_text("1 65 97\n")
    return Made(folder, seen({part: parts[part] for part in ("train", "test")}), LETTERS)


@made("emnist_digits", "Kaggle's CSV of the balanced set")
def _(folder):
    parts = digits(47)
    for part in ("train", "test"):
        x, y = parts[part]
        rows = np.column_stack([y, x.swapaxes(1, 2).reshape(len(x), -1)])
        np.savetxt(folder / f"emnist-balanced-{part}.csv", rows, fmt="%d", delimiter=",")
    return Made(folder, seen({part: parts[part] for part in ("train", "test")}), BALANCED)


# torch/MNIST/raw


def _torch(folder, name, ways):
    for packed in ways:
        for part, stem in (("train", "train"), ("test", "t10k")):
            write_idx(folder / name / "raw", stem, *digits()[part], packed=packed)
    return Made(folder, joined("train") | seen(some("test")))


@made("torch/MNIST/raw", "MNIST, packed and unpacked side by side")
def _(folder):
    return _torch(folder, "MNIST", (True, False))


@made("torch/MNIST/raw", "FashionMNIST, packed, with what torchvision made of it")
def _(folder):
    (folder / "FashionMNIST" / "processed").mkdir(parents=True)
    (folder / "FashionMNIST" / "processed" / "training.pt").write_bytes(b"PK\3\4")
    return _torch(folder, "FashionMNIST", (True,))


@made("torch/MNIST/raw", "KMNIST, a file in each folder")
def _(folder):
    for part, stem in (("train", "train"), ("test", "t10k")):
        for kind, array in zip(("images.idx3", "labels.idx1"), digits()[part], strict=True):
            place = folder / "KMNIST" / f"{stem}-{kind}-ubyte"
            place.mkdir(parents=True)
            (place / place.name.replace(".idx", "-idx")).write_bytes(idx(array))
    return Made(folder, joined("train") | seen(some("test")))


# flat


@made("flat", "scikit-learn's load_digits, split")
def _(folder):
    found = pytest.importorskip("sklearn.datasets").load_digits()
    a, b, c, d = pytest.importorskip("sklearn.model_selection").train_test_split(
        found.data, found.target, test_size=0.25, random_state=0
    )
    parts = {"train": (a, c), "valid": (b, d)}
    path = save(folder / "digits.npz", parts, SKLEARN)
    return Made(path, seen({name: (x.reshape(-1, 8, 8), y) for name, (x, y) in parts.items()}, 16))


@made("flat", "fetch_openml's mnist_784: int64 and text")
def _(folder):
    parts = some("train", "valid", image=lambda x: x.reshape(-1, 784).astype(np.int64), label=lambda y: y.astype(str))
    return Made(save(folder / "openml.npz", parts, SKLEARN), seen(some("train", "valid")))


@made("flat", "a pandas table's values, divided by 255")
def _(folder):
    tables = {part: frame(part) for part in ("train", "valid")}
    parts = {
        part: (np.asfortranarray(table.drop(columns="label").to_numpy() / 255), table["label"].to_numpy())
        for part, table in tables.items()
    }
    return Made(save(folder / "set.npz", parts, COURSE), seen(some("train", "valid"), 255))


# column labels


@made("column labels", "uint8")
def _(folder):
    return labelled(folder, lambda y: y[:, None])


@made("column labels", "a pandas table of one column")
def _(folder):
    pandas = pytest.importorskip("pandas")
    return labelled(folder, lambda y: pandas.DataFrame({"label": y.astype(np.int64)})[["label"]].to_numpy())


@made("column labels", "text")
def _(folder):
    return labelled(folder, lambda y: y.astype(str)[:, None])


# one-hot


@made("one-hot", "numpy, float32")
def _(folder):
    return labelled(folder, lambda y: np.eye(10, dtype=np.float32)[y])


@made("one-hot", "pandas.get_dummies")
def _(folder):
    return labelled(folder, lambda y: pytest.importorskip("pandas").get_dummies(y).to_numpy())


@made("one-hot", "scikit-learn's LabelBinarizer")
def _(folder):
    return labelled(folder, lambda y: pytest.importorskip("sklearn.preprocessing").LabelBinarizer().fit_transform(y))


# integers of other types


@made("int64", "int64")
def _(folder):
    return course(folder, lambda x: x.astype(np.int64), lambda x: x)


@made("int64", "int32 with a channel")
def _(folder):
    return course(folder, lambda x: x.astype(np.int32)[..., None], lambda x: x)


@made("int64", "uint16 of 16 bits, as PIL reads them")
def _(folder):
    def deep(x):
        return np.stack([np.asarray(pil().fromarray(image.astype(np.uint16) * 257)) for image in x])

    return course(folder, deep, lambda x: x.astype(np.float32) * 257, 65536)


# bool


@made("bool", "a comparison")
def _(folder):
    return course(folder, lambda x: x > 127, lambda x: x > 127, 1)


@made("bool", "PIL's mode 1")
def _(folder):
    def one_bit(x):
        return np.stack([np.asarray(pil().fromarray(image).convert("1", dither=0)) for image in x])

    return course(folder, one_bit, lambda x: x > 127, 1)


@made("bool", "scikit-learn's binarize")
def _(folder):
    def binary(x):
        preprocessing = pytest.importorskip("sklearn.preprocessing")
        return preprocessing.binarize(x.reshape(len(x), -1).astype(float), threshold=127.5)

    return course(folder, binary, lambda x: x > 127, 1)


# float labels


@made("float labels", "float64")
def _(folder):
    return labelled(folder, lambda y: y.astype(np.float64))


@made("float labels", "a CSV file with 5.0, as pandas writes after a gap was filled")
def _(folder):
    table = frame("train")
    table["label"] = table["label"].astype("float32")
    table.to_csv(folder / "train.csv", index=False, sep=";")
    return Made(folder / "train.csv", joined("train"))


@made("float labels", "numpy.savetxt's default")
def _(folder):
    x, y = digits()["train"]
    np.savetxt(folder / "set.csv", np.column_stack([x.reshape(len(x), -1), y]), delimiter=",")  # 5.0000e+00
    return Made(folder / "set.csv", joined("train"))


# no validation part


@made("no validation part", "training arrays alone")
def _(folder):
    return Made(save(folder / "set.npz", some("train"), COURSE), joined("train"))


@made("no validation part", "scikit-learn's Bunch")
def _(folder):
    found = pytest.importorskip("sklearn.datasets").load_digits()
    np.savez(folder / "digits.npz", **{name: found[name] for name in ("data", "target", "images", "target_names")})
    return Made(folder / "digits.npz", seen({"train": (found.images, found.target)}, 16))


@made("no validation part", "images, labels and the names of the classes")
def _(folder):
    path = save(folder / "set.npz", some("train"), {"train": ("images", "labels")}, class_names=np.array(PIECES))
    return Made(path, joined("train"), PIECES)


# rgb and pad32


@made("rgb/pad32", "padded to 32 x 32")
def _(folder):
    def padded(x):
        return np.pad(x, ((0, 0), (2, 2), (2, 2)))

    return course(folder, padded, padded)


@made("rgb/pad32", "PIL's RGB")
def _(folder):
    def colour(x):
        return np.stack([np.asarray(pil().fromarray(image).convert("RGB")) for image in x])

    return course(folder, colour, lambda x: np.repeat(x[..., None], 3, -1))


@made("rgb/pad32", "resized to 48 x 32 with four channels")
def _(folder):
    def resized(x):
        return np.stack([np.asarray(pil().fromarray(image).resize((48, 32)).convert("RGBA")) for image in x])

    return course(folder, resized, resized)


# nchw


@made("nchw", "one channel")
def _(folder):
    return course(folder, lambda x: x[:, None], lambda x: x)


@made("nchw", "three channels, float32 from 0 to 1 as ToTensor gives")
def _(folder):
    def colour(x):
        return np.stack([x, 255 - x, x // 2], -1)

    return course(folder, lambda x: (colour(x) / 255).astype(np.float32).transpose(0, 3, 1, 2), colour, 255)


@made("nchw", "from -1 to 1 as Normalize(0.5, 0.5) gives")
def _(folder):
    def normal(x):
        return (x.astype(np.float32) / 255 - 0.5) / 0.5

    return course(folder, lambda x: normal(x)[:, None], normal, 1)


def _examples(pairs):
    """Return how often each image with its label occurs. Images count as equal if they differ by less than 1e-4."""
    return Counter(
        (np.rint(image.astype(np.float64).reshape(-1) * 5000).astype(np.int32).tobytes(), int(label))
        for x, y in pairs
        for image, label in zip(x, y, strict=True)
    )


def test_there_are_sixteen_formats_with_three_files_each():
    assert sorted(Counter(kind for kind, _ in MAKERS).values()) == [3] * 16


@pytest.mark.parametrize(("kind", "how"), MAKERS)
def test_is_read(tmp_path, monkeypatch, kind, how):
    monkeypatch.setenv("CONVLENS_DATA", str(tmp_path / "cache"))
    place = tmp_path / "data"
    place.mkdir()
    path, parts, names = MAKERS[kind, how](place)
    found = load(path)
    assert found.class_names == names
    if "valid" not in parts:
        assert 0.1 < len(found.y_valid) / (len(found.y_train) + len(found.y_valid)) < 0.3
    for part, right in parts.items():
        read = [part, "valid"] if part == "train" and "valid" not in parts else [part]
        assert _examples((getattr(found, f"x_{p}"), getattr(found, f"y_{p}")) for p in read) == _examples([right])
        shape = right[0].shape[1:]
        assert found.pixels_train.shape[1:] == (shape if len(shape) == 3 else (*shape, 1))
    assert len(found.y_test) == (len(parts["test"][1]) if "test" in parts else 0)
