"""The numbers of the chosen map as a table, those of the end, the rule for equal maxima; and all this in a lesson."""

import json
import math
import re

import numpy as np
import pytest
from tests.explorer.test_views import shown, terms
from tests.support import small
from tests.support.html_page import shown_number as number

from convlens.explorer.data import chosen_pictures, page_data
from convlens.explorer.export import export_page
from convlens.explorer.files import PAGE, PageFile, page_files
from convlens.inspection import trace
from convlens.models import build_model
from convlens.training.stored_images import of_digits

LESSON = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>lesson</title>
<script type="module" src="./main.js"></script></head><body><main>
<script type="application/json" id="few">DATA</script>VIEWS</main></body></html>"""


@pytest.fixture(scope="module")
def model():
    return build_model("lenet5", engine="numpy")


@pytest.fixture(scope="module")
def given(model):
    """The page's data with a few pictures, and these."""
    digits = small.digits()
    pictures = chosen_pictures(digits, of_digits(digits), model.input_shape, 20)
    return page_data(model, of_digits(digits), pictures), pictures


@pytest.fixture(scope="module")
def page(chromium, tmp_path_factory, given):
    path = tmp_path_factory.mktemp("numbers") / "page.html"
    path.write_bytes(export_page(given[0]))
    page = chromium.new_page(viewport={"width": 1280, "height": 720})
    page.goto(path.as_uri())
    page.wait_for_selector("cnn-network canvas")
    yield page
    page.close()


def table(page, name, mode="value"):
    """The table of a map, when it is drawn."""
    page.get_by_role("img", name=f"{name}, map 0", exact=True).focus()
    page.keyboard.press("Enter")
    page.evaluate("document.querySelector('map-numbers details').open = true")
    what = name if mode == "value" else f"the gradient of {name}"
    page.locator("map-numbers caption", has_text=re.compile(f"^numbers of {what}, map 0:")).wait_for()
    rows = page.locator("map-numbers tr").evaluate_all("rows => rows.map(r => [...r.cells].map(c => c.textContent))")
    return np.array([[number(text) for text in row] for row in rows])


def test_a_map_as_a_table(page, model, given):
    x = given[1].x[:1]
    found = next(each for each in trace(model, x, given[1].y[:1]).layers if each.name == "max_pooling2d")
    assert table(page, "max_pooling2d") == pytest.approx(found.output[0, ..., 0], rel=1e-3, abs=1e-6)
    most = number(re.findall(r"(\S+)\. The background", page.inner_text("map-numbers .scale"))[0])
    assert most == pytest.approx(np.abs(found.output).max(), rel=1e-3)


def test_equal_maxima(page, model, given):
    """After ReLU many windows are all 0: by one rule the first cell gets the gradient, by the other one each."""
    x, label = given[1].x[:1], given[1].y[:1]
    found = next(each for each in trace(model, x, label).layers if each.name == "max_pooling2d")
    page.get_by_role("button", name="show gradients").click()
    page.get_by_text("for experts").click()
    for rule, text in (("first", "the first"), ("all", "all of them")):
        page.get_by_label("equal maxima").select_option(text)
        page.wait_for_timeout(100)
        wanted = pooled(found, rule)[0, ..., 0]
        assert table(page, "conv2d/relu", "gradient") == pytest.approx(wanted, rel=6e-3, abs=1e-7)
    page.get_by_role("button", name="show values").click()


def pooled(layer, ties):
    """The gradient of a max pooling's input, window by window."""
    dx, x = np.zeros_like(layer.input), layer.input
    for i, j, c in np.ndindex(layer.output.shape[1:]):
        window = x[0, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, c]
        places = np.argwhere(window == window.max())
        for a, b in places if ties == "all" else places[:1]:
            dx[0, 2 * i + a, 2 * j + b, c] += layer.d_output[0, i, j, c]
    return dx


def test_a_probability_and_the_loss_have_their_arithmetic(page, model, given):
    found = trace(model, given[1].x[:1], given[1].y[:1])
    page.locator(".answer .plain").nth(4).click()
    heading, formula = page.inner_text("conv-cell h3"), page.inner_text("conv-cell .formula")
    assert heading.startswith("probability of 4 = ") and "exp(z) / Σ exp(z)" in formula
    assert number(heading.split(" = ")[1]) == pytest.approx(found.probabilities[0, 4], rel=1e-3)
    assert math.fsum(terms(page)) == pytest.approx(found.probabilities[0, 4], rel=1e-3)
    page.locator(".modes").get_by_label("label").select_option("7")
    page.locator(".modes .plain").click()
    assert number(page.inner_text("conv-cell h3").split(" = ")[1]) == pytest.approx(
        -math.log(found.probabilities[0, 7]), rel=1e-3
    )
    page.locator("conv-cell .terms button:enabled").first.click()
    assert shown(page)[:2] == ("dense_2", (7,))


def test_views_in_a_lesson_are_linked(chromium, tmp_path, given):
    """Each names the same data; a cell that is chosen in one has its numbers in the others."""
    tags = ["guided-walk", "cnn-network", "conv-cell", "map-numbers", "looks-for"]
    text = LESSON.replace("VIEWS", "".join(f'<{tag} data="few"></{tag}>' for tag in tags))
    files = page_files() | {
        PAGE: PageFile(text.replace("DATA", json.dumps(given[0]).replace("<", "\\u003c")).encode(), "text/html"),
        "main.js": PageFile("".join(f'import "./views/{tag}.js";\n' for tag in tags).encode(), "text/javascript"),
    }
    path = tmp_path / "lesson.html"
    path.write_bytes(export_page({}, files))
    page = chromium.new_page(reduced_motion="reduce")
    page.goto(path.as_uri())
    page.get_by_role("img", name="conv2d_1, map 0", exact=True).focus()
    page.keyboard.press("ArrowDown")
    assert shown(page)[:2] == ("conv2d_1", (1, 0, 0))
    page.get_by_text("numbers of conv2d_1, map 0").wait_for()
    page.locator("looks-for").scroll_into_view_if_needed()
    page.get_by_role("heading", name="Pictures that excite conv2d_1, map 0, most").wait_for()
    page.get_by_role("button", name="start the walk").click()
    page.get_by_role("button", name="next", exact=True).click()
    assert shown(page)[0] == "conv2d"
    page.close()
