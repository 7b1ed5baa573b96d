"""The guided walk and the page around it: on a phone, at a later visit, for other networks; the colours of the page."""

import pytest
from tests.support.axe import violations
from tests.support.walks import opened, press, step, title

from convlens import nn
from convlens.models import build_model


@pytest.fixture
def page(chromium, tmp_path):
    """The page at a first visit."""
    page = opened(chromium, tmp_path / "page.html", build_model("lenet5", engine="numpy"))
    yield page
    page.context.close()


def test_a_layer_on_the_way_stays_above_the_walk_of_a_phone(page):
    page.set_viewport_size({"width": 390, "height": 844})
    step(page, 5)
    for _ in range(2):
        press(page, "next layer")
    here, panel = (page.locator(each).bounding_box() for each in [".walk-here", "guided-walk"])
    assert 0 <= here["y"] < here["y"] + here["height"] <= panel["y"]
    press(page, "leave the walk")
    page.set_viewport_size({"width": 1280, "height": 720})


@pytest.mark.parametrize("size", [(1280, 720), (390, 844)])
def test_the_walk_leaves_the_page_in_sight(page, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    press(page, "start the walk")
    for k in range(1, 8):
        panel = page.locator("guided-walk").bounding_box()
        for each in page.locator(".walk-here").all() if k != 5 else []:
            here = each.bounding_box()
            right, bottom = here["x"] + here["width"], here["y"] + here["height"]
            assert here["y"] >= 0
            assert right <= panel["x"] if size[0] > 1000 else bottom <= panel["y"]
        if k < 5:
            assert page.locator(".node canvas").first.bounding_box()["width"] >= size[0] * 0.19
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        if k < 7:
            press(page, "next")
    press(page, "leave the walk")
    page.set_viewport_size({"width": 1280, "height": 720})


def test_the_walk_is_offered_once(page):
    """What was taken is not offered again on a later visit."""
    press(page, "start the walk")
    press(page, "leave the walk")
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
