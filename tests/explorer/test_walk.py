"""The guided walk: it acts on the page, can be left, and fits any network. The colours of the page can be chosen."""

import re

import numpy as np
import pytest
from tests.support import small
from tests.support.axe import violations
from tests.support.html_page import shown_number as number
from tests.support.walks import done, opened, press, step, title

from convlens import nn
from convlens.explorer.data import chosen_pictures
from convlens.models import build_model
from convlens.training.stored_images import of_digits


@pytest.fixture(scope="module")
def model():
    return build_model("lenet5", engine="numpy")


@pytest.fixture(scope="module")
def page_of_all(chromium, tmp_path_factory, model):
    page = opened(chromium, tmp_path_factory.mktemp("walk") / "page.html", model)
    yield page
    page.context.close()


@pytest.fixture
def page(page_of_all):
    """The page as at a first visit, whatever the test before left, also one that was skipped on the way."""
    page_of_all.evaluate("localStorage.clear()")
    page_of_all.reload()
    page_of_all.wait_for_selector("cnn-network canvas")
    return page_of_all


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
    press(page, "finish")
    assert page.evaluate("document.activeElement.textContent") == "Watch it learn"
    assert page.evaluate("document.activeElement.getBoundingClientRect().top") == pytest.approx(5, abs=5)
    assert page.locator(".walk-here").all_inner_texts() == ["fresh weights"]
    page.get_by_role("button", name="fresh weights").click()
    assert page.locator(".walk-here").all_inner_texts() == ["start"]
    page.get_by_role("button", name="the loaded weights").click()
    assert page.get_by_role("button", name="show gradients").count() == 1  # the mode from before the walk


def test_the_products_of_a_kernel_are_its_number(page, model):
    press(page, "start the walk")
    press(page, "next")
    for _ in range(24):
        press(page, "next product")
    said = page.inner_text("guided-walk .slide")
    assert "Product 25 of 25" in said
    total = number(re.findall(r"= (\S+): the number in the map", said)[0])
    so_far, bias = re.findall(r"Sum so far: (\S+)\. In all: \1 \+ (\S+) \(the bias\)", said)[0]
    assert number(so_far) + number(bias) == pytest.approx(total, abs=1.5e-4)
    cell = [int(k) for k in re.findall(r"\d+", page.inner_text("conv-cell h3").split("=")[0])[1:]]
    kernel = model.named_weights()["conv2d/kernel"][..., cell[2]]
    images = chosen_pictures(small.digits(), of_digits(small.digits()), model.input_shape, 20).x
    patch = np.pad(images[0, ..., 0], 2)[cell[0] : cell[0] + 5, cell[1] : cell[1] + 5]
    assert total == pytest.approx(float((patch * kernel[..., 0]).sum()), rel=2e-3)
    press(page, "next")
    assert page.get_by_role("button", name="largest sum").is_disabled()  # it would show the map before the kernel does
    assert "partly outside the picture" in page.inner_text("guided-walk .slide")
    press(page, "slide the kernel")
    press(page, "largest sum")
    assert "outside" not in page.inner_text("guided-walk .slide")
    first = number(re.findall(r"the sum is (\S+)\.", page.inner_text("guided-walk .slide"))[0])
    assert first == pytest.approx(total, rel=2e-3)
    press(page, "smallest sum")
    assert number(re.findall(r"the sum is (\S+)\.", page.inner_text("guided-walk .slide"))[0]) < 0
    page.keyboard.press("Escape")
    assert page.locator("guided-walk h2").count() == 0


def test_a_step_is_done_when_all_of_it_was_done(page):
    step(page, 1)
    page.keyboard.press("ArrowDown")  # the heading has the focus
    assert done(page)
    press(page, "next")
    press(page, "next product")
    assert not done(page)
    press(page, "all products")
    assert done(page)
    press(page, "next")
    for name in ["slide the kernel", "largest sum"]:
        press(page, name)
        assert not done(page)
    press(page, "smallest sum")
    assert done(page)
    press(page, "leave the walk")


