import contextlib
import json
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from tests.support.checker.in_sandbox import call, course_file, needs_linux

import convlens
from convlens.checker.guest import Ending, GuestError
from convlens.checker.sandbox import sandbox as sandboxes
from convlens.checker.sandbox import tiers
from convlens.checker.sandbox.sandbox import Sandbox
from convlens.checker.sandbox.tiers import TIERS, available, choose

if sys.platform == "linux":
    from convlens.checker.sandbox.guest_side import processes

# A program that is killed while its guest runs
PARENT = """
import sys
from convlens.checker.sandbox.sandbox import Sandbox
with Sandbox(sys.argv[1]) as sandbox:
    source = b"import time" + bytes([10]) + b"def f():" + bytes([10]) + b"    time.sleep(60)"
    with sandbox.guest("course_file", source, {"file": "f.py", "function": "f"}) as guest:
        guest.ask({"do": "load"})
        print("runs", flush=True)
        guest.ask({"do": "call", "arguments": []}, seconds=60)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder in which sandboxes create their folders. It contains nothing else."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def start(sandbox, job="echo"):
    """Start a guest and end it."""
    with sandbox.guest(job, b""):
        pass


def test_a_guest_has_the_file_and_its_options_and_answers(tier):
    given = [np.arange(6, dtype=np.float32).reshape(2, 3), np.array([True]), np.zeros((0, 4), np.int8)]
    with Sandbox(tier) as sandbox, sandbox.guest("echo", b"\x00the file\xff", {"name": "é"}) as guest:
        answer, (source,) = guest.ask({"source": True})
        assert (answer, source.tobytes()) == ({"options": {"name": "é"}}, b"\x00the file\xff")
        for _ in range(2):
            answer, arrays = guest.ask({"a": [1, None]}, given)
            assert answer == {"a": [1, None]}
            for array, one in zip(arrays, given, strict=True):
                assert array.dtype == one.dtype
                np.testing.assert_array_equal(array, one)


def test_large_arrays_go_both_ways(tier):
    large = np.random.default_rng(0).normal(size=(2**20, 3))
    with Sandbox(tier) as sandbox, sandbox.guest("echo", b"") as guest:
        np.testing.assert_array_equal(guest.ask({}, [large], seconds=60)[1][0], large)


def test_a_request_that_cannot_be_sent_is_a_value_error(tier):
    with Sandbox(tier) as sandbox, sandbox.guest("echo", b"") as guest:
        with pytest.raises(ValueError, match="numbers or booleans; got dtype object"):
            guest.ask({}, [np.array([None])])
        with pytest.raises(ValueError, match="at most 67,108,864 bytes"):
            guest.ask({}, [np.broadcast_to(0.0, (10**9,))])
        assert guest.ask({"still": "there"}) == ({"still": "there"}, [])


def test_an_exception_is_reported_with_its_line(tier):
    with Sandbox(tier) as sandbox:
        answer, _ = call(sandbox, "def f():\n    g()\n\n\ndef g():\n    raise KeyError('k')\n")
        assert answer == {"raised": {"type": "KeyError", "message": "'k'", "line": 6}}
        answer, _ = call(sandbox, "import json\ndef f():\n    json.loads('no')\n")
        assert (answer["raised"]["type"], answer["raised"]["line"]) == ("JSONDecodeError", 3)
        with sandbox.guest("course_file", b"x = 1\nx = = 2\n", {"file": "a.py", "function": "f"}) as guest:
            raised = guest.ask({"do": "load"})[0]["raised"]
            assert (raised["type"], raised["line"]) == ("SyntaxError", 2)
        with sandbox.guest("course_file", b"", {}) as guest:  # the job raises before the first request
            assert guest.ask({"do": "load"})[0]["raised"] == {"type": "KeyError", "message": "'file'", "line": None}


@pytest.mark.parametrize(
    ("line", "ending", "reason"),
    [
        ("time.sleep(60)", Ending.TIMED_OUT, r"^gave no answer for 3 s and was stopped$"),
        ("while True: pass", Ending.TIMED_OUT, r"^ran for more than 0\.5 s and was stopped$"),
        ("os._exit(3)", Ending.EXITED, r"^ended its process \(exit code 3\)$"),
        ("ctypes.string_at(0)", Ending.CRASHED, r"^crashed its process \(signal 11, Segmentation fault\)$"),
        ("os.abort()", Ending.CRASHED, r"^crashed its process \(signal 6, Aborted\)$"),
        ("os.kill(os.getpid(), 9)", Ending.KILLED, "^was killed by the system, because it used too much memory or"),
        ("os.closerange(3, 99); time.sleep(60)", Ending.DISCONNECTED, "^closed its connection without an answer$"),
        ("return numpy.zeros(2**24)", Ending.TOO_LARGE, "^sent an answer of 134,217,728 bytes; the limit"),
        ("os.write(3, b'no answer' * 9)", Ending.NO_MESSAGE, "^sent something that is not an answer$"),
    ],
)
def test_every_request_to_a_lost_guest_says_why(tier, line, ending, reason, monkeypatch):
    if ending is Ending.DISCONNECTED:  # it goes on after its connection is closed, so that the whole limit is waited
        monkeypatch.setattr(sandboxes, "_END_SECONDS", 0.5)
    text = f"import ctypes, os, time\nimport numpy\ndef f():\n    {line}\n"
    with Sandbox(tier) as sandbox, course_file(sandbox, text) as guest:
        for _ in range(2):
            with pytest.raises(GuestError, match=reason) as error:
                guest.ask({"do": "call", "arguments": []}, seconds=0.5 if ending is Ending.TIMED_OUT else None)
            assert error.value.ending is ending


def test_a_stopped_guest_does_not_answer(tier):
    with Sandbox(tier) as sandbox:
        with sandbox.guest("echo", b"") as guest:
            pass
        with pytest.raises(GuestError, match=r"^was stopped$") as error:
            guest.ask({})
        assert error.value.ending is Ending.STOPPED


def test_processor_time_has_its_own_limit(tier):
    """The code itself sets a lower limit, so that the test does not wait."""
    limit = "import resource\ndef f():\n    resource.setrlimit(resource.RLIMIT_CPU, (1, 10))\n    while True: pass\n"
    with (
        Sandbox(tier, seconds=30) as sandbox,
        pytest.raises(GuestError, match=r"^used more than 620 s of processor") as e,
    ):
        call(sandbox, limit)
    assert e.value.ending is Ending.PROCESSOR_TIME


def test_memory_has_a_limit(tier):
    with Sandbox(tier, memory=2**29) as sandbox:
        answer, _ = call(sandbox, "import numpy\ndef f():\n    return numpy.ones(2**26)\n")
        assert answer["raised"]["type"] in ("MemoryError", "_ArrayMemoryError")
        _, (found,) = call(sandbox, "import numpy\ndef f():\n    return numpy.ones(2**20)\n")
        assert found.sum() == 2**20


def test_there_is_one_guest_at_a_time(tier):
    with Sandbox(tier) as sandbox:
        with sandbox.guest("echo", b""), pytest.raises(RuntimeError, match="one guest at a time"):
            start(sandbox)
        with sandbox.guest("echo", b"") as guest:
            assert guest.ask({"again": 1})[0] == {"again": 1}


def test_a_missing_job_or_package_is_reported(tier, folder):
    with Sandbox(tier) as sandbox, pytest.raises(OSError, match="does not start no_such_job: ModuleNotFoundError"):
        start(sandbox, "no_such_job")
    with Sandbox(tier, ("no_such_package",)) as sandbox, pytest.raises(ModuleNotFoundError) as error:
        start(sandbox)
    assert str(error.value) == "checking this needs no_such_package; it is not installed"
    assert not list(folder.iterdir())


def test_code_has_a_clean_environment_and_its_own_folder(tier, monkeypatch):
    monkeypatch.setenv("CONVLENS_TEST_SECRET", "secret")
    text = """
