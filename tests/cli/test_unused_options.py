"""An option that cannot act is refused with its name and what it needs; nothing is read or written."""

import numpy as np
import pytest
from PIL import Image
from tests.support import small

from convlens.cli.run_data import load_again
from convlens.data import load


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory):
    """A working folder with an .npz file, a CSV file, a folder of IDX files and a folder of pictures."""
    folder = tmp_path_factory.mktemp("place")
    x = np.random.default_rng(0).integers(0, 256, (12, 6, 5), dtype=np.uint8)
    y = np.arange(12) % 2
    np.savez(folder / "set.npz", x_train=x, y_train=y)
    names = ["label", *(f"{i}x{j}" for i in range(6) for j in range(5))]
    rows = [",".join(map(str, [label, *image.ravel()])) for label, image in zip(y, x, strict=True)]
    (folder / "set.csv").write_text("\n".join([",".join(names), *rows]))
    (folder / "idx").mkdir()
    head = b"\0\0\x08"
    (folder / "idx/train-images-idx3-ubyte").write_bytes(
        head + b"\3" + np.array(x.shape, ">u4").tobytes() + x.tobytes()
    )
    (folder / "idx/train-labels-idx1-ubyte").write_bytes(
        head + b"\1" + np.array(y.shape, ">u4").tobytes() + y.astype(np.uint8).tobytes()
    )
    for k, image in enumerate(x):
        (folder / f"pictures/{'ab'[k % 2]}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"pictures/{'ab'[k % 2]}/{k}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("CONVLENS_DATA", str(tmp_path_factory.mktemp("cache")))
        yield folder


PICTURES = "--skip-broken is for folders of pictures; {} is none"
TURNED = "--transposed is for IDX, CSV and .npz files; {} is none of them"
SIZE = "--size is for folders of pictures: {} has images of 5x6 (width x height); got 9x8"
DATA = [
    *((data, ["--skip-broken"], PICTURES) for data in ("set.npz", "set.csv", "idx", "embedded", "mnist")),
    *((data, ["--transposed"], TURNED) for data in ("pictures", "embedded", "mnist")),
    *((data, ["--size", "9x8"], SIZE) for data in ("set.npz", "set.csv", "idx")),
]


@pytest.mark.parametrize(("data", "option", "message"), DATA)
def test_an_option_for_other_data(place, data, option, message):
    message = message.format(data)
    assert small.fails("data", "info", data, *option) == message
    assert small.fails("train", "--data", data, *option) == message
    assert small.fails("data", "export", "new.npz", "--data", data, *option) == message
    assert not (place / "runs").exists()
    assert not (place / "new.npz").exists()


@pytest.mark.parametrize("data", ["set.npz", "set.csv", "idx", "pictures"])
def test_an_option_that_says_what_the_data_are_is_accepted(data):
    told = load(data, size=(6, 5), transposed=False, skip_broken=data == "pictures")
    assert told.fingerprint == load(data).fingerprint


def test_an_option_that_an_old_run_kept_does_not_end_it():
    for data, skip_broken, transposed, shape in (
        ("set.npz", True, None, (6, 5, 1)),
        ("set.npz", True, True, (5, 6, 1)),
        ("pictures", True, True, (6, 5, 1)),
        ("embedded", True, True, (28, 28, 1)),
    ):
        kept = load_again({"data": data, "skip_broken": skip_broken, "transposed": transposed})
        assert kept.pixels_train.shape[1:] == shape


TRAIN = [
    (["--host-timeout", 5], "--host-timeout needs --hosts; got 5 and no hosts"),
    (["--rank", 1], "--rank needs --hosts; got rank 1 and no hosts"),
    (["--augment", ","], "--augment must name a random change, such as shift; got ','"),
    (["--augment", ""], "--augment must name a random change, such as shift; got ''"),
    (["--momentum", 0.9], "momentum is for sgd and rmsprop; got optimizer adam"),
    (["--engine", "keras", "--trainer", "convlens"], "--engine keras is --trainer keras; got --trainer convlens too"),
    (["--run", "r"], "--run needs --resume; a new run goes to --out DIR; got --run r"),
]


@pytest.mark.parametrize(("option", "message"), TRAIN)
def test_an_option_of_train_that_needs_another(place, option, message):
    assert small.fails("train", "--data", "set.npz", *option) == message
    assert not (place / "runs").exists()
