"""What is kept of the page: pictures, numbers, arithmetic, and links that restore a view."""

import base64
import csv
import io
import json
import re
import xml.etree.ElementTree as ET
import zlib

import numpy as np
import pytest
from PIL import Image
from tests.support.axe import violations
from tests.support.chromium import until

from convlens.inspection import trace
from convlens.models import build_model
from convlens.report.explorer_link import explorer_link

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def opened(chromium, exported):
    context = chromium.new_context(viewport={"width": 1280, "height": 720}, accept_downloads=True)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(exported.as_uri())
    page.wait_for_selector("cnn-network canvas")
    yield page
    context.close()
    assert errors == []


@pytest.fixture
def page(opened, exported):
    """The page as it is opened first, with all menus open."""
    opened.goto("about:blank")
    opened.goto(exported.as_uri())
    opened.wait_for_selector("cnn-network canvas")
    opened.evaluate("for (const menu of document.querySelectorAll('.keep')) menu.open = true")
    return opened


def saved(page, part, button):
    """The bytes of the file that a button of a part's menu saves."""
    with page.expect_download() as found:
        page.locator(f"#{part} > .keep").get_by_role("button", name=button, exact=True).click()
    return found.value.path().read_bytes()


def choose(page, name, *keys):
    page.get_by_role("img", name=name, exact=True).focus()
    for key in keys or ["Enter"]:
        page.keyboard.press(key)


def first_picture(page):
    """What the library computes for the first picture of the data."""
    data = page.evaluate("JSON.parse(document.getElementById('convlens-data').textContent)")
    levels = np.frombuffer(base64.b64decode(data["pictures"]["data"]), np.uint8)[:784].reshape(1, 28, 28, 1)
    scale = np.float32(data["networks"][0]["images"]["scale"])
    model = build_model("lenet5", engine="numpy")
    return trace(model, levels * scale, np.array([data["pictures"]["labels"][0]]))


def test_the_numbers_are_those_of_the_library(page):
    choose(page, "dense_2, map 0")
    rows = list(csv.DictReader(io.StringIO(saved(page, "network", "numbers as CSV").decode())))
    assert [row["array"] for row in rows] == ["dense_2"] * 10
    assert [int(row["axis 0"]) for row in rows] == list(range(10))
    logits = first_picture(page).logits[0]
    assert [float(row["number"]) for row in rows] == pytest.approx(logits.tolist(), rel=1e-4, abs=1e-5)


def test_json_and_csv_have_every_number_of_a_gradient(page):
    choose(page, "conv2d_1, map 0")
    page.get_by_role("button", name="show gradients").click()
    (found,) = json.loads(saved(page, "network", "numbers as JSON"))
    assert found["name"] == "gradient of conv2d_1" and found["shape"] == [10, 10, 16]
    rows = list(csv.DictReader(io.StringIO(saved(page, "network", "numbers as CSV").decode())))
    array = np.zeros(found["shape"])
    for row in rows:
        array[tuple(int(row[f"axis {k}"]) for k in range(3))] = float(row["number"])
    assert np.array_equal(array.ravel(), found["data"]) and np.count_nonzero(array) > 0


def test_the_arithmetic_adds_up(page):
    choose(page, "conv2d, map 0", "ArrowDown", "ArrowRight")
    rows = list(csv.reader(io.StringIO(saved(page, "network", "arithmetic as CSV").decode())))
    assert rows[0] == ["term", "value", "note", "factor 0", "number 0", "factor 1", "number 1"]
    terms, total = rows[1:-1], float(rows[-1][1])
    assert len(terms) == 26 and sum(float(row[1]) for row in terms) == pytest.approx(total, abs=1e-5)
    for row in terms[:-1]:
        assert float(row[4]) * float(row[6]) == pytest.approx(float(row[1]), abs=1e-6)
    found = json.loads(saved(page, "network", "arithmetic as JSON"))
    assert len(found["terms"]) == 26 and found["total"] == total


@pytest.mark.parametrize("what", ["the whole network", "the chosen node", "the arithmetic"])
def test_pictures_of_the_network(page, what):
    choose(page, "input, map 0")  # another layer: the arrows begin at the corner
    choose(page, "conv2d, map 0", "ArrowDown")
    page.get_by_label("picture of").select_option(what)
    tree = ET.fromstring(saved(page, "network", "picture as SVG"))
    assert tree.tag == f"{SVG}svg"
    texts = [each.text for each in tree.iter(f"{SVG}text")]
    maps = len(list(tree.iter(f"{SVG}image")))
    shown = page.locator("cnn-network canvas").count()
    if what == "the whole network":
        assert maps == shown and sum("conv2d_1" in (text or "") for text in texts) >= 2  # its heading and its scale
    elif what == "the chosen node":
        assert maps == 6
    else:
        assert any("conv2d[1, 0, 0]" in (text or "") for text in texts)
    assert any((text or "").startswith("lenet5, values, label") for text in texts)
    picture = Image.open(io.BytesIO(saved(page, "network", "picture as PNG")))
    size = np.array([float(tree.attrib["width"]), float(tree.attrib["height"])])
    assert np.abs(np.array(picture.size) - 2 * size).max() <= 1
    assert len(picture.convert("RGB").getcolors(1 << 24) or []) > 20


