"""`atomic_write` leaves the old file or the new one: after an error, a kill at any moment, a full disk."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from convlens.storage.atomic import atomic_write

OLD, NEW = b"old" * 1000, b"new" * 200_000

WRITER = """
import os, pathlib, sys, time
import convlens.storage.atomic
moment, path = sys.argv[1:]

def reach(name):
    if moment == name:
        print("reached", flush=True)
        time.sleep(60)

def wrap(owner, attribute, before, after):
    function = getattr(owner, attribute)
    def wrapped(*arguments):
        reach(before)
        result = function(*arguments)
        reach(after)
        return result
    setattr(owner, attribute, wrapped)

wrap(os, "fsync", "before fsync", "after fsync")
wrap(pathlib.Path, "replace", "before replace", "after replace")
new = b"new" * 200_000
with convlens.storage.atomic.atomic_write(path) as file:
    reach("opened")
    file.write(new[:300_000])
    reach("half written")
    file.write(new[300_000:])
    reach("written")
"""


def entries(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.smoke
def test_writes_a_new_file_with_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(NEW)
    with atomic_write(tmp_path / "made") as file:
        file.write(NEW)
    assert (tmp_path / "made").read_bytes() == NEW
    assert (tmp_path / "made").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert entries(tmp_path) == ["made", "plain"]


@pytest.mark.smoke
def test_the_old_content_stays_until_the_end(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    with atomic_write(str(path)) as file:
        file.write(NEW)
        file.flush()
        assert path.read_bytes() == OLD
    assert path.read_bytes() == NEW


def test_keeps_the_permissions_of_the_file_it_replaces(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(OLD)
    path.chmod(0o600)
    with atomic_write(path) as file:
        file.write(NEW)
    assert path.stat().st_mode & 0o777 == 0o600


def test_follows_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "target", tmp_path / "link"
    target.write_bytes(OLD)
    link.symlink_to(target)
    with atomic_write(link) as file:
        file.write(NEW)
    assert link.is_symlink()
    assert target.read_bytes() == NEW


@pytest.mark.smoke
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, OSError])
def test_an_exception_does_not_change_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    with pytest.raises(error, match="in the middle"), atomic_write(path) as file:
        file.write(NEW)
        raise error("in the middle")
    assert path.read_bytes() == OLD
    assert entries(tmp_path) == ["file"]


def test_an_exception_leaves_no_new_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="in the middle"), atomic_write(tmp_path / "file"):
        raise RuntimeError("in the middle")
    assert entries(tmp_path) == []


@pytest.mark.parametrize("path", ["/dev/null", "."])
def test_refuses_what_is_not_a_regular_file(path: str) -> None:
    before = Path(path).stat().st_mode
    rule = "must be a regular file to be replaced; it is a folder or a device"
    with pytest.raises(ValueError, match=rule), atomic_write(path):
        pytest.fail("the block must not run")
    assert Path(path).stat().st_mode == before


def test_a_missing_folder_is_named_by_the_path_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "file"
    with pytest.raises(FileNotFoundError) as caught, atomic_write(path):
        pytest.fail("the block must not run")
    assert str(caught.value) == f"[Errno 2] No such file or directory: '{path}'"
    (tmp_path / "plain").write_bytes(b"")
    with pytest.raises(NotADirectoryError), atomic_write(tmp_path / "plain" / "file"):
        pytest.fail("the block must not run")


def test_a_name_of_255_characters_works(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    with atomic_write(path) as file:
        file.write(NEW)
    assert path.read_bytes() == NEW


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("opened", OLD),
        ("half written", OLD),
        ("written", OLD),
        ("before fsync", OLD),
        ("after fsync", OLD),
        ("before replace", OLD),
        ("after replace", NEW),
    ],
)
def test_a_kill_leaves_the_old_file_or_the_new(tmp_path: Path, moment: str, expected: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    command = [sys.executable, "-c", WRITER, moment, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"reached\n"
        child.kill()
    assert child.returncode == -signal.SIGKILL
    assert path.read_bytes() == expected
    with atomic_write(path) as file:  # a temporary file that a kill left does not disturb the next write
        file.write(NEW)
    assert path.read_bytes() == NEW


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits exist only on POSIX systems")
def test_a_full_disk_leaves_the_old_file_and_names_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)
    program = (
        "import resource, signal, sys\n"
        "from convlens.storage.atomic import atomic_write\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    with atomic_write(sys.argv[1]) as file:\n"
        "        for _ in range(300): file.write(b'n' * 1000)\n"
        "except OSError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"[Errno 27] File too large: '{path}'\n"
    assert path.read_bytes() == OLD
    assert entries(tmp_path) == ["file"]


def test_an_error_of_fsync_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(OLD)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*file'"), atomic_write(path) as file:
        file.write(NEW)
    assert path.read_bytes() == OLD
    assert entries(tmp_path) == ["file"]