def test_the_kernel_is_the_one_with_the_most_different_halves(page, model):
    step(page, 3)
    kernels = model.named_weights()["conv2d/kernel"][:, :, 0].astype(np.float64)
    halves = np.stack(
        [kernels[:, :2].sum((0, 1)), kernels[:, 3:].sum((0, 1)), kernels[:2].sum((0, 1)), kernels[3:].sum((0, 1))]
    )
    edges = np.maximum(abs(halves[0] - halves[1]), abs(halves[2] - halves[3])) / abs(kernels).sum((0, 1))
    channel = int(re.findall(r"(\d+)\] =", page.inner_text("conv-cell h3"))[0])
    assert edges[channel] == pytest.approx(edges.max())  # each kernel has a positive sum somewhere
    own = (
        halves[:2, channel]
        if abs(halves[0] - halves[1])[channel] >= abs(halves[2] - halves[3])[channel]
        else halves[2:, channel]
    )
    said = re.findall(r"up to (\S+), those in the \w+ 2 \w+ to (\S+)\. So", page.inner_text("guided-walk"))[0]
    assert [number(each) for each in said] == pytest.approx(list(own), abs=0.006)
    press(page, "leave the walk")


def numbers(page, caption):
    """The numbers of a table in the walk, by rows."""
    table = page.locator("guided-walk table", has=page.locator(f"caption:text-is('{caption}')"))
    return np.array([[number(text) for text in row.split("\t")] for row in table.locator("tr").all_inner_texts()])


def test_a_pool_keeps_the_largest_of_a_window(page):
    step(page, 4)
    before, after = numbers(page, "before ReLU"), numbers(page, "after ReLU")
    assert before.shape == after.shape == (2, 2)
    assert before.min() < 0 < before.max()  # both are to be seen
    assert (after == before.clip(0)).all()
    assert after.max() == numbers(page, "the largest")[0, 0]
    assert after.max() == pytest.approx(number(page.inner_text("conv-cell h3").split(" = ")[1]), abs=0.005)
    page.keyboard.press("ArrowRight")  # the heading has the focus
    assert done(page)
    assert numbers(page, "after ReLU").max() == numbers(page, "the largest")[0, 0]
    press(page, "leave the walk")


def test_a_window_may_be_no_square(chromium, tmp_path):
    layers = [nn.Conv2D(2, 3, activation="tanh"), nn.AveragePooling2D((2, 3)), nn.Flatten(), nn.Dense(10)]
    page = opened(chromium, tmp_path / "page.html", nn.Sequential(layers, (28, 28, 1), engine="numpy"))
    press(page, "start the walk")
    for _ in range(3):
        press(page, "next")
    found = numbers(page, "after tanh")
    assert found.shape == (2, 3)
    assert found.mean() == pytest.approx(numbers(page, "the mean")[0, 0], abs=0.01)
    page.context.close()


def test_a_network_without_a_negative_number_shows_a_large_one(chromium, tmp_path):
    layers = [
        nn.Conv2D(4, 3, activation="relu"),
        nn.BatchNormalization(),
        nn.MaxPooling2D(2),
        nn.Flatten(),
        nn.Dense(10),
    ]
    page = opened(chromium, tmp_path / "page.html", nn.Sequential(layers, (28, 28, 1), engine="numpy"))
    press(page, "start the walk")
    for _ in range(3):
        press(page, "next")
    assert numbers(page, "the largest")[0, 0] == numbers(page, "batch_normalization").max() > 0
    page.context.close()


