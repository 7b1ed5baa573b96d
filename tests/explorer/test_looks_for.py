"""What the network looks for: the most exciting pictures, occlusion and mistakes are those that convlens computes."""

import re

import numpy as np
import pytest
from tests.support import small
from tests.support.axe import violations
from tests.support.html_page import shown_number as number

from convlens.explorer.data import chosen_pictures, page_data
from convlens.explorer.export import export_page
from convlens.inspection import trace
from convlens.models import build_model
from convlens.training.stored_images import of_digits


@pytest.fixture(scope="module")
def model():
    return build_model("lenet5", engine="numpy")


@pytest.fixture(scope="module")
def pictures(model):
    digits = small.digits()
    return chosen_pictures(digits, of_digits(digits), model.input_shape, 40)


def opened(chromium, folder, model, pictures, script=""):
    """The page with these pictures, scrolled to the view, when all is computed."""
    path = folder / "page.html"
    path.write_bytes(export_page(page_data(model, of_digits(small.digits()), pictures)))
    page = chromium.new_page(viewport={"width": 1280, "height": 720}, reduced_motion="reduce")
    page.add_init_script(script)
    page.goto(path.as_uri())
    page.wait_for_selector("cnn-network canvas")
    page.evaluate("document.getElementById('looks-for').scrollIntoView()")
    assert page.inner_text("looks-for").count("Please wait") >= 2
    page.wait_for_selector("looks-for .gallery button", timeout=60_000)
    return page


BUSY = """
    const Observer = window.IntersectionObserver;
    window.IntersectionObserver = class extends Observer {
        constructor(callback) {
            let told = [];
            super((entries) => {
                if (told.length === 0) setTimeout(() => { const all = told; told = []; callback(all); }, 300);
                told.push(...entries);
            });
        }
    };
"""


@pytest.fixture(scope="module")
def page(chromium, tmp_path_factory, model, pictures):
    page = opened(chromium, tmp_path_factory.mktemp("looks"), model, pictures)
    yield page
    page.close()


def choose(page, name):
    """Choose the first cell of a map."""
    page.get_by_role("img", name=name, exact=True).focus()
    page.keyboard.press("Enter")
    page.evaluate("document.getElementById('looks-for').scrollIntoView()")


@pytest.mark.parametrize(("shown", "layer", "channel"), [("max_pooling2d_1", "max_pooling2d_1", 3), ("dense_2", "", 0)])
def test_the_most_exciting_pictures(page, model, pictures, shown, layer, channel):
    found = trace(model, pictures.x, pictures.y)
    outputs = {each.name: each.output.max((1, 2)) for each in found.layers if each.output.ndim == 4}
    wanted = np.sort(outputs.get(layer, found.logits)[:, channel])[::-1][:12]
    choose(page, f"{shown}, map {channel}")
    page.get_by_role("heading", name=f"excite {shown}, ").wait_for()
    buttons = page.locator("looks-for .gallery").first.get_by_role("button")
    assert [number(text) for text in buttons.all_inner_texts()] == pytest.approx(wanted, rel=1e-3, abs=1e-4)
    order = np.argsort(-outputs.get(layer, found.logits)[:, channel], kind="stable")
    assert f"picture {order[0]}, {pictures.y[order[0]]}" in buttons.first.get_attribute("aria-label")


def test_the_window_of_a_cell_is_that_of_all_its_pixels(page):
    """The windows of two corners, node by node, are as wide as those of all cells."""
    choose(page, "conv2d_1, map 0")
    page.get_by_role("heading", name="excite conv2d_1, ").wait_for()
    page.locator("looks-for .gallery button").first.click()
    canvas = page.locator("looks-for .gallery canvas").first
    pixels = canvas.evaluate("(c) => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]")
    frame = (np.reshape(pixels, (56, 56, 4))[..., :3] == [255, 176, 0]).all(2)
    rows, columns = np.nonzero(frame)
    assert [int(np.ptp(each)) + 1 for each in (rows, columns)] == [28, 28]  # 14 × 14 pixels, two by two
    name, cell = re.findall(r"^(\w+)\[(.*)\] = ", page.inner_text("conv-cell h3"))[0]
    assert (name, cell) == ("conv2d_1", f"{rows.min() // 4 + 1}, {columns.min() // 4 + 1}, 0")  # 2 of padding