def test_a_map_in_the_picture_has_its_pixels(page):
    """The first map of the picture is the drawing of the network's image, pixel by pixel."""
    tree = ET.fromstring(saved(page, "network", "picture as SVG"))
    href = next(tree.iter(f"{SVG}image")).attrib["href"]
    kept = np.array(Image.open(io.BytesIO(base64.b64decode(href.partition(",")[2]))).convert("RGBA"))
    shown = page.evaluate(
        "(() => { const c = document.querySelector('cnn-network canvas'); "
        "return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data] })()"
    )
    assert np.array_equal(kept.ravel(), shown)


def test_a_playground_is_kept(page):
    (first, *rest) = json.loads(saved(page, "convolution", "numbers as JSON"))
    assert first["name"] == "input A, with its padding" and first["shape"] == [5, 6] and len(first["data"]) == 30
    tree = ET.fromstring(saved(page, "convolution", "picture as SVG"))
    texts = {each.text for each in tree.iter(f"{SVG}text")}
    assert {first["name"], *(each["name"] for each in rest)} <= texts


# Links ----------------------------------------------------------------------------------------------------------------


def link(page, part="network"):
    """The link of a part; where there is no clipboard, it stands in a field."""
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('none')) }")
    page.locator(f"#{part} > .keep").get_by_role("button", name="copy a link to this view").click()
    return page.get_by_role("textbox", name="link to this view").input_value()


def view(page):
    """What the page shows, in words."""
    image = page.evaluate("document.querySelector('cnn-network').state.image.data.join()")
    return [image, page.inner_text("conv-cell h3"), page.inner_text(".modes"), page.inner_text(".answer")]


def follow(page, address, shown=view, wanted=None):
    """Open a link. wanted: wait until this is shown, for 3 seconds at most."""
    page.goto("about:blank")
    page.goto(address)
    page.wait_for_selector("cnn-network canvas")
    for _ in range(60):
        if wanted in (None, shown(page)):
            break
        page.wait_for_timeout(50)


def test_a_link_restores_a_picture_of_the_data(page):
    page.locator(".choice").nth(7).click()
    choose(page, "conv2d_1, map 0", "ArrowDown", "PageDown")
    page.get_by_role("button", name="show gradients").click()
    page.locator(".answer button").nth(3).click()
    page.locator(".modes").get_by_label("right answer").select_option("4")
    before, address = view(page), link(page)
    assert len(address.partition("#")[2]) < 2000 and page.url.partition("#")[2] == ""
    follow(page, address, wanted=before)
    assert view(page) == before


def test_the_reports_link_shows_its_picture(page, exported, digits):
    image, label = digits.images("valid")[5], int(digits.y_valid[5])
    (href,) = re.findall(r'href="(.*?)"', explorer_link(exported.as_uri(), "lenet5", image, label))
    follow(page, href)
    until(page, f"document.querySelector('cnn-network').state.label === {label}")
    numbers, heading, _, answer = view(page)
    assert np.array_equal(np.array(numbers.split(","), np.float32), image.ravel()) and image.max() > 0.5
    assert heading.startswith("conv2d[") and len(answer.split("\n")) == 20
    assert page.locator("[role=status]:visible", has_text="cannot be shown").count() == 0


def test_a_link_restores_a_drawing(page):
    box = page.locator(".pad").bounding_box()
    page.mouse.move(box["x"] + 50, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + 140, steps=6)
    page.mouse.up()
    before, address = view(page), link(page)
    follow(page, address, wanted=before)
    assert view(page) == before


def test_a_link_restores_a_changed_pixel_and_a_weight(page):
    choose(page, "input, map 0", "ArrowDown")
    page.get_by_role("button", name="+0.1", exact=True).click()
    choose(page, "conv2d, map 0")
    page.get_by_role("button", name="kernel (5, 5, 1, 6)").click()
    before, address = view(page), link(page)
    follow(page, address, wanted=before)
    assert view(page) == before


