"""What changed between two results of a class."""

import pytest

from convlens.checker.classes.changes import changes
from convlens.checker.verdict import FAIL, FORM, PASS, UNKNOWN, FileReport, Finding, Report

pytestmark = pytest.mark.smoke


def report(name, **files):
    """A report: file = the verdicts on its code and its form, None for no verdict on this part."""
    made = {}
    for file, (code, form) in files.items():
        checks = [Finding("one", "It is so.", code)] if code else []
        made[file] = FileReport(checks + ([Finding("two", "It is so.", form, part=FORM)] if form else []))
    return Report(name, "fake", made)


def test_each_student_is_told_once():
    old = [report("a", x=(FAIL, PASS)), report("b", x=(PASS, PASS)), report("c", x=(PASS, PASS)), report("d")]
    new = [report("a", x=(PASS, FAIL)), report("b", x=(PASS, PASS)), report("c", x=(FAIL, PASS)), report("e")]
    found = changes({one.name: one for one in old}, new)
    assert [(one.name, one.right, one.wrong) for one in found.changed] == [
        ("a", ["x code"], ["x form"]),
        ("c", [], ["x code"]),
    ]
    assert (found.unchanged, found.new, found.gone) == (["b"], ["e"], ["d"])
    assert found.in_words() == "2 changed, 1 unchanged, 1 new, 1 gone"
    assert found.by_name() == {
        "a": "newly right: x code; newly wrong: x form",
        "b": "nothing changed",
        "c": "newly wrong: x code",
    }


@pytest.mark.parametrize(
    ("was", "now", "right", "wrong"),
    [
        (UNKNOWN, PASS, 1, 0),
        (PASS, UNKNOWN, 0, 1),
        (UNKNOWN, FAIL, 0, 0),
        (FAIL, UNKNOWN, 0, 0),
        (None, PASS, 1, 0),
        (PASS, None, 0, 0),
    ],
)
def test_what_could_not_be_told_is_not_right(was, now, right, wrong):
    found = changes({"a": report("a", x=(PASS, was))}, [report("a", x=(PASS, now))])
    parts = [(len(one.right), len(one.wrong)) for one in found.changed]
    assert parts == ([(right, wrong)] if right or wrong else [])


def test_only_files_of_both_are_compared():
    found = changes({"a": report("a", x=(FAIL, None))}, [report("a", y=(PASS, None))])
    assert found.unchanged == ["a"]