def test_the_map_of_the_slide_has_the_colours_of_the_page(page):
    step(page, 3)
    press(page, "slide the kernel")
    cell = [int(k) for k in re.findall(r"\d+", page.inner_text("conv-cell h3").split("=")[0])[1:]]
    colours = """([one, cells]) => [...document.querySelectorAll(one)].pop().getContext("2d")
        .getImageData(4 * cells + 1, 14 * cells + 1, 1, 1).data.join()"""
    page.wait_for_timeout(100)
    here = page.evaluate(colours, ["guided-walk figure canvas", 4])
    there = page.evaluate(colours, [f"cnn-network .node:nth-child(2) canvas:nth-child({cell[2] + 1})", 3])
    assert here == there
    assert page.get_by_label("place of the kernel").is_visible()
    press(page, "leave the walk")


def chosen(page):
    return number(page.inner_text("conv-cell h3").split(" = ")[1])


def test_a_gradient_has_its_sentence(page, model):
    """Each number of the first feature maps: what the loss does, or why it does nothing."""
    step(page, 6)
    text = page.inner_text("guided-walk .walk-body")
    gradient, by = map(
        number, re.findall(r"is (\S+): if that number rises by 0.01, the loss \w+ by about (\S+)\.", text)[0]
    )
    assert by == pytest.approx(abs(gradient) / 100, rel=1e-3)
    assert ("rises by about" in text) == (gradient > 0)
    assert not done(page)
    for name, sign in [("blue", 1), ("orange", -1)]:
        press(page, name)
        assert np.sign(chosen(page)) == sign
        assert not done(page)  # an empty place is still to come
    reasons = set()
    for _ in range(12):
        press(page, "next empty place")
        assert chosen(page) == 0
        reasons |= set(re.findall(r"because (.*?)\.", page.inner_text("guided-walk .walk-body")))
    assert done(page)
    assert reasons == {
        "ReLU makes 0 of it, since it is negative",
        "its pooling window has a larger one, and only the largest goes on",
    }
    press(page, "orange")
    grid = numbers(page, "the gradients around the chosen one")
    assert grid[2, 3] == pytest.approx(chosen(page), abs=0.005)
    press(page, "leave the walk")


def label(page):
    return page.locator(".modes select").first.evaluate("each => each.selectedOptions[0].text")


def test_the_sentences_follow_the_picture_and_the_label(page):
    step(page, 5)
    for words in ["pattern of patterns", "one row of 400 numbers", "3 · 2 + 5 · −1 = 1", "This network says"]:
        assert words in page.inner_text("guided-walk .walk-body")
        if words != "This network says":
            assert page.locator(".walk-here").get_attribute("class") == "node walk-here"
            here = page.locator(".walk-here").bounding_box()
            assert here["y"] >= 0
            assert here["y"] + here["height"] <= 720
            if words.startswith("3"):  # the layers before it stay in view
                assert page.get_by_role("img", name="flatten, map 0").bounding_box()["y"] > 0
            press(page, "next layer")
    page.get_by_role("button", name="clear").click()
    assert "Nothing is drawn yet" in page.inner_text("guided-walk .walk-body")
    assert not done(page)
    before = page.inner_text("guided-walk .walk-body")
    page.get_by_role("button", name=re.compile("^picture 7, ")).click()
    assert done(page)
    assert page.inner_text("guided-walk .walk-body") != before
    own = label(page)
    probabilities = page.locator(".answer meter").evaluate_all("all => all.map((each) => each.value)")
    assert page.inner_text("conv-cell h3").startswith(f"dense_2[{np.argmax(probabilities)}] = ")
    press(page, "next")
    assert f"The right answer is {own}." in page.inner_text("guided-walk .walk-body")  # the loss is large: no pretence
    other = str((int(own) + 1) % 10)
    press(page, other)
    text = page.inner_text("guided-walk .walk-body")
    assert f"We pretend that the right answer is {other}" in text
    loss = number(re.findall(r"wrong that is: (\S+); ", text)[0])
    assert loss == pytest.approx(
        number(page.get_by_role("button", name=re.compile("^loss ")).inner_text()[5:]), rel=1e-3
    )
    press(page, "leave the walk")
    assert label(page) == own