import json, os
def f():
    with open(os.path.join(os.environ["TMPDIR"], "file"), "w") as file:
        file.write("x")
    raise ValueError(json.dumps([dict(os.environ), os.getcwd(), os.listdir(".")]))
"""
    with Sandbox(tier) as sandbox:
        answer, _ = call(sandbox, text)
    environment, folder, files = json.loads(answer["raised"]["message"])
    assert environment["HOME"] == environment["TMPDIR"] == folder != str(Path.home())
    assert files == ["file"]
    assert environment["OPENBLAS_NUM_THREADS"] == environment["OMP_NUM_THREADS"] == "1"
    assert not {"CONVLENS_TEST_SECRET", "PYTHONPATH", "VIRTUAL_ENV"} & set(environment)
    assert not Path(folder).exists()


@pytest.mark.parametrize("packages", [("numpy",), ("PIL",)])
def test_neither_convlens_nor_other_packages_can_be_imported(tier, packages):
    text = """
import importlib, sys
def f():
    found = []
    for name in ("numpy", "PIL", "convlens", "pip"):
        try:
            found.append(importlib.import_module(name).__name__)
        except ImportError:
            pass
    raise ValueError(" ".join(found))
"""
    with Sandbox(tier, packages) as sandbox:
        answer, _ = call(sandbox, text)
    others = " PIL pip" if packages == ("PIL",) and (Path(sysconfig.get_path("purelib")) / "pip").exists() else ""
    assert answer["raised"]["message"].split() == f"numpy{others or (' PIL' if 'PIL' in packages else '')}".split()


@pytest.mark.parametrize("packages", [("numpy",), ("PIL",)])
def test_convlens_cannot_be_read_in_a_tier_that_isolates_files(tier, packages):
    if tier == "rlimits":
        assert any("read every file" in sentence for sentence in tiers.CANNOT_STOP[tier])
        return
    package = Path(convlens.__file__).parent
    course = package.parent.parent / "0x07-cnn"
    installed = [one for one in Path(sysconfig.get_path("purelib")).glob("*convlens*") if one.is_dir()]
    files = [*package.rglob("*.py"), *course.glob("*.py")]
    files += [one for place in installed for one in place.rglob("*") if one.is_file()]
    kept = [str(file) for file in files if "guest_side" not in file.parts]
    assert len(kept) > 50
    text = f"""
