"""`convlens train --hosts` on a folder of pictures, which the hosts decode together, also when one fails or is lost."""

import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tests.support.host_processes import Pair, free_hosts, one_sentence, starting

from convlens.data import load
from convlens.training import Run

Image = pytest.importorskip("PIL.Image")

pytestmark = [
    pytest.mark.frameworks,
    pytest.mark.skipif(sys.platform == "win32", reason="the signals are POSIX"),
]
NET = """
from convlens.nn import Conv2D, Dense, Flatten, Sequential

def net(input_shape, classes, seed):
    return Sequential([Conv2D(2, 3, strides=2), Flatten(), Dense(classes, activation="softmax")], input_shape)
"""
JOINING = "joining 2 hosts, which decode the pictures together"


@pytest.fixture
def start(tmp_path, monkeypatch):
    pytest.importorskip("jax")
    monkeypatch.setenv("CONVLENS_DATA", str(tmp_path / "cache"))
    with starting(tmp_path) as begin:
        yield begin


def fill(folder, count=6):
    for k, name in enumerate(("cat", "dog")):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = np.random.default_rng(100 * k + number).integers(0, 256, (12, 9, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


def two(start, monkeypatch, folder, following, *more):
    """Start two hosts, each with a cache of its own."""
    (folder.parent / "own.py").write_text(NET)
    hosts = ("--hosts", free_hosts())
    model = ("--trainer", "keras", "--model", "own.py:net", "--engine", "numpy", "--batch-size", 4, "--epochs", 1)
    leader = start("leader", *model, "--data", folder, "--out", "run", *hosts, "--rank", 0, *more)
    monkeypatch.setenv("CONVLENS_DATA", str(folder.parent / "second"))
    return Pair(leader, start("follower", "--data", following, *hosts, "--rank", 1))


def joining(process):
    """Wait until the leader joins the others, and a moment more for the others."""
    end = time.monotonic() + 60
    while JOINING not in process.err:
        assert time.monotonic() < end, process.err
        time.sleep(0.02)


def test_two_hosts_have_the_run_of_one_and_one_goes_on(start, monkeypatch, tmp_path):
    folder = fill(tmp_path / "pictures")
    (folder / "cat" / "broken.jpg").write_bytes(b"none")
    shutil.copytree(folder, tmp_path / "same")
    both = two(start, monkeypatch, folder, "same", "--skip-broken")
    codes, err = both.wait()
    assert codes == (0, 0), err
    assert both.leader.err.startswith(f"{JOINING}\n"), err
    assert "note: broken and left out (1 of 13 pictures): cat/broken.jpg is no picture" in both.leader.err
    alone = load(folder, skip_broken=True)
    run = Run.open(tmp_path / "run")
    assert run.data_sha256 == alone.fingerprint
    one, other = ((tmp_path / name / "pictures").glob("*.pixels") for name in ("cache", "second"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]
    again = start("again", "--resume", "--run", "run", "--epochs", 2)
    assert again.wait() == 0, again.err
    assert len(Run.open(tmp_path / "run").epochs) == 2


@pytest.mark.parametrize("case", ["other pictures", "a broken picture", "no such folder", "a network that fails"])
def test_an_error_is_told_by_all_hosts_and_there_is_no_run(start, monkeypatch, tmp_path, case):
    folder, other = fill(tmp_path / "pictures"), tmp_path / "other"
    if case == "other pictures":
        fill(other, 5)
        said = "the data must be the leader's, sha256 "
    elif case == "a broken picture":
        (folder / "dog" / "3.png").write_bytes((folder / "dog" / "3.png").read_bytes()[:-40])
        shutil.copytree(folder, other)
        said = f"{folder} has broken pictures (1 of 12); --skip-broken leaves them out: dog/3.png is cut off or damaged"
    elif case == "no such folder":
        said = "there is no 'nowhere'"
        other = Path("nowhere")
    else:
        shutil.copytree(folder, other)
        said = "own.py must have the function other"
    more = ("--model", "own.py:other") if case == "a network that fails" else ()
    both = two(start, monkeypatch, folder, other, *more)
    codes, err = both.wait()
    assert codes == (2, 2), err
    words = [one_sentence(process) for process in both]
    assert all(said in word for word in words), err
    assert all(process.err.count("\n") == 2 for process in both), err
    source = 0 if words[1].startswith("rank 0: ") else 1
    assert words[1 - source] == f"rank {source}: {words[source]}"
    assert not (tmp_path / "run").exists()


def test_a_mistake_is_told_before_the_leader_waits(start, monkeypatch, tmp_path):
    folder = fill(tmp_path / "pictures")
    fill(folder / "cat" / "inside")
    options = ("--trainer", "keras", "--hosts", free_hosts(), "--rank", 0, "--data")
    one = start("one", *options, folder)
    other = start("other", *options, tmp_path / "pictures", "--model", "nowhere.json")
    assert one.wait(30) == other.wait(30) == 2
    assert one.err == f"convlens: {folder / 'cat'} is a class and must hold pictures; it holds folders: inside\n"
    assert other.err == "convlens: --model needs a file that exists; there is no nowhere.json\n"


@pytest.fixture
def stuck(start, monkeypatch, tmp_path):
    """Two hosts; the follower reads a picture that never comes, and the leader waits for it."""
    folder = fill(tmp_path / "pictures")
    shutil.copytree(folder, tmp_path / "slow")
    (tmp_path / "slow" / "cat" / "3.png").unlink()
    os.mkfifo(tmp_path / "slow" / "cat" / "3.png")
    both = two(start, monkeypatch, folder, "slow")
    joining(both.leader)
    end = time.monotonic() + 60
    while "rank 1 of 2 hosts" not in both.follower.err:
        assert time.monotonic() < end, both.follower.err
        time.sleep(0.02)
    time.sleep(1)
    assert both.leader.err == f"{JOINING}\n"
    return both


def test_a_host_that_is_lost_while_it_decodes(stuck, tmp_path):
    stuck.follower.kill()
    assert stuck.leader.wait(40) == 2
    assert one_sentence(stuck.leader).startswith("one of the "), stuck.leader.err
    assert " lost" in stuck.leader.last
    assert "go on with" not in stuck.leader.last
    assert not (tmp_path / "run").exists()
    stuck.leader.ends_whole()
    stuck.follower.ends_whole()


def test_ctrl_c_while_the_leader_waits(stuck, tmp_path):
    stuck.leader.interrupt()
    assert stuck.leader.wait(20) == 130
    assert stuck.leader.err == f"{JOINING}\nstopped before the training began\n"
    assert stuck.follower.wait(40) == 2
    assert one_sentence(stuck.follower).startswith("one of the "), stuck.follower.err
    stuck.leader.ends_whole()
    stuck.follower.ends_whole()


def test_ctrl_c_at_a_host_that_decodes(stuck, tmp_path):
    stuck.follower.interrupt()
    time.sleep(0.5)
    os.close(os.open(tmp_path / "slow" / "cat" / "3.png", os.O_WRONLY | os.O_NONBLOCK))  # its read ends
    assert stuck.follower.wait(20) == 130
    assert stuck.follower.last == "stopped; the other hosts end as well"
    assert stuck.leader.wait(40) == 2
    assert one_sentence(stuck.leader).startswith("one of the "), stuck.leader.err
