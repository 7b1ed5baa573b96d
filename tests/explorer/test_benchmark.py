"""The benchmark of the page: what it measures. The figures are not tested."""

import importlib
import sys

import pytest
from tests.support import small
from tests.support.places import ROOT


@pytest.fixture
def explorer(monkeypatch):
    """benchmarks/explorer.py, which is not an installed package."""
    if str(ROOT) not in sys.path:
        monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.explorer")


def test_each_pointer_event_on_the_page_has_its_times(explorer, chromium, tmp_path, monkeypatch):
    monkeypatch.setattr(explorer, "STROKES", 15)
    monkeypatch.setattr(explorer, "STARTS", 1)
    assert small.run("explore", "lenet5", "--export", tmp_path / "page.html").code == 0
    address = (tmp_path / "page.html").as_uri()
    (seconds,) = explorer.first_uses(chromium, address)
    assert 0 < seconds < 60
    page = chromium.new_page()
    page.goto(address)
    page.wait_for_selector(explorer.MAPS)
    before = page.evaluate("document.querySelector('.pad').toDataURL()")
    times = explorer.draw(page)
    assert 0 < len(times) <= 16 and all(0 < row["drawn"] <= row["frame"] for row in times)
    assert page.evaluate("document.querySelector('.pad').toDataURL()") != before
    assert page.evaluate(explorer.PASSES) > 0
    page.close()


def test_without_chromium_the_figures_of_the_page_are_missing(explorer, monkeypatch):
    monkeypatch.setattr(explorer, "missing", lambda: "there is no Chromium")
    assert [(row.ok, row.note) for row in explorer.measure()] == [(None, "there is no Chromium")] * len(explorer.ASKED)
