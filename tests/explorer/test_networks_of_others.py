"""Networks as others build them, in the page: one output, running statistics, few channels, one row of pixels."""

import numpy as np
import pytest
from tests.support import small

from convlens import nn
from convlens.cli.import_model import images_of
from convlens.explorer.data import page_data
from convlens.explorer.export import export_page
from convlens.training.model_file import Images


@pytest.fixture
def opened(chromium, tmp_path):
    """What opens the page of a network. An error in one of the pages fails the test."""
    context, errors = chromium.new_context(viewport={"width": 1280, "height": 720}), []

    def open_page(layers, shape, names):
        model = nn.Sequential(layers, shape, engine="numpy")
        images = Images(names, 1 / 255, None, shape[:2], shape[2] == 3)
        file = tmp_path / "page.html"
        file.write_bytes(export_page(page_data(model, images)))
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(file.as_uri())
        page.wait_for_selector("cnn-network canvas")
        return model, page

    yield open_page
    context.close()
    assert errors == []


def show(page, x):
    """Give the network a picture, as the page's other parts do; return the probabilities that the page writes."""
    page.evaluate(
        "x => document.querySelector('cnn-network').state.setImage(Float32Array.from(x), 'guess')", x.ravel().tolist()
    )
    texts = page.locator(".answer li").all_inner_texts()
    return [float(text.split()[-2]) / 100 for text in texts]


def test_a_running_statistic_has_no_gradient_and_stays_as_it_is(opened):
    _, page = opened([nn.BatchNormalization(), nn.Flatten(), nn.Dense(2)], (4, 3, 2), ("a", "b"))
    page.get_by_role("img", name="batch_normalization, map 0").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="moving_mean (2)").click()
    for _ in range(2):
        assert page.inner_text("conv-cell h3") == "batch_normalization moving_mean[0] = 0.000"
        assert "has no gradient" in page.inner_text("conv-cell")
        assert page.get_by_role("button", name="+0.01").count() == 0
        page.get_by_role("button", name="show gradients").or_(page.get_by_role("button", name="show values")).click()


@pytest.mark.parametrize(("end", "given"), [("sigmoid", ("dog",)), (None, ("0",))])
def test_a_single_output_has_two_answers(opened, rng, end, given):
    model, page = opened([nn.Flatten(), nn.Dense(1, activation=end)], (6, 5, 3), given)
    x = rng.uniform(-3, 3, (6, 5, 3)).astype(np.float32)
    p = 1 / (1 + np.exp(-float(model.logits(x[None])[0, 0])))
    assert show(page, x) == pytest.approx([1 - p, p], abs=6e-4)
    names = [text.removeprefix("✓ ") for text in page.locator(".answer span").all_inner_texts()]
    assert names == (["not dog", "dog"] if end else ["0", "1"])
    label = page.locator(".modes").get_by_label("label")
    assert label.input_value() == str(int(p > 0.5))
    for k, share in enumerate((1 - p, p)):
        label.select_option(str(k))
        loss = float(page.locator(".modes .plain").inner_text().removeprefix("loss "))
        assert loss == pytest.approx(-np.log(share), abs=1e-3)
    page.locator(".answer .plain").last.click()
    assert page.inner_text("conv-cell h3").startswith(f"probability of {names[1]} = ")


@pytest.mark.parametrize("shape", [(1, 40, 1), (9, 14, 2), (8, 6, 4)])
def test_few_rows_and_any_channels_can_be_drawn_on_and_walked_through(opened, shape):
    layers = [nn.Conv2D(3, (1, 3), activation="relu"), nn.Flatten(), nn.Dense(3)]
    _, page = opened(layers, shape, ("a", "b", "c"))
    box = page.locator("canvas.pad").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 130, box["y"] + 160, steps=4)
    page.mouse.up()
    assert page.evaluate("Math.max(...document.querySelector('cnn-network').state.image.data)") > 0
    page.wait_for_timeout(400)  # the maps of "What it looks for" begin after a moment of quiet
    page.get_by_role("button", name="start the walk").click()
    while page.get_by_role("button", name="next", exact=True).count():
        page.get_by_role("button", name="next", exact=True).click()
        assert "undefined" not in page.inner_text("guided-walk") and "NaN" not in page.inner_text("guided-walk")
    page.get_by_role("button", name="finish").click()


def test_a_layer_of_very_many_numbers_is_drawn_in_rows(opened):
    """A strip of them would be wider than any canvas."""
    _, page = opened([nn.Flatten(), nn.Dense(2)], (120, 100, 3), ("a", "b"))
    strip = page.get_by_role("img", name="flatten, map 0")
    width, height = strip.evaluate("(canvas) => [canvas.width, canvas.height]")
    assert (width, height) == (9 * 128, 9 * 282)
    strip.focus()
    for key in ("Enter", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowLeft", "ArrowLeft", "ArrowUp", "ArrowUp"):
        page.keyboard.press(key)
    assert page.inner_text("conv-cell h3").startswith("flatten[127] = ")
    scale = strip.bounding_box()["width"] / 128
    strip.hover(position={"x": 5.5 * scale, "y": 3.5 * scale})
    assert page.inner_text("conv-cell h3").startswith("flatten[389] = ")


def test_a_long_name_makes_no_page_wide(opened):
    name = "x" * 180
    _, page = opened([nn.Conv2D(2, 3, name=name), nn.Flatten(), nn.Dense(2)], (6, 5, 1), (name, "b"))
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize(
    ("first", "scale"),
    [
        ([nn.RandomFlip(), nn.RandomZoom(0.1), nn.Rescaling(1 / 127.5, -1)], 1),
        ([nn.Normalization(mean=(120.0, 90.0), variance=40.0)], 1),
        ([nn.Normalization(mean=0.5, variance=0.1)], 1 / 255),
        ([nn.RandomFlip()], 1 / 255),
    ],
)
def test_a_network_of_keras_that_scales_levels_itself_gets_levels(first, scale):
    model = nn.Sequential([*first, nn.Flatten(), nn.Dense(3)], (6, 5, 2), engine="numpy")
    assert images_of(model, None, None).scale == scale


def test_a_network_without_pictures_is_refused():
    model = nn.Sequential([nn.Dense(3)], (784,), engine="numpy")
    with pytest.raises(ValueError, match=r"pictures \(h, w, channels\); sequential takes \(784,\): convlens import"):
        page_data(model, Images(("a", "b", "c")))


def test_a_file_of_another_kind_is_refused_by_its_name(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"?")
    done = small.run("explore", tmp_path / "model.onnx", "--export", tmp_path / "page.html")
    assert done.code == 2
    assert "a .safetensors, .keras or .h5 file; got" in done.err


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_file_of_keras_has_its_page(tmp_path):
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
    model.save(tmp_path / "digits.keras")
    done = small.run("explore", tmp_path / "digits.keras", "--export", tmp_path / "page.html")
    assert (done.code, done.err) == (0, "")
    page = (tmp_path / "page.html").read_text()
    assert '"training":150' in page  # it reads such pictures as the embedded digits
    keras.Sequential([keras.Input((9, 7, 3)), keras.layers.Flatten(), keras.layers.Dense(2)]).save(tmp_path / "a.keras")
    done = small.run("explore", tmp_path / "a.keras", "--export", tmp_path / "page.html")
    assert "the page has no pictures: a is in no run" in done.err
