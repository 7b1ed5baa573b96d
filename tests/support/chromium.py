"""A headless Chromium for tests of the browser's code: one for the whole test process."""

import base64
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tests.support.places import SOURCE

ENGINE = SOURCE / "convlens" / "engines" / "browser" / "engine"
ORIGIN = "https://convlens.invalid"  # a name that no server has


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's Chromium, driven by Playwright. Tests are skipped where one of them is missing."""
    api = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install 'convlens[browser]'")
    from convlens.engines.browser.chromium import executable

    program = executable()
    if program is None:
        pytest.skip("needs Chromium: apt install chromium, or name another one in CONVLENS_CHROMIUM")
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


def module_page(browser: Any, *folders: Any) -> Any:
    """Return an empty page that imports modules from folders on disk, the first one that has the file; no network."""

    def answer(route: Any) -> None:
        name = route.request.url.removeprefix(f"{ORIGIN}/")
        file = next((each / name for each in folders if name and (each / name).is_file()), None)
        if file is not None:
            route.fulfill(body=file.read_bytes(), content_type="text/javascript; charset=utf-8")
        elif not name:
            route.fulfill(body="<!doctype html><title>modules</title>", content_type="text/html")
        else:
            route.abort()

    page = browser.new_page()
    page.route("**/*", answer)
    page.goto(f"{ORIGIN}/")
    return page


def until(page: Any, expression: str, seconds: float = 30) -> Any:
    """Return the value of an expression as soon as it is true; the exported page refuses Playwright's own waiting.

    `page.wait_for_function` evaluates text from within the page, which the page's policy forbids. It works only where
    the expression is true at once.
    """
    end = time.monotonic() + seconds
    while not (found := page.evaluate(expression)):
        assert time.monotonic() < end, f"not true within {seconds} s: {expression}"
        page.wait_for_timeout(20)
    return found


def packed(array: Any) -> dict[str, Any]:
    """An array for the page: its shape, and its numbers as base64 of float64."""
    numbers = np.ascontiguousarray(array, np.float64)
    return {"shape": list(numbers.shape), "data": base64.b64encode(numbers.tobytes()).decode()}


def unpacked(found: dict[str, Any]) -> Any:
    """An array of the page, as float64."""
    return np.frombuffer(base64.b64decode(found["data"]), np.float64).reshape(found["shape"])
