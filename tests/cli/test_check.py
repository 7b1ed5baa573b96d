"""`convlens check`: its output, its files, its errors and its exit codes. For killed runs see test_grading.py."""

import csv
import io
import json
import os
import pty
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
from tests.support import small
from tests.support.checker import classes, samples
from tests.support.places import COURSEWORK

from convlens.checker import check as true_check
from convlens.checker.hand_ins import read
from convlens.checker.options import Options
from convlens.checker.sandbox import launch
from convlens.checker.sandbox.tiers import CANNOT_STOP, available
from convlens.checker.submission import TASKS
from convlens.checker.verdict import FAIL, PARTS, PASS, UNKNOWN, FileReport, Finding, Report

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")


@pytest.fixture(scope="module")
def right(tmp_path_factory):
    """A submission with right files for tasks 0 to 3."""
    return samples.place(tmp_path_factory.mktemp("right"), "einsum")


@pytest.fixture(scope="module")
def wrong(tmp_path_factory, right):
    """A submission with a wrong file."""
    folder = samples.place(tmp_path_factory.mktemp("wrong"), "einsum")
    path = folder / "1-pool_forward.py"
    path.write_text(path.read_text().replace("sh, sw = stride", "sw, sh = stride"))
    assert path.read_text() != (right / path.name).read_text()
    return folder


@pytest.fixture
def pretended(monkeypatch):
    """A replacement of the check: it records all calls and gives every check the status that the test sets."""

    class Pretended:
        status, asked = PASS, []

        def check(self, submission, options, begins):
            for name in submission.files:
                begins(name)
            self.asked.append((submission, options))
            found = Finding("one", "It is so.", self.status, "" if self.status == PASS else "it is not so", "")
            return Report(submission.name, options.tier, {name: FileReport([found]) for name in submission.files})

    one = Pretended()
    monkeypatch.setattr(true_check, "check", one.check)
    monkeypatch.setattr("convlens.checker.sandbox.tiers.choose", lambda asked: asked or "landlock")
    return one


# One submission ------------------------------------------------------------------------------------------------------


def test_a_right_one(right):
    done = small.run("check", right, "--tasks", "0-3")
    assert done.code == 0, done
    *files, last = done.out.splitlines()
    assert [line.split() for line in files] == [["✓", name, "✓", "code", "✓", "form"] for name in TASKS[:4]]
    tier = next(tier for tier, why in available().items() if not why)
    parts = (f"{part}: 4 of 4 files pass, score 100.0%" for part in PARTS)
    assert last == "; ".join([*parts, f"sandbox {tier}"])


def test_a_wrong_one_in_every_form(wrong, tmp_path):
    page, xml = tmp_path / "page.html", tmp_path / "report.xml"
    done = small.run("check", wrong, "--tasks", "0,1", "--html", page, "--junit", xml)
    assert done.code == 1, done
    assert f"✓ {TASKS[0]}" in done.out and f"✗ {TASKS[1]}" in done.out
    assert "code: 1 of 2 files pass, score" in done.out and "form: 2 of 2 files pass, score 100.0%" in done.out
    assert f"✗ {TASKS[1]}  ✗ code, " in done.out and "checks pass  ✓ form" in done.out
    assert done.err.splitlines()[-2:] == [f"written: {page}", f"written: {xml}"]
    text = page.read_text()
    assert text.startswith("<!DOCTYPE html>") and "✗ fail" in text and "Likely mistakes" in text
    assert int(ET.parse(xml).getroot().attrib["failures"]) > 0
    again = small.run("check", wrong, "--tasks", "0,1", "--json")
    assert again.code == 1
    found = json.loads(again.out)
    assert list(found) == ["name", "notes", "tier", "status", "score", "files"]
    assert {name: file["status"] for name, file in found["files"].items()} == {TASKS[0]: PASS, TASKS[1]: FAIL}
    assert set(found["files"][TASKS[1]]["checks"][0]) >= {"name", "status", "message", "hint"}
    assert Report.from_json(found).as_json() == found


@pytest.mark.smoke
@pytest.mark.parametrize(("status", "code"), [(PASS, 0), (FAIL, 1), (UNKNOWN, 1)])
def test_how_it_ends(pretended, tmp_path, status, code):
    classes.make(tmp_path, ann="pass")
    pretended.status = status
    done = small.run("check", tmp_path / "ann")
    assert done.code == code
    assert done.out.splitlines()[-1].startswith(f"code: {7 if status == PASS else 0} of 7 files pass, ")
    assert done.err == ""