def test_a_link_restores_the_playgrounds(page):
    page.evaluate("for (const each of document.querySelectorAll('details.presets')) each.open = true")
    page.locator("conv-playground").get_by_role("button", name="Keras and the course differ").click()
    page.locator("conv-playground").get_by_label("kernel W, row 0, column 0").fill("8")
    page.locator("conv-playground").get_by_role("button", name="next: window").click()
    page.locator("pool-playground").get_by_role("button", name="a tie", exact=True).click()

    def shown(page):
        whole = page.evaluate("[...document.querySelectorAll('.numbers')].map((table) => table.numbers)")
        return whole, [page.inner_text(f"{tag} .arithmetic") for tag in ("conv-playground", "pool-playground")]

    before, address = shown(page), link(page, "convolution")
    follow(page, address, shown, before)
    assert shown(page) == before


def encoded(found):
    return base64.urlsafe_b64encode(zlib.compress(json.dumps(found).encode())).decode().rstrip("=")


def decoded(fragment):
    return json.loads(zlib.decompress(base64.urlsafe_b64decode(fragment + "=" * (-len(fragment) % 4))))


def test_a_malformed_link_is_told_and_ignored(page):
    before, fragment = view(page), link(page).partition("#view=")[2]
    good = decoded(fragment)
    wrong = {
        "it is damaged": [fragment[:-9], "%%%", "", encoded(None), encoded([1]), encoded({**good, "mode": "both"})],
        "it is of the network other": [encoded({**good, "network": "other"})],
        "its label is no class": [encoded({**good, "label": label}) for label in (10, -1, "0", None, 0.5)],
        "its number is not in this network": [
            encoded({**good, "chosen": chosen})
            for chosen in (
                None,
                {"node": 99, "cell": [0]},
                {"node": 1, "cell": [0, 0]},
                {"node": 1, "cell": [0, 0, 6]},
                {"node": 1, "cell": [0, 0, 0], "weight": "none"},
                {"node": 1, "cell": [0, 0, 0], "weight": "constructor"},
            )
        ],
        "its picture does not fit this network": [
            encoded({**good, "image": image}) for image in (None, "?", [0.5], ["a"] * 784, [None] * 784)
        ],
    }
    for said, fragments in wrong.items():
        for each in fragments:
            page.evaluate("(hash) => { location.hash = hash }", f"#view={each}")
            note = page.locator("main > .note")
            note.filter(has_text=re.compile(re.escape(said))).wait_for(timeout=3000)
            assert view(page) == before
    page.evaluate("location.hash = '#pooling'")
    page.locator("main > .note").wait_for(state="hidden", timeout=3000)


def test_wrong_numbers_of_a_playground_are_ignored(page):
    fragment = link(page).partition("#view=")[2]
    good = decoded(fragment)
    formula = page.inner_text("conv-playground .formula")
    for setting in ({"size": [1000, 2]}, {"kernel": "a"}, {"stride": [0, 1]}, {"pads": [[1, 2]]}, 3, None):
        bad = {"conv-playground": {"setting": setting, "numbers": {"x": ["a"], "own": [1]}, "step": 1e9}}
        page.evaluate("(hash) => { location.hash = hash }", f"#view={encoded({**good, 'playgrounds': bad})}")
        assert page.locator("main > .note").is_hidden()
        assert page.inner_text("conv-playground .formula") == formula


def test_the_menu_breaks_no_rule_of_wcag(page):
    page.set_viewport_size({"width": 390, "height": 720})
    link(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert violations(page) == []
    page.set_viewport_size({"width": 1280, "height": 720})


def test_training_and_what_it_looks_for_are_kept(page):
    """The loss of each batch; the gradient of each pixel, which is the network's own."""
    page.locator("train-live").get_by_role("button", name="one batch").click()
    page.locator("train-live svg").first.wait_for()
    for _ in range(100):
        if page.evaluate("document.querySelector('train-live').keptNumbers().length") >= 6:
            break
        page.wait_for_timeout(50)
    found = {each["name"]: each["data"] for each in json.loads(saved(page, "training", "numbers as JSON"))}
    assert len(found["training loss"]) == 1 and 1 < found["training loss"][0] < 10
    tree = ET.fromstring(saved(page, "training", "picture as SVG"))
    assert len([each for each in tree.iter(f"{SVG}svg") if each.get("class") == "curve"]) == 2
    found = {each["name"]: each for each in json.loads(saved(page, "looks-for", "numbers as JSON"))}
    gradient = page.evaluate("[...document.querySelector('cnn-network').state.pass.dy[0].data]")
    assert found["gradient of the picture"]["data"] == gradient and any(gradient)
