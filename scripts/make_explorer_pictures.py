"""Make docs/explorer.png and docs/explorer-training.png: the explorer's page with a trained LeNet-5.

    python -m scripts.make_explorer_pictures

A headless Chromium opens the page as one file. Without Chromium, the command says so and leaves the pictures.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from convlens.data import load
from convlens.explorer.data import chosen_pictures, page_data
from convlens.explorer.export import export_page
from convlens.models.lenet5 import lenet5
from convlens.training import fit
from convlens.training.stored_images import of_digits

FOLDER = Path(__file__).parents[1] / "docs"
PICTURE = "picture 33"  # the digit on the first picture
BATCHES = 60  # batches of training on the second picture


def page_file(path: Path) -> None:
    """Write the page with a LeNet-5 that is trained for three epochs."""
    digits, model = load("embedded"), lenet5(seed=0, engine="numpy")
    fit(model, digits.x_train, digits.y_train, epochs=3, seed=0)
    images = of_digits(digits)
    pictures = chosen_pictures(digits, images, model.input_shape)
    path.write_bytes(export_page(page_data(model, images, pictures)))


def network(page: Any, path: Path) -> None:
    """Take a picture of the maps, with a chosen cell of the second convolution and its arithmetic."""
    page.locator(f'button[aria-label^="{PICTURE},"]').click()
    maps = page.get_by_role("img", name="conv2d_1, map 2", exact=True)
    maps.scroll_into_view_if_needed()
    box = maps.bounding_box()
    page.mouse.click(box["x"] + 0.45 * box["width"], box["y"] + 0.45 * box["height"])
    page.mouse.move(0, 0)
    page.evaluate("scrollBy(0, document.querySelector('cnn-network .node').getBoundingClientRect().top - 2)")
    page.wait_for_timeout(200)
    page.screenshot(path=path)


def training(page: Any, path: Path) -> None:
    """Take a picture of the training view after some batches from fresh weights."""
    view = page.locator("train-live")
    view.get_by_role("button", name="fresh weights").click()
    view.get_by_role("button", name="start", exact=True).click()
    while int(view.locator(".status").inner_text().split()[0]) < BATCHES:
        page.wait_for_timeout(50)
    view.get_by_role("button", name="pause", exact=True).click()
    page.wait_for_timeout(300)
    view.locator(".rate").evaluate("(rate) => rate.remove()")  # the speed of the moment: see benchmarks.explorer
    page.locator("main > section", has=view).screenshot(path=path)


def main() -> None:
    """Make both pictures, and print their paths and sizes."""
    from convlens.engines.browser.chromium import executable

    program = executable()
    if program is None:
        sys.exit("the pictures of the explorer need Chromium: apt install chromium")
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        file = Path(folder, "page.html")
        page_file(file)
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for name, take in (("explorer", network), ("explorer-training", training)):
            page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="light")
            page.goto(file.as_uri())
            page.wait_for_selector("cnn-network canvas")
            path = FOLDER / f"{name}.png"
            take(page, path)
            print(f"{path}: {path.stat().st_size:,} bytes")
        browser.close()


if __name__ == "__main__":
    main()
