"""Own course files compute beside the page: right, wrong, raising, hanging, crashing, missing and saved again."""

import shutil

import numpy as np
import pytest
from tests.support.places import COURSEWORK

from convlens import ops
from convlens.checker.submission import TASKS
from convlens.explorer.course_code import CourseCode
from convlens.explorer.packed import pack, unpack

MOST = 10**6
CONV, POOL = TASKS[0], TASKS[1]


@pytest.fixture
def folder(tmp_path):
    """A copy of the course files of tasks 0 to 3, for a test to change."""
    for task in range(4):
        shutil.copy(COURSEWORK / TASKS[task], tmp_path)
    return tmp_path


@pytest.fixture
def code(folder):
    found = CourseCode(folder, seconds=1.0)
    yield found
    found.close()


def call(task, arrays, **options):
    return {"task": task, "arrays": {name: pack(array) for name, array in arrays.items()}, **options}


@pytest.fixture
def conv(arrays):
    return call(0, arrays, stride=[2, 1], padding="valid", activation="relu")


def test_a_right_convolution(code, conv, arrays):
    found = code.run(conv)
    assert (found["right"], found["message"], found["cell"]) == (True, "", None)
    want = ops.conv2d_forward(arrays["A_prev"], arrays["W"], arrays["b"].ravel(), stride=(2, 1))
    assert np.allclose(unpack("A", found["result"]["A"], MOST), np.maximum(want, 0))


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("stride", [[1, 1], [2, 3]])
def test_right_gradients_of_a_convolution(code, rng, arrays, padding, stride):
    forward = code.run(call(0, arrays, stride=stride, padding=padding))["result"]["A"]
    dz = rng.standard_normal(forward["shape"])
    found = code.run(call(2, {"dZ": dz, **arrays}, stride=stride, padding=padding))
    assert found["right"] and found["result"].keys() == {"dA_prev", "dW", "db"}
    assert found["result"]["dW"]["shape"] == [3, 2, 2, 4]


@pytest.mark.parametrize("mode", ["max", "avg"])
def test_right_pooling(code, rng, arrays, mode):
    options = {"kernel": [3, 2], "stride": [2, 2], "mode": mode}
    image = {"A_prev": arrays["A_prev"]}
    found = code.run(call(1, image, **options))
    assert found["right"] and found["result"]["A"]["shape"] == [1, 3, 3, 2]
    da = rng.standard_normal((1, 3, 3, 2))
    assert code.run(call(3, {"dA": da, **image}, **options))["right"]


def test_float32_stays_float32(code, arrays):
    found = code.run(call(0, {name: array.astype(np.float32) for name, array in arrays.items()}))
    assert found["right"] and found["result"]["A"]["dtype"] == "float32"


def test_wrong_code_is_told_with_its_first_cell_and_the_checkers_hint(code, conv, folder):
    path = folder / CONV
    path.write_text(path.read_text().replace("sh, sw = stride", "sw, sh = stride"))
    found = code.run({**conv, "padding": "same", "stride": [2, 1]})
    assert found["right"] is False
    assert found["hint"] == "the strides of height and width are swapped: the argument stride is (sh, sw)"
    assert found["cell"] is None or found["cell"]["array"] == "A"
    path.write_text(path.read_text().replace("activation(np", "np.negative(np"))
    found = code.run(conv)
    assert found["right"] is False and found["message"]


def test_the_first_wrong_cell(code, conv, folder):
    path = folder / CONV
    path.write_text(path.read_text().replace("    return A\n", "    A[0, 1, 2, 3] += 1\n    return A\n"))
    found = code.run(conv)
    assert found["cell"] == {"array": "A", "at": [0, 1, 2, 3]}
    assert found["message"].startswith("result[0, 1, 2, 3] is ") and found["message"].endswith(" is right")


# What the code does, the kind of the error, the message
BAD = {
    "while True: pass": ("ended", "the code ran for more than 1 s and was stopped"),
    "import os; os._exit(3)": ("ended", "the code ended its process (exit code 3)"),
    "import ctypes; ctypes.string_at(0)": ("ended", "the code crashed its process (signal 11, Segmentation fault)"),
    "raise KeyError('a')": ("raised", "line 2 raises KeyError: 'a'"),
    "return None": ("ended", "the function must return an array; it returns None"),
    "return 'a'": ("ended", "the function must return an array; it returns str"),
    "import sys; sys.exit()": ("raised", "line 2 raises SystemExit"),
    "return A_prev.astype(object)": ("ended", "the function must return an array; it returns an array of object"),
    "return __import__('numpy').zeros((2500, 2500))": ("ended", "the result is too large: [(2500, 2500)]"),
    "open('/etc/passwd').read()": ("raised", "line 2 raises "),
}


