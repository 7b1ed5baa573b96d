"""The weights file: reading returns what was written; any damage raises a ValueError that names the file."""

import json
import pickle
import re
import struct

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from convlens.storage.tensors import read_tensors, write_tensors

TENSORS: dict[str, np.ndarray] = {
    "conv/kernel": np.arange(24, dtype=np.float32).reshape(2, 3, 1, 4),
    "conv/bias": np.array([-0.0, np.pi], np.float64),
    "step": np.array(7, np.int64),
    "bytes": np.frombuffer(b"\x00\xff\x10", np.uint8),
    "half": np.ones((2, 1), np.float16),
    "flag": np.array([True, False]),
    "none": np.zeros((0, 3), np.float32),
}
ABOUT = {"model": "lenet5", "rate": 0.001, "epochs": [1, None, {"loss": 2.5}], "text": "ein Schlüssel"}


@pytest.fixture
def path(tmp_path):
    """A file as `write_tensors` wrote it."""
    write_tensors(tmp_path / "some.safetensors", TENSORS, ABOUT)
    return tmp_path / "some.safetensors"


def refused(path, match):
    with pytest.raises(ValueError, match=match) as caught:
        read_tensors(path)
    assert str(path) in str(caught.value)


@pytest.mark.smoke
def test_reading_returns_what_was_written(path):
    tensors, about = read_tensors(path)
    assert about == ABOUT
    assert tensors.keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        assert (tensors[name].dtype, tensors[name].shape) == (array.dtype, array.shape)
        assert tensors[name].tobytes() == array.tobytes()


NAMES = st.text(st.characters(codec="utf-8"), max_size=8).filter(lambda name: name != "__metadata__")
TYPES = st.sampled_from(["f2", "f4", "f8", "i1", "i4", "i8", "u1", "u2"])
NUMBERS = st.integers() | st.floats(allow_nan=False)


@given(
    st.dictionaries(NAMES, st.tuples(TYPES, st.lists(st.integers(0, 3), max_size=4)), max_size=4),
    st.dictionaries(NAMES, NUMBERS, max_size=4),
)
def test_any_names_types_and_shapes_are_read_as_written(tmp_path_factory, kinds, about):
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    arrays = {name: np.arange(np.prod(shape)).astype(kind).reshape(shape) for name, (kind, shape) in kinds.items()}
    write_tensors(path, arrays, about)
    tensors, found = read_tensors(path)
    assert found == about
    assert tensors.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(tensors[name], array, strict=True)


@pytest.mark.parametrize("array", [np.arange(6.0).reshape(2, 3).T, np.arange(8.0)[::2], np.arange(3, dtype=">f4")])
def test_arrays_of_any_memory_layout_keep_their_numbers(tmp_path, array):
    write_tensors(tmp_path / "file", {"a": array}, {})
    found = read_tensors(tmp_path / "file")[0]["a"]
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype.newbyteorder("=")


@pytest.mark.smoke
def test_any_safetensors_reader_can_read_it(path):
    tensors = safetensors.numpy.load_file(path)
    assert tensors.keys() == TENSORS.keys()
    np.testing.assert_array_equal(tensors["conv/kernel"], TENSORS["conv/kernel"], strict=True)
    with safetensors.safe_open(path, "numpy") as file:
        assert list(file.metadata()) == ["convlens"]


def test_equal_content_makes_equal_bytes(path, tmp_path):
    write_tensors(tmp_path / "again", dict(reversed(TENSORS.items())), ABOUT)
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_the_old_file_stays_when_the_new_one_cannot_be_made(path):
    before = path.read_bytes()
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_tensors(path, TENSORS, {"model": object()})
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.smoke
def test_a_missing_file_is_named(tmp_path):
    for missing in (tmp_path / "nothing", tmp_path, tmp_path / "nothing" / "below"):
        with pytest.raises(FileNotFoundError, match=re.escape(f"there must be a file {missing}; there is none")):
            read_tensors(missing)


# Damage --------------------------------------------------------------------------------------------------------------


