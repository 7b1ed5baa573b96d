"""classes.grading and a class run as a process: each submission gets exactly one result, even after a kill."""

import os
import random
import signal
import sys
from concurrent.futures import Future

import pytest
from tests.support.checker import classes, fake_check

from convlens.checker import hand_ins
from convlens.checker.classes.grading import grade
from convlens.checker.classes.messages import Trouble
from convlens.checker.classes.results import open_results
from convlens.checker.classes.roster import Student, roster
from convlens.checker.options import Options
from convlens.checker.verdict import UNKNOWN

OPTIONS = Options(tasks=(0,), tier="landlock")
SETTINGS = {"tier": "landlock", "tasks": (0,), "seed": 1}


class Backend:
    """A backend that grades in this process, at once, or if it is patient only when it is full or watched."""

    width = 3

    def __init__(self, patient=False):
        self.asked, self.waiting, self.patient = [], [], patient

    def submit(self, submission, options):
        self.asked.append(submission.name)
        future: Future[object] = Future()
        self.waiting.append((future, submission, options))
        if not self.patient or len(self.waiting) == self.width:
            self.go_on()
        return future

    def watch(self):
        self.go_on()

    def go_on(self):
        for future, given, options in self.waiting[::-1]:  # not in the order of submission
            try:
                future.set_result(fake_check.check(given, options))
            except RuntimeError as error:
                future.set_exception(Trouble(str(error)))
        self.waiting.clear()


def run(place, out, backend=None, again=False):
    """Return (how, status) by name, and the names that the backend had to grade."""
    backend = backend or Backend()
    with open_results(out, SETTINGS, again) as results:
        found = {
            done.entry.name: (done.how, done.entry.report.status) for done in grade(place, OPTIONS, backend, results)
        }
        assert found.keys() == {student.name for student in place}
        assert all(results.entries[name].report.name == name for name in found)
    return found, backend.asked


# Results -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def out(tmp_path):
    return tmp_path / "results.jsonl"


@pytest.fixture
def place(tmp_path):
    words = {"a": "pass", "b": "fail one", "c": "fail two", "d": "pass all", "e": "raise bad luck", "f": None}
    return classes.make(tmp_path / "class", **words)


@pytest.mark.smoke
def test_nothing_is_done_twice_and_nothing_lost(place, out):
    found, asked = run(roster(place), out)
    assert found == {
        "a": ("graded", "pass"),
        "b": ("graded", "fail"),
        "c": ("graded", "fail"),
        "d": ("graded", "pass"),
        "e": ("graded", UNKNOWN),
        "f": ("graded", "fail"),
    }
    assert asked == ["a", "b", "c", "d", "e"]
    found, asked = run(roster(place), out)
    assert asked == ["e"]  # grading this one failed, so it is tried again
    assert [found[name][0] for name in "abcdef"] == ["kept"] * 4 + ["graded", "kept"]
    _, entries = classes.lines(out)
    assert [entry["name"] for entry in entries].count("e") == 2 and len(entries) == 7


@pytest.mark.smoke
def test_changed_content_is_graded_again_and_counts(place, out):
    run(roster(place), out)
    (place / "b" / classes.FILE).write_text("pass now")
    (place / "c" / classes.FILE).chmod(0o755)
    (place / "f" / classes.FILE).write_text("fail at last")
    found, asked = run(roster(place), out)
    assert asked == ["b", "c", "e", "f"]
    assert (found["b"], found["f"]) == (("graded", "pass"), ("graded", "fail"))
    found, asked = run(roster(place), out)
    assert asked == ["e"] and found["b"] == ("kept", "pass")


@pytest.mark.smoke
def test_a_new_student_is_graded(place, out):
    run(roster(place), out)
    classes.make(place, g="fail three")
    found, asked = run(roster(place), out)
    assert asked == ["e", "g"] and found["g"] == ("graded", "fail")


@pytest.mark.smoke
@pytest.mark.parametrize("patient", [False, True], ids=["one after the other", "at the same time"])
def test_equal_content_is_graded_once(tmp_path, out, patient):
    place = classes.make(tmp_path / "class", a="fail x", b="fail x", c="pass", d="fail x", e="raise no", f="raise no")
    found, asked = run(roster(place), out, Backend(patient))
    # A report on failed grading is not used for another student
    assert asked in (["a", "c", "e"], ["a", "c", "e", "f"])
    assert [found[name] for name in "abcd"] == [
        ("graded", "fail"),
        ("cached", "fail"),
        ("graded", "pass"),
        ("cached", "fail"),
    ]
    assert found["e"][1] == found["f"][1] == UNKNOWN
    _, entries = classes.lines(out)
    assert {entry["name"]: entry["report"]["name"] for entry in entries} == {name: name for name in "abcdef"}
    assert run(roster(place), out)[1] in (["e"], ["e", "f"])


