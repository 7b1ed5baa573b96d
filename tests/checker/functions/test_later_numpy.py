"""A file written for NumPy 1.19.2 is judged by what it does there: what a later release refuses is advice."""

import numpy as np
import pytest
from tests.support.checker.function_findings import findings, pooling
from tests.support.checker.samples import source

from convlens.checker.functions.later_numpy import in_words
from convlens.checker.sandbox.guest_side import course_file
from convlens.checker.submission import TASKS

FILE = """import numpy as np


def f(image):
    out = np.zeros((2, 2))
    for i in range(2):
        for j in range(2):
            one = image[i:i + 1, j:j + 1]
            {statement}
    return out
"""


def call(text, *arrays):
    handler = course_file.start(text.encode(), {"file": "0-file.py", "function": "f"})
    assert handler({"do": "load"}, []) == ({"loaded": True}, [])
    return handler({"do": "call", "arguments": [{"array": k} for k in range(len(arrays))]}, list(arrays))


IMAGE = np.array([[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    ("statement", "want", "used"),
    [
        ("out[i, j] = one", IMAGE, "cell"),
        ("out[i][j] = one", IMAGE, "cell"),
        ("out[(i, j)] += 2 * one", 2 * IMAGE, "cell"),
        ("out[i, j] -= one", -IMAGE, "cell"),
        ("out[i, j] = float(one)", IMAGE, "number"),
        ("out[i, j] = int(one)", IMAGE, "number"),
        ("out.itemset((i, j), one)", IMAGE, "cell"),
        ("out.itemset(i, j, image[i, j])", IMAGE, "method"),
        ("out.itemset(2 * i + j, image[i, j])", IMAGE, "method"),
        ("out[i, j] = image.ptp()", np.full((2, 2), 3.0), "method"),
        ("out[i, j] = np.float(image[i, j])", IMAGE, "float"),
        ("out[i, j] = np.product([image[i, j], 2])", 2 * IMAGE, "product"),
        ("out[i, j] = np.asscalar(one)", IMAGE, "asscalar"),
        ("out = np.array(image, copy=False)", IMAGE, None),
        ("out[i, j] = np.math.ceil(image[i, j])", IMAGE, "math"),
        ("out[i, j] = np.math.floor(one)", IMAGE, "number"),
        ("out = np.lib.pad(image, 0, 'constant')", IMAGE, "lib.pad"),
        ("out = np.reshape(image, newshape=(2, 2))", IMAGE, "call"),
        ("out[i, j] = np.sum(image[i, k] for k in range(2))", [[3, 3], [7, 7]], "call"),
        ("out[i, j] = image[np.unravel_index(2 * i + j, dims=(2, 2))]", IMAGE, "call"),
        ("from numpy.lib import pad; out = pad(image, 0, 'constant')", IMAGE, "lib.pad"),
        ("out = np.lib.stride_tricks.as_strided(image) + np.linalg.norm([0.0])", IMAGE, None),
    ],
)
def test_what_later_releases_refuse_is_done(statement, want, used):
    reply, (got,) = call(FILE.format(statement=statement), IMAGE)
    np.testing.assert_array_equal(got, want)
    assert reply.get("later", {}).get(used) == (9 if used else None)


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("out[i, j] = image", ValueError),  # four numbers: NumPy 1.19.2 refuses it too
        ("out[i, j] = float(image)", TypeError),
        ("out[i, 5] = one", IndexError),
        ("out[i, j] = np.no_such_name", AttributeError),
        ("out[i, j] = 'text'", ValueError),
    ],
)
def test_what_the_courses_numpy_refuses_too_is_refused(statement, error):
    with pytest.raises(error):
        call(FILE.format(statement=statement), IMAGE)


def test_a_call_that_is_made_again_gets_the_arrays_as_they_were():
    reply, (got,) = call(FILE.format(statement="image *= 2; out[i, j] = image[i:i + 1, j:j + 1]"), IMAGE.copy())
    np.testing.assert_array_equal(got, IMAGE * [[2, 4], [8, 16]])
    assert reply["later"] == {"cell": 9}


def test_numpy_itself_is_not_changed():
    call(FILE.format(statement="out[i, j] = np.float(1); np.zeros = None"), IMAGE)
    assert callable(np.zeros)
    assert not hasattr(np, "float")


def test_a_right_file_passes_with_advice():
    old, new = "Z = np.zeros((m, h_new, w_new, c_new)) + b\n", "b[0, 0, 0, 0] = b[..., :1]\n    "
    text = source("cells", TASKS[0])
    assert old in text
    found = findings(0, text.replace(old, new + old))
    assert {name: one.message for name, one in found.items() if one.status != "pass"} == {}
    assert found["later_numpy"].message.endswith("it puts an array of one number into a cell (line 31)")


def test_a_name_without_a_substitute_is_not_told():
    found = findings(
        1, pooling(lambda text: text.replace("    return A\n", "    np.maximum_sctype(float)\n    return A\n"))
    )
    assert "fail" not in {one.status for one in found.values()}
    assert found["maximum"].status == "could not tell"
    assert "`np.maximum_sctype` was removed in the NumPy 2.0 release" in found["maximum"].message


def test_an_import_that_is_not_used_does_not_matter():
    extra = "import matplotlib.pyplot as plt\nfrom seaborn import heatmap\nimport numpy.linalg\n"
    found = findings(1, pooling(lambda text: text.replace("import numpy as np\n", extra + "import numpy as np\n")))
    assert {name: one.message for name, one in found.items() if one.status != "pass"} == {}
    used = pooling(lambda text: text.replace("import numpy as np\n", extra + "import numpy as np\nplt.figure()\n"))
    assert "the file uses matplotlib.pyplot.figure; the task allows only NumPy" in findings(1, used)["loads"].message


@pytest.mark.parametrize("sent", [None, 5, [], "cell", {"cell": None}, {}])
def test_a_guest_may_send_anything(sent):
    assert in_words(sent) is None


def test_the_words_name_each_line_and_each_cure():
    message, cure = in_words({"cell": 4, "float": 7}) or ("", "")
    assert message.endswith("it puts an array of one number into a cell (line 4), it uses np.float (line 7)")
    assert cure.startswith("x.item() takes the number out of an array x; write float, int or bool for")
