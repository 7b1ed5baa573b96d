import ast
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from convlens.checker.sandbox import launch

if sys.platform != "linux":
    pytest.skip("the sandbox needs Linux", allow_module_level=True)

from convlens.checker.sandbox.guest_side import leftovers, processes, seccomp

pytestmark = pytest.mark.smoke

INSIDE = sorted(Path(launch.__file__).with_name("guest_side").glob("*.py"))
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
FAMILY = """
import ctypes, os, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # orphans become children of this process, as in the host of a sandbox
for _ in range(2):
    if not os.fork():
        os.setsid()
        if not os.fork():
            os.fork()
            time.sleep(60)
        os._exit(0)
for _ in range(2):
    os.wait()
print("ready", flush=True)
time.sleep(60)
"""


def imported(node):
    """Return the modules that a syntax tree imports when it runs inside, where no module has a package."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield "." * node.level + (node.module or "")
    children: Iterable[ast.AST] = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "TYPE_CHECKING or __package__"):
        children = node.orelse
    for child in children:
        yield from imported(child)


@pytest.mark.parametrize("path", INSIDE, ids=lambda path: path.stem)
def test_nothing_inside_the_sandbox_imports_convlens(path):
    names = set(imported(ast.parse(path.read_text())))
    assert not [name for name in names if name.startswith((".", "convlens"))]


@pytest.mark.parametrize("machine", HEADERS)
def test_the_numbers_of_calls_agree_with_the_system_s_headers(machine):
    if not HEADERS[machine].exists():
        pytest.skip(f"the system has no {HEADERS[machine]}")
    text = HEADERS[machine].read_text()
    known = {name: int(number) for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text)}
    table = seccomp._numbers(seccomp._DENIED + "," + seccomp._WATCHED, machine)
    assert {name: number for name, number in table.items() if name in known} == {
        name: known[name] for name in table if name in known
    }
    newer = {"fchmodat2", "statmount", "listmount", "lsm_set_self_attr"}  # newer than the headers of some systems
    assert set(table) - set(known) <= newer


@pytest.mark.parametrize("machine", HEADERS)
def test_every_jump_of_the_filter_is_valid_and_the_filter_ends_with_a_verdict(machine):
    steps = seccomp.program(machine, 1234)
    for place, (code, yes, no, _) in enumerate(steps):
        if code in (seccomp._EQUAL, seccomp._GREATER, seccomp._ANY_BIT):
            assert place + 1 + max(yes, no) < len(steps)
    assert steps[-1] == (seccomp._RETURN, 0, 0, seccomp._ALLOW)
    assert len(steps) < 4096  # the kernel's limit


def test_an_unknown_machine_is_refused():
    with pytest.raises(NotImplementedError, match="knows x86_64 and aarch64; this is riscv64"):
        seccomp.program("riscv64", 1)


def test_all_descendants_are_ended_even_hidden_ones():
    with subprocess.Popen([sys.executable, "-c", FAMILY], stdout=subprocess.PIPE) as root:
        try:
            assert root.stdout is not None
            root.stdout.readline()
            while len(children := processes.descendants(root.pid)) < 4 and root.poll() is None:
                time.sleep(0.01)
            assert processes.end(root.pid, itself=True)
            assert root.wait(10) == -signal.SIGKILL
        finally:
            root.kill()
    assert len(children) == 4
    assert not [child for child in children if processes.find(child.pid) == child]


def test_processes_without_a_known_parent_are_found_by_their_mark():
    mark = f"CONVLENS_TEST={os.urandom(8).hex()}"
    name, _, value = mark.partition("=")
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env={name: value}) as stray:
        while not (found := processes.descendants(2**22, mark.encode())):  # until the process runs the new program
            time.sleep(0.01)
        assert [process.pid for process in found] == [stray.pid]
        assert processes.end(2**22, mark.encode())
        assert stray.wait(10) == -signal.SIGKILL


def test_no_signal_goes_to_a_later_process_with_the_same_id():
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        processes.send(processes.Process(other.pid, 1), signal.SIGKILL)
        assert other.poll() is None
        found = processes.find(other.pid)
        assert found is not None
        processes.send(found, signal.SIGKILL)
        assert other.wait(10) == -signal.SIGKILL
    assert processes.find(other.pid) is None


def test_a_deep_folder_is_removed_and_no_link_is_followed(tmp_path):
    kept, folder = tmp_path / "kept", tmp_path / "folder"
    kept.mkdir()
    (kept / "file").write_text("kept")
    folder.mkdir()
    (folder / "link").symlink_to(kept)
    (folder / "line\nfeed").write_text("x")
    before = Path.cwd()
    os.chdir(folder)
    try:
        for _ in range(1000):
            Path("d" * 100).mkdir()
            os.chdir("d" * 100)
        Path("link").symlink_to(kept)
        Path("shut").mkdir(0)
    finally:
        os.chdir(before)
    leftovers.empty(str(folder))
    assert not folder.exists()
    assert (kept / "file").read_text() == "kept"
    leftovers.empty(str(folder))  # a missing folder is not an error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept"]


def test_a_folder_with_many_entries_is_emptied(tmp_path):
    (tmp_path / "inner").mkdir()
    for k in range(2500):
        (tmp_path / str(k)).touch()
        (tmp_path / "inner" / str(k)).touch()
    leftovers.clear(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_hidden_folders_are_not_readable(tmp_path):
    for name in ("lib/python/site-packages/secret", "lib/python/site-packages/numpy", "lib/python/json", "lib/other"):
        (tmp_path / name).mkdir(parents=True)
    lib, site = tmp_path / "lib", tmp_path / "lib/python/site-packages"
    keep, listed = launch._split_readable([str(lib), str(site / "numpy")], [site, site / "secret"])
    assert sorted(keep) == [str(lib / "other"), str(lib / "python/json"), str(site / "numpy")]
    assert sorted(listed) == [str(lib), str(lib / "python")]
    assert launch._split_readable([str(lib)], [tmp_path / "elsewhere"]) == ([str(lib)], [])


def test_what_only_slows_tensorflow_down_is_not_there():
    pytest.importorskip("tensorflow")
    found = launch._importable(("tensorflow",))
    assert {"numpy", "tensorflow", "keras", "h5py"} <= found.keys()
    assert not found.keys() & {"convlens", *launch._UNNEEDED}


ORPHAN = """
import json, os, signal, socket, sys
guest_side, folder, moment = sys.argv[1:]
sys.path[:0] = [guest_side, folder]
import fork_server
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # it stays open: only the signal tells
own = folder + "/own"
settings = {"packages": [], "limits": {}, "guests": own + "/guests", "own": own}
for message in (settings, {"job": "orphaning"}):
    ours.send(json.dumps(message).encode())
ignore = signal.signal
def orphan():
    os.getppid = lambda: 0
    signal.signal = ignore
    os.kill(os.getpid(), signal.SIGCONT)
def at_the_end(number, handler):
    if (number, handler) == (signal.SIGCONT, signal.SIG_IGN):
        orphan()
    return ignore(number, handler)
if moment == "order":
    fork_server.orphan = orphan
else:
    signal.signal = at_the_end
    ours.close()
fork_server.main(theirs.detach())
"""


@pytest.mark.parametrize("moment", ["order", "end"])
def test_a_host_cleans_up_whenever_it_learns_that_its_parent_is_gone(tmp_path, moment):
    (tmp_path / "orphaning.py").write_text("import fork_server\nfork_server.orphan()\n")
    (tmp_path / "own" / "guests").mkdir(parents=True)
    arguments = [str(INSIDE[0].parent), str(tmp_path), moment]
    done = subprocess.run([sys.executable, "-c", ORPHAN, *arguments], timeout=60, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "own").exists()
