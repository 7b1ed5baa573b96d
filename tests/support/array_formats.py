"""Formats of arrays: .npz files (and two tables) with images and labels of every type, as other tools write them."""

import numpy as np
import pytest
from tests.support.formats_of_others import (
    COURSE,
    KERAS,
    MEDMNIST,
    PIECES,
    SKLEARN,
    Made,
    course,
    digits,
    frame,
    joined,
    labelled,
    made,
    pil,
    save,
    seen,
    some,
)

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
