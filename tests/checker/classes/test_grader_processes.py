"""classes.grader_processes: processes that grade, die or hang, and their messages."""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.support.checker import classes

from convlens.checker.classes import grader_processes, grader_program
from convlens.checker.classes.grader_processes import GraderPool, GraderProcess
from convlens.checker.classes.grader_program import CHECKER
from convlens.checker.classes.messages import Trouble, pack, read_answer, unpack
from convlens.checker.classes.tier_policy import refuse_weak, safe_tier
from convlens.checker.options import Options
from convlens.checker.sandbox.tiers import TIERS
from convlens.checker.submission import File, Submission

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux")
OPTIONS = Options(tasks=(0,), tier="rlimits")


def submission(words, name="a"):
    return Submission(name, {classes.FILE: File(words.encode())})


@pytest.fixture
def log(tmp_path, monkeypatch):
    """A file in which `fake_check`, which replaces the real check, records its calls."""
    path = tmp_path / "log"
    classes.fake(monkeypatch, path)
    return path


@pytest.fixture
def grader(log):
    one = GraderProcess()
    yield one
    one.close()


def grade(grader, words, name="a"):
    return grader.grade(submission(words, name), OPTIONS, unsafe=True)


EARLIER: set[int] = set()  # children of the test process from before a test: a browser, a resource tracker


@pytest.fixture(autouse=True)
def earlier():
    EARLIER.clear()
    EARLIER.update(living(os.getpid()))