@pytest.mark.smoke
def test_a_file_cut_off_anywhere_is_refused(path):
    content = path.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    lengths = {0, 1, 7, 8, 9, header // 2, header - 1, header, header + 1, len(content) - 1}
    lengths |= set(range(0, len(content), 37))
    for length in sorted(lengths):
        path.write_bytes(content[:length])
        refused(path, "must be a whole safetensors file written by convlens; it is not: ")


@pytest.mark.parametrize("more", [b"\x00", b"more than it was"])
def test_a_file_with_added_bytes_is_refused(path, more):
    path.write_bytes(path.read_bytes() + more)
    refused(path, "must be a whole safetensors file written by convlens; it is not: ")


def test_every_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "small.safetensors"
    write_tensors(path, {"w": np.arange(5.0), "step": np.array(1)}, {"model": "lenet5", "loss": 2.5})
    content = path.read_bytes()
    for bit in range(8 * len(content)):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        refused(path, "must (be a whole safetensors file|have the sha256)")


@given(data=st.data())
def test_any_damage_is_a_value_error(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "damaged.safetensors"
    write_tensors(path, TENSORS, ABOUT)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content) - 1))
        piece = data.draw(st.binary(min_size=1, max_size=12))
        content[start : start + data.draw(st.integers(0, 12))] = piece
    path.write_bytes(content)
    try:
        tensors, about = read_tensors(path)
    except ValueError as error:
        assert str(path) in str(error)
    else:  # the same content, written another way
        assert about == ABOUT
        assert all(tensors[name].tobytes() == array.tobytes() for name, array in TENSORS.items())


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_a_value_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "garbage.safetensors"
    path.write_bytes(content)
    refused(path, "must be a whole safetensors file written by convlens; it is not: ")


class Bomb:
    """An object that fails the test if it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("unpickled",))


def test_pickle_and_npz_files_are_refused(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(pickle.dumps(Bomb()))
    refused(path, "must be a whole safetensors file written by convlens; it is not: ")
    with path.open("wb") as file:
        np.savez(file, **TENSORS)  # type: ignore[arg-type]  # none is named allow_pickle
    refused(path, "must be a whole safetensors file written by convlens; it is not: ")


def test_safetensors_files_of_other_programs_are_refused(tmp_path):
    path = tmp_path / "file"
    for metadata in (None, {}, {"format": "pt"}):
        safetensors.numpy.save_file({"w": np.ones(3)}, path, metadata)
        refused(path, "must be a whole safetensors file written by convlens; it is not: it has no convlens metadata$")


ENTRIES = {
    "no JSON": "lenet5",
    "null": "null",
    "a number": "5",
    "a list": "[]",
    "empty": "{}",
    "no checksum": '{"about": {}}',
    "a checksum that is a number": '{"about": {}, "sha256": 5}',
    "a checksum that is null": '{"about": {}, "sha256": null}',
    "about that is null": '{"about": null, "sha256": ""}',
    "about that is a text": '{"about": "lenet5", "sha256": ""}',
    "about that is a list": '{"about": [], "sha256": ""}',
    "brackets without end": "[" * 100_000,
}


@pytest.mark.smoke
@pytest.mark.parametrize("entry", ENTRIES)
def test_wrong_metadata_is_refused(tmp_path, entry):
    path = tmp_path / "file"
    safetensors.numpy.save_file({"w": np.ones(3)}, path, {"convlens": ENTRIES[entry]})
    refused(path, "must (be a whole safetensors file|have the sha256)")


@pytest.mark.parametrize("kind", ["BF16", "F8_E4M3", "F32", "no such type"])
def test_wrong_types_in_the_header_are_refused(tmp_path, kind):
    path = tmp_path / "file"
    header = json.dumps({"w": {"dtype": kind, "shape": [4], "data_offsets": [0, 8]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    refused(path, "must be a whole safetensors file written by convlens; it is not: ")


def test_the_error_for_a_changed_number_names_both_checksums(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    refused(path, r"must have the sha256 [0-9a-f]{12}… with which it was written; got [0-9a-f]{12}…$")