def loss(page):
    """As the page shows it beside the label: the witness of what the walk says."""
    return number(page.get_by_role("button", name=re.compile("^loss ")).inner_text()[5:])


def test_a_weight_goes_up_and_down_and_back(page):
    step(page, 7)
    assert page.get_by_role("button", name=re.compile(r"0\.01$")).count() == 2  # one pair
    first = loss(page)
    press(page, "raise by 0.01")
    assert not done(page)
    up = loss(page)
    press(page, "lower by 0.01")
    press(page, "lower by 0.01")
    assert done(page)
    rows = page.locator("guided-walk .figures tr").all_inner_texts()[1:]
    weights, losses = zip(
        *[(number(row.split()[0]), number(re.findall(r"\d+\.\d{4}", row)[-1])) for row in rows], strict=True
    )
    assert np.diff(weights) == pytest.approx([0.01, -0.01, -0.01], abs=1e-3)
    assert losses == pytest.approx([first, up, first, loss(page)], abs=1e-3)
    predicted = number(rows[1].split()[1])
    assert abs(predicted - up) < abs(up - first) / 4
    assert (up - first) * (loss(page) - first) < 0
    kernel = page.locator("guided-walk table", has_text="the weight in its kernel").locator("td.chosen")
    assert number(kernel.inner_text()) == pytest.approx(weights[-1], abs=0.005)
    assert ("↑" in rows[1]) == (up > first)
    for _ in range(3):
        press(page, "undo")
    assert loss(page) == first
    for undo in ["back", "leave the walk"]:
        press(page, "raise by 0.01")
        assert loss(page) != first
        press(page, undo)
        if undo == "back":
            assert loss(page) == first
            press(page, "next")


def test_a_weight_has_a_loss_worth_lowering(page):
    """Even where the step before ended with the true label, whose loss is near 0."""
    page.get_by_role("button", name=re.compile("^picture 0, ")).click()
    step(page, 6)
    own = int(
        page.locator("cnn-network").evaluate(
            "each => each.state.probabilities.indexOf(Math.max(...each.state.probabilities))"
        )
    )
    page.locator(".modes select").first.select_option(str(own))
    before = loss(page)
    press(page, "next")
    assert loss(page) > 0.1
    assert before == loss(page) or label(page) != str(own)
    assert f"We pretend that the right answer is {label(page)}" in page.inner_text("guided-walk .walk-body")
    first = loss(page)
    press(page, "raise by 0.01")
    text = page.inner_text("guided-walk .walk-body")
    name, *shares = re.findall(r"The network says (\S+) with (\S+) % → (\S+) %", text)[0]
    assert name == label(page)
    assert [number(each) for each in shares] == pytest.approx(
        [100 * np.exp(-first), 100 * np.exp(-loss(page))], rel=2e-3
    )
    assert shares[0] != shares[1]
    row, column, kernel = map(
        int, re.findall(r"in row (\d+), column (\d+) of the kernel that makes map (\d+)", text)[0]
    )
    assert page.inner_text("conv-cell h3").startswith(f"gradient of conv2d kernel[{row}, {column}, 0, {kernel}] = ")
    assert page.locator("canvas.walk-here").get_attribute("aria-label") == f"conv2d, map {kernel}"
    press(page, "leave the walk")


def test_the_walk_follows_training(page):
    step(page, 6)
    own = label(page)
    press(page, str((int(own) + 1) % 10))
    press(page, "next")
    press(page, "raise by 0.01")
    page.get_by_role("button", name="one batch").click()
    page.locator("train-live .status", has_text="1 batch").wait_for()
    page.locator("button:enabled", has_text="one batch").wait_for()
    assert label(page) == own  # what learns is no pretence
    said = re.findall(r"The loss is (\S+)\.", page.inner_text("guided-walk .walk-body"))
    assert [number(each) for each in said] == [loss(page)]
    page.get_by_role("button", name="the loaded weights").click()
    press(page, "leave the walk")
