"""A headless Chromium that runs the kernels of `engine/kernels`.

It starts at the first call and is closed when Python ends. One thread owns it, since Playwright's objects may be used
only by the thread that made them; calls of other threads wait in a queue. The page has no network: each request of it
is answered here, from the folder `js`.
"""

from __future__ import annotations

import atexit
import os
import queue
import shutil
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import playwright.sync_api

MODULES = Path(__file__).parent / "engine"
ORIGIN = "https://convlens.invalid"  # a name that no server has
PAGE = '<!doctype html><script type="module">import { call } from "./call.js"; globalThis.call = call;</script>'
NAMES = ("chromium", "chromium-browser", "google-chrome")

Call = tuple[str, Sequence[object], Sequence[int]]


def executable() -> str | None:
    """Return the path of Chromium: the variable CONVLENS_CHROMIUM, else one of NAMES on PATH; None if there is none."""
    return os.environ.get("CONVLENS_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


class Chromium:
    """A Chromium in a thread of its own. Any thread may call."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[tuple[Call, Future[list[str]]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="convlens-chromium", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def call(self, kernel: str, arguments: Sequence[object], filled: Sequence[int]) -> list[str]:
        """Run `call` of js/call.js: return the arguments at the places `filled` after the call, as base64.

        OSError if Chromium does not start, crashes, or refuses; the next call starts another one.
        """
        future: Future[list[str]] = Future()
        self._calls.put(((kernel, arguments, filled), future))
        return future.result()

    def close(self) -> None:
        """End the thread, and Chromium with it."""
        self._calls.put(None)
        self._thread.join()

    def _serve(self) -> None:
        """Answer calls until `close`. After an error, another Chromium answers the next call."""
        task = self._calls.get()
        while task is not None:
            try:
                with playwright.sync_api.sync_playwright() as driver:
                    page = _page(driver)
                    while task is not None:
                        task[1].set_result(page.evaluate("(given) => call(...given)", list(task[0])))
                        task = self._calls.get()
            except Exception as error:
                if task is None:
                    return
                reason = str(error).strip().splitlines()[0]
                task[1].set_exception(OSError(f"the engine browser: Chromium failed: {reason}"))
                task = self._calls.get()


def _page(driver: playwright.sync_api.Playwright) -> Any:
    """Return a new page with the function `call` of js/call.js."""
    page = driver.chromium.launch(executable_path=executable()).new_page()
    page.route("**/*", _answer)
    page.goto(f"{ORIGIN}/")
    return page


def _answer(route: playwright.sync_api.Route) -> None:
    """Answer a request with the page or one of its modules."""
    name = route.request.url.removeprefix(f"{ORIGIN}/")
    file = (MODULES / name).resolve()
    if not name:
        route.fulfill(body=PAGE, content_type="text/html")
    elif file.suffix == ".js" and file.is_relative_to(MODULES) and file.is_file():
        route.fulfill(body=file.read_bytes(), content_type="text/javascript")
    else:
        route.abort()
