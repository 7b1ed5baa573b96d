"""Points: how they are asked for, and what a submission gets."""

from dataclasses import replace

import pytest

from convlens.checker.classes.marks import marks
from convlens.checker.classes.points import Points, parse_points, score
from convlens.checker.submission import SUMMARY, TASKS
from convlens.checker.verdict import FAIL, FORM, PASS, UNKNOWN, FileReport, Finding, Report

pytestmark = pytest.mark.smoke


def findings(*statuses, part="code", name="one"):
    return [Finding(name, "It is so.", status, part=part) for status in statuses]


def report(**files):
    return Report("ann", "fake", {TASKS[int(key[1:])]: FileReport(found) for key, found in files.items()})


def test_points_are_read():
    assert parse_points("0=4, 1 = 2.5,form=2", (0, 1)) == Points({0: 4.0, 1: 2.5}, 2.0)
    assert parse_points("0-2=1", (0, 1, 2)).tasks == {0: 1.0, 1: 1.0, 2: 1.0}
    assert parse_points("0=0,form=1", (0,)).most == 1
    assert parse_points("0=0.1,1=0.2", (0, 1)).most == 0.3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "such as 0=4"),
        ("0", "such as 0=4"),
        ("0=4,", "such as 0=4"),
        ("seven=4", "tasks must be numbers"),
        ("9=4", "tasks must be numbers from 0 to 6"),
        ("0=-1", "at least 0; got '-1'"),
        ("0=nan", "at least 0; got 'nan'"),
        ("0=inf", "at least 0; got 'inf'"),
        ("0=four", "at least 0; got 'four'"),
        ("0=1,0=2", "task 0 twice"),
        ("0-1=1,1=2", "task 1 twice"),
        ("form=1,form=1", "form twice"),
        ("0=1,2=1", "are checked, 0, 1; got task 2"),
        ("0=0", "above 0 in all"),
    ],
)
def test_wrong_points_are_told(text, said):
    with pytest.raises(ValueError, match=said):
        parse_points(text, (0, 1))


def test_form_alone_needs_a_program():
    with pytest.raises(ValueError, match="need a program"):
        parse_points("form=2", (6,))


def test_each_part_gets_its_share():
    found = report(
        t0=findings(PASS, PASS, PASS, FAIL) + findings(PASS, FAIL, part=FORM),
        t1=findings(PASS) + findings(PASS, part=FORM),
    )
    got = score(found, Points({0: 4, 1: 3}, 2))
    assert {name: (file.code, file.form) for name, file in got.files.items()} == {TASKS[0]: (3, 0.5), TASKS[1]: (3, 1)}
    assert (got.total, got.most, got.open) == (7.5, 9, [])


def test_a_file_without_points_counts_for_nothing():
    found = report(t0=findings(FAIL) + findings(FAIL, part=FORM), t1=findings(PASS))
    assert score(found, Points({1: 3})).total == 3


@pytest.mark.parametrize("name", ["exists", "readable", "parses", "loads"])
def test_a_file_that_does_not_run_gets_nothing_for_its_code(name):
    checks = findings(PASS, PASS) + findings(FAIL, name=name) + findings(PASS, part=FORM)
    got = score(report(t0=checks), Points({0: 4}, 2))
    assert (got.files[TASKS[0]].code, got.files[TASKS[0]].form, got.total) == (0, 2, 2)


def test_a_missing_file_gets_nothing_and_is_not_open():
    checks = findings(FAIL, name="exists") + findings(UNKNOWN, UNKNOWN, part=FORM)
    got = score(report(t0=checks), Points({0: 4}, 2))
    assert (got.total, got.open) == (0, [])


@pytest.mark.parametrize("form", [PASS, FAIL])
def test_what_could_not_be_told_is_open(form):
    got = score(report(t4=findings(PASS, UNKNOWN) + findings(form, part=FORM), t0=findings(PASS)), Points({0: 1, 4: 6}))
    assert got.open == [(TASKS[4], "code")]
    assert (got.files[TASKS[4]].code, got.total, got.most) == (None, 1, 7)


def test_the_summary_gets_its_points_for_its_form_and_none_of_the_form_of_programs():
    found = report(t0=findings(PASS) + findings(PASS, part=FORM), t6=findings(PASS, FAIL, part=FORM))
    got = score(found, Points({0: 4, 6: 3}, 2))
    assert (got.files[SUMMARY].code, got.files[SUMMARY].form) == (None, 1.5)
    assert got.files[TASKS[0]].form == 2 and got.total == 7.5


@pytest.mark.parametrize(("status", "total", "is_open"), [(FAIL, 0, False), (UNKNOWN, 0, True)])
def test_a_submission_that_was_not_graded(status, total, is_open):
    found = report(t0=findings(status, name="graded"), t6=findings(status, name="graded"))
    got = score(found, Points({0: 4, 6: 3}, 2))
    assert (got.total, bool(got.open)) == (total, is_open)


def test_full_marks_are_exactly_all_points():
    all_right = findings(PASS) + findings(PASS, part=FORM)
    found = report(t0=all_right, t1=all_right, t2=all_right)
    got = score(found, Points({0: 0.1, 1: 0.1, 2: 0.1}, 1))
    assert got.total == got.most == 1.3


def test_marks_are_by_name():
    one = report(t0=findings(PASS))
    found = marks([one, replace(one, name="bob")], Points({0: 2}), {})
    assert {name: (mark.total, mark.in_words()) for name, mark in found.items()} == {
        "ann": (2, "2 of 2"),
        "bob": (2, "2 of 2"),
    }
    assert marks([one], None, {}) == {}
    assert found["ann"].as_json()["points"]["counts"] == 2
