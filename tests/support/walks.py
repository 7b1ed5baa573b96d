"""The guided walk of the explorer's page, for its tests."""

from tests.support import small

from convlens.explorer.data import chosen_pictures, page_data
from convlens.explorer.export import export_page
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


def press(page, name):
    page.get_by_role("region", name="guided walk").get_by_role("button", name=name, exact=True).click()


def title(page, at_least=1):
    """The step's title; "" where no walk goes on and none need to."""
    return page.inner_text("guided-walk h2") if at_least or page.locator("guided-walk h2").count() else ""


def step(page, wanted):
    """Go on from the page as it is to a step of a new walk."""
    press(page, "start the walk")
    for _ in range(wanted - 1):
        press(page, "next")


def done(page):
    return "done" in page.locator("guided-walk .task").get_attribute("class")
