"""A page of `convlens explore` that a process of its own serves, and a tab of Chromium whose errors fail the test."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support import small


@contextmanager
def served(*options: Any) -> Iterator[str]:
    """Yield the address of the page; Ctrl-C ends the process."""
    command = [sys.executable, "-m", "convlens", "explore", *map(str, options), "--no-browser"]
    process = subprocess.Popen(
        command, env=small.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


@contextmanager
def watched_page(browser: Any) -> Iterator[Any]:
    """Yield a tab. An error in its page or on its console fails the test at the end; a refusal is none."""
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    refusal = "Failed to load resource: the server responded with a status of 422"
    try:
        yield page
        assert [error for error in errors if not error.startswith(refusal)] == []
    finally:
        page.close()
