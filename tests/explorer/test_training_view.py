"""The network learns in the page, and what it says about that is what the Python library finds."""

import base64
import json
import re

import numpy as np
import pytest
from playwright.sync_api import expect
from tests.support import small
from tests.support.axe import violations
from tests.support.html_page import shown_number
from tests.support.served import served, watched_page

import convlens
from convlens.explorer.export import export_page
from convlens.explorer.files import PAGE, PageFile, page_files
from convlens.inspection import trace
from convlens.models import build_model, clone_model
from convlens.nn.optimizers import SGD


@pytest.fixture(scope="module")
def opened(chromium, exported):
    """The open page, for all tests of this module, and the errors in it."""
    context = chromium.new_context(viewport={"width": 1280, "height": 720})
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(exported.as_uri())
    page.wait_for_selector("train-live button")
    yield page, errors
    context.close()


@pytest.fixture
def page(opened):
    """The page with the weights that it was opened with."""
    page, errors = opened
    choose(page, "the loaded weights")
    setting(page, "learning rate", 0.001)
    setting(page, "batch size", 32)
    yield page
    assert errors == []


@pytest.fixture(scope="module")
def alone(chromium, network, tmp_path_factory):
    """The element alone, with a small network: it answers sooner than the whole page."""
    page = chromium.new_page()
    page.goto(lesson(network, tmp_path_factory.mktemp("lesson"), True).as_uri())
    yield page
    page.close()


@pytest.fixture(scope="module")
def data(exported):
    """What the page has: pictures as the network gets them, labels, and how many are to train on."""
    text = re.search(r'id="convlens-data">(.*?)</script>', exported.read_text(), re.DOTALL)
    assert text
    pictures = json.loads(text[1])["pictures"]
    levels = np.frombuffer(base64.b64decode(pictures["data"]), np.uint8).reshape(pictures["shape"])
    scale = np.float32(json.loads(text[1])["networks"][0]["images"]["scale"])
    return levels * scale, np.array(pictures["labels"]), pictures["training"]


def choose(page, name):
    page.locator("train-live").get_by_role("button", name=name, exact=True).click()


def setting(page, name, value):
    field = page.locator("train-live").get_by_label(name, exact=True)
    field.fill(str(value))
    field.press("Tab")


def rows(page):
    """The rows of the table of moments, as numbers; None for an empty cell."""
    page.locator("train-live details").evaluate("(details) => { details.open = true; }")
    page.wait_for_selector("train-live .figures")
    texts = page.evaluate(
        "[...document.querySelectorAll('.figures tbody tr')].map((row) => [...row.cells].map((c) => c.textContent))"
    )
    return [[shown_number(text.rstrip(" %")) if text else None for text in row] for row in texts]


def steps(page, count):
    """Wait until the chosen moment is after so many batches."""
    expect(page.locator("train-live .status")).to_contain_text(re.compile(rf"^{count} batch(es)?\b"), timeout=20_000)


def downloaded(page, folder):
    with page.expect_download() as download:
        choose(page, "download the weights")
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return convlens.load_model(path, engine="numpy")


def test_it_learns_and_its_figures_are_true(page, data, tmp_path):
    setting(page, "learning rate", 0.002)
    choose(page, "start")
    good = re.compile(r" ([789]\d|100)\.\d % right")
    expect(page.locator("train-live .status")).to_contain_text(good, timeout=60_000)
    choose(page, "pause")
    expect(page.locator("train-live button").nth(2)).to_have_text("start")
    assert float(parts(r"(\d+) images/s", page.inner_text("train-live .rate"))[0]) > 0
    x, y, training = data
    model = downloaded(page, tmp_path)
    evaluated = trace(model, x[training:], y[training:])
    found = rows(page)
    loss = -np.log(evaluated.probabilities[np.arange(len(y) - training), y[training:]]).mean()
    assert found[-1][4] == pytest.approx(loss, rel=1e-3)
    assert found[-1][5] == pytest.approx(100 * np.mean(evaluated.probabilities.argmax(1) == y[training:]), abs=0.06)
    assert found[-1][5] >= 70 > found[0][5] + 30
    shown = page.evaluate("[...document.querySelector('train-live').state.pass.probabilities.data]")
    assert shown == pytest.approx(trace(model, x[:1], y[:1]).probabilities[0], abs=1e-4)
    assert "curve" in page.inner_html("train-live .curves")
    assert "only 150, and it learns them by heart" in page.inner_text("train-live")
    assert "Its weights are others now" in page.inner_text("header")
    assert (
        page.get_by_role("img", name=re.compile(r"^loss of the training batches from [\d.]+ to [\d.]+, of")).count()
        == 1
    )


