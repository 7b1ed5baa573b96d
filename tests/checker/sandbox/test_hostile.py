import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from tests.support.checker.hostile_world import HOSTILE, SECRET, World, marked

from convlens.checker.guest import GuestError
from convlens.checker.sandbox import sandbox as sandboxes
from convlens.checker.sandbox.guest_side import processes
from convlens.checker.sandbox.sandbox import Sandbox
from convlens.checker.sandbox.tiers import CANNOT_STOP, TIERS, available

if sys.platform != "linux":
    pytest.skip("the sandbox needs Linux", allow_module_level=True)

SECONDS = 0.5
LATE = f"(ran for more than {SECONDS:g} s|gave no answer for {6 * SECONDS:g} s) and was stopped"
NO_ANSWER = "sent something that is not an answer"
DENIED = "PermissionError"
CRASH = "crashed its process .signal 11"
QUIET = r"\('<f8', \(1,\)\)"  # the array that a file returns if it reached nothing
FILES, CHANGES, NETWORK = "read every file", "change and remove every file", "use the network"
STARTS, KILLS, MEMORY = "start processes", "stop and kill every process", "more memory than one process may"


class Sample(NamedTuple):
    """The effect of a hostile file.

    sealed: a pattern for the answer or the error; rlimits: the pattern in the tier rlimits, which isolates nothing, if
    it differs; harm: what the file reaches in this tier; said: words of the sentence in CANNOT_STOP that admits it
    """

    sealed: str
    rlimits: str | None = None
    said: str = ""
    harm: tuple[str, ...] = ()


SAMPLES = {
    "at_exit": Sample(QUIET),
    "background": Sample(DENIED, QUIET, STARTS),
    "background_program": Sample(DENIED, QUIET, STARTS),
    "change_files": Sample(QUIET, QUIET, CHANGES, ("made", "content")),
    "close_all": Sample("closed its connection without an answer"),
    "deep_folders": Sample(f"{QUIET}|{LATE}"),
    "deep_json": Sample(NO_ANSWER),
    "deep_recursion": Sample(f"{CRASH}|RecursionError|MemoryError"),
    "del_tricks": Sample(LATE),
    "endless_import": Sample(LATE),
    "endless_list": Sample("RecursionError"),
    "endless_loop": Sample(LATE),
    "escape": Sample(QUIET, ".", KILLS),
    "evil_subclass": Sample(r"'<f8', \(2, 5, 4, 3\)"),
    "evil_text": Sample("^raised ValueError: \N{REPLACEMENT CHARACTER}.2J.*(pass )+"),
    "exit_at_import": Sample("^raised SystemExit: 0"),
    "exit_in_call": Sample("^raised SystemExit: 0"),
    "fill_folder": Sample(f"{QUIET}|{LATE}"),
    "flood_of_arrays": Sample("sent an answer of 1,073,741,8.. bytes; the limit is 67,108,864"),
    "flood_socket": Sample(NO_ANSWER),
    "flood_stderr": Sample(f"{QUIET}|{LATE}"),
    "flood_stdout": Sample(f"{QUIET}|{LATE}"),
    "forged_header": Sample(NO_ANSWER),
    "forged_message": Sample(NO_ANSWER),
    "forged_pickle": Sample(NO_ANSWER),
    "forged_text": Sample(QUIET),
    "fork_bomb": Sample(DENIED, LATE, STARTS),
    "half_an_answer": Sample("ended its process .exit code 7."),
    "huge_shape": Sample("sent an answer of 8,000,000,000,000 bytes; the limit is 67,108,864"),
    "interrupts": Sample("^raised Odd: .its text cannot be read: KeyboardInterrupt."),
    "kill_others": Sample(QUIET, QUIET, KILLS, ("killed",)),
    "kill_parent": Sample(DENIED, f"{QUIET}|closed its connection", KILLS),
    "leases": Sample(QUIET, "answer", CHANGES),
    "lower_limits": Sample(QUIET, QUIET, KILLS, ("lowered",)),
    "many_small_objects": Sample(LATE),
    "memory_bomb": Sample(f"MemoryError|{LATE}"),
    "network_tcp": Sample(QUIET, "", NETWORK, ("tcp",)),
    "network_udp": Sample(DENIED, "", NETWORK, ("udp",)),
    "new_program": Sample(DENIED, LATE, STARTS),
    "odd_results": Sample("generator.*none.*str.*dict.*object.*function.*NaN"),
    "orphans": Sample(DENIED, f"{LATE}|{QUIET}|closed its connection", STARTS),
    "os_exit": Sample("ended its process .exit code 0."),
    "patched_modules": Sample("ended its process .exit code|NameError|TypeError"),
    "patched_numpy": Sample(r"answer .*'<f8', \(2, 5, 4, 3\)"),
    "patched_wire": Sample("ended its process .exit code|closed its connection|no answer"),
    "pickled_objects": Sample("RecursionError|an array of object"),
    "read_folders": Sample("answer", "answer", FILES),
    "read_memory": Sample("answer"),
    "read_oracle": Sample(r"'\|u1', \(0,\)", "answer", FILES, ("leak",)),
    "read_processes": Sample("answer|PermissionError", "answer", KILLS),
    "read_submission": Sample(r"'\|u1', \(0,\)", "answer", FILES, ("leak",)),
    "segfault": Sample(CRASH),
    "shared_memory": Sample(QUIET, "answer", MEMORY),
    "sleeps": Sample(LATE),
    "steal_files": Sample(QUIET, QUIET),
    "stop_parent": Sample(DENIED, QUIET, KILLS),
    "stops_itself": Sample(LATE),
    "swallowed_timeout": Sample(LATE),
    "system_settings": Sample(f"{QUIET}|{LATE}", "answer", CHANGES),
    "thread_bomb": Sample(f"can't start new thread|{LATE}"),
    "threads_go_on": Sample(f"{QUIET}|{LATE}"),
    "trace_others": Sample(QUIET, "answer", KILLS),
    "traced": Sample("."),
    "trickle": Sample(LATE),
    "unix_sockets": Sample(DENIED, "answer", NETWORK, ("abstract", "path", "datagrams")),
    "write_beside": Sample(QUIET, QUIET),
    "write_packages": Sample(QUIET, "answer", CHANGES),
    "write_to_host": Sample(f"{DENIED}|Read-only file system"),
}


