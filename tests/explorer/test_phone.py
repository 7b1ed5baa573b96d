"""The exported page on a phone: all by touch."""

import re

import pytest


@pytest.fixture
def page(chromium, exported):
    context = chromium.new_context(
        viewport={"width": 390, "height": 844}, device_scale_factor=3, is_mobile=True, has_touch=True
    )
    opened, errors = context.new_page(), []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(exported.as_uri())
    opened.wait_for_selector("cnn-network canvas")
    yield opened
    context.close()
    assert errors == []


def test_a_finger_draws_and_sees_the_answer_beside_it(page):
    pad = page.locator(".pad").bounding_box()
    send = page.context.new_cdp_session(page)
    for kind, (x, y) in [("touchStart", (90, 20)), *(("touchMove", (60 + k, 40 + 9 * k)) for k in range(12))]:
        send.send(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [{"x": pad["x"] + x, "y": pad["y"] + y}]},
        )
    send.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    inked = page.evaluate(
        "document.querySelector('cnn-network').state.image.data.filter((level) => level > 0.2).length"
    )
    assert inked > 40
    assert page.evaluate("scrollY") == 0  # the stroke draws, and does not scroll the page
    answers = page.locator(".answer").bounding_box()
    assert answers["y"] + answers["height"] - pad["y"] < 600


def test_a_tap_chooses_a_number_and_its_arithmetic_is_in_sight(page):
    page.locator("cnn-network canvas").nth(3).tap(position={"x": 30, "y": 40})
    assert page.inner_text("conv-cell h3").startswith("conv2d[13, 10, 2] = ")
    box = page.locator("conv-cell h3").bounding_box()
    assert 0 < box["y"] < 800


def test_the_walk_and_the_training_need_no_mouse(page):
    page.get_by_role("button", name="start the walk").tap()
    walk = page.locator("guided-walk")
    while walk.get_by_role("button", name="next", exact=True).count():
        walk.get_by_role("button", name="next", exact=True).tap()
    walk.get_by_role("button", name="finish").tap()
    page.locator("train-live").get_by_role("button", name="start", exact=True).tap()
    page.locator("train-live .status", has_text=re.compile(r"^(?:[3-9]|\d\d+) batches")).wait_for()
    page.locator("train-live").get_by_role("button", name="pause").tap()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
