"""Findings, reports and scores, written as JSON and read back."""

import json

import pytest

from convlens.checker.verdict import CODE, FAIL, FORM, PASS, UNKNOWN, ErrorMap, FileReport, Finding, Report


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


def test_the_score_of_a_part_is_the_mean_share_of_the_files_that_have_it():
    files = {
        "a": FileReport([finding(PASS)] * 3 + [finding(FAIL)] + [finding(PASS, part=FORM)]),
        "b": FileReport([finding(UNKNOWN), finding(PASS), finding(FAIL, part=FORM), finding(PASS, part=FORM)]),
        "c": FileReport([finding(PASS, part=FORM)] * 2),  # a text has no code
    }
    report = Report("Ann", "landlock", files)
    assert report.score(CODE) == 0.875  # in the second file only one check could tell, and it passes
    assert report.score(FORM) == round((1 + 1 / 2 + 1) / 3, 4)
    assert Report("Ann", "landlock", {}).score(CODE) is None


def test_code_and_form_have_a_verdict_each():
    file = FileReport([finding(PASS), finding(FAIL, part=FORM)])
    assert (file.code, file.form, file.status) == (PASS, FAIL, FAIL)
    report = Report("Ann", "landlock", {"a": file, "b": FileReport([finding(UNKNOWN), finding(PASS, part=FORM)])})
    assert (report.verdict(CODE), report.verdict(FORM)) == (UNKNOWN, FAIL)
    text = FileReport([finding(PASS, part=FORM)])
    assert (text.code, text.form) == (None, PASS)


@pytest.mark.parametrize("name", ["exists", "readable", "parses", "loads", "builds"])
def test_a_file_that_does_not_run_has_no_points_for_its_code(name):
    checks = [finding(PASS)] * 3 + [finding(FAIL, name)] + [finding(PASS, part=FORM)] * 2
    assert FileReport(checks).share(CODE) == 0
    assert FileReport(checks).share(FORM) == 1


def test_advice_passes_and_is_never_a_likely_mistake():
    advice = finding(PASS, message="the images are integers", hint="write dtype=float")
    file = FileReport([advice, finding(PASS)])
    assert (file.code, file.share(CODE), file.advice, file.likely) == (PASS, 1.0, [advice], [])


def test_likely_mistakes_are_listed_once_by_weight_and_form_last():
    style = [finding(FAIL, part=FORM, hint="shorten the line")] * 5
    hints = [("first", "a"), ("often", "b"), ("often, with 3", "b")]
    file = FileReport(style + [finding(FAIL)] + [finding(FAIL, hint=hint, mistake=name) for hint, name in hints])
    assert [one.hint for one in file.likely] == ["often", "first", "shorten the line"]
    assert file.hint == "often"
    assert FileReport([finding(FAIL)]).likely == []
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
    file = FileReport([finding(FAIL, "style", message="E501", part=FORM), *found])
    assert [[one.name for one in same] for same in file.alike(FAIL)] == [["a", "d"], ["b", "e"], ["f"], ["style"]]
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
    assert (file["code"], file["form"]) == ("fail", None)
    assert value["score"] == {"code": 0.5, "form": None}
    assert {"name", "status", "message", "hint", "part"} <= file["checks"][1].keys()


@pytest.mark.parametrize("value", [{}, {"name": "a", "tier": "b"}, {"name": "a", "tier": "b", "files": 3}, [], "text"])
def test_other_json_is_an_error(value):
    with pytest.raises(ValueError, match=r"a report must be what Report\.as_json gives; got one with"):
        Report.from_json(value)


def test_if_no_check_fails_the_score_counts_only_the_checks_that_could_tell():
    told, untold = Finding("a", "A.", PASS), Finding("b", "B.", UNKNOWN, "no TensorFlow 2.6")
    assert FileReport([told, told, untold]).share(CODE) == 1.0
    assert FileReport([told, untold, Finding("c", "C.", FAIL, "no")]).share(CODE) == 1 / 3
    assert FileReport([untold]).share(CODE) == 0.0
    assert FileReport([]).share(CODE) is None