class Place(NamedTuple):
    """An open sandbox, the world outside it, and the parent of its own folder."""

    tier: str
    sandbox: Sandbox
    world: World
    folder: Path

    def family(self):
        """Return all processes of this sandbox."""
        mine = {process.pid for process in processes.descendants(os.getpid())}
        assert self.sandbox._host is not None
        return (mine | marked(self.sandbox._host.mark)) - {self.world.victim.pid}


@pytest.fixture(scope="module", params=TIERS)
def place(request, tmp_path_factory):
    """One sandbox of each tier that works on this machine, in which one file after another runs."""
    tier = request.param
    if available()[tier]:
        pytest.skip(f"this machine does not offer the tier {tier}: {available()[tier]}")
    folder, outside = tmp_path_factory.mktemp("t"), tmp_path_factory.mktemp("w")
    world = World(outside)
    before = {process.pid for process in processes.descendants(os.getpid())}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        with Sandbox(tier, seconds=SECONDS, memory=2**30) as sandbox:
            with sandbox.guest("echo", b"") as guest:
                guest.ask({})
            yield Place(tier, sandbox, world, folder)
            assert sandbox._host is not None
            mark = sandbox._host.mark
    world.close()
    after = {process.pid for process in processes.descendants(os.getpid())}
    assert not marked(mark) and not after - before, "processes survive the sandbox"
    assert not list(folder.iterdir()), "a folder survives the sandbox"


def run(sandbox, source, name, inputs):
    """Return the answer of a guest with this file, in words, and its arrays."""
    try:
        with sandbox.guest("course_file", source, {"file": f"{name}.py", "function": "conv_forward"}) as guest:
            answer, arrays = guest.ask({"do": "load"})
            if "loaded" in answer:
                request = {"do": "call", "arguments": [{"array": 0}, {"array": 1}, {"array": 2}]}
                answer, arrays = guest.ask(request, inputs)
    except GuestError as error:
        return str(error), []
    if "raised" in answer:
        return f"raised {answer['raised']['type']}: {answer['raised']['message']}", arrays
    return f"answer {json.dumps(answer)} {[(array.dtype.str, array.shape) for array in arrays]}", arrays


def leaks(world, text, arrays):
    """Return whether the answer contains something that the sandbox must hide."""
    said = text.encode() + b"".join(array.tobytes() for array in arrays)
    kept = [SECRET.encode(), *(path.read_bytes()[:200] for path in world.oracle if path.exists())]
    return any(secret in said for secret in kept)


def test_there_are_enough_hostile_files_and_each_is_known():
    assert {path.stem for path in HOSTILE.glob("*.py")} == set(SAMPLES)
    assert len(SAMPLES) >= 60


