"""The views of the page, driven as a reader drives them: pointer, keys, buttons; the numbers they show."""

import base64
import re

import numpy as np
import pytest
from tests.support import kinds_of_layers
from tests.support.axe import violations
from tests.support.chromium import module_page
from tests.support.html_page import shown_number as number
from tests.support.places import SOURCE

from convlens.explorer.data import page_data
from convlens.explorer.export import export_page
from convlens.inspection import trace
from convlens.models import build_model
from convlens.nn import Sequential
from convlens.training.stored_images import Images


@pytest.fixture
def page(chromium, exported):
    """The open page. An error in it fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 720})
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(exported.as_uri())
    opened.wait_for_selector("cnn-network canvas")
    yield opened
    context.close()
    assert errors == []


def parts(pattern, text):
    """The groups of a pattern that a text of the page has."""
    found = re.search(pattern, text)
    assert found is not None, text
    return found.groups()


def shown(page):
    """What the arithmetic's heading says: (name, cell, number)."""
    name, cell, value = parts(r"^(.*)\[([\d, ]*)\] = (\S+)$", page.inner_text("conv-cell h3"))
    return name, tuple(map(int, cell.split(", "))), number(value)


def terms(page):
    """The values of the terms that are listed, the rest among them."""
    texts = page.locator("conv-cell .terms li").all_inner_texts()
    return [number(parts(r"= (\S+)", text)[0]) for text in texts]


def test_a_cell_by_the_keyboard_has_its_arithmetic(page):
    page.get_by_role("img", name="input, map 0").press("Enter")  # another layer: the arrows begin at the corner
    maps = page.get_by_role("img", name="conv2d, map 0")
    maps.focus()
    for key in ["ArrowDown"] * 9 + ["ArrowRight"] * 12 + ["PageDown"] * 2:
        page.keyboard.press(key)
    name, cell, value = shown(page)
    assert (name, cell) == ("conv2d", (9, 12, 2))
    assert len(terms(page)) == 26  # 25 cells of the kernel and the bias
    assert sum(terms(page)) == pytest.approx(value, abs=2e-3)


def test_the_numbers_are_those_of_the_library(page):
    """The first picture of the data, in the untrained network that the page has."""
    model = build_model("lenet5", engine="numpy")
    data = page.evaluate("JSON.parse(document.getElementById('convlens-data').textContent)")
    levels = np.frombuffer(base64.b64decode(data["pictures"]["data"]), np.uint8)[:784].reshape(1, 28, 28, 1)
    label = data["pictures"]["labels"][0]
    scale = np.float32(data["networks"][0]["images"]["scale"])
    found = trace(model, levels * scale, np.array([label]))
    page.get_by_role("img", name="dense_2, map 0").focus()
    page.keyboard.press("ArrowRight")
    name, cell, value = shown(page)
    assert (name, cell) == ("dense_2", (1,))
    assert value == pytest.approx(found.logits[0, 1], rel=2e-3)
    page.get_by_role("button", name="show gradients").click()
    probabilities = found.probabilities[0, 1] - (label == 1)
    assert shown(page)[2] == pytest.approx(probabilities, rel=2e-3)


def test_gradients_lead_from_term_to_term(page):
    page.get_by_role("img", name="max_pooling2d, map 0").focus()
    page.keyboard.press("ArrowRight")
    page.get_by_role("button", name="show gradients").click()
    name, cell, value = shown(page)
    assert (name, cell) == ("gradient of max_pooling2d", (0, 1, 0))
    assert sum(terms(page)) == pytest.approx(value, abs=1e-3 + abs(value) / 50)
    page.locator("conv-cell .terms button:enabled").first.click()
    assert shown(page)[0] != name


