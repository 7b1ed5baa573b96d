"""The .npz layout of the course: reading returns what was written, and damaged files are refused."""

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from convlens.data import Digits, course_npz, export, from_arrays, load


def small(channels: int = 1, seed: int = 0) -> Digits:
    """7 training, 3 validation and 2 test images of 5 x 4 pixels."""
    rng = np.random.default_rng(seed)
    arrays: dict[str, Any] = {}
    for part, n in (("train", 7), ("valid", 3), ("test", 2)):
        arrays[f"x_{part}"] = rng.integers(0, 256, (n, 5, 4, channels), dtype=np.uint8)
        arrays[f"y_{part}"] = rng.integers(0, 10, n)
    return from_arrays(**arrays)


def course(**changes: NDArray[Any] | None) -> dict[str, NDArray[Any]]:
    """The arrays of a very small course file, with changes. None removes an array."""
    arrays: dict[str, Any] = {
        "X_train": np.zeros((3, 5, 4), np.float32),
        "Y_train": np.zeros(3, np.int64),
        "X_valid": np.zeros((2, 5, 4), np.float32),
        "Y_valid": np.zeros(2, np.int64),
    } | changes
    return {key: array for key, array in arrays.items() if array is not None}


@pytest.mark.smoke
@pytest.mark.parametrize("channels", [1, 3])
def test_loading_returns_what_was_exported(tmp_path: Path, channels: int) -> None:
    digits, path = small(channels), tmp_path / "set.npz"
    export(digits, path)
    again = load(path)
    assert again.fingerprint == digits.fingerprint
    assert again.source == str(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["set.npz"]


@pytest.mark.smoke
def test_the_layout_is_the_course_s(tmp_path: Path) -> None:
    export(small(), tmp_path / "set.npz")
    with np.load(tmp_path / "set.npz") as file:
        found = {key: (file[key].dtype.name, file[key].shape) for key in file.files}
    assert found == {
        "X_train": ("float32", (7, 5, 4)),
        "Y_train": ("int64", (7,)),
        "X_valid": ("float32", (3, 5, 4)),
        "Y_valid": ("int64", (3,)),
        "X_test": ("float32", (2, 5, 4)),
        "Y_test": ("int64", (2,)),
    }


def test_the_embedded_digits_export_small_and_without_an_empty_part(tmp_path: Path) -> None:
    digits, path = load("embedded"), tmp_path / "digits.npz"
    export(digits, path)
    with np.load(path) as file:
        assert file.files == ["X_train", "Y_train", "X_valid", "Y_valid"]
    assert load(path).fingerprint == digits.fingerprint
    assert path.stat().st_size < 2_000_000


@pytest.mark.smoke
def test_another_file_is_replaced_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    export(small(seed=1), path)
    with pytest.raises(FileExistsError) as caught:
        export(small(seed=2), path)
    assert str(caught.value) == f"{path} exists and holds other data; it is replaced only with overwrite"
    assert load(path).fingerprint == small(seed=1).fingerprint
    export(small(seed=2), path, overwrite=True)
    assert load(path).fingerprint == small(seed=2).fingerprint


def test_equal_data_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    export(small(), path)
    before = path.stat()
    export(small(), path)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_any_existing_file_folder_or_link_is_kept(tmp_path: Path) -> None:
    text, folder, link = tmp_path / "text", tmp_path / "folder", tmp_path / "link"
    text.write_text("mine")
    folder.mkdir()
    link.symlink_to(tmp_path / "nowhere")
    for path in (text, folder, link):
        with pytest.raises(FileExistsError, match="it is replaced only with overwrite"):
            export(small(), path)
    with pytest.raises(ValueError, match=r"/folder must be a regular file to be replaced"):
        export(small(), folder, overwrite=True)
    assert text.read_text() == "mine"


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits exist only on POSIX systems")
def test_a_full_disk_leaves_no_file_and_gives_one_error(tmp_path: Path) -> None:
    path = tmp_path / "digits.npz"
    program = (
        "import resource, signal, sys\n"
        "from convlens.data import export, load\n"
        "digits = load('embedded')\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
        "try:\n"
        "    export(digits, sys.argv[1])\n"
        "except OSError as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-W", "error", "-c", program, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"[Errno 27] File too large: '{path}'\n", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.smoke
def test_other_arrays_are_ignored_even_pickled_ones(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, **course(), about=np.array([{"a": 1}], dtype=object))  # type: ignore[arg-type]
    assert course_npz.read(path).classes == 1


RULES = [
    (course(Y_train=None), "{path} must hold X_train, Y_train, X_valid, Y_valid; no Y_train among "),
    (course(Y_test=np.zeros(2, int)), "test images and labels come together; got {path}: Y_test but no {path}: X_test"),
    (
        course(X_train=np.array([None] * 3)),
        "{path}: X_train must be a whole, plain array; "
        "ValueError: Object arrays cannot be loaded when allow_pickle=False",
    ),
    (
        course(X_train=np.zeros((3, 5, 4), complex)),
        "{path}: X_train must hold images as uint8 or floating-point numbers; got complex128",
    ),
    (
        course(X_valid=np.full((2, 5, 4), np.nan)),
        "{path}: X_valid must be finite in float32; got nan at (0, 0, 0)",
    ),
    (
        course(Y_valid=np.zeros(4, int)),
        "there must be one label for every image; got {path}: X_valid 2, {path}: Y_valid 4",
    ),
    (course(Y_train=np.full(3, -1)), "{path}: Y_train must hold labels >= 0 that fit int64; got -1 to -1"),
    (
        course(X_valid=np.zeros((2, 4, 5))),
        "every part needs images of one (h, w, c); got {path}: X_train (5, 4, 1), {path}: X_valid (4, 5, 1)",
    ),
]


@pytest.mark.smoke
@pytest.mark.parametrize(("arrays", "text"), RULES, ids=[text for _, text in RULES])
def test_errors_name_the_file_the_array_the_rule_and_what_was_found(
    tmp_path: Path, arrays: dict[str, NDArray[Any]], text: str
) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    with pytest.raises(ValueError) as caught:
        load(path)
    assert str(caught.value).startswith(text.format(path=path))
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


NOT_NPZ = {
    "text": (b"X_train", "must be an .npz file (a zip of arrays) or CSV; it is something else, cut off or damaged"),
    "zip": (b"PK\3\4" * 9, "must be an .npz file (a zip of arrays); it is something else, cut off or damaged"),
}


@pytest.mark.smoke
@pytest.mark.parametrize("kind", NOT_NPZ)
def test_a_file_that_is_not_an_npz_is_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    content, text = NOT_NPZ[kind]
    path.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        load(path)
    assert str(caught.value) == f"{path} {text}"


def test_a_member_that_is_not_an_array_is_named(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, **course(X_train=None))  # type: ignore[arg-type]
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("X_train", b"hello")
    with pytest.raises(ValueError, match=r"X_train must be an array in numpy's .npy format; it has another format$"):
        load(path)


def test_a_header_that_claims_more_than_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, **course(X_train=None))  # type: ignore[arg-type]
    with zipfile.ZipFile(path, "a") as archive, archive.open("X_train.npy", "w") as member:
        np.lib.format.write_array_header_1_0(
            member, {"descr": "<f4", "fortran_order": False, "shape": (1 << 40, 28, 28)}
        )
    with pytest.raises(ValueError, match=r"set.npz needs 3,448,068 GB of memory; this machine has [\d,]+ [GM]B free$"):
        load(path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a valid file."""
    path = tmp_path_factory.mktemp("whole") / "set.npz"
    export(small(), path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The path for damaged files."""
    return tmp_path_factory.mktemp("damaged") / "set.npz"


@given(data=st.data())
def test_a_cut_off_file_is_a_one_line_error(whole: bytes, place: Path, data: st.DataObject) -> None:
    place.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(ValueError) as caught:
        load(place)
    assert str(caught.value).startswith(str(place))
    assert "\n" not in str(caught.value)


@given(data=st.data())
def test_altered_bytes_are_harmless_or_a_one_line_error(whole: bytes, place: Path, data: st.DataObject) -> None:
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    place.write_bytes(content)
    try:
        assert load(place).x_train.shape == (7, 5, 4, 1)
    except ValueError as error:
        assert str(place) in str(error) and "\n" not in str(error)