@pytest.mark.smoke
def test_what_is_asked_reaches_the_check(pretended, tmp_path, monkeypatch):
    classes.make(tmp_path, ann="pass")
    monkeypatch.chdir(tmp_path / "ann")
    assert small.run("check").code == 0
    words = ["--tasks", "2,0", "--seed", 5, "--seconds", 2.5, "--reveal", "--sandbox", "bubblewrap"]
    assert small.run("check", ".", *words).code == 0
    (first, plain), (second, asked) = pretended.asked
    assert first.name == second.name == "ann"
    assert (plain.tasks, plain.tier, plain.seed, plain.seconds) == (tuple(range(7)), "landlock", 0, 10)
    assert not plain.reveal and asked.reveal
    assert (asked.tasks, asked.tier, asked.seed, asked.seconds) == ((0, 2), "bubblewrap", 5, 2.5)
    assert list(second.files) == [TASKS[0], TASKS[2]]


@pytest.mark.smoke
def test_the_weakest_sandbox_is_told(pretended, tmp_path):
    classes.make(tmp_path, ann="pass")
    done = small.run("check", tmp_path / "ann", "--sandbox", "rlimits", "--json")
    first, *others = done.err.splitlines()
    assert first == "sandbox rlimits; what it cannot stop:"
    assert others == [f"  {known}" for known in CANNOT_STOP["rlimits"]]
    assert json.loads(done.out)["tier"] == "rlimits"


@pytest.mark.smoke
def test_names_and_messages_cannot_command_the_terminal(monkeypatch, pretended, tmp_path):
    nasty = "\x1b[31m\r\u202e[bold]"
    found = Finding("one", "It is so.", FAIL, f"{nasty}\nnext line", nasty)
    report = Report(nasty, "landlock", {nasty: FileReport([found])})
    monkeypatch.setattr(true_check, "check", lambda *_: report)
    classes.make(tmp_path, ann="pass")
    done = small.run("check", tmp_path / "ann")
    assert r"\x1b[31m\r\u202e[bold]" in done.out and "next line" in done.out
    assert not set(done.out) & set("\x1b\r\u202e")


@pytest.mark.smoke
def test_messages_of_what_could_not_be_checked_cannot_either(monkeypatch, pretended, tmp_path):
    report = Report("a", "landlock", {"a.py": FileReport([Finding("one", "It is so.", UNKNOWN, "x = '\x1b[31m'")])})
    monkeypatch.setattr(true_check, "check", lambda *_: report)
    classes.make(tmp_path, ann="pass")
    done = small.run("check", tmp_path / "ann")
    assert r"? one: x = '\x1b[31m'" in done.out and "\x1b" not in done.out


@pytest.mark.smoke
def test_a_fault_of_the_checker_is_no_verdict(monkeypatch, pretended, tmp_path):
    monkeypatch.setattr(true_check, "check", lambda *_: dict[str, object]()["no"])
    classes.make(tmp_path, ann="pass")
    done = small.run("check", tmp_path / "ann")
    assert (done.code, done.out) == (2, "")
    assert "KeyError: 'no'" in done.err
    assert done.err.splitlines()[-1] == "convlens: the checker itself failed, so there is no verdict"


@pytest.mark.smoke
def test_ctrl_c(monkeypatch, pretended, tmp_path):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(true_check, "check", stop)
    classes.make(tmp_path, ann="pass")
    assert small.run("check", tmp_path / "ann") == (130, "", "stopped\n")


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none"], "a submission must be a folder, an archive or a notebook; there is no 'none'"),
        (["file"], "a submission must be a folder, a zip or tar file, or a notebook; 'file' is another file"),
        (["empty"], "a submission must have files; 'empty' is empty"),
        (["ann", "--tasks", "7"], "tasks must be numbers from 0 to 6 such as 0-3,5; got '7'"),
        (["ann", "--seconds", "0"], "--seconds must be a number above 0; got 0"),
        (["ann", "--seconds", "nan"], "--seconds must be a number above 0; got nan"),
        (["ann", "--seed", "-1"], "seed must be an integer of at least 0; got -1"),
        (["ann", "--csv", "x.csv"], "--csv needs --class; got 'x.csv' and no --class"),
        (["ann", "--again"], "--again needs --class; got 'True' and no --class"),
        (["ann", "--jobs", "2"], "--jobs needs --class; got '2' and no --class"),
        (["ann", "--html", "no/x.html"], "the folder of an output file must exist; there is no 'no'"),
        (["ann", "--html", "ann"], "an output file must not be a folder; 'ann' is one"),
        (["ann", "--html", "x", "--junit", "./x"], "all files must have different names; got x, x"),
        (["ann", "--class", "."], "only one of a folder and --class can be given; got 'ann' and '.'"),
        (["--class", "none"], "a class must be a folder or a table; there is no 'none'"),
        (["--class", "empty"], "a class must have a folder or an archive for each student; 'empty' has none"),
        (["--class", ".", "--jobs", "0"], "jobs must be an integer of at least 1; got 0"),
        (["--class", ".", "--jobs", "1", "--dask", "a:1"], "--jobs is for this machine only, not for a Dask cluster"),
        (["--class", ".", "--csv", "r", "--out", "r"], "all files must have different names; got r, r"),
        (["--class", ".", "--dask", "a:1", "--sandbox", "rlimits"], "a class must be graded in a safe sandbox"),
        (
            ["--class", ".", "--dask", "a:1", "--sandbox", "jail"],
            "the tier must be one of bubblewrap, landlock, rlimits",
        ),
    ],
)
def test_what_cannot_be_done_is_a_sentence(tmp_path, monkeypatch, words, said):
    classes.make(tmp_path, ann="pass", empty=None)
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert small.fails("check", *words).startswith(said)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.smoke
def test_an_unknown_sandbox():
    said = "the tier must be one of bubblewrap, landlock, rlimits; got 'jail'"
    assert small.fails("check", ".", "--sandbox", "jail") == said
    assert small.fails("check", "--class", "..", "--sandbox", "jail", "--out", "r") == said