def test_a_nudge_moves_the_loss_as_the_gradient_says(page):
    page.get_by_role("img", name="conv2d, map 0").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="kernel (5, 5, 1, 6)").click()
    page.get_by_role("button", name="+0.01").click()
    said = page.inner_text("conv-cell .note")
    slope, gradient = map(number, parts(r"change: (\S+); gradient: (\S+)\.$", said))
    assert slope == pytest.approx(gradient, abs=0.05 + abs(gradient) / 5)


def test_a_drawing_is_scaled_and_centred_and_its_label_is_a_guess(page):
    box = page.locator(".pad").bounding_box()
    page.mouse.move(box["x"] + 30, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 40, box["y"] + 120, steps=6)
    page.mouse.up()
    pixels = page.evaluate(
        "(() => { const c = document.querySelector('cnn-network canvas'); "
        "return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data] })()"
    )
    levels = 255.0 * 3 - np.array(pixels, float).reshape(84, 84, 4)[..., :3].sum(2)
    rows, columns = np.nonzero(levels > levels.max() / 2)
    assert abs(rows.mean() - 41.5) < 4 and abs(columns.mean() - 41.5) < 4
    assert 54 <= np.ptp(rows) <= 64
    shares = page.locator(".answer meter").evaluate_all("bars => bars.map((bar) => bar.value)")
    asked = page.locator(".modes").get_by_label("what did you draw? (label: its own guess)")
    assert asked.input_value() == str(np.argmax(shares))
    assert "✓" not in page.inner_text(".said")  # nobody told the right answer
    asked.select_option(str(np.argmin(shares)))
    assert f"✓ {np.argmin(shares)}" in page.inner_text(".answer")


def test_it_begins_with_maps_and_a_number_of_the_first_convolution(page):
    assert page.locator("cnn-network canvas").first.bounding_box()["y"] < 640
    assert page.inner_text("conv-cell h3").startswith("conv2d[")
    page.get_by_role("button", name="kernel (5, 5, 1, 6)").click()
    assert "training finds it" in page.inner_text("conv-cell")


def test_powers_have_superscript_digits(chromium):
    opened = module_page(chromium, SOURCE / "convlens" / "explorer" / "page" / "model")
    digits = "async (all) => { const { digits } = await import('./numbers.js'); return all.map(digits); }"
    assert opened.evaluate(digits, [-1.234e-5, 6.7e12, 0.5, -2]) == ["−1.23·10⁻⁵", "6.70·10¹²", "0.5000", "−2.000"]
    opened.close()


def test_the_page_says_what_its_network_does(page):
    said = page.inner_text("header p")
    assert "reads handwritten digits" in said and "only guesses" in said  # it has fresh weights


@pytest.mark.parametrize("name", kinds_of_layers.NETWORKS)
def test_each_layer_is_told_in_plain_words(chromium, tmp_path, name):
    layers, shape = kinds_of_layers.NETWORKS[name]
    model = Sequential(layers, shape, engine="numpy")
    classes = ("cat", "dog", "fox", "hen")[: model.output_shape[-1]]
    images = Images(classes, 1 / 256, None, (shape[0], shape[1]), shape[2] == 3)
    path = tmp_path / "page.html"
    path.write_bytes(export_page(page_data(model, images)))
    page = chromium.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector("cnn-network canvas")
    said = page.inner_text("header p")
    assert said.startswith(
        f"This network gets a picture of {shape[0]} × {shape[1]} pixels and says what it shows: cat, "
    )
    heads = page.locator("cnn-network h3").all_inner_texts()
    assert len(heads) > len(layers)
    for head in heads:
        assert re.match(r"\S+ [a-z]+ .{10}", head) and "undefined" not in head, head
    page.close()


def pad_corner(page):
    """The colour of the pad's first pixel: that of a picture's background, or none."""
    return page.evaluate("[...document.querySelector('.pad').getContext('2d').getImageData(0, 0, 1, 1).data]")