def living(parent_id):
    """Return the processes whose parent is this process, without those from before the test."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            if int(parent) == parent_id and state not in "ZX":
                found.append(int(path.parent.name))
    return [pid for pid in found if pid not in EARLIER]


@pytest.mark.smoke
def test_a_request_survives_the_message():
    files = {
        "a": File(b"\0\xff\n", runs=True),
        "b": File(None, problem="the file is missing", missing=True),
        "c": File(b""),
    }
    given = Submission("new\nline \udcff", files), Options((0, 3), "landlock", 7, 2.5, True), False
    line = pack(*given)
    assert line.count(b"\n") == 1 and line.endswith(b"\n")
    assert unpack(line) == given
    assert unpack(line)[0].digest() == given[0].digest()


@pytest.mark.smoke
def test_an_answer_without_a_report_is_trouble():
    for text in ("", "{}", "[]", "null", '{"report": {}}', '{"report": 1}', b"\xff", "{"):
        with pytest.raises(Trouble, match="sent no report"):
            read_answer(text)
    with pytest.raises(Trouble, match=r"^why$"):
        read_answer('{"trouble": "why"}')


@pytest.mark.smoke
def test_the_default_check_exists():
    module, _, name = CHECKER.partition(":")
    assert callable(getattr(__import__(module, fromlist=[name]), name))


def test_one_process_grades_one_after_another(grader):
    assert grade(grader, "pass", "first").status == "pass"
    number = grader._process.pid
    report = grade(grader, "fail the hint", "second")
    assert (report.name, report.status, report.tier) == ("second", "fail", "fake")
    assert grader._process.pid == number
    grader.close()
    assert not living(os.getpid())


def test_a_process_that_dies_is_restarted(grader, log):
    assert grade(grader, "die once").status == "pass"
    assert log.read_text().count("\n") == 2


def test_a_second_death_is_trouble_and_the_next_submission_is_graded(grader, log):
    with pytest.raises(Trouble, match=r"^the grading process ended \(exit code 3\)$"):
        grade(grader, "die")
    assert log.read_text().count("\n") == 2
    assert grade(grader, "pass").status == "pass"


def test_an_exception_is_trouble_with_its_name(grader):
    with pytest.raises(Trouble, match=r"^RuntimeError: no luck$"):
        grade(grader, "raise no luck")
    assert grade(grader, "pass").status == "pass"


def test_a_check_that_cannot_be_imported_is_trouble(log):
    grader = GraderProcess("no_such_module:check")
    with pytest.raises(Trouble, match="ModuleNotFoundError: No module named 'no_such_module'"):
        grade(grader, "pass")
    grader.close()


def test_the_trouble_has_the_last_line_of_the_process(grader, monkeypatch):
    monkeypatch.setattr(grader_program, "__name__", "no_such_program")
    with pytest.raises(Trouble, match=r"ended \(exit code 1: .*No module named no_such_program\)"):
        grade(grader, "pass")


def test_a_process_that_cannot_be_started_is_trouble(grader, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(Trouble, match="cannot be started: No such file"):
        grade(grader, "pass")


def test_a_submission_that_takes_too_long_is_not_tried_again(grader, log, monkeypatch):
    monkeypatch.setattr(grader_processes, "_PATIENCE", 0)
    options = Options(tasks=(0,), tier="rlimits", seconds=0.01)
    with pytest.raises(Trouble, match=r"grading took more than 0.6 s in all and was stopped"):
        grader.grade(submission("sleep 30"), options, unsafe=True)
    assert not living(os.getpid())


def test_the_process_itself_refuses_a_weak_sandbox(grader):
    with pytest.raises(Trouble, match="ValueError: a class must be graded in a safe sandbox"):
        grader.grade(submission("pass"), OPTIONS, unsafe=False)


@pytest.mark.smoke
def test_only_safe_tiers_are_accepted(monkeypatch):
    monkeypatch.setattr("convlens.checker.sandbox.tiers.choose", lambda asked: asked or "rlimits")
    assert safe_tier("landlock") == "landlock"
    assert safe_tier(None, unsafe=True) == "rlimits"
    with pytest.raises(ValueError, match="this is rlimits, which does not protect your files"):
        safe_tier(None)
    with pytest.raises(ValueError, match=f"must be one of {', '.join(TIERS)}; got 'jail'"):
        refuse_weak("jail", unsafe=True)


def test_no_module_is_imported_from_the_current_folder(grader, tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit('this is not the library')")
    monkeypatch.chdir(tmp_path)
    assert grade(grader, "pass").status == "pass"


def test_several_processes_grade_at_the_same_time(log):
    with GraderPool(2, unsafe=True) as pool:
        assert pool.width == 4
        begin = time.monotonic()
        futures = [pool.submit(submission("sleep 1", f"s{k}"), OPTIONS) for k in range(2)]
        assert [future.result().name for future in futures] == ["s0", "s1"]
        pool.watch()
        assert len(living(os.getpid())) == 2
        assert time.monotonic() >= begin + 1
    assert not living(os.getpid())


def test_leaving_the_pool_does_not_wait_for_running_checks(log):
    begin = time.monotonic()
    with GraderPool(2, unsafe=True) as pool:
        futures = [pool.submit(submission("sleep 60", f"s{k}"), OPTIONS) for k in range(5)]
        classes.until(lambda: log.exists() and log.read_text().count("\n") == 2)
    assert all(future.done() for future in futures)
    assert not living(os.getpid())
    assert time.monotonic() - begin < 50


@pytest.mark.parametrize("words", ["pass", "sleep 60"])
def test_a_process_ends_with_its_parent(tmp_path, words):
    """A killed parent sends no message, so the process must end when the pipe closes."""
    command, pipe = (
        [sys.executable, "-P", "-m", "convlens.checker.classes.grader_program", classes.CHECK],
        subprocess.PIPE,
    )
    log = tmp_path / "log"
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=classes.environment(log)) as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        process.stdin.write(pack(submission(words), OPTIONS, True))
        process.stdin.flush()
        if words == "pass":
            assert json.loads(process.stdout.readline())["report"]["status"] == "pass"
        classes.until(lambda: log.exists() or process.poll() is not None)
        process.stdin.close()
        assert process.wait(30) == 0
        assert process.stdout.read() == process.stderr.read() == b""


def test_other_output_is_not_an_answer(tmp_path, monkeypatch):
    (tmp_path / "loud.py").write_text(
        "import os\nfrom contextlib import nullcontext\nfrom fake_check import check as other\n"
        "def check(submission, options):\n    print('{}')\n    os.write(1, b'{}\\n')\n"
        "    return other(submission, options)\n"
        "def checker():\n    return nullcontext(check)\n"
    )
    classes.fake(monkeypatch)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ['PYTHONPATH']}")
    one = GraderProcess("loud:checker")
    assert grade(one, "pass").status == "pass"
    one.close()