# A class -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A class that `fake_check` grades; the results go into the current folder."""
    classes.fake(monkeypatch)
    monkeypatch.chdir(tmp_path)
    words = {"ann": "pass", "bob": "fail Crop it.", "=cy": "fail Crop it.", "two\nlines": "pass x", "gone": None}
    return classes.make(tmp_path / "autumn 26", **words)


def grade(place, *words):
    return small.run("check", "--class", place, *classes.ANYWHERE, "--jobs", 2, *words)


@pytest.mark.parametrize("option", ["--html", "--junit", "--csv", "--out"])
def test_no_report_takes_the_place_of_what_was_handed_in(place, option):
    file = place / "ann" / TASKS[0]
    before = file.read_bytes()
    said = small.fails("check", "--class", place, option, file)
    assert said == f"an output file must not have the name of a file that is handed in; got {str(file)!r}"
    if option in ("--html", "--junit"):
        assert small.fails("check", file.parent, option, file) == said
    roster = place.parent / "class.csv"
    roster.write_text("name,path\nann,autumn 26/ann\n")
    assert small.fails("check", "--class", roster, option, roster).startswith(
        "all files must have different names; got "
    )
    assert file.read_bytes() == before and roster.read_text().startswith("name,path")


def test_a_class_in_every_form(place, tmp_path):
    done = grade(place, "--csv", "marks.csv", "--html", "page.html", "--junit", "report.xml")
    assert done.code == 1, done
    assert "5 submissions: 2 pass, 3 fail, 0 could not be checked; mean score code 40.0%" in done.out
    assert "       2  Crop it.        =cy, bob" in done.out and r"two\nlines" in done.out
    told = [line for line in done.err.splitlines() if not line.startswith("  ")]
    assert told == [
        "sandbox rlimits; what it cannot stop:",
        "5 submissions, tasks 0; results in autumn 26-results.jsonl",
        "submissions: 4 graded, 1 equal to another, 0 done before",
        *(f"written: {name}" for name in ("marks.csv", "page.html", "report.xml")),
    ]
    _, *rows = csv.reader(io.StringIO((tmp_path / "marks.csv").read_bytes().decode(), newline=""))
    assert [row[0] for row in rows] == ["'=cy", "ann", "bob", "gone", "two\nlines"]
    assert rows[2][1:] == ["0.0", "", "fail", "", "Crop it.", ""]
    assert rows[3][1:] == ["0.0", "", "fail", "", "nothing is handed in: the folder is empty", ""]
    page = (tmp_path / "page.html").read_text()
    assert "<h1>autumn 26</h1>" in page and r"two\nlines" in page and "nothing is handed in" in page
    assert len(ET.parse(tmp_path / "report.xml").getroot()) == 5

    again = grade(place, "--json")
    assert again.code == 1
    assert again.err.splitlines()[0] == "sandbox rlimits, as before"
    assert "submissions: 0 graded, 0 equal to another, 5 done before" in again.err
    found = json.loads(again.out)
    assert found["results"] == "autumn 26-results.jsonl"
    assert (found["summary"]["submissions"], found["summary"]["passed"], found["summary"]["failed"]) == (5, 2, 3)
    mistake = {"hint": "Crop it.", "part": "code", "names": ["=cy", "bob"], "submissions": 2}
    assert found["summary"]["mistakes"] == [mistake]
    assert found["settings"]["tier"] == "rlimits" and found["settings"]["tasks"] == [0]
    assert {row["name"]: row["status"] for row in found["submissions"]}["two\nlines"] == PASS
    assert found["submissions"][2]["hints"] == ["Crop it."]