def test_steps_are_those_of_the_library(page, data, tmp_path):
    """SGD on batches that have all pictures, so that their order does not matter."""
    page.locator("train-live").get_by_label("optimizer").select_option("sgd")
    setting(page, "learning rate", 0.1)
    setting(page, "momentum", 0.9)
    setting(page, "batch size", 150)
    for step in range(1, 4):
        choose(page, "one batch")
        steps(page, step)
    found = downloaded(page, tmp_path)
    page.locator("train-live").get_by_label("optimizer").select_option("adam")
    model, sgd = build_model("lenet5", engine="numpy"), SGD(0.1, momentum=0.9)
    x, y, training = data
    gradient = np.empty_like(model.flat)
    for _ in range(3):
        model.loss_gradient(x[:training], y[:training], 1 / training, gradient)
        sgd.update(model.flat, gradient)
    moved = np.abs(model.flat - build_model("lenet5", engine="numpy").flat)
    assert moved.mean() > 1e-3
    assert np.abs(found.flat - model.flat).mean() < moved.mean() / 2000


def test_back_in_time_and_on_from_there_again(alone):
    """The loss of the page's picture follows, and the same batches give the same figures."""
    loss = "document.querySelector('train-live').state.loss"
    choose(alone, "the loaded weights")
    for step in range(1, 5):
        choose(alone, "one batch")
        steps(alone, step)
    before, last = rows(alone), alone.evaluate(loss)
    alone.locator("train-live input[type=range]").focus()
    for step in (3, 2, 1):
        alone.keyboard.press("ArrowLeft")
        steps(alone, step)
    assert alone.evaluate(loss) != last
    expect(alone.locator("train-live button").nth(2)).to_have_text("go on from here")
    for step in (2, 3, 4):
        choose(alone, "one batch")
        steps(alone, step)
        assert rows(alone) == before[: step + 1]
    assert alone.evaluate(loss) == last


def test_what_training_changes_can_be_seen(alone):
    """In the kernels, beside the change, and in the answer for the picture."""
    choose(alone, "the loaded weights")
    steps(alone, 0)
    says = alone.inner_text("train-live .glance")
    assert re.fullmatch(r"your picture: it says \d, [\d.]+ %; right is \d", says.strip())
    for step in (1, 2):
        choose(alone, "one batch")
        steps(alone, step)
    assert alone.inner_text("train-live .glance") != says
    before, now, change = alone.locator("train-live .kernels figcaption").all_inner_texts()[:3]
    assert before.rpartition("±")[2] == now.rpartition("±")[2] != change.rpartition("±")[2]  # one scale for both
    weights, wanted = alone.evaluate(
        "(({ now, moments: [first] }) => [now, first].map((m) => [...m.weights['conv2d/kernel'].data]))"
        "(document.querySelector('train-live').trainer)"
    )
    wanted = np.linalg.norm(np.subtract(weights, wanted)) / np.linalg.norm(wanted)
    said = parts(r"as a part of their length: conv2d ([\d.]+) %", alone.inner_text("train-live"))
    assert float(said[0]) == pytest.approx(100 * wanted, abs=0.06) and wanted > 0
    choose(alone, "the loaded weights")
    expect(alone.locator("train-live .glance")).to_have_text(says)


def test_one_image_and_another_optimizer(alone):
    choose(alone, "the loaded weights")
    choose(alone, "one image")
    steps(alone, 1)
    assert re.search(r"^1 batch, of 1 image \(class \d\);", alone.inner_text("train-live .status"))
    assert rows(alone)[1][3] in (0, 100)
    alone.locator("train-live").get_by_label("optimizer").select_option("sgd")
    setting(alone, "momentum", 0.9)
    choose(alone, "one image")
    steps(alone, 2)
    alone.locator("train-live").get_by_label("optimizer").select_option("adam")
    for wrong in ("0", "-1", "a", ""):
        setting(alone, "learning rate", wrong)
        assert alone.locator("train-live").get_by_label("learning rate").input_value() == "0.001"


