"""The explorer's page in a headless Chromium, with LeNet-5: drawing, first use, training.

    python -m benchmarks.explorer

Drawing: the mouse draws on the pad, and for each of its events the time is taken until all maps are drawn, and until
the frame with them is out. The pass of the network alone, without the page, is measured beside it. First use: from the
beginning of the navigation to the first frame with all maps and a pad, on the server and in an exported file, with an
empty cache. Training: the rate that the page shows. Beside it are the same training steps without the page, and the
NumPy engine on one core.
"""

from __future__ import annotations

import importlib.util
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.table import Row, show

STROKES, STARTS, TRAINED = 600, 5, 8.0  # pointer events; times that a page is opened; seconds of training
ASKED = {
    "drawing, pointer event to all maps drawn, median": 16,
    "drawing, pointer event to all maps drawn, 95 %": 33,
    "first use, from the server": 1,
    "first use, exported file": 1,
    "training in the page": 1000,
}
PAD, MAPS = ".pad", "cnn-network canvas"

# The time of the first frame in which the page has maps and a pad. It runs before all scripts of the page.
OPENED = f"""
const opened = () => {{
  if (!document.querySelector("{MAPS}") || !document.querySelector("{PAD}")) return requestAnimationFrame(opened);
  const channel = new MessageChannel();
  channel.port1.onmessage = () => {{ globalThis.openedAt = performance.now(); }};
  channel.port2.postMessage(0);
}};
requestAnimationFrame(opened);
"""

# The last listener of an event asks for a frame after the page has; a message then arrives when the frame is out.
EVENTS = """
globalThis.times = [];
const channel = new MessageChannel(), waiting = [];
channel.port1.onmessage = () => {
  const now = performance.now();
  for (const row of waiting.splice(0)) times.push({ drawn: row.drawn - row.start, frame: now - row.start });
};
let start = 0;
addEventListener("pointermove", () => { start = performance.now(); }, true);
addEventListener("pointermove", () => {
  const row = { start, drawn: 0 };
  requestAnimationFrame(() => {
    row.drawn = performance.now();
    waiting.push(row);
    channel.port2.postMessage(0);
  });
});
"""

PASSES = """() => {
  const { state } = document.querySelector("cnn-network"), times = [];
  for (let k = 0; k < 200; k++) {
    const start = performance.now();
    state.run();
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[100];
}"""

STEPS = """async (seconds) => {
  const { Network } = await import("./engine/network/network.js");
  const { Adam } = await import("./engine/network/optimizers.js");
  const { generator, trainStep } = await import("./engine/network/training.js");
  const { data } = document.querySelector("train-live");
  const random = generator(0), network = new Network(data.networks[0].specification, { random });
  const optimizer = new Adam();
  const x = network.tensor([32, ...network.nodes[0].shape], Array.from({ length: 32 * 784 }, random));
  const labels = Array.from({ length: 32 }, (_, k) => k % 10);
  let images = 0, start = 0;
  for (let k = 0; k < 20 || performance.now() - start < 1000 * seconds; k++) {
    if (k === 10) start = performance.now();
    if (k >= 10) images += 32;
    trainStep(network, optimizer, x, labels, random);
  }
  return (1000 * images) / (performance.now() - start);
}"""


def draw(page: Any) -> list[dict[str, float]]:
    """Draw on the pad; return the milliseconds of each event until all maps are `drawn`, and the `frame` is out."""
    page.evaluate(EVENTS)
    box = page.locator(PAD).bounding_box()
    x, y, size = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, box["width"] / 3
    page.mouse.move(x, y)
    page.mouse.down()
    for k in range(STROKES):
        angle = k / 12
        page.mouse.move(x + size * math.sin(1.3 * angle), y + size * math.cos(angle))
    page.mouse.up()
    page.wait_for_timeout(200)
    times: list[dict[str, float]] = page.evaluate("times")
    return times


def train(page: Any) -> float:
    """Return the median of the images per second that the page shows in the seconds of training after the first two."""
    view = page.locator("train-live")
    view.get_by_role("button", name="start", exact=True).click()
    end, shown = time.monotonic() + 2 + TRAINED, []
    while (now := time.monotonic()) < end:
        page.wait_for_timeout(100)
        text = view.locator(".rate").all_inner_texts()
        if text and now > end - TRAINED:
            shown.append(float(text[0].split()[0].replace(",", "")))
    return statistics.median(shown)


