"""Pictures that are opened or pasted on the pad: read by the server, or by the page; and what cannot be read."""

import io
import re

import numpy as np
import pytest
from PIL import Image, ImageDraw
from tests.support import small
from tests.support.served import served, watched_page

from convlens.explorer.packed import unpack
from convlens.explorer.uploads import picture_reader
from convlens.training.stored_images import of_digits

NOT_ONE = {"name": "notes.png", "mimeType": "image/png", "buffer": b"no picture"}


def photograph():
    """A sheet with a 7 and a 1."""
    sheet = Image.new("L", (240, 120), 225)
    pen = ImageDraw.Draw(sheet)
    pen.line([(40, 30), (80, 30), (55, 95)], 40, 8)
    pen.line([(170, 25), (165, 95)], 40, 8)
    content = io.BytesIO()
    sheet.save(content, "PNG")
    return content.getvalue()


def image(page):
    """What the network has as its image."""
    return np.array(page.evaluate("[...document.querySelector('digit-pad').state.image.data]"), np.float32)


def says(page, pattern):
    page.locator("digit-pad [role=status]").filter(has_text=re.compile(pattern)).wait_for(timeout=10_000)


def give(page, file):
    page.get_by_label("open a picture").set_input_files(file)


@pytest.fixture(scope="module")
def page(chromium):
    with served("lenet5") as address, watched_page(chromium) as opened:
        opened.goto(address)
        opened.wait_for_selector("digit-pad .pad")
        yield opened


@pytest.fixture(scope="module")
def alone(chromium, tmp_path_factory):
    """The page as one file."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    assert small.run("explore", "lenet5", "--export", path).code == 0
    with watched_page(chromium) as opened:
        opened.goto(path.as_uri())
        opened.wait_for_selector("digit-pad .pad")
        yield opened


def test_a_photograph_is_read_as_predict_reads_it(page, digits):
    content = photograph()
    give(page, {"name": "sheet.png", "mimeType": "image/png", "buffer": content})
    says(page, "2 digits are in the picture; choose one")
    read = picture_reader(of_digits(digits), (28, 28, 1))
    assert read is not None
    found = unpack("images", read(content)["images"], 10**6)
    assert np.array_equal(image(page), found[0].ravel()) and found[0].max() > 0.5
    page.get_by_role("button", name="digit 2 of 2").click()
    assert np.array_equal(image(page), found[1].ravel())


@pytest.mark.parametrize("where", ["page", "alone"])
def test_what_is_no_picture_is_told(where, request):
    page = request.getfixturevalue(where)
    before = image(page)
    give(page, NOT_ONE)
    says(page, r"^notes\.png cannot be opened: .{10}")
    assert np.array_equal(image(page), before)


def test_a_file_that_is_too_large_is_told(page, tmp_path):
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(2**25 + 1)
    give(page, path)
    says(page, r"large\.png cannot be opened: a picture must have at most 32 MB; it has 33 MB\.")


PASTE = """(bytes) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], "sheet.png", { type: "image/png" }));
  document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data }));
}"""


def test_a_picture_is_pasted_only_while_the_pad_is_there(alone):
    content, before = list(photograph()), image(alone)
    alone.evaluate(
        "globalThis.pad = document.querySelector('digit-pad'); pad.after(globalThis.place = new Text()); pad.remove()"
    )
    alone.evaluate(PASTE, content)
    alone.wait_for_timeout(300)
    alone.evaluate("place.replaceWith(pad)")
    assert np.array_equal(image(alone), before)
    alone.evaluate(PASTE, content)
    for _ in range(50):
        if not np.array_equal(image(alone), before):
            break
        alone.wait_for_timeout(50)
    found = image(alone).reshape(28, 28)
    assert found[:6].max() < 0.2 < 0.6 < found.max()  # light ink, on the sheet's dark ground, with its shape kept


def luminance(colour):
    levels = np.asarray(colour[:3]) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722] + 0.05


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_strokes_can_be_seen(alone, scheme):
    alone.emulate_media(color_scheme=scheme)
    box = alone.locator(".pad").bounding_box()
    alone.mouse.move(box["x"] + 40, box["y"] + 40)
    alone.mouse.down()
    alone.mouse.move(box["x"] + 160, box["y"] + 150, steps=3)
    alone.mouse.up()
    shot = np.array(Image.open(io.BytesIO(alone.locator(".pad").screenshot())).convert("RGB"))
    ink, ground = luminance(shot[95, 100]), luminance(shot[20, 150])
    assert max(ink, ground) / min(ink, ground) > 3
