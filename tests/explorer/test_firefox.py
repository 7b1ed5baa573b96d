"""The exported page in Firefox: the numbers of the library, a drawing, the walk to its end, training in a worker."""

import numpy as np
import pytest
from tests.support import firefox
from tests.support.small import run

from convlens.models import build_model

NETWORK = "document.querySelector('cnn-network')"
WALK = "document.querySelector('guided-walk')"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    websocket = pytest.importorskip("tornado.websocket", reason="needs tornado: pip install 'convlens[cluster]'")
    program = firefox.program()
    if program is None:
        pytest.skip("needs Firefox: apt install firefox-esr")
    folder = tmp_path_factory.mktemp("firefox")
    assert run("explore", "lenet5", "--export", folder / "page.html").code == 0
    (folder / "profile").mkdir()
    opened = firefox.Firefox(program, folder / "profile", websocket.websocket_connect)
    try:
        opened.resize(1280, 720)
        opened.goto((folder / "page.html").as_uri())
        opened.wait(f"{NETWORK}?.querySelector('canvas') ? 1 : 0")
        yield opened
    finally:
        opened.close()
    assert opened.errors == []


def button(text, root="document"):
    return f"[...{root}.querySelectorAll('button')].find((each) => each.textContent === '{text}')"


def test_a_drawing_gets_the_probabilities_of_the_library(page):
    x, y = page.evaluate("(({ x, y }) => [x, y])(document.querySelector('.pad').getBoundingClientRect())")
    page.draw((x + 90, y + 30), (x + 60, y + 90), (x + 90, y + 150), (x + 130, y + 120), (x + 70, y + 140))
    drawn, shown = page.evaluate(
        f"[[...{NETWORK}.state.image.data], [...document.querySelectorAll('.answer meter')].map((bar) => bar.value)]"
    )
    image = np.array(drawn, np.float32).reshape(1, 28, 28, 1)
    assert image.max() > 0.5
    wanted = build_model("lenet5", engine="numpy").predict(image)[0]
    np.testing.assert_allclose(shown, wanted, atol=1e-5)


def test_the_walk_comes_to_its_end(page):
    page.click(button("start the walk"))
    count = int(page.evaluate(f"{WALK}.querySelector('h2').textContent.match(/of (\\d+)/)[1]"))
    for step in range(1, count + 1):
        assert page.evaluate(f"{WALK}.querySelector('h2').textContent").startswith(f"{step} of {count}: ")
        page.click(button("next" if step < count else "finish", WALK))
    assert page.evaluate("document.activeElement.textContent") == "Watch it learn"


def test_it_learns(page):
    page.click(button("start"))
    page.wait("parseInt(document.querySelector('train-live .status').textContent) > 2")
    page.click(button("pause"))
    assert "training loss" in page.evaluate("document.querySelector('train-live .status').textContent")
