"""The view of the reader's own code: right, wrong, hanging, crashing, missing, and mended without loading again."""

import base64
import re
import shutil

import numpy as np
import pytest
from tests.support.axe import violations
from tests.support.chromium import ENGINE, module_page
from tests.support.html_page import shown_number
from tests.support.places import COURSEWORK, ROOT, SOURCE
from tests.support.served import served, watched_page

from convlens import ops
from convlens.checker.submission import TASKS
from convlens.models import build_model

CONV, POOL, BACK = TASKS[0], TASKS[1], TASKS[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for the course files."""
    return tmp_path_factory.mktemp("own")


@pytest.fixture(scope="module")
def page(chromium, folder):
    """The page of a server that has the folder: one for all tests here. An error in it fails them."""
    with served("lenet5", "--code", folder) as address, watched_page(chromium) as opened:
        opened.goto(address)
        opened.wait_for_selector("own-code select")
        opened.evaluate("globalThis.same = true")
        yield opened
        assert opened.evaluate("globalThis.same")  # it was not loaded again


@pytest.fixture
def own(page, folder):
    """The view, with the right files in the folder."""
    for task in range(4):
        shutil.copy(COURSEWORK / TASKS[task], folder)
    view = page.locator("own-code")
    view.scroll_into_view_if_needed()
    ask(view, "conv_forward", "conv2d")
    return view


def ask(own, function, numbers):
    own.get_by_label("function", exact=True).select_option(function)
    own.get_by_label("numbers of").select_option(numbers)
    says(own, rf"right: {function}")


def says(own, pattern):
    """Wait until the view says this."""
    own.locator("[role=status]").filter(has_text=re.compile(pattern)).wait_for(timeout=20_000)


def change(folder, name, old, new):
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize("function", ["conv_forward", "pool_forward", "conv_backward", "pool_backward"])
def test_right_files_are_right_for_every_choice(own, function):
    own.get_by_label("function", exact=True).select_option(function)
    choices = own.get_by_label("numbers of").locator("option").all_inner_texts()
    assert len(choices) == 4
    for choice in choices:
        ask(own, function, choice)
    assert "all right" in own.locator("h3").first.inner_text()


def test_the_first_wrong_number_is_opened(own, page, folder):
    """The number beside it is the library's, and the network shows the same one."""
    change(folder, CONV, "    return A\n", "    if A.shape[3] > 3:\n        A[0, 9, 12:14, 2] += 1\n    return A\n")
    says(own, r"wrong: result\[0, 9, 12, 2\] is")
    model = build_model("lenet5", engine="numpy")
    data = page.evaluate("fetch('./api/data').then((answer) => answer.json())")
    levels = np.frombuffer(base64.b64decode(data["pictures"]["data"]), np.uint8)[:784].reshape(1, 28, 28, 1)
    weights = model.named_weights()
    kernel, bias = weights["conv2d/kernel"], weights["conv2d/bias"]
    x = levels * np.float32(data["networks"][0]["images"]["scale"])
    right = ops.conv2d_forward(x.astype(float), kernel.astype(float), bias.astype(float), padding="same")
    heading = own.locator("h3").first
    numbers = re.fullmatch(r"A\[0, 9, 12, 2\]: yours is (\S+), right is (\S+)", heading.inner_text())
    assert numbers
    yours, wanted = map(shown_number, numbers.groups())
    assert wanted == pytest.approx(right[0, 9, 12, 2], rel=1e-3, abs=1e-3)
    assert yours == pytest.approx(right[0, 9, 12, 2] + 1, rel=1e-3)
    assert own.locator(".terms li").count() == 26  # 25 products and the bias
    assert "2 of 4704 numbers wrong, by 1 at most" in own.inner_text()
    own.get_by_role("button", name="next wrong number").click()
    assert heading.inner_text().startswith("A[0, 9, 13, 2]")
    own.get_by_role("button", name="show it in the network").click()
    assert "conv2d[9, 13, 2]" in page.inner_text("conv-cell h3")


def test_a_wrong_result_breaks_no_rule_of_wcag(own, page, folder):
    change(folder, CONV, "    return A\n", "    return A + 1\n")
    says(own, r"wrong: ")
    assert violations(page) == []


def test_one_row_too_much_padding(own, folder):
    change(folder, CONV, "+ kh - h_prev", "+ kh + 2 - h_prev")
    says(own, r"wrong: ")
    assert "your shape is (1, 30, 28, 6), right is (1, 28, 28, 6)" in own.inner_text()


def test_the_cut_without_padding_leaves_nothing(own, folder):
    """The mistake dA[ph:-ph]: nothing is left where there is no padding."""
    ask(own, "conv_backward", 'small whole numbers, padding "valid", stride (2, 1)')
    change(
        folder, BACK, "dA_prev[block] = dx[image]", "return dx[:, top:-top or 0], dW, dZ.sum((0, 1, 2), keepdims=True)"
    )
    says(own, r"wrong: ")
    assert "your shape is (1, 0, 6, 2), right is (1, 5, 6, 2)" in own.inner_text()


BAD = {
    "while True:\n    pass\n": r"no result: when the file is loaded, the code ran for more than 2 s",
    "def conv_forward(*a, **k):\n    import os; os._exit(3)\n": r"no result: the code ended its process",
    "def conv_forward(*a, **k):\n    raise KeyError('a')\n": r"raises an exception: line 2 raises KeyError: 'a'",
    None: r"no file to run: the file is missing",
}


def test_bad_code_is_told_and_the_page_lives_on(own, folder):
    for text, said in BAD.items():
        if text is None:
            (folder / CONV).unlink()
        else:
            (folder / CONV).write_text(text)
        says(own, said)
    shutil.copy(COURSEWORK / CONV, folder)
    says(own, r"right: conv_forward")


def test_the_picture_that_is_drawn_next_is_computed(own, page, folder):
    change(folder, CONV, "    return A\n", "    return A + (A_prev.sum() == 0)\n")
    says(own, r"right: ")
    page.get_by_role("button", name="clear").click()
    own.scroll_into_view_if_needed()  # it computes while it is in view
    says(own, r"wrong: ")
    page.locator(".choice").first.click()
    own.scroll_into_view_if_needed()
    says(own, r"right: ")


@pytest.fixture(scope="module")
def module(chromium):
    page = module_page(chromium, SOURCE / "convlens" / "explorer" / "page", ENGINE.parent, ROOT / "tests" / "explorer")
    yield page
    page.close()


def calls(module, shape, *layers):
    script = 'async ([layers, shape]) => (await import("./own_code.js")).calls(layers, shape)'
    return {(call["task"], call["name"]): call for call in module.evaluate(script, [list(layers), shape])}


FLAT = [{"layer": "Flatten"}, {"layer": "Dense", "units": 3}]


def test_a_call_has_the_numbers_of_its_layer(module):
    """Whatever the padding and the stride are; a convolution with groups is no function of the course."""
    conv = {"layer": "Conv2D", "filters": 4, "kernel_size": [3, 2], "strides": [2, 1], "padding": "same"}
    plain = {"layer": "Conv2D", "filters": 2, "kernel_size": [1, 3], "padding": "same"}
    layers = [conv, {"layer": "MaxPooling2D", "pool_size": [2, 3], "strides": [1, 2]}, plain, {**plain, "groups": 2}]
    found = calls(module, [9, 8, 2], *layers, *FLAT)
    of_layers = [call for call in found.values() if not call["small"]]
    assert len(of_layers) == 6
    assert max(call["apart"] for call in of_layers) < 1e-12
    assert found[0, "conv2d"]["placed"] == found[0, "conv2d"]["count"] == 5 * 8 * 4
    assert "the padding stands in A_prev already" in found[0, "conv2d"]["said"] and found[0, "conv2d_1"]["said"] == ""
    backward = found[2, "conv2d_1"]
    assert backward["placed"] == backward["count"]


def test_a_large_layer_is_cropped_and_said_so(module):
    conv = {"layer": "Conv2D", "filters": 40, "kernel_size": [5, 3], "padding": "same"}
    pool = {"layer": "AveragePooling2D", "pool_size": 2}
    found = calls(module, [150, 140, 4], conv, pool, *FLAT)
    assert found[0, "conv2d"]["said"].startswith("the first 1 of 40 maps; the first ")
    assert found[1, "average_pooling2d"]["said"] == "the first 3 of 40 maps"
    assert max(call["apart"] for call in found.values()) < 1e-12
    assert all(np.prod(call["shapes"][1]) <= 20_000 for call in found.values())