@pytest.mark.smoke
def test_an_unreadable_submission_has_a_result(tmp_path, out, monkeypatch):
    place = classes.make(tmp_path / "class", empty=None, good="pass", locked="pass", large="pass", link="pass")
    with (place / "large" / classes.FILE).open("r+b") as file:
        file.truncate(2**30)
    (place / "link" / classes.FILE).unlink()
    (place / "link" / classes.FILE).symlink_to("/etc/passwd")
    read, true, seen = hand_ins.read, fake_check.check, {}

    def locked(folder, *arguments):
        if folder.name == "locked":
            raise PermissionError(13, "Permission denied", str(folder))
        return read(folder, *arguments)

    monkeypatch.setattr("convlens.checker.classes.grading.read", locked)
    monkeypatch.setattr(
        fake_check, "check", lambda given, options: seen.update({given.name: given}) or true(given, options)
    )
    students = [*roster(place), Student("gone", place / "none"), Student("unnamed", None), Student("nul", place / "\0")]
    run(students, out)
    assert seen["large"].files[classes.FILE].problem.startswith("the file has 1,073,741,824 bytes")
    assert seen["link"].files[classes.FILE].problem == "the file is a link; hand in the file itself"
    _, entries = classes.lines(out)
    said = {entry["name"]: entry["report"]["files"][classes.FILE]["checks"][0]["message"] for entry in entries}
    assert said["empty"] == "nothing is handed in: the folder is empty"
    assert said["locked"] == f"{str(place / 'locked')!r}: Permission denied"
    assert said["gone"].startswith("a submission must be a folder, an archive or a notebook; there is no ")
    assert said["unnamed"] == "nothing is handed in: no path is given"
    assert "there is no '" in said["nul"]
    status = {entry["name"]: entry["report"]["status"] for entry in entries}
    assert (status["empty"], status["unnamed"]) == ("fail", "fail")  # nothing was submitted
    # These submissions cannot be read
    assert (status["locked"], status["gone"], status["nul"]) == (UNKNOWN, UNKNOWN, UNKNOWN)
    assert run(students, out)[1] == []


@pytest.mark.smoke
def test_a_lost_backend_ends_the_run_and_results_stay(place, out):
    backend = Backend(patient=True)
    backend.width = 1

    def watch():
        if len(backend.asked) == 3:
            raise ConnectionError("nobody is left")
        backend.go_on()

    backend.watch = watch  # type: ignore[method-assign]  # on purpose
    with pytest.raises(ConnectionError, match="nobody is left"):
        run(roster(place), out, backend)
    assert [entry["name"] for entry in classes.lines(out)[1]] == ["a", "b"]
    assert run(roster(place), out)[1] == ["c", "d", "e"]


# Kills and signals ---------------------------------------------------------------------------------------------------

posix = pytest.mark.skipif(sys.platform == "win32", reason="the signals are POSIX")


def many(folder, number=30):
    return classes.make(folder, **{f"s{k:02d}": f"sleep {0.04 + k / 10_000}" for k in range(number)})


@posix
def test_killed_at_random_moments_and_resumed(tmp_path):
    place, out, log = many(tmp_path / "class"), tmp_path / "r.jsonl", tmp_path / "log"
    rng, started = random.Random(3), []
    for kill in range(4):
        process = classes.start(place, "--out", out, "--jobs", 2, log=log)
        if kill < 3:
            least = rng.randrange(1, 8) + classes.count(out)
            classes.until(
                lambda least=least, process=process: classes.count(out) >= least or process.poll() is not None
            )
            process.send_signal(signal.SIGKILL)
        _, stderr = process.communicate(timeout=60)
        started.append(process.returncode)
    assert started == [-signal.SIGKILL] * 3 + [0], stderr
    head, entries = classes.lines(out)
    names = [f"s{k:02d}" for k in range(30)]
    assert sorted(entry["name"] for entry in entries) == names
    assert {entry["report"]["status"] for entry in entries} == {"pass"}
    seconds = {entry["report"]["files"][classes.FILE]["seconds"] for entry in entries}
    assert seconds == {0.5 + head["seed"]}  # one seed for all runs, drawn once
    assert len(log.read_text().splitlines()) <= 30 + 3 * 2  # the two submissions in work at each kill are graded again


@posix
def test_ctrl_c_keeps_the_results(tmp_path):
    place, out = many(tmp_path / "class"), tmp_path / "r.jsonl"
    words = (place, "--out", out, "--jobs", 2)
    process = classes.start(*words, start_new_session=True)
    classes.until(lambda: classes.count(out) >= 3)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (130, "")
    assert "Traceback" not in stderr
    assert stderr.splitlines()[-1] == f"stopped; finished results are in {out}, and the same command continues"
    kept = classes.count(out)
    _, stderr = classes.start(*words).communicate(timeout=60)
    assert f"{kept} done before" in stderr
    assert sorted(entry["name"] for entry in classes.lines(out)[1]) == [f"s{k:02d}" for k in range(30)]


@posix
def test_a_second_run_is_refused_while_one_writes(tmp_path):
    place, out = classes.make(tmp_path / "class", a="sleep 60"), tmp_path / "r.jsonl"
    words = (place, "--out", out)
    with classes.start(*words) as first:
        classes.until(lambda: out.exists() and out.stat().st_size)
        _, stderr = classes.start(*words).communicate(timeout=30)
        assert stderr.splitlines()[-1].startswith("convlens: only one class run may write a file at a time")
        first.kill()
        first.communicate()