def test_an_empty_picture_gets_no_verdict(page):
    page.locator("digit-pad .choice").nth(3).click()
    assert "The network says: " in page.inner_text(".said") and pad_corner(page) == [0, 0, 0, 255]
    page.get_by_role("button", name="clear").click()
    assert "Nothing drawn yet." in page.inner_text(".said") and pad_corner(page) == [0, 0, 0, 0]
    assert page.locator(".answer").is_hidden() and page.locator(".modes").get_by_label("right answer").is_hidden()
    page.locator("digit-pad .choice").nth(3).click()
    page.mouse.click(*middle(page.locator(".pad")))
    assert "The network says: " in page.inner_text(".said") and pad_corner(page) == [0, 0, 0, 0]


def test_a_small_probability_is_almost_0(page):
    page.evaluate(
        "() => { const { state } = document.querySelector('cnn-network');"
        "state.network.nodes.at(-1).weights.bias.data[4] = 99; state.compute(); }"
    )
    assert page.locator(".answer .plain").all_inner_texts() == ["almost 0"] * 4 + ["100.0 %"] + ["almost 0"] * 5
    assert "The network says: 4, 100.0 %." in page.inner_text(".said")


def middle(element):
    box = element.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_its_width_and_breaks_no_rule_of_wcag(chromium, exported, width, scheme):
    context = chromium.new_context(viewport={"width": width, "height": 720}, color_scheme=scheme)
    page = context.new_page()
    page.goto(exported.as_uri())
    page.wait_for_selector("cnn-network canvas")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []
    context.close()


# The playgrounds ------------------------------------------------------------------------------------------------------


def grid(page, selector, caption):
    """The numbers of a grid by its caption."""
    return page.evaluate(
        """([selector, caption]) => {
            const table = [...document.querySelectorAll(`${selector} table`)].find(
              (each) => each.caption.textContent === caption);
            const text = (cell) => cell.querySelector("input")?.value ?? cell.textContent;
            return [...table.rows].map((row) => [...row.cells].map((cell) => Number(text(cell).replace("−", "-"))));
        }""",
        [selector, caption],
    )


def choose(page, element, name):
    page.evaluate(f"document.querySelector('{element} details').open = true")
    page.locator(element).get_by_role("button", name=name, exact=True).click()


def test_a_convolution_forward_and_backward(page):
    x = np.array(grid(page, "conv-playground", "input A, with its padding"))
    w = np.array(grid(page, "conv-playground", "kernel W"))
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape)
    assert np.array_equal(grid(page, "conv-playground", "output Z"), (windows * w).sum((2, 3)))
    choose(page, "conv-playground", "show backward")
    dz = np.array(grid(page, "conv-playground", "gradient dZ of the output"))
    for _ in range(dz.size - 1):
        choose(page, "conv-playground", "next: window")
    dx, dw = np.zeros(x.shape), np.zeros(w.shape)
    for i, j in np.ndindex(dz.shape):
        dx[i : i + w.shape[0], j : j + w.shape[1]] += dz[i, j] * w
        dw += dz[i, j] * windows[i, j]
    assert np.array_equal(grid(page, "conv-playground", "dA"), dx)
    assert np.array_equal(grid(page, "conv-playground", "dW, from the windows so far"), dw)


def test_a_kernel_finds_an_edge(page):
    """The playground opens with it, and comes back to it."""
    for name in ("", "larger steps", "find an edge"):
        if name:
            choose(page, "conv-playground", name)
        edges = grid(page, "conv-playground", "output Z") == [[0, 15, 15, 0]] * 3
        assert edges == (name != "larger steps")


def test_a_preset_keeps_the_view_and_stops_the_play(page):
    for element, preset in (("conv-playground", "keep the size"), ("pool-playground", "rows left over")):
        choose(page, element, "show backward")
        assert "from the layers after this one" in page.inner_text(element)
        choose(page, element, "play: window")
        choose(page, element, preset)
        buttons = page.locator(element).get_by_role("button")
        assert buttons.filter(has_text="show forward").count() == 1 and buttons.filter(has_text="stop").count() == 0


