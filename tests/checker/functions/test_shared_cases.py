"""Small files in the manner of real coursework have the verdict that they deserve. They lie beside the repository."""

import re

import pytest
from tests.support.checker.checking import best, examine, open_sandbox
from tests.support.places import SHARED

CASES = SHARED / "cases" / "checker"


def labelled():
    """Yield the folder, the number of the task and the verdict of each file of tasks 0 to 3, from the table."""
    table = CASES / "README.md"
    for line in table.read_text().splitlines() if table.exists() else []:
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 4 and cells[2] in ("0", "1", "2", "3"):
            verdict = "pass" if cells[3].startswith("right") else "fail"
            yield from ((folder, cells[2], verdict) for folder in re.split(r",\s*", cells[1]))


@pytest.fixture(scope="module")
def sandbox():
    with open_sandbox(best()) as opened:
        yield opened


@pytest.mark.skipif(not CASES.exists(), reason="the cases are not beside the repository")
@pytest.mark.parametrize(("folder", "task", "verdict"), list(labelled()))
def test_the_code_has_the_verdict_that_it_deserves(sandbox, folder, task, verdict):
    (file,) = (CASES / folder).glob(f"{task}-*.py")
    report = examine(sandbox, file.name, file.read_bytes())
    assert report.code == verdict
    assert not report.advice or verdict == "pass"
    assert bool(report.likely) == (verdict == "fail")
