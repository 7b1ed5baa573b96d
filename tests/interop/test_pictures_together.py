"""Several hosts decode a folder of pictures together: each its part, and all have what one host has."""

import json
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tests.support.host_processes import free_hosts
from tests.support.small import framework_environment

from convlens.data import load, picture_cache, picture_reader, together
from convlens.data.picture_reader import PictureReader
from convlens.interop.hosts import Hosts

Image = pytest.importorskip("PIL.Image")


class Threads(Hosts):
    """Hosts that are threads of this process."""

    def __init__(self, rank, size, meet, slots):
        super().__init__(rank, size)
        self._meet, self._slots, self.arrays = meet, slots, []

    def gather_arrays(self, array):
        self._slots[self.rank] = array.copy()
        self._meet.wait(20)
        found = np.stack(self._slots)
        self._meet.wait(20)
        self.arrays.append(array.shape)
        return found

    def share(self, array, source=0):
        return self.gather_arrays(array)[source]


@pytest.fixture(autouse=True)
def caches(tmp_path_factory, monkeypatch):
    """A cache folder for each host; the thread of a host says in `mine.rank` which it is."""
    folder, mine = tmp_path_factory.mktemp("caches"), threading.local()
    monkeypatch.setattr(picture_cache, "_folder", lambda: folder / f"{getattr(mine, 'rank', 'alone')}")
    monkeypatch.setattr(together, "_CHUNK", 1000)  # some pictures at a time
    return folder, mine


@pytest.fixture
def decoded(monkeypatch):
    """For each host, the places of the pictures that it decodes."""
    found: dict[int, list[int]] = {}
    each = PictureReader._each

    def record(self, places, function):
        if function.__name__ == "one":
            found.setdefault(self._hosts.rank if self._hosts.size > 1 else -1, []).extend(places)
        return each(self, places, function)

    monkeypatch.setattr(PictureReader, "_each", record)
    return found


def on_hosts(caches, folders, **options):
    """What each host returns or raises, and the hosts."""
    size = len(folders)
    meet, slots = threading.Barrier(size), [None] * size
    hosts = [Threads(rank, size, meet, slots) for rank in range(size)]

    def one(rank):
        caches[1].rank = rank
        try:
            with hosts[rank].agreeing():
                digits = load(folders[rank], hosts=lambda: hosts[rank], **options)
            hosts[rank].agree(None)
            return digits
        except Exception as error:
            return error

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(one, range(size))), hosts