@pytest.mark.parametrize("body", BAD)
def test_code_that_gives_no_result(code, conv, folder, body):
    path = folder / CONV
    right = path.read_bytes()
    path.write_text(f"def conv_forward(A_prev, W, b, activation, padding='same', stride=(1, 1)):\n    {body}\n")
    found = code.run(conv)
    kind, message = BAD[body]
    assert found["error"] == kind and found["message"].startswith(message), found
    assert "result" not in found
    path.write_bytes(right)
    assert code.run(conv)["right"]


FILES = {
    "x = (": ("ended", "the file does not load: SyntaxError: '(' was never closed"),
    "def conv(): pass": ("ended", "the file must have a function conv_forward; it has conv"),
    "while True: pass": ("ended", "when the file is loaded, the code ran for more than 1 s and was stopped"),
}


@pytest.mark.parametrize("text", FILES)
def test_a_file_that_does_not_load(code, conv, folder, text):
    (folder / CONV).write_text(text)
    found = code.run(conv)
    assert found["error"] == FILES[text][0] and found["message"].startswith(FILES[text][1]), found


def test_a_missing_file(code, conv, folder):
    (folder / CONV).unlink()
    found = code.run(conv)
    assert (found["error"], found["message"]) == ("missing", "the file is missing")
    assert code.version()["files"] == {CONV: "the file is missing", **dict.fromkeys(TASKS[1:4], "")}


def test_a_folder_that_goes(code, conv, folder):
    for path in folder.iterdir():
        path.unlink()
    assert code.run(conv)["error"] == "missing"
    folder.rmdir()
    assert code.run(conv)["error"] == "missing"
    assert "there is no" in code.version()["files"][POOL]


def test_the_version_changes_when_a_file_is_saved(code, folder):
    first = code.version()["version"]
    assert code.version()["version"] == first
    path = folder / POOL
    path.write_text(path.read_text())
    assert code.version()["version"] == first
    path.write_text(path.read_text() + "# saved\n")
    assert code.version()["version"] == first + 1
    (folder / "notes.txt").write_text("not a course file")
    assert code.version()["version"] == first + 1


def wrong_calls(arrays):
    """What is wrong with a call, and the call."""
    image, w, b = arrays["A_prev"], arrays["W"], arrays["b"]
    yield "task must be 0, 1, 2 or 3", call(4, arrays)
    yield "task must be 0, 1, 2 or 3", call(True, arrays)
    yield "arrays of task 0 must be A_prev, W, b", call(0, {"A_prev": image})
    yield "arrays of task 1 must be A_prev", call(1, arrays)
    yield "A_prev must have 4 axes", call(0, {**arrays, "A_prev": image[0]})
    yield "W must have the 2 channels of A_prev", call(0, {**arrays, "W": w[:, :, :1]})
    yield r"b must be \(1, 1, 1, 4\), as W has 4 filters", call(0, {**arrays, "b": b[..., :3]})
    yield "the window .* must fit into the image", call(0, {**arrays, "A_prev": image[:, :2]}, padding="valid")
    yield "stride must be two integers from 1 to 1000", call(0, arrays, stride=[0, 1])
    yield "kernel must be two integers from 1 to 1000", call(1, {"A_prev": image})
    yield "padding must be same or valid", call(0, arrays, padding=[1, 1])
    yield "mode must be max or avg", call(1, {"A_prev": image}, kernel=[2, 2], mode="sum")
    yield "a call must have only .*; got 'x'", call(0, arrays, x=1)
    yield r"dZ must be \(1, 5, 5, 4\); got", call(2, {"dZ": image, **arrays}, padding="valid")
    yield "at most 500,000 numbers", call(0, {**arrays, "A_prev": np.zeros((1, 500, 500, 2))})
    many = {"A_prev": np.zeros((1, 200, 200, 5)), "W": np.zeros((9, 9, 5, 20)), "b": np.zeros(20)}
    yield "a call must have at most 50,000,000 products", call(0, many)


def test_a_call_that_cannot_be_made(code, arrays):
    for message, wrong in wrong_calls(arrays):
        with pytest.raises(ValueError, match=message):
            code.run(wrong)


def test_b_may_be_a_vector(code, arrays):
    assert code.run(call(0, {**arrays, "b": arrays["b"].ravel()}))["right"]
