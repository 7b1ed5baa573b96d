"""A package that is not installed is named with the extra that installs it, wherever convlens loads one."""

import ast
import importlib.util
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.support import small

import convlens
from convlens.interop.frameworks import PACKAGES, check_installed, load
from convlens.nn import Dense, Sequential

SOURCE = Path(convlens.__file__).parent


def loaded():
    """Yield each package that a call of `load`, `load_keras` or `check_installed` names, and where."""
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        if "interop.frameworks" not in path.read_text():
            continue
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
                continue
            first = node.args[0]
            if node.func.id in ("load", "load_keras", "check_installed") and isinstance(first, ast.Constant):
                yield str(first.value).split(".")[0], f"{path.name}:{node.lineno}"


def test_each_package_that_is_loaded_has_a_title_and_an_extra():
    found = dict(loaded())
    assert {"h5py", "jax", "keras", "onnx", "tensorflow"} <= found.keys()
    assert {package: place for package, place in found.items() if package not in PACKAGES} == {}


def test_the_extras_exist():
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    extras = tomllib.loads(text)["project"]["optional-dependencies"]
    assert {extra for _, extra in PACKAGES.values()} <= extras.keys()


@pytest.fixture
def bare(monkeypatch):
    """No package of an extra is installed."""
    find = importlib.util.find_spec
    for package in PACKAGES:
        monkeypatch.delitem(sys.modules, package, raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name in PACKAGES else find(name, *a))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_missing_package(bare, package):
    title, extra = PACKAGES[package]
    for function in (load, check_installed):
        with pytest.raises(ImportError) as caught:
            function(package, "this")
        assert str(caught.value) == f"this needs {title}: pip install 'convlens[{extra}]'"


def test_weights_of_keras_without_h5py(bare, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = "a .weights.h5 file needs h5py: pip install 'convlens[keras]'"
    model = Sequential([Dense(2)], (3,))
    for function in (model.save_weights, model.load_weights):
        with pytest.raises(ImportError) as caught:
            function("x.weights.h5")
        assert str(caught.value) == message
    (tmp_path / "x.weights.h5").write_bytes(b"")
    assert small.fails("import", "x.weights.h5", "--model", "lenet5") == message


NOISE = "import os, sys\nos.write(2, b'no GPU here\\n')\nsys.stderr.flush()\n"


def importing(folder, text):
    """Return what a process writes that loads the package onnx, with this text, and then says that it is done."""
    (folder / "onnx.py").write_text(NOISE + text)
    (folder / "main.py").write_text(
        "import sys\nfrom convlens.interop.frameworks import load\n"
        "load('onnx', 'this')\nprint('done', file=sys.stderr)\n"
    )
    environment = {**small.environment(), "PYTHONPATH": f"{folder}{os.pathsep}{SOURCE.parent}"}
    command = [sys.executable, str(folder / "main.py")]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment).stderr


def test_what_a_package_writes_while_it_loads_is_not_shown(tmp_path):
    assert importing(tmp_path, "") == "done\n"


def test_what_a_package_writes_before_it_fails_is_shown(tmp_path):
    found = importing(tmp_path, "raise RuntimeError('a broken package')\n")
    assert found.startswith("no GPU here\n")
    assert found.endswith("RuntimeError: a broken package\n")


def test_a_process_without_standard_error_loads_packages(tmp_path):
    (tmp_path / "main.py").write_text(
        "import os\nos.close(2)\nfrom convlens.interop.frameworks import load\nprint(load('onnx', 'this').__name__)\n"
    )
    command = [sys.executable, str(tmp_path / "main.py")]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=small.environment())
    assert done.stdout == "onnx\n"