def test_a_large_number_fits_its_cell_and_is_whole_in_its_title(page):
    field = page.locator("conv-playground").get_by_label("kernel W, row 0, column 0")
    field.fill("-1234567.5")
    field.press("Enter")
    page.locator("conv-playground .formula").click()
    assert field.input_value() == "−1.23M" and page.locator("conv-playground td[title='−1234567.500']").count() == 1
    wide = "cells => cells.filter(c => c.scrollWidth > c.clientWidth).map(c => c.value ?? c.textContent)"
    assert page.locator("conv-playground :is(td, td input)").evaluate_all(wide) == []
    field.focus()
    assert field.input_value() == "−1234567.500"


def test_keras_and_the_course_differ(page):
    choose(page, "conv-playground", "Keras and the course differ")
    assert "rows: ⌊(3 + 5 + 3 − 3) / 2⌋ + 1 = 5" in page.inner_text("conv-playground .formula")
    page.locator("conv-playground select").select_option("same")
    assert np.shape(grid(page, "conv-playground", "output Z")) == (3, 3)


def test_the_cut_without_padding_leaves_nothing(page):
    choose(page, "conv-playground", "the mistake ph:-ph")
    assert grid(page, "conv-playground", "dA[ph:-ph, pw:-pw]: nothing") == []


def test_a_tie_by_both_rules(page):
    choose(page, "pool-playground", "a tie")
    caption = "gradient of A, from the windows so far"
    assert np.count_nonzero(np.array(grid(page, "pool-playground", caption))[:2, :3]) == 2
    page.locator("pool-playground").get_by_label("ties").select_option("first")
    assert np.count_nonzero(np.array(grid(page, "pool-playground", caption))[:2, :3]) == 1


def test_a_change_that_cannot_be_is_taken_back(page):
    rows = page.locator("conv-playground").get_by_label("kernel rows")
    rows.fill("9")
    rows.press("Enter")
    page.locator("conv-playground .formula").click()
    assert "the change was taken back" in page.inner_text("conv-playground .note")
    assert rows.input_value() == "3"


def test_patch_kernel_and_products_of_a_channel(page):
    """The sums of the channels and the bias are the number; the tables show the products of one channel."""
    maps = page.get_by_role("img", name="conv2d_1, map 0")
    maps.focus()
    for key in ["ArrowDown"] * 4 + ["ArrowRight"] * 5:
        page.keyboard.press(key)
    page.get_by_label("input channel").select_option("3")
    text = page.inner_text("conv-cell")
    said = parts(r"Sum of each channel, and the bias: (.*)\. This", text)[0].split(" + ")
    assert len(said) == 7 and sum(map(number, said)) == pytest.approx(shown(page)[2], abs=5e-3)
    x, w, products = (
        [number(cell) for cell in table.locator("td").all_inner_texts()] for table in page.locator(".patch table").all()
    )
    assert len(x) == 25 and any(products)
    assert products == pytest.approx(np.multiply(x, w), rel=0.1, abs=1e-3)
    assert sum(products) == pytest.approx(number(said[3]), abs=2e-2)


def test_a_click_on_the_kernel_chooses_a_weight(page):
    """Its value is that of the weights' file, and the arrow keys go on from it."""
    page.get_by_role("img", name="conv2d_1, map 0").focus()
    page.keyboard.press("PageDown")
    page.keyboard.press("PageDown")
    page.get_by_role("img", name="kernel, channel 3").click(position={"x": 30, "y": 50})  # 20 pixels a cell
    kernel = build_model("lenet5", engine="numpy").named_weights()["conv2d_1/kernel"]
    assert shown(page) == ("conv2d_1 kernel", (2, 1, 3, 2), pytest.approx(kernel[2, 1, 3, 2], rel=2e-3))
    page.keyboard.press("ArrowRight")
    assert shown(page)[1] == (2, 2, 3, 2)
