"""IDX files are read exactly, or refused with the rule and what was found."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from convlens.data import load
from convlens.data.idx import read_folder, read_idx

pytestmark = pytest.mark.smoke


def idx(array: NDArray[np.uint8]) -> bytes:
    """The IDX file that holds `array`."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def images(n: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (n, 5, 3), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """13 training and 4 test images."""
    for name, n in (("train", 13), ("t10k", 4)):
        (tmp_path / f"{name}-images-idx3-ubyte").write_bytes(idx(images(n)))
        (tmp_path / f"{name}-labels-idx1-ubyte").write_bytes(idx(np.arange(n, dtype=np.uint8) % 10))
    return tmp_path


@pytest.mark.parametrize("shape", [(6,), (1,), (0,), (4, 5, 3), (2, 1, 7, 3)])
@pytest.mark.parametrize("packed", [False, True])
def test_reads_what_was_written(tmp_path: Path, shape: tuple[int, ...], packed: bool) -> None:
    array = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    content = idx(array)
    (tmp_path / "file").write_bytes(gzip.compress(content) if packed else content)
    found = read_idx(tmp_path / "file", len(shape))
    assert found.dtype == np.uint8
    assert np.array_equal(found, array)


GOOD = idx(images(2))
BAD = [
    (b"", "{path} must begin with 0x00000803 (IDX, uint8, rank 3); got 0x"),
    (b"PK\3\4", "{path} must begin with 0x00000803 (IDX, uint8, rank 3); got 0x504b0304"),
    (b"\0\0\x0a\3" + GOOD[4:], "{path} must begin with 0x00000803 (IDX, uint8, rank 3); got 0x00000a03"),
    (b"\0\0\x0d\3" + GOOD[4:], "{path} must hold 120 bytes for its dimensions (2, 5, 3); got 30"),  # float32
    (idx(np.zeros(4, np.uint8)), "{path} must begin with 0x00000803 (IDX, uint8, rank 3); got 0x00000801"),
    (GOOD[:9], "{path} must have a header of 16 bytes; got 9"),
    (GOOD[:-1], "{path} must hold 30 bytes for its dimensions (2, 5, 3); got 29"),
    (GOOD[:16], "{path} must hold 30 bytes for its dimensions (2, 5, 3); got 0"),
    (GOOD + b"\0", "{path} must hold 30 bytes for its dimensions (2, 5, 3); got more than 30"),
    (
        b"\0\0\10\3" + b"\xff" * 13,
        "{path} must hold 79228162458924105385300197375 bytes for its dimensions "
        "(4294967295, 4294967295, 4294967295); got 1",
    ),
    (
        gzip.compress(GOOD)[:-9],
        "{path} must be a whole gzip file; Compressed file ended before the end-of-stream marker was reached",
    ),
    (gzip.compress(GOOD)[:5], "{path} must be a whole gzip file; "),
    (gzip.compress(GOOD)[:-8] + bytes(8), "{path} must be a whole gzip file; CRC check failed "),
    (b"\x1f\x8b" + GOOD, "{path} must be a whole gzip file; Unknown compression method"),
    (gzip.compress(GOOD)[:10] + b"\xff" * 30, "{path} must be a whole gzip file; Error -3 while decompressing data"),
]


@pytest.mark.parametrize(("content", "text"), BAD, ids=[str(number) for number in range(len(BAD))])
def test_errors_name_the_rule_and_what_was_found(tmp_path: Path, content: bytes, text: str) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        read_idx(path, 3)
    assert str(caught.value).startswith(text.format(path=path))
    assert "\n" not in str(caught.value) and caught.value.__cause__ is None


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=f"^there is no file '{tmp_path}/none'$"):
        read_idx(tmp_path / "none", 1)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path for damaged files."""
    return tmp_path_factory.mktemp("damaged") / "file"