def test_a_rate_of_10_explodes_and_the_page_says_why(page):
    setting(page, "learning rate", 10)
    choose(page, "start")
    note = page.wait_for_selector("train-live .note:not([hidden])").inner_text()
    said = (
        r"stopped at batch \d+",
        "rate is 10;",
        "usually has 0.001",
        r"moved the weights by [\d.]+",
        "such as 0.001",
    )
    for text in said:
        assert re.search(text, note), (text, note)
    assert page.locator("train-live").get_by_role("button", name="pause").count() == 0
    expect(page.locator("train-live .curve .over")).to_have_text(re.compile("^↑ "))  # the loss goes through the top
    steps(page, 0)  # batch 1 took the step that was too long
    choose(page, "the loaded weights")
    expect(page.locator("train-live .note:not([hidden])")).to_have_count(0)


def test_it_breaks_no_rule_of_wcag(page):
    choose(page, "one batch")
    steps(page, 1)
    rows(page)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_the_weights_lie_in_the_same_order_as_in_python(engine_page):
    """So the optimizer's state is that of the same weights."""
    for name in ("lenet5", "resnet8", "convnet"):
        model = build_model(name, engine="numpy")
        found = engine_page.evaluate(
            """async (specification) => {
              const { Network } = await import("./network/network.js");
              const { nodes } = new Network(specification);
              return nodes.flatMap(({ weightNames }) => Object.values(weightNames));
            }""",
            convlens.training.model_file.describe(model),
        )
        own = {name: w for name, w in model.named_weights().items() if np.shares_memory(w, model.flat)}
        in_order = sorted(own, key=lambda name: own[name].__array_interface__["data"][0])
        assert [each for each in found if each in own] == in_order


LESSON = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>lesson</title>
<script type="module" src="./main.js"></script></head><body><main>
<script type="application/json" id="few">DATA</script><train-live data="few"></train-live></main>
</body></html>"""


def lesson(network, folder, pictures):
    """A page with the element alone."""
    from convlens.explorer.data import chosen_pictures, page_data
    from convlens.training.stored_images import of_digits

    digits = small.digits()
    images = of_digits(digits)
    few = chosen_pictures(digits, images, network.input_shape) if pictures else None
    text = LESSON.replace("DATA", json.dumps(page_data(network, images, few)).replace("<", "\\u003c"))
    files = page_files() | {
        PAGE: PageFile(text.encode(), "text/html"),
        "main.js": PageFile(b'import "./views/train-live.js";\n', "text/javascript"),
    }
    path = folder / "lesson.html"
    path.write_bytes(export_page({}, files))
    return path


def test_its_worker_ends_with_it(alone):
    choose(alone, "start")
    alone.wait_for_selector("train-live .rate")
    assert len(alone.workers) == 1
    with alone.workers[0].expect_event("close"):
        alone.evaluate("document.querySelector('train-live').remove()")


def test_frozen_layers_are_not_trained(chromium, network, tmp_path):
    """Fresh weights are for the others too."""
    network = clone_model(network)
    network.layers[0].trainable = False
    page = chromium.new_page()
    page.goto(lesson(network, tmp_path, True).as_uri())
    weights = """Object.fromEntries(Object.entries(document.querySelector('train-live').state.network.weights())
      .map(([name, { data }]) => [name, [...data]]))"""
    before = page.evaluate(weights)
    for start in ("the loaded weights", "fresh weights"):
        choose(page, start)
        choose(page, "one batch")
        steps(page, 1)
        changed = {name for name, data in page.evaluate(weights).items() if data != before[name]}
        assert changed == {"dense/kernel", "dense/bias"}
    page.close()


def test_the_worker_and_the_page_have_one_script(chromium):
    with served("lenet5") as address, watched_page(chromium) as page:
        asked = []
        page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
        page.goto(address)
        choose(page, "one batch")
        steps(page, 1)
        assert {name for name in asked if name.endswith(".js")} == {"main.js"}


def test_without_pictures_it_says_why(chromium, network, tmp_path):
    page = chromium.new_page()
    page.goto(lesson(network, tmp_path, False).as_uri())
    assert "cannot be trained here. The page has no pictures with labels" in page.inner_text("train-live .note")
    assert page.locator("train-live button").count() == 0
    page.close()


def parts(pattern, text):
    found = re.search(pattern, text)
    assert found is not None, text
    return found.groups()
