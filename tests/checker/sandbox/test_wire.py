import io
import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convlens.checker.sandbox.guest_side import wire

pytestmark = pytest.mark.smoke


def reader(data):
    file = io.BytesIO(data)

    def read(count):
        found = file.read(count)
        if len(found) < count:
            raise EOFError
        return found

    return read


def sent(message, arrays=(), number=7):
    return wire.dump(number, message, arrays)


def forged(text, arrays=b"", magic=b"cvl1"):
    text = text if isinstance(text, bytes) else json.dumps(text).encode()
    return struct.pack(">4sIQ", magic, len(text), len(arrays)) + text + arrays


def with_array(kind, data=b""):
    return forged({"id": 1, "message": {}, "arrays": [kind]}, data)


ARRAYS = (
    np.array(2.5),
    np.zeros((0, 3)),
    np.arange(24.0).reshape(2, 3, 4),
    np.asfortranarray(np.arange(6).reshape(2, 3)),
    np.arange(12, dtype=np.uint8)[::3],
    np.arange(6, dtype=">f4").reshape(3, 2).T,
    np.array([True, False]),
    np.array([np.nan, np.inf, -0.0], dtype=np.float16),
    np.array([1 + 2j]),
    np.broadcast_to(1.0, (3, 2)),
)


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_arrays_arrive_as_they_were_sent(array):
    number, message, (found,) = wire.load(reader(sent({"a": [1, None, "é"]}, [array])))
    assert (number, message) == (7, {"a": [1, None, "é"]})
    assert found.dtype == array.dtype and found.shape == array.shape
    np.testing.assert_array_equal(found, array)


def test_several_arrays_keep_their_order():
    _, _, found = wire.load(reader(sent({}, ARRAYS)))
    assert [array.shape for array in found] == [array.shape for array in ARRAYS]


def test_nan_and_infinity_arrive():
    _, message, _ = wire.load(reader(sent({"loss": float("nan"), "most": float("inf")})))
    assert np.isnan(message["loss"]) and message["most"] == float("inf")


@pytest.mark.parametrize("array", [np.array([{}]), np.array(["a"]), np.zeros(2, "f8,O"), np.array(["2020"], "M8[Y]")])
def test_only_numbers_can_be_sent(array):
    with pytest.raises(wire.WireError, match="must have numbers or booleans; got dtype"):
        wire.dump(0, {}, [array])


def test_large_arrays_are_refused_before_they_are_copied():
    with pytest.raises(wire.TooMuchError, match="at most 67,108,864 bytes; got 8,000,000,000,000"):
        wire.dump(0, {}, [np.broadcast_to(0.0, (10**9, 10**3))])
    with pytest.raises(wire.TooMuchError):
        wire.dump(0, {"text": "x" * wire.MOST_TEXT})
    with pytest.raises(wire.WireError, match="at most 64 arrays; got 65"):
        wire.dump(0, {}, [np.zeros(1)] * 65)


@pytest.mark.parametrize("size", [0, wire.MOST + 1, 8 * 10**12])
def test_a_refusal_has_the_size_of_the_message(size):
    with pytest.raises(wire.TooMuchError) as error:
        wire.load(reader(wire.refusal(size)))
    assert error.value.size == max(size, wire.MOST + 1)


def test_the_reader_never_reads_more_than_the_limits():
    asked = []

    def read(count):
        asked.append(count)
        return struct.pack(">4sIQ", b"cvl1", 2**32 - 1, 2**64 - 1)[:count]

    with pytest.raises(wire.TooMuchError):
        wire.load(read)
    assert asked == [16]


@pytest.mark.parametrize(
    "data",
    [
        forged({"id": 1, "message": {}, "arrays": []}, magic=b"pass"),
        forged(b"no JSON"),
        forged(b"\xff\xfe"),
        forged([]),
        forged({}),
        forged({"id": "1", "message": {}, "arrays": []}),
        forged({"id": 1, "message": [], "arrays": []}),
        forged({"id": 1, "message": {}, "arrays": {}}),
        forged({"id": 1, "message": {}, "arrays": [["|u1", [2]]] * 2}, b"xxx"),
        forged({"id": 1, "message": {}, "arrays": [["|u1", [0]]] * 65}),
        forged({"id": 1, "message": {}, "arrays": []}, b"x"),
        forged(b'{"id": 1, "arrays": [], "message": ' + b"[" * 10**5 + b"]" * 10**5 + b"}"),
        forged(b'{"id": 1, "arrays": [], "message": {"a": ' + b"[" * 30 + b"]" * 30 + b"}}"),
        forged(b'{"id": ' + b"9" * 10**4 + b', "arrays": [], "message": {}}'),
        with_array(None),
        with_array([]),
        with_array(["<f8"], bytes(8)),
        with_array(["<f8", [1], "C"], bytes(8)),
        with_array([8, [1]], bytes(8)),
        with_array(["<f8", 1], bytes(8)),
        with_array(["<f8", "1"], bytes(8)),
        with_array(["|O", [1]], b"\x80\x04N."),
        with_array(["O8", [1]], bytes(8)),
        with_array(["<U4", [1]], b"p   a   s   s   "),
        with_array(["<f8,<f8", [1]], bytes(16)),
        with_array(["<M8[Y]", [1]], bytes(8)),
        with_array([[["a", "<f8"]], [1]], bytes(8)),
        with_array(["<f7", [1]], bytes(7)),
        with_array(["<f8", [10**15]], bytes(8)),
        with_array(["<f8", [0, 10**18]]),
        with_array(["<f8", [0, *[2**26] * 31]]),
        with_array(["<f8", [0] * 33]),
        with_array(["<f8", [-1, -8]], bytes(64)),
        with_array(["<f8", [-1]], bytes(8)),
        with_array(["<f8", [True]], bytes(8)),
        with_array(["<f8", [1.0]], bytes(8)),
        with_array(["<f8", [2]], bytes(15)),
        with_array(["<f8", [1]], bytes(9)),
        with_array(["<f8", [10**30]], bytes(8)),
    ],
)
def test_anything_but_a_message_is_refused(data):
    with pytest.raises(wire.WireError):
        wire.load(reader(data))


def test_an_array_in_the_form_of_the_forged_ones_can_be_valid():
    assert wire.load(reader(with_array(["<f8", [1]], bytes(8))))[2] == [np.zeros(1)]


def test_arrays_are_aligned_and_can_be_changed():
    _, _, found = wire.load(reader(sent({}, [np.array([True]), np.arange(3.0)])))
    assert all(array.flags.aligned and array.flags.writeable and array.flags.owndata for array in found)


def test_control_characters_in_text_are_replaced():
    text = "\x1b[2J\x07a\tb\nc\x00\x9b\u202e\ud800\uffff é 中"
    _, message, _ = wire.load(reader(forged({"id": 1, "message": {text: [text]}, "arrays": []})))
    ((key, (value,)),) = message.items()
    assert key == value == "�[2J�a\tb\nc����� é 中"
    assert value.encode()


@given(st.integers(0, 400), st.binary(min_size=1, max_size=12))
def test_changed_bytes_are_refused_or_read(place, change):
    data = bytearray(sent({"a": [1, "b"]}, [np.arange(6.0).reshape(2, 3), np.array([True])]))
    data[place : place + len(change)] = change
    try:
        number, message, arrays = wire.load(reader(bytes(data)))
    except (wire.WireError, EOFError):
        return
    assert isinstance(number, int) and isinstance(message, dict)
    assert all(array.dtype.kind in "biufc" for array in arrays)