@given(data=st.data(), packed=st.booleans())
def test_altered_bytes_are_harmless_or_a_one_line_error(place: Path, data: st.DataObject, packed: bool) -> None:
    content = bytearray(gzip.compress(GOOD) if packed else GOOD)
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    _is_read_as_it_is_or_refused(place, bytes(content[: data.draw(st.integers(0, len(content)))]))


def test_a_smaller_dimension_with_a_file_cut_to_it_is_a_whole_file(place: Path) -> None:
    smaller = GOOD[:7] + b"\1" + GOOD[8 : 16 + 15]
    _is_read_as_it_is_or_refused(place, smaller)
    assert read_idx(place, 3).shape == (1, 5, 3)


def _is_read_as_it_is_or_refused(place: Path, content: bytes) -> None:
    place.write_bytes(content)
    try:
        found = read_idx(place, 3)
    except ValueError as error:
        assert str(error).startswith(str(place)) and "\n" not in str(error)
    else:
        plain = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        assert found.shape == struct.unpack(">3I", plain[4:16]) and found.tobytes() == plain[16:]


def test_the_last_sixth_of_a_folder_is_the_validation_part(folder: Path) -> None:
    digits = load(folder)
    assert digits.source == str(folder)
    assert digits.x_train.shape == (11, 5, 3, 1)
    together = np.concatenate([digits.x_train, digits.x_valid])[..., 0]
    assert np.array_equal(together, images(13) / np.float32(256))
    assert digits.y_train.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0]
    assert digits.y_valid.tolist() == [1, 2]
    assert digits.y_test.tolist() == [0, 1, 2, 3]
    assert read_folder(folder, source="mine").source == "mine"


def test_the_validation_part_has_at_most_ten_thousand(folder: Path) -> None:
    (folder / "train-images-idx3-ubyte").write_bytes(idx(np.zeros((60_006, 1, 1), np.uint8)))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx((np.arange(60_006) % 2).astype(np.uint8)))
    (folder / "t10k-images-idx3-ubyte").write_bytes(idx(np.zeros((4, 1, 1), np.uint8)))
    assert [len(load(folder).y_train), len(load(folder).y_valid)] == [50_006, 10_000]


@pytest.mark.parametrize("dotted", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_the_usual_names_are_found(folder: Path, dotted: bool, packed: bool) -> None:
    expected = load(folder).fingerprint
    for path in list(folder.iterdir()):
        name = path.name.replace("-idx", ".idx") if dotted else path.name
        content = path.read_bytes()
        path.unlink()
        (folder / (name + ".gz" * packed)).write_bytes(gzip.compress(content) if packed else content)
    assert load(folder).fingerprint == expected


@pytest.mark.parametrize("stem", ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"])
def test_every_file_is_needed(folder: Path, stem: str) -> None:
    (folder / f"{stem}-ubyte").unlink()
    with pytest.raises(FileNotFoundError) as caught:
        load(folder)
    assert str(caught.value) == f"{folder} must hold {stem}-ubyte, with or without .gz; there is no such file"


def test_errors_of_a_folder_name_the_files(folder: Path) -> None:
    x, y = folder / "train-images-idx3-ubyte", folder / "train-labels-idx1-ubyte"
    y.write_bytes(idx(np.zeros(12, np.uint8)))
    with pytest.raises(ValueError) as caught:
        load(folder)
    assert str(caught.value) == f"there must be one label for every image; got {x} 13, {y} 12"
    x.write_bytes(idx(images(5)))
    y.write_bytes(idx(np.zeros(5, np.uint8)))
    with pytest.raises(ValueError) as caught:
        load(folder)
    assert str(caught.value) == f"{x} must hold at least 6 images, the last sixth to validate; got 5"
    x.write_bytes(idx(np.zeros((6, 3, 5), np.uint8)))
    y.write_bytes(idx(np.zeros(6, np.uint8)))
    test = folder / "t10k-images-idx3-ubyte"
    with pytest.raises(ValueError) as caught:
        load(folder)
    assert str(caught.value) == f"every part needs images of one (h, w, c); got {x} (3, 5, 1), {test} (5, 3, 1)"