def test_a_class_of_one_that_passes_ends_with_0(tmp_path, monkeypatch):
    classes.fake(monkeypatch)
    (tmp_path / "c.csv").write_text("name,path\nann,in/ann\n")
    classes.make(tmp_path / "in", ann="pass")
    monkeypatch.chdir(tmp_path)
    done = grade(tmp_path / "c.csv")
    assert done.code == 0, done
    assert "1 submission, tasks 0;" in done.err and "1 submission: 1 pass" in done.out
    assert "500 ms" in done.out or " s\n" in done.out
    assert (tmp_path / "c-results.jsonl").exists()
    assert grade("c.csv", "--tasks", "0,1").code == 2


@pytest.mark.smoke
def test_a_class_refuses_the_weakest_sandbox(tmp_path, monkeypatch):
    monkeypatch.setattr("convlens.checker.sandbox.tiers.choose", lambda asked: "rlimits")
    classes.make(tmp_path / "c", ann="pass")
    said = small.fails("check", "--class", tmp_path / "c", "--out", tmp_path / "r")
    assert said.startswith("a class must be graded in a safe sandbox, bubblewrap or landlock; this is rlimits")
    assert not (tmp_path / "r").exists()


def test_a_class_by_the_true_check(right, wrong, tmp_path):
    place = tmp_path / "c.csv"
    place.write_text(f"name,path\nann,{right}\nbob,{wrong}\ncopy,{right}\n")
    done = small.run("check", "--class", place, "--tasks", "1", "--out", tmp_path / "r", "--json")
    if done.code == 2:
        assert "safe sandbox" in done.err
        pytest.skip("no safe sandbox here")
    assert done.code == 1, done
    assert [row["status"] for row in json.loads(done.out)["submissions"]] == [PASS, FAIL, PASS]
    head, entries = classes.lines(tmp_path / "r")
    assert {entry["report"]["tier"] for entry in entries} == {head["tier"]}
    assert {entry["name"]: entry["cached"] for entry in entries} == {"ann": False, "bob": False, "copy": True}


def on_a_terminal(program, *words):
    """Return the exit code and the text on standard error, which is a terminal."""
    terminal, end = pty.openpty()
    environment = classes.environment(TERM="xterm", COLUMNS="100")
    command = [sys.executable, "-c", program, "check", *words]
    with subprocess.Popen(command, env=environment, stderr=end, stdout=subprocess.DEVNULL) as process:
        os.close(end)
        shown = b""
        while True:
            try:
                piece = os.read(terminal, 4096)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            shown += piece
    os.close(terminal)
    assert "Traceback" not in shown.decode()
    return process.returncode, shown.decode()


def test_a_terminal_shows_a_bar(place):
    code, shown = on_a_terminal(classes.PROGRAM, "--class", str(place), *classes.ANYWHERE, "--out", "bar")
    assert code == 1
    assert "5/5" in shown and "2 pass  3 fail" in shown


SLOW = """
import time
from convlens.checker import check as true_check
from convlens.checker.verdict import Report
import convlens.cli

def check(submission, options, begins):
    for name in submission.files:
        begins(name)
        time.sleep(0.3)
    return Report(submission.name, "landlock", {})

true_check.check = check
convlens.cli.main()
"""


def test_a_terminal_shows_which_file_is_checked(tmp_path):
    classes.make(tmp_path, ann="pass")
    _, shown = on_a_terminal(SLOW, str(tmp_path / "ann"), "--tasks", "0,3")
    assert f"checking {TASKS[0]} …" in shown and f"checking {TASKS[3]} …" in shown


@pytest.mark.smoke
def test_each_file_is_announced_before_it_is_checked(right):
    begun: list[str] = []
    options = Options(tasks=(0, 1), tier=next(tier for tier, why in available().items() if not why))
    true_check.check(read(right, options.tasks), options, begun.append)
    assert begun == [TASKS[0], TASKS[1], TASKS[0], TASKS[1]]  # first the form of all files, then their code


def test_without_tensorflow_the_rest_is_checked(monkeypatch):
    def plan(tier, packages, *more):
        if "tensorflow" in packages:
            raise ModuleNotFoundError("checking this needs tensorflow; it is not installed", name="tensorflow")
        return true_plan(tier, packages, *more)

    true_plan = launch.plan
    monkeypatch.setattr(launch, "plan", plan)
    done = small.run("check", COURSEWORK, "--tasks", "0,4")
    assert done.code == 1 and f"✓ {TASKS[0]}" in done.out, done
    assert "needs tensorflow; it is not installed: pip install 'convlens[keras]'" in " ".join(done.out.split())
