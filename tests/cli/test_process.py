"""The command as a process: its start, closed pipes, terminals, a screen without colours."""

import json
import os
import pty
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from tests.support import small

from convlens.engines import ENGINES


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A working folder with digits."""
    folder = tmp_path_factory.mktemp("place")
    small.npz(folder / "few.npz")
    return folder


def convlens(folder, *arguments, **options):
    command = [sys.executable, "-m", "convlens", *arguments]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run(command, cwd=folder, env=small.plotless(), text=True, check=False, **streams)


def shell(folder, line, environment=small.plotless):
    """Run a line of sh in which `convlens` is the command."""
    script = f'convlens() {{ "{sys.executable}" -m convlens "$@"; }}\n{line}'
    return subprocess.run(
        ["sh", "-c", script], cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )


def test_train_and_evaluate(place):
    done = convlens(place, "train", "--data", "few.npz", "--epochs", "1", "--out", "run", "--json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["epochs"]) == 1
    assert "\x1b" not in done.stderr  # no colours and no bar where there is no terminal
    done = convlens(place, "evaluate", "--run", "run", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["images"] == 40


@pytest.mark.smoke
def test_a_mistake_is_one_line_and_exit_2(place):
    done = convlens(place, "train", "--engine", "foo")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"convlens: engine must be one of auto, {', '.join(ENGINES)}; got 'foo'\n"


@pytest.mark.parametrize("command", ["summary", "data info", "--help"])
def test_a_reader_that_leaves_early_is_no_mistake(place, command):
    for reader in ("head -1", "true"):
        done = shell(place, f"convlens {command} | {reader}")
        assert done.stderr == ""
        assert done.stdout.count("\n") == (reader == "head -1")


def test_train_with_a_reader_that_leaves_early(place):
    done = shell(place, "convlens train --data few.npz --epochs 2 --out left 2>&1 | head -1")
    assert done.stdout.startswith("lenet5 (61,706 parameters) on few.npz")
    assert done.stderr == ""
    assert convlens(place, "train", "--data", "few.npz", "--epochs", "2", "--resume", "--run", "left").returncode == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_a_full_standard_output_is_told(place):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = convlens(place, "summary", stdout=full)
    assert (done.returncode, done.stderr) == (2, "convlens: No space left on device\n")


def test_closed_streams_raise_nothing(place):
    assert shell(place, "convlens summary >&-").stderr == ""
    done = shell(place, "convlens train --engine foo --json 2>&-; echo $?")
    assert done.stdout == "2\n"


def test_a_terminal_shows_progress(place):
    terminal, end = pty.openpty()
    command = [sys.executable, "-m", "convlens", "train", "--data", "few.npz", "--epochs", "3", "--out", "shown"]
    environment = small.plotless(TERM="xterm", COLUMNS="100")
    with subprocess.Popen(command, cwd=place, env=environment, stderr=end, stdout=subprocess.PIPE) as process:
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
    text = shown.decode()
    assert process.returncode == 0, text
    assert "Traceback" not in text
    assert "epoch 3/3" in text
    assert "images/s" in text
    assert "\x1b[" in text
    assert process.stdout is not None and process.stdout.closed


def test_a_screen_that_knows_only_ascii(place):
    environment = small.environment(PYTHONIOENCODING="ascii")
    for arguments in (["summary"], ["data", "info"], ["--help"]):
        command = [sys.executable, "-m", "convlens", *arguments]
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.isascii()


@pytest.mark.skipif(sys.platform != "linux", reason="file names are any bytes there")
def test_file_names_that_are_no_text(place):
    whole, content = small.digits(), os.fsencode(place)
    grey = np.rint(whole.x_valid[0, ..., 0] * 256).astype(np.uint8)
    Image.fromarray(grey).save(place / "digit.png")
    os.link(place / "digit.png", content + b"/\xff.png")
    assert convlens(place, "train", "--data", "few.npz", "--epochs", "1", "--out", "named").returncode == 0
    done = convlens(place, "predict", "--run", "named", b"\xff.png", "two\nlines.png")
    assert done.returncode == 2
    assert done.stdout.startswith("\\udcff.png: ")
    assert done.stderr == "convlens: there is no file 'two\\nlines.png'\n"
    done = convlens(place, "train", "--data", "few.npz", "--out", "few.npz/two\nlines")
    assert done.stderr == "convlens: few.npz/two lines: Not a directory\n"


def test_the_versions_in_a_line(place):
    done = convlens(place, "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"convlens \d+\.\d+\.\d+, Python 3\.\d+\.\d+, numpy [\d.]+.*; \w+ \w+\n", done.stdout)


@pytest.mark.parametrize("closed", ["2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_not_stop_the_training(place, closed):
    run = f"closed{len(closed)}"
    done = shell(
        place, f"convlens train --data few.npz --epochs 1 --engine numpy --out {run} {closed}", small.environment
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (place / run / "report.html").is_file()