import numpy
def f():
    read = 0
    for path in {kept!r}:
        try:
            with open(path, "rb") as file:
                read += 1
        except OSError:
            pass
    return numpy.array([read])
"""
    with Sandbox(tier, packages) as sandbox:
        assert call(sandbox, text)[1][0].tolist() == [0]


def test_the_same_code_has_the_same_hashes_each_time(tier):
    text = "import numpy\ndef f():\n    return numpy.array([hash('a set of names has an order')])\n"
    found = []
    for _ in range(2):
        with Sandbox(tier) as sandbox:
            found.append(call(sandbox, text)[1][0].tolist())
    assert found[0] == found[1]


def test_a_lost_host_is_replaced(tier, folder):
    with Sandbox(tier) as sandbox:
        assert call(sandbox, "def f():\n    return 1\n")[0] == {"result": {"number": 1.0}}
        for _ in range(2):
            for process in processes.descendants(os.getpid()):
                with contextlib.suppress(OSError):  # some processes end with the first one
                    if b"CONVLENS_SANDBOX" in Path(f"/proc/{process.pid}/environ").read_bytes():
                        processes.send(process, signal.SIGKILL)
            assert call(sandbox, "def f():\n    return 1\n")[0] == {"result": {"number": 1.0}}
            assert len(list(folder.iterdir())) == (tier != "bubblewrap")
    assert not list(folder.iterdir())


def test_a_sandbox_that_begins_early_works_and_ends(tier, folder):
    with Sandbox(tier) as sandbox:
        sandbox.begin()
        sandbox.begin()
        assert call(sandbox, "def f():\n    return 2.0\n")[0]["result"] == {"number": 2.0}
    with Sandbox(tier) as sandbox:
        sandbox.begin()
    assert list(folder.iterdir()) == []


def test_what_fails_early_is_told_when_a_guest_is_asked_for(tier):
    with Sandbox(tier, ("no_such_package",)) as sandbox:
        sandbox.begin()
        with pytest.raises(ModuleNotFoundError, match="no_such_package"), sandbox.guest("echo", b""):
            pass


def test_nothing_is_left_after_an_error_in_the_caller(tier, folder):
    before = {process.pid for process in processes.descendants(os.getpid())}
    with pytest.raises(ZeroDivisionError), Sandbox(tier) as sandbox, course_file(sandbox, "def f(): pass\n"):
        assert {process.pid for process in processes.descendants(os.getpid())} - before
        raise ZeroDivisionError
    assert {process.pid for process in processes.descendants(os.getpid())} == before
    assert not list(folder.iterdir())


def test_nothing_is_left_when_the_parent_is_killed(tier, tmp_path):
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(Path(convlens.__file__).parent.parent)}
    with subprocess.Popen([sys.executable, "-c", PARENT, tier], stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"runs\n"
        family = processes.descendants(parent.pid)
        assert len(family) >= 2  # the host and the guest
        parent.kill()
    until = time.monotonic() + 30
    while any(processes.find(one.pid) == one for one in family) and time.monotonic() < until:
        time.sleep(0.01)
    assert not [one for one in family if processes.find(one.pid) == one]
    assert not list(tmp_path.iterdir())


@needs_linux
@pytest.mark.frameworks
def test_tensorflow_works_with_threads_in_the_strictest_sandbox():
    pytest.importorskip("tensorflow")
    if available()["landlock"]:
        pytest.skip(f"this machine does not offer the tier landlock: {available()['landlock']}")
    text = """
