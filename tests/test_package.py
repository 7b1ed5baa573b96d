"""The package as a whole: its names, its version, and the packages that an import loads."""

import doctest
import json
import subprocess
import sys
import tomllib
from importlib.metadata import version
from typing import Any

import pytest
from tests.support import small
from tests.support.places import ROOT

import convlens

HEAVY = [
    "typer",
    "click",
    "rich",
    "matplotlib",
    "PIL",
    "pooch",
    "requests",
    "safetensors",
    "threadpoolctl",
    "tensorflow",
    "keras",
    "torch",
    "onnx",
    "numba",
    "playwright",
    "scipy",
]


def loaded(statements):
    """The top-level packages that a new interpreter has loaded after `statements`."""
    program = f"{statements}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=small.environment(), check=True
    )
    return {name.split(".")[0] for name in json.loads(done.stdout)}


@pytest.mark.smoke
def test_importing_loads_no_heavy_package():
    assert loaded("import convlens").isdisjoint(HEAVY)


@pytest.mark.smoke
def test_using_the_library_loads_no_heavy_package():
    names = loaded("from convlens import *\nlenet5(engine='numpy').predict(load('embedded').x_valid[:1])")
    assert "numpy" in names
    assert names.isdisjoint(HEAVY)


def test_importing_the_command_line_does_not_load_numpy():
    names = loaded("import convlens.cli")
    assert "typer" in names
    assert names.isdisjoint({"numpy", "matplotlib", "PIL", "pooch", "requests", "safetensors", "tensorflow", "keras"})


@pytest.mark.smoke
def test_every_public_name_exists_and_has_a_docstring():
    names: dict[str, Any] = {}
    exec("from convlens import *", names)
    assert set(convlens.__all__) <= set(names)
    assert len(set(convlens.__all__)) == len(convlens.__all__)
    for name in convlens.__all__:
        assert getattr(convlens, name) is names[name]
        assert name == "__version__" or names[name].__doc__
    assert set(dir(convlens)) >= set(convlens.__all__)


@pytest.mark.smoke
def test_subpackages_import_as_the_documentation_says():
    for statement in (
        "import convlens.ops",
        "from convlens import inspection, nn, ops",
        "from convlens.data import load",
    ):
        names: dict[str, object] = {}
        exec(statement, names)
        assert set(names) - {"__builtins__"}, statement


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'convlens' has no attribute 'lenet6'"):
        convlens.lenet6  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'lenet6'"):
        exec("from convlens import lenet6", {})
    assert not hasattr(convlens, "lenet6")


@pytest.mark.smoke
def test_the_version_equals_that_of_the_installed_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "version" in project["dynamic"]
    assert convlens.__version__ == version("convlens")
    assert project["scripts"] == {"convlens": "convlens.cli:main"}


MODULES = sorted(path.stem for path in (ROOT / "src" / "convlens").glob("*.py") if path.stem != "__main__")


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name):
    module = convlens if name == "__init__" else __import__(f"convlens.{name}", fromlist=[name])
    assert doctest.testmod(module).failed == 0


def test_the_package_has_examples():
    assert doctest.testmod(convlens).attempted >= 4


def test_subpackages_load_when_they_are_first_used():
    names = loaded("import convlens\nassert convlens.ops.relu_forward and convlens.nn.Dense and convlens.data.load")
    assert "numpy" in names
    assert {"ops", "nn", "data", "training"} <= set(dir(convlens))


def test_paths_may_be_text(tmp_path):
    digits = small.digits()
    run = convlens.Run.start(str(tmp_path / "run"), convlens.Settings(data="few", epochs=1), digits)
    list(run.train(digits))
    assert convlens.Run.open(str(tmp_path / "run")).finished
    assert convlens.load_model(str(tmp_path / "run")).count_params() == 61_706
