"""axe-core, which finds faults of a page for readers with a screen reader or weak eyes. It comes with `npm install`."""

from typing import Any

import pytest
from tests.support.places import ROOT

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"


def violations(page: Any) -> list[str]:
    """The rules of WCAG AA that a page breaks, each with its first place. Skip the test without axe-core."""
    if not AXE.is_file():
        pytest.skip("needs axe-core: npm install")
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})")
    return [f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in found["violations"]]
