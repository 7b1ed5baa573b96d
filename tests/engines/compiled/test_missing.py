"""Numba is installed but limited: it finds no folder for compiled kernels, or its compiler is switched off."""

import subprocess
import sys

import pytest
from tests.support import small

pytest.importorskip("numba")

MAIN = "import sys; sys.argv = ['convlens', *sys.argv[1:]]\nfrom convlens.cli import main; main()\n"
NO_FOLDER = "the engine numba finds no folder for its compiled kernels"
SWITCHED_OFF = "Numba's compiler is switched off; unset NUMBA_DISABLE_JIT to use it"


def command(*arguments, folder=None, **environment):
    """Run `convlens ARGUMENTS` in a new process."""
    return subprocess.run(
        [sys.executable, "-c", MAIN, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=small.plotless(**environment),
        cwd=folder,
    )


def test_without_a_cache_folder_numba_compiles_and_says_so_once(tmp_path):
    data = small.npz(tmp_path / "few.npz")
    none = str(data / "folder")  # below a file
    done = command("train", "--data", data, "--epochs", 1, folder=tmp_path, NUMBA_CACHE_DIR=none)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(NO_FOLDER) == 1 and done.stderr.startswith(f"convlens: {NO_FOLDER}")
    assert "NUMBA_CACHE_DIR" in done.stderr and "Warning" not in done.stderr
    assert "engine numba" in done.stderr
    usual = command("train", "--data", data, "--epochs", 1, "--out", "usual", folder=tmp_path)
    assert NO_FOLDER not in usual.stderr
    one, other = (tmp_path / name / "model.safetensors" for name in ("runs/lenet5-1", "usual"))
    assert one.read_bytes() == other.read_bytes()


def test_auto_uses_numpy_if_numba_is_switched_off_and_says_so_once(tmp_path):
    data = small.npz(tmp_path / "few.npz")
    done = command("train", "--data", data, "--epochs", 1, folder=tmp_path, NUMBA_DISABLE_JIT="1")
    assert done.returncode == 0, done.stderr
    told = f"convlens: auto uses the engine numpy, since numba does not load: {SWITCHED_OFF}\n"
    assert done.stderr.startswith(told) and done.stderr.count("numba does not load") == 1
    assert "engine numpy" in done.stderr


def test_the_engine_numba_is_refused_if_numba_is_switched_off(tmp_path):
    done = command("train", "--engine", "numba", folder=tmp_path, NUMBA_DISABLE_JIT="1")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"convlens: {SWITCHED_OFF}\n")
    assert list(tmp_path.iterdir()) == []