import importlib
tf = importlib.import_module("tensorflow")
def f():
    return tf.matmul(tf.constant([[1.0, 2.0]]), tf.constant([[3.0], [4.0]])).numpy()
"""
    with Sandbox("landlock", ("tensorflow",), seconds=60, memory=8 * 2**30) as sandbox:
        for _ in range(2):
            assert call(sandbox, text)[1][0].tolist() == [[11.0]]


@needs_linux
def test_the_best_working_tier_is_chosen_unless_one_is_named():
    usable = [name for name, problem in available().items() if not problem]
    assert list(available()) == list(TIERS)
    assert choose(None) == usable[0]
    assert [choose(name) for name in usable] == usable


def test_a_tier_that_does_not_work_is_refused_with_the_reason(monkeypatch):
    problems = {"bubblewrap": "there is no bwrap", "landlock": "", "rlimits": ""}
    monkeypatch.setattr(tiers, "_try", problems.get)
    assert choose(None) == "landlock"
    with pytest.raises(ValueError, match="must be one that works here; bubblewrap does not: there is no bwrap"):
        choose("bubblewrap")
    with pytest.raises(ValueError, match="must be one of bubblewrap, landlock, rlimits; got 'docker'"):
        choose("docker")
    monkeypatch.setattr(tiers, "_try", lambda tier: f"no {tier}")
    with pytest.raises(ValueError, match="no tier of the sandbox works here: no bubblewrap; no landlock; no rlimits"):
        choose(None)


@needs_linux
def test_a_missing_or_failing_program_is_reported(monkeypatch, tmp_path, folder):
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    with (
        Sandbox("bubblewrap") as sandbox,
        pytest.raises(OSError, match="needs the program bwrap, which is not installed"),
    ):
        start(sandbox)
    fails = tmp_path / "bwrap"
    fails.write_text("#!/bin/sh\necho 'bwrap: no leave to do that' >&2\nexit 1\n")
    fails.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with Sandbox("bubblewrap") as sandbox, pytest.raises(OSError, match="does not start here: bwrap: no leave to"):
        start(sandbox)
    assert [path.name for path in folder.iterdir()] == ["bwrap"]


def test_other_systems_get_an_error(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(OSError, match="checking submitted code needs Linux; this is darwin"):
        Sandbox("rlimits")