@pytest.mark.parametrize("name", SAMPLES)
def test_a_hostile_file_reaches_nothing_and_leaves_nothing(place, name, capfd, monkeypatch):
    if name == "close_all":  # it goes on after its connection is closed, so that the whole limit is waited
        monkeypatch.setattr(sandboxes, "_END_SECONDS", 0.5)
    tier, sandbox, world = place.tier, place.sandbox, place.world
    sample = SAMPLES[name]
    world.restore()
    rng = np.random.default_rng()
    inputs = [rng.normal(size=(2, 5, 4, 3)), rng.normal(size=(1, 1, 3, 3)), rng.normal(size=(1, 1, 1, 3))]
    right = inputs[0] @ inputs[1][0, 0] + inputs[2]
    before = len(place.family())
    start = time.monotonic()
    text, arrays = run(sandbox, world.source(name), name, inputs)
    took = time.monotonic() - start

    sealed = tier != "rlimits"
    assert re.search(sample.sealed if sealed or sample.rlimits is None else sample.rlimits, text, re.DOTALL), text
    assert took < 60, "bounded: the files that go on do so for a minute"
    assert not any(array.shape == right.shape and np.allclose(array, right) for array in arrays), "a forged pass"
    reached = [*world.harm(), *(["leak"] if leaks(world, text, arrays) else [])]
    claims = any(666.0 in array.reshape(-1)[:1] for array in arrays)
    if sealed:
        assert not reached and not claims
    else:
        assert set(sample.harm) <= set(reached)
        assert not (reached or claims) or sample.said
        assert not sample.said or any(sample.said in sentence for sentence in CANNOT_STOP[tier])
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]", text)
    assert capfd.readouterr() == ("", "")

    with sandbox.guest("echo", b"") as guest:
        assert guest.ask({"next": name})[0] == {"next": name}, "the next file is served"
    assert len(place.family()) == before, "no process is left behind"
    assert not [*place.folder.glob("*/guests/*")], "no file is left behind"
    assert len([*place.folder.iterdir()]) == (tier != "bubblewrap")


def test_no_file_reads_the_memory_of_an_earlier_file(place):
    word = os.urandom(16).hex()
    source = f"text = 'the file before said {word}'\nkept = [text + str(i) for i in range(1000)]\n"
    text, _ = run(place.sandbox, source.encode() + b"def conv_forward(*_): pass\n", "before", [np.zeros(1)] * 3)
    assert text.startswith("answer")
    text, (found,) = run(place.sandbox, place.world.source("read_memory"), "read_memory", [np.zeros(1)] * 3)
    assert found.size, "it finds its own word for it, at least"
    assert word.encode() not in found.tobytes()


def test_no_file_reads_the_files_of_an_earlier_file(place):
    leave = b"def conv_forward(*_):\n    open('left', 'w').write('x')\n"
    look = b"import os, numpy\ndef conv_forward(*_):\n    return numpy.zeros(len(os.listdir('.')))\n"
    text, _ = run(place.sandbox, leave, "leave", [np.zeros(1)] * 3)
    assert text.startswith("answer")
    beside = leave.replace(b"'left'", b"'../left'")  # with bubblewrap, this is in its own /tmp
    run(place.sandbox, beside, "beside", [np.zeros(1)] * 3)
    _, found = run(place.sandbox, look.replace(b"'.'", b"'..'"), "look", [np.zeros(1)] * 3)
    assert not found or found[0].shape == (1,), "only its own folder is there"
    text, (found,) = run(place.sandbox, look, "look", [np.zeros(1)] * 3)
    assert found.shape == (0,)


def test_a_forged_answer_is_compared_like_any_other(place):
    """Bytes that the code writes to the socket count as a result, which the parent compares like any other."""
    text, _ = run(place.sandbox, place.world.source("forged_message"), "forged_message", [np.zeros(1)] * 3)
    assert text == NO_ANSWER
    with place.sandbox.guest(
        "course_file", place.world.source("forged_message"), {"file": "a", "function": "f"}
    ) as one:
        with pytest.raises(GuestError, match=NO_ANSWER):
            one.ask({"do": "load"})
        with pytest.raises(GuestError, match=NO_ANSWER):
            one.ask({"do": "load"})


@pytest.mark.parametrize("way", ["the packages' files", "the size of a file"])
def test_a_tier_really_cannot_stop_what_it_admits(place, way):
    read = "len(open(numpy.__file__, 'rb').read())"
    size = f"os.stat({str(place.world.secret)!r}).st_size"
    source = f"import os, numpy\ndef conv_forward(*_):\n    return numpy.array([{size if 'size' in way else read}])\n"
    text, arrays = run(place.sandbox, source.encode(), "look", [np.zeros(1)] * 3)
    said = " ".join(CANNOT_STOP[place.tier])
    owned_up = "which files exist" if "size" in way else "can read Python"
    assert bool(arrays) == (owned_up in said or "read every file" in said), text
    if arrays and "size" in way:
        assert arrays[0].tolist() == [len(SECRET)]


def test_every_tier_says_what_it_cannot_stop():
    assert tuple(CANNOT_STOP) == TIERS
    for sentences in CANNOT_STOP.values():
        assert sentences and all(sentence.endswith(".") for sentence in sentences)
    said = " ".join(CANNOT_STOP["rlimits"])
    for phrase in {sample.said for sample in SAMPLES.values()}:
        assert phrase in said
