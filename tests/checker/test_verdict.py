"""Findings, reports and scores, written as JSON and read back."""

import json

import pytest

from convlens.checker.verdict import FAIL, PASS, UNKNOWN, ErrorMap, FileReport, Finding, Report


def finding(status, name="one", **more):
    return Finding(name, "It is.", status, **more)


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        ([PASS, PASS], PASS),
        ([PASS, FAIL, UNKNOWN], FAIL),
        ([PASS, UNKNOWN], UNKNOWN),
        ([], UNKNOWN),
    ],
)
def test_fail_takes_precedence_over_could_not_tell_and_over_pass(statuses, status):
    file = FileReport([finding(one) for one in statuses])
    assert file.status == status
    assert Report("Ann", "landlock", {"a": file}).status == status


def test_the_score_is_the_mean_share_of_the_files():
    files = {"a": FileReport([finding(PASS)] * 3 + [finding(FAIL)]), "b": FileReport([finding(UNKNOWN), finding(PASS)])}
    # In the second file only one check could tell, and it passes
    assert Report("Ann", "landlock", files).score == 0.875
    assert Report("Ann", "landlock", {}).score == 0.0


def test_the_likely_mistake_is_the_most_frequent_one():
    hints = [("first", "a"), ("often", "b"), ("often", "b")]
    file = FileReport([finding(FAIL)] + [finding(FAIL, hint=hint, mistake=name) for hint, name in hints])
    assert file.likely is not None and file.likely.mistake == "b"
    assert file.hint == "often"
    assert FileReport([finding(FAIL)]).likely is None
    assert FileReport([finding(FAIL)]).hint == ""
    tie = FileReport([finding(FAIL, hint=hint) for hint in ("first", "second")])
    assert tie.hint == "first"


def test_findings_with_the_same_reason_are_grouped():
    """The reason is the mistake's name, else the hint, else the message. The first finding decides the order."""
    found = [
        finding(FAIL, "a", hint="3 rows", mistake="crop", message="1"),
        finding(FAIL, "b", message="it raises"),
        finding(UNKNOWN, "c", message="it raises"),
        finding(FAIL, "d", hint="2 rows", mistake="crop", message="2"),
        finding(FAIL, "e", message="it raises"),
        finding(FAIL, "f", hint="turn it", message="3"),
        finding(PASS, "g"),
    ]
    file = FileReport(found)
    assert [[one.name for one in same] for same in file.alike(FAIL)] == [["a", "d"], ["b", "e"], ["f"]]
    assert [[one.name for one in same] for same in file.alike(UNKNOWN)] == [["c"]]


def test_a_report_survives_json():
    maps = [ErrorMap("result[0, :, :, 1]", [[0, 10], [-1, 3]])]
    checks = [finding(PASS), finding(FAIL, "two", message="3 is wrong", hint="turn it", mistake="turned", maps=maps)]
    report = Report("Ann", "landlock", {"0-conv_forward.py": FileReport(checks, 0.5), "6-alexnet.md": FileReport([])})
    text = json.dumps(report.as_json())
    assert Report.from_json(json.loads(text)) == report
    value = json.loads(text)
    assert {"tier", "files", "score"} <= value.keys()
    file = value["files"]["0-conv_forward.py"]
    assert file["status"] == "fail"
    assert {"name", "status", "message", "hint"} <= file["checks"][1].keys()


@pytest.mark.parametrize("value", [{}, {"name": "a", "tier": "b"}, {"name": "a", "tier": "b", "files": 3}, [], "text"])
def test_other_json_is_an_error(value):
    with pytest.raises(ValueError, match=r"a report must be what Report\.as_json gives; got one with"):
        Report.from_json(value)


def test_if_no_check_fails_the_score_counts_only_the_checks_that_could_tell():
    told, untold = Finding("a", "A.", PASS), Finding("b", "B.", UNKNOWN, "no TensorFlow 2.6")
    assert FileReport([told, told, untold]).share == 1.0
    assert FileReport([told, untold, Finding("c", "C.", FAIL, "no")]).share == 1 / 3
    assert FileReport([untold]).share == FileReport([]).share == 0.0