def test_a_busy_page_that_is_told_late_what_was_on_the_screen(chromium, tmp_path, model, pictures):
    """Out of view and back while the page was busy: both are told at once, and the last one holds."""
    page = opened(chromium, tmp_path, model, pictures, script=BUSY)
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_timeout(100)
    choose(page, "conv2d_1, map 2")
    page.get_by_role("heading", name="excite conv2d_1, map 2, ").wait_for()
    page.close()


def test_occlusion(page, model, pictures):
    """A patch of background over the image, predicted by convlens."""
    page.get_by_role("button", name=re.compile(r"^picture 5, \d$")).click()
    page.evaluate("document.getElementById('looks-for').scrollIntoView()")
    page.get_by_label("patch").select_option("9")
    page.wait_for_selector("looks-for .large[aria-busy=false]")
    page.get_by_text("numbers of the occlusion map").click()
    page.wait_for_selector("looks-for details td")
    table = page.locator("looks-for details tr").evaluate_all(
        "rows => rows.map(r => [...r.cells].map(c => c.textContent))"
    )
    changes = np.array([[number(text) for text in row] for row in table])
    image, label = pictures.x[5:6], pictures.y[5]
    assert changes.shape == (5, 5)
    for i, j in np.ndindex(changes.shape):
        covered = image.copy()
        covered[:, 4 * i : 4 * i + 9, 4 * j : 4 * j + 9] = 0
        both = trace(model, np.concatenate([image, covered]), np.array([label, label])).probabilities[:, label]
        assert changes[i, j] == pytest.approx(both[1] - both[0], abs=6e-4)
    assert np.abs(changes).max() > 0.005


def test_mistakes_in_the_order_of_their_certainty(page, model, pictures):
    probabilities = trace(model, pictures.x, pictures.y).probabilities
    said = probabilities.argmax(1)
    wrong = np.flatnonzero(said != pictures.y)
    wrong = wrong[np.argsort(-probabilities.max(1)[wrong], kind="stable")]
    text, held = page.inner_text("looks-for section:last-child"), np.count_nonzero(wrong >= pictures.training)
    assert f"wrong on {len(wrong)} of 40 pictures. ◆: held back from training ({held})" in text
    names = page.get_by_role("group", name="mistakes").get_by_role("button")
    assert [int(re.findall(r"picture (\d+)", each.get_attribute("aria-label"))[0]) for each in names.all()] == list(
        wrong
    )
    assert re.match(rf"taken for {said[wrong[0]]}, [\d.]+ %", names.first.inner_text())
    page.get_by_role("button", name="next mistake").click()
    page.get_by_role("button", name="next mistake").click()
    told = page.inner_text("looks-for section:last-child")
    assert f"Mistake 2 of {len(wrong)}: the network says {said[wrong[1]]} with" in told
    assert page.locator(".modes").get_by_label("label").input_value() == str(pictures.y[wrong[1]])


def test_the_view_breaks_no_rule_of_wcag(page):
    page.evaluate("for (const each of document.querySelectorAll('looks-for details')) each.open = true")
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate("document.getElementById('looks-for').scrollIntoView()")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_selector("looks-for .large[aria-busy=false]")
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 720})


def test_a_network_without_mistakes_says_so(chromium, tmp_path, model, pictures):
    said = trace(model, pictures.x, pictures.y).probabilities.argmax(1)
    page = opened(chromium, tmp_path, model, pictures._replace(y=said))
    assert "names all 40 pictures of the page rightly" in page.inner_text("looks-for section:last-child")
    page.close()