def picture(seed, shape=(6, 9)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def fill(folder, shape=(6, 9), count=5, image=picture):
    for k, name in enumerate(("cat", "dog")):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(image(100 * k + number, shape)).save(folder / name / f"{number}.png")
    return folder


def grey_in_colour(seed, shape):
    return np.repeat(picture(seed, shape)[..., None], 3, axis=2)


def breaking(folder):
    """Break a header and the rest of another picture."""
    fill(folder)
    path = folder / "dog" / "3.png"
    path.write_bytes(path.read_bytes()[:-30])
    (folder / "cat" / "none.jpg").write_bytes(b"")
    return folder


@pytest.mark.parametrize("size", [1, 2, 3, 12])
@pytest.mark.parametrize("kind", ["grey", "colour", "grey in colour"])
def test_each_host_decodes_its_share_and_has_all(tmp_path, caches, decoded, size, kind):
    shape = (6, 9, 3) if kind == "colour" else (6, 9)
    folder = fill(tmp_path / "set", shape, image=grey_in_colour if kind == "grey in colour" else picture)
    alone = load(folder)
    decoded.clear()
    found, _ = on_hosts(caches, [folder] * size)
    for digits in found:
        assert digits.fingerprint == alone.fingerprint
        assert digits.pixels_train.dtype == np.uint8
        assert digits.pixels_train.shape == (8, 6, 9, 3 if kind == "colour" else 1)
        assert digits.notes == alone.notes
    expected = {rank: list(range(rank, 10, size)) for rank in range(size)} if size > 1 else {-1: list(range(10))}
    assert decoded == expected
    kept = [next((caches[0] / f"{rank}").iterdir()).read_bytes() for rank in (*range(size), "alone")]
    assert len(set(kept)) == 1  # the cache of each host is that of a host alone


def test_the_cache_of_one_host_serves_all(tmp_path, caches, decoded):
    folder = fill(tmp_path / "set", (6, 9, 3))
    alone = load(folder)
    shutil.copytree(caches[0] / "alone", caches[0] / "1")
    decoded.clear()
    found, _ = on_hosts(caches, [folder] * 3)
    assert [digits.fingerprint for digits in found] == [alone.fingerprint] * 3
    again, hosts = on_hosts(caches, [folder] * 3)
    assert [digits.fingerprint for digits in again] == [alone.fingerprint] * 3
    assert decoded == {}
    assert {shape for host in hosts for shape in host.arrays if len(shape) > 1} == set()  # no pixels are sent


def test_broken_pictures_are_named_on_all_hosts(tmp_path, caches):
    folder = breaking(tmp_path / "set")
    found, _ = on_hosts(caches, [folder] * 2)
    rule = f"{folder} has broken pictures (1 of 11); --skip-broken leaves them out: cat/none.jpg is empty"
    assert [str(error) for error in found] == [rule, f"rank 0: {rule}"]
    (folder / "cat" / "none.jpg").unlink()
    found, _ = on_hosts(caches, [folder] * 2)
    for error in found:
        assert "has broken pictures (1 of 10); --skip-broken leaves them out: dog/3.png is cut off" in str(error)


def test_the_same_broken_pictures_are_left_out_on_all_hosts(tmp_path, caches):
    folder = breaking(tmp_path / "set")
    alone = load(folder, skip_broken=True)
    for _ in range(2):  # decoded, and from the caches
        found, _ = on_hosts(caches, [folder] * 3, skip_broken=True)
        assert [digits.fingerprint for digits in found] == [alone.fingerprint] * 3
        assert [digits.notes for digits in found] == [alone.notes] * 3
    shutil.rmtree(caches[0] / "0")
    found, _ = on_hosts(caches, [folder] * 3)
    assert all("has broken pictures (2 of 11)" in str(error) for error in found)


def test_other_pictures_are_told_to_all_hosts_and_not_decoded(tmp_path, caches, decoded):
    one, other = fill(tmp_path / "one"), fill(tmp_path / "other")
    Image.fromarray(picture(999)).save(other / "cat" / "5.png")
    found, _ = on_hosts(caches, [one, one, other])
    said = str(found[2])
    assert said.startswith("the data must be the leader's, sha256 ")
    assert f"… of 10 pictures; {other} has " in said
    assert said.endswith("… of 11")
    assert [str(error) for error in found[:2]] == [f"rank 2: {said}"] * 2
    assert decoded == {}


def test_other_names_of_the_same_pictures_are_the_same_data(tmp_path, caches):
    one = fill(tmp_path / "one")
    shutil.copytree(one, tmp_path / "wrapped" / "train")
    found, _ = on_hosts(caches, [one, tmp_path / "wrapped"])
    assert found[0].fingerprint == found[1].fingerprint == load(one).fingerprint


def test_pictures_of_mixed_sizes_are_told_to_all_hosts(tmp_path, caches):
    folder = fill(tmp_path / "set")
    Image.fromarray(picture(9, (12, 18))).save(folder / "dog" / "large.png")
    found, _ = on_hosts(caches, [folder] * 2)
    assert all("must hold pictures of one size, or be scaled to one, such as --size 9x6" in str(e) for e in found)
    found, _ = on_hosts(caches, [folder] * 2, size=(5, 7))
    assert [digits.fingerprint for digits in found] == [load(folder, size=(5, 7)).fingerprint] * 2


def test_a_folder_with_a_mistake_on_one_host_is_told_to_all(tmp_path, caches):
    one = fill(tmp_path / "one")
    shutil.copytree(one, tmp_path / "other")
    shutil.rmtree(tmp_path / "other" / "dog")
    found, _ = on_hosts(caches, [one, tmp_path / "other"])
    rule = f"{tmp_path / 'other'} must hold at least two classes; it holds one: cat"
    assert [str(error) for error in found] == [f"rank 1: {rule}", rule]


@pytest.mark.parametrize("cached", [False, True])
def test_memory_that_one_host_lacks(tmp_path, caches, decoded, monkeypatch, cached):
    folder = fill(tmp_path / "set")
    if cached:
        load(folder)
        shutil.copytree(caches[0] / "alone", caches[0] / "0")
    decoded.clear()
    monkeypatch.setattr("convlens.data.room.free_memory", lambda: 500 if getattr(caches[1], "rank", 0) else 10**6)
    found, _ = on_hosts(caches, [folder] * 2)
    rule = f"{folder} (10 pictures of 9 x 6) needs 540 bytes of memory; this machine has 500 bytes free"
    assert [str(error) for error in found] == [f"rank 1: {rule}", rule]


def test_hosts_with_other_decoders_decode_all_themselves(tmp_path, caches, decoded, monkeypatch):
    folder = fill(tmp_path / "set")
    monkeypatch.setattr(picture_reader, "decoders", lambda: f"Pillow {getattr(caches[1], 'rank', 0)}")
    found, hosts = on_hosts(caches, [folder] * 2)
    assert found[0].fingerprint == found[1].fingerprint
    assert sorted(decoded[-1]) == sorted(2 * [*range(10)])
    assert not [shape for shape in hosts[0].arrays if len(shape) > 1]


# Processes -----------------------------------------------------------------------------------------------------------

PROGRAM = """
import json, os, sys
from convlens.data import load, picture_reader, together
from convlens.interop.hosts import HostLostError, join

folder, addresses, rank, lost = sys.argv[1:]
decode, exchange, counted = picture_reader.decode, picture_reader.exchange, []

def count(*given, **options):
    counted.append(1)
    return decode(*given, **options)

def end(pixels, hosts):
    if rank == "1":
        os._exit(1)
    exchange(pixels, hosts)

picture_reader.decode = count
if lost == "lost":
    picture_reader.exchange = end
together._CHUNK = 9_000_000
try:
    with join(addresses.split(","), int(rank), 60) as hosts:
        digits = load(folder, hosts=lambda: hosts)
        again = load(folder, hosts=lambda: hosts)
except HostLostError as error:
    print(error, file=sys.stderr, flush=True)
    os._exit(2)
print(json.dumps([digits.fingerprint, again.fingerprint, len(counted)]), file=sys.stderr)
"""

in_processes = pytest.mark.skipif(sys.platform == "win32", reason="the hosts are processes as on POSIX")


def two_processes(folder, place, lost=""):
    """The exit codes of two hosts, and the last line that each prints."""
    hosts, processes = free_hosts(), []
    for rank in range(2):
        command = [sys.executable, "-c", PROGRAM, str(folder), hosts, str(rank), lost]
        there = framework_environment(JAX_PLATFORMS="cpu", CONVLENS_DATA=str(place / f"{rank}"))
        processes.append(
            subprocess.Popen(command, env=there, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        )
    try:
        said = [process.communicate(timeout=120)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [process.returncode for process in processes], [err.splitlines()[-1:] for err in said]


@pytest.mark.frameworks
@in_processes
def test_two_processes_decode_half_of_the_pictures_each(tmp_path):
    pytest.importorskip("jax")
    folder = fill(tmp_path / "set", (192, 256, 3), count=33)  # more than is sent at once
    codes, said = two_processes(folder, tmp_path)
    alone = load(folder).fingerprint
    assert codes == [0, 0], said
    assert [json.loads(line) for (line,) in said] == [[alone, alone, 33]] * 2


@pytest.mark.frameworks
@in_processes
def test_a_host_that_is_lost_while_the_pixels_are_sent(tmp_path):
    pytest.importorskip("jax")
    codes, said = two_processes(fill(tmp_path / "set"), tmp_path, "lost")
    assert codes == [2, 1]
    assert said[0][0].startswith("one of the 2 hosts is lost: ")
    assert not (tmp_path / "0").exists()  # nothing goes to its cache