def numpy_rate() -> float:
    """Return the images per second of the NumPy engine on one core, batch 32."""
    import numpy as np

    from convlens import lenet5
    from convlens.nn import Adam
    from convlens.training import Epoch
    from convlens.training import train as training

    rng = np.random.default_rng(0)
    x, y = rng.random((3200, 28, 28, 1), np.float32), rng.integers(0, 10, 3200)
    model = lenet5(engine="numpy")
    events = training(model, x, y, optimizer=Adam(engine=model.engine), epochs=3, batch_size=32, threads=1)
    return max(event.images_per_second for event in events if isinstance(event, Epoch))


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve LeNet-5; give the address of its page."""
    command = [sys.executable, "-m", "convlens", "explore", "lenet5", "--no-browser"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def first_uses(browser: Any, address: str) -> list[float]:
    """Return the seconds until the page can be used, for each of several starts with an empty cache."""
    found = []
    for _ in range(STARTS):
        context = browser.new_context(viewport={"width": 1280, "height": 720})
        page = context.new_page()
        page.add_init_script(OPENED)
        page.goto(address)
        while (opened := page.evaluate("globalThis.openedAt")) is None:  # the policy forbids wait_for_function
            page.wait_for_timeout(20)
        found.append(opened / 1000)
        context.close()
    return found


def _row(what: str, measured: float | None, unit: str, note: str) -> Row:
    limit = ASKED[what]
    if unit == "images/s":
        return Row(what, f"at least {limit:,}", measured, unit, None if measured is None else measured >= limit, note)
    return Row(what, f"at most {limit}", measured, unit, None if measured is None else measured <= limit, note)


def missing() -> str:
    """Return why the page cannot be measured here, or nothing."""
    if importlib.util.find_spec("playwright") is None:
        return "Playwright is not installed: pip install 'convlens[browser]'"
    from convlens.engines.browser.chromium import executable

    return "" if executable() else "there is no Chromium"


def measure() -> list[Row]:
    """Return all rows."""
    if why := missing():
        return [_row(what, None, "", why) for what in ASKED]
    from playwright.sync_api import sync_playwright

    from convlens.engines.browser.chromium import executable

    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        file = Path(name, "page.html")
        command = [sys.executable, "-m", "convlens", "explore", "lenet5", "--export", str(file)]
        subprocess.run(command, check=True, cwd=name, stdout=subprocess.DEVNULL)
        browser = driver.chromium.launch(executable_path=executable(), args=["--no-sandbox"])
        from_file = first_uses(browser, file.as_uri())
        with served(Path(name)) as address:
            from_server = first_uses(browser, address)
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            page.goto(address)
            page.wait_for_selector(MAPS)
            times, alone = draw(page), page.evaluate(PASSES)
            steps = page.evaluate(STEPS, TRAINED / 2)
            rate = train(page)
        browser.close()
    drawn, frame = (sorted(row[kind] for row in times) for kind in ("drawn", "frame"))
    most = math.floor(0.95 * len(times))
    peers = f"its steps alone {steps:,.0f}; NumPy, one core {numpy_rate():,.0f}"
    middle, slow = "drawing, pointer event to all maps drawn, median", "drawing, pointer event to all maps drawn, 95 %"
    return [
        _row(middle, statistics.median(drawn), "ms", f"{len(times)} events; the pass alone {alone:.1f}"),
        _row(slow, drawn[most], "ms", ""),
        Row("drawing, pointer event to the frame, median", "", statistics.median(frame), "ms", True, ""),
        Row("drawing, pointer event to the frame, 95 %", "", frame[most], "ms", True, "a frame begins each 16.7"),
        _first("first use, from the server", from_server),
        _first("first use, exported file", from_file),
        _row("training in the page", rate, "images/s", peers),
    ]


def _first(what: str, seconds: list[float]) -> Row:
    note = f"best of {STARTS}; median {statistics.median(seconds):.2f}, up to {max(seconds):.2f}"
    return _row(what, min(seconds), "s", note)


if __name__ == "__main__":
    show(measure())
