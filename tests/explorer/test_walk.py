"""The guided walk: it acts on the page, can be left, and fits any network. The colours of the page can be chosen."""

import re

import numpy as np
import pytest
from tests.explorer.test_views import number
from tests.support import small
from tests.support.axe import violations

from convlens import nn
from convlens.explorer.data import chosen_pictures, page_data
from convlens.explorer.export import export_page
from convlens.models import build_model
from convlens.training.stored_images import of_digits


def opened(chromium, path, model, **context):
    """The page with this network and 20 pictures, in a context of its own."""
    digits = small.digits()
    images = of_digits(digits)
    path.write_bytes(export_page(page_data(model, images, chosen_pictures(digits, images, model.input_shape, 20))))
    page = chromium.new_context(viewport={"width": 1280, "height": 720}, reduced_motion="reduce", **context).new_page()
    page.goto(path.as_uri())
    page.wait_for_selector("cnn-network canvas")
    return page


@pytest.fixture(scope="module")
def model():
    return build_model("lenet5", engine="numpy")


@pytest.fixture(scope="module")
def page(chromium, tmp_path_factory, model):
    page = opened(chromium, tmp_path_factory.mktemp("walk") / "page.html", model)
    yield page
    page.context.close()


def press(page, name):
    page.get_by_role("region", name="guided walk").get_by_role("button", name=name, exact=True).click()


def title(page):
    return page.inner_text("guided-walk h2")


def test_seven_steps_act_on_the_page(page, model):
    press(page, "start the walk")
    assert page.evaluate("document.activeElement.matches('guided-walk h2')")
    titles, chosen = [title(page)], [page.inner_text("conv-cell h3")]
    for _ in range(6):
        assert page.locator(".walk-here").count() >= 1
        press(page, "next")
        titles.append(title(page))
        chosen.append(page.inner_text("conv-cell h3"))
        if title(page)[0] in "36":
            assert violations(page) == []
    assert [each[:6] for each in titles] == [f"{k} of 7" for k in range(1, 8)]
    wanted = [
        "input[",
        "conv2d[",
        "conv2d[",
        "max_pooling2d[",
        "dense_2[",
        "gradient of conv2d[",
        "gradient of conv2d k",
    ]
    assert [text[: len(start)] for text, start in zip(chosen, wanted, strict=True)] == wanted
    page.locator("conv-cell").get_by_role("button", name="+0.01", exact=True).click()
    assert "done" in page.locator("guided-walk .task").get_attribute("class")
    page.locator("conv-cell").get_by_role("button", name="−0.01", exact=True).click()
    press(page, "finish")
    assert page.locator(".walk-here").count() == 0
    assert page.get_by_role("button", name="show gradients").count() == 1  # the mode from before the walk


def test_the_products_of_a_kernel_are_its_number(page, model):
    press(page, "start the walk")
    press(page, "next")
    for _ in range(24):
        press(page, "next product")
    said = page.inner_text("guided-walk .slide")
    assert "Product 25 of 25" in said
    total = number(re.findall(r"= (\S+): the number in the map", said)[0])
    cell = [int(k) for k in re.findall(r"\d+", page.inner_text("conv-cell h3").split("=")[0])[1:]]
    kernel = model.named_weights()["conv2d/kernel"][..., cell[2]]
    images = chosen_pictures(small.digits(), of_digits(small.digits()), model.input_shape, 20).x
    patch = np.pad(images[0, ..., 0], 2)[cell[0] : cell[0] + 5, cell[1] : cell[1] + 5]
    assert total == pytest.approx(float((patch * kernel[..., 0]).sum()), rel=2e-3)
    press(page, "next")
    press(page, "largest sum")
    first = number(re.findall(r"the sum is (\S+)\.", page.inner_text("guided-walk .slide"))[0])
    assert first == pytest.approx(total, rel=2e-3)
    press(page, "smallest sum")
    assert number(re.findall(r"the sum is (\S+)\.", page.inner_text("guided-walk .slide"))[0]) < 0
    page.keyboard.press("Escape")
    assert page.locator("guided-walk h2").count() == 0


def test_the_walk_is_offered_once(page):
    """In this context it was taken; a new context has another storage."""
    page.reload()
    assert page.get_by_role("button", name="start the walk").is_visible()
    assert page.get_by_role("button", name="no, thanks").count() == 0


def test_a_network_without_convolutions_has_a_shorter_walk(chromium, tmp_path):
    model = nn.Sequential([nn.Flatten(), nn.Dense(10)], (28, 28, 1), engine="numpy")
    page = opened(chromium, tmp_path / "page.html", model)
    press(page, "no, thanks")
    press(page, "start the walk")
    titles = [title(page)]
    while page.locator("guided-walk").get_by_role("button", name="next", exact=True).count():
        press(page, "next")
        titles.append(title(page))
    assert [each[:6] for each in titles] == ["1 of 4", "2 of 4", "3 of 4", "4 of 4"]
    assert page.inner_text("conv-cell h3").startswith("gradient of dense kernel")
    page.context.close()


def test_the_chosen_colours_hold_for_the_maps(page):
    def corner():
        page.wait_for_timeout(100)
        return page.evaluate(
            "[...document.querySelector('cnn-network canvas').getContext('2d').getImageData(1, 1, 1, 1).data]"
        )

    switch = page.get_by_label("colours of the page")
    switch.select_option("dark")
    assert corner() == [22, 24, 29, 255]
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(22, 24, 29)"
    assert violations(page) == []
    switch.select_option("light")
    assert corner() == [255, 255, 255, 255]
    switch.select_option("system")
    page.emulate_media(color_scheme="dark")
    assert corner() == [22, 24, 29, 255]
    page.emulate_media(color_scheme="light")
