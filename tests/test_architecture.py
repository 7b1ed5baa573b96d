"""The rules of the source code, checked on its syntax trees: imports point one way, heavy packages in few files."""

import ast
import doctest
import fnmatch
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import convlens

pytestmark = pytest.mark.smoke

ROOT = Path(convlens.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
NAMES = [path.relative_to(ROOT).as_posix() for path in FILES]

# A room is a module or package directly under convlens. It may import rooms on the floors below its own, and nothing
# else of convlens. The doors belong to no floor: `import convlens` loads a room when one of its names is first used.
FLOORS = (
    ("arrays", "course", "geometry", "version"),
    ("gradcheck", "machine", "storage"),
    ("engines", "data"),
    ("ops",),
    ("nn",),
    ("models",),
    ("inspection", "training"),
    ("interop", "report"),
    ("checker", "explorer", "studies"),
    ("cli",),
)
DOORS = {"__init__": {room for floor in FLOORS[:-1] for room in floor}, "__main__": {"cli"}}

# The same rule inside the checker, the largest room.
CHECKER = (
    ("escapes", "rules", "submission", "verdict"),
    ("guest", "options"),
    ("checks", "sandbox"),
    ("form_checks", "functions", "lenets", "summary_checks"),
    ("check",),
    ("classes",),
    ("render",),
)

# These rooms may import less than their floor allows.
ONLY = {
    "data": {"arrays", "geometry", "storage"},
    "engines": {"arrays", "geometry", "machine"},
    "machine": {"arrays"},
    "storage": {"arrays"},
}

# Packages that are slow to load or optional, and the files that may import them.
HEAVY = {
    "PIL": ("data/picture.py", "data/images.py", "report/pixels.py"),
    "dask": ("checker/*",),
    "distributed": ("checker/*",),
    "jax": ("interop/*",),
    "keras": ("interop/*",),
    "llvmlite": ("engines/compiled/*",),
    "matplotlib": ("report/figures.py",),
    "numba": ("engines/compiled/*",),
    "onnx": ("interop/*",),
    "onnxruntime": ("interop/*",),
    "pooch": ("data/download.py",),
    "requests": ("data/download.py",),
    "rich": ("cli/*", "checker/render/terminal.py", "data/download.py"),
    "safetensors": ("storage/tensors.py",),
    "starlette": ("explorer/*",),
    "tensorflow": ("interop/*", "checker/sandbox/guest_side/*"),
    "threadpoolctl": ("machine/threads.py",),
    "typer": ("cli/*",),
    "uvicorn": ("explorer/*",),
}

# These files may import a heavy package at the top. All others import it inside a function, when it is used.
AT_THE_TOP = ("cli/*", "engines/compiled/*", "explorer/*")

FOR_THE_COMMAND_LINE = ("print", "exit", "quit", "sys.exit", "os._exit")

each_file = pytest.mark.parametrize("name", NAMES)


def tree(name):
    return ast.parse((ROOT / name).read_text(encoding="utf-8"))


def part(name):
    """The room that a file belongs to: a module or package directly under convlens."""
    return name.split("/")[0].removesuffix(".py")


PARTS = {part(name) for name in NAMES}


def imported(name):
    """(line, full dotted name) of every import anywhere in a file. Relative imports are made absolute."""
    package = ["convlens", *name.split("/")[:-1]]
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(package[: len(package) + 1 - node.level]) if node.level else ""
            module = ".".join(filter(None, (start, node.module)))
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}"


def target(dotted):
    """The room that an import reaches; None outside convlens; "__init__" if `convlens.x` names no room."""
    names = dotted.split(".")
    if names[0] != "convlens":
        return None
    return names[1] if len(names) > 1 and names[1] in PARTS else "__init__"


def wrong_arrows(name):
    """A sentence for each import of a file that its room does not allow."""
    own = part(name)
    below = DOORS[own] if own in DOORS else below_floor(own) & ONLY.get(own, PARTS)
    for line, dotted in imported(name):
        reached = target(dotted)
        if reached not in (None, own) and reached not in below:
            yield f"{name}:{line} imports {dotted}; {own} may import {', '.join(sorted(below)) or 'none of convlens'}"


def below_floor(own):
    """All rooms on the floors below the floor of this room."""
    found = [k for k, line in enumerate(FLOORS) if own in line]
    assert len(found) == 1, f"{own} needs one place in FLOORS of {Path(__file__).name}"
    return {other for line in FLOORS[: found[0]] for other in line}


@each_file
def test_arrows_point_one_way(name):
    assert list(wrong_arrows(name)) == []


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("checker/")])
def test_arrows_point_one_way_inside_the_checker(name):
    if name == "checker/__init__.py":
        return
    own = part(name.removeprefix("checker/"))
    levels = {each: k for k, line in enumerate(CHECKER) for each in line}
    for line, dotted in imported(name):
        _, checker, reached, *_ = [*dotted.split("."), "", "", ""]
        if dotted.startswith("convlens.") and checker == "checker" and reached != own:
            assert levels[reached] < levels[own], f"{name}:{line} imports {dotted}"


def test_the_tables_agree_with_each_other():
    listed = [own for line in FLOORS for own in line]
    assert len(listed) == len(set(listed))
    for own, allowed in ONLY.items():
        assert allowed <= below_floor(own), own


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("from convlens.nn import Dense", True),
        ("from convlens import nn", True),
        ("import convlens.models.lenet5", True),
        ("from ..training import fit", True),
        ("from .. import training", True),
        ("import convlens", True),
        ("from convlens import lenet5", True),
        ("def f():\n    from convlens import cli", True),
        ("from . import conv", False),
        ("from .conv import conv2d_forward", False),
        ("from convlens.engines import Array", False),
        ("from convlens import geometry", False),
        ("import numpy", False),
    ],
)
def test_an_arrow_that_points_up_is_found(monkeypatch, text, wrong):
    monkeypatch.setitem(globals(), "tree", lambda name: ast.parse(text))
    assert bool(list(wrong_arrows("ops/conv.py"))) == wrong


@each_file
def test_heavy_packages_are_imported_only_in_their_files(name):
    for line, dotted in imported(name):
        places = HEAVY.get(dotted.split(".")[0], ("*",))
        assert any(fnmatch.fnmatch(name, place) for place in places), f"{name}:{line} imports {dotted}: not in {places}"


def at_the_top(body):
    """The imports that run when a module is loaded. Imports under `if TYPE_CHECKING` do not run and are left out."""
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.unparse(node.test):
            yield from at_the_top([*node.body, *node.orelse])
        elif isinstance(node, ast.Try | ast.With | ast.ClassDef):
            yield from at_the_top(node.body)


@each_file
def test_heavy_packages_are_imported_when_they_are_used(name):
    if not any(fnmatch.fnmatch(name, place) for place in AT_THE_TOP):
        assert {dotted.split(".")[0] for dotted in at_the_top(tree(name).body)} & HEAVY.keys() == set()


def test_importing_convlens_loads_only_numpy():
    program = (
        "import sys\n"
        "before = {name.partition('.')[0] for name in sys.modules}\n"
        "import convlens\n"
        "for name in convlens.__all__:\n"
        "    getattr(convlens, name)\n"
        "loaded = {name.partition('.')[0] for name in sys.modules} - before - sys.stdlib_module_names\n"
        "print(*sorted(loaded))\n"
    )
    path = str(ROOT.parent)
    got = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {path!r})\n{program}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert got.stdout.split() == ["convlens", "numpy"]


@each_file
def test_no_file_is_longer_than_400_lines(name):
    assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= 400


def public(node, name):
    """(dotted name, node) of a module or class and of every public function and class in it."""
    yield name, node
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not child.name.startswith("_"):
            if isinstance(child, ast.ClassDef):
                yield from public(child, f"{name}.{child.name}")
            else:
                yield f"{name}.{child.name}", child


@each_file
def test_everything_public_has_a_docstring(name):
    assert [dotted for dotted, node in public(tree(name), name) if not ast.get_docstring(node)] == []


@each_file
def test_only_the_command_line_prints_or_exits(name):
    programs = ("cli/*", "checker/sandbox/guest_side/*")  # the second runs as a program of its own
    if any(fnmatch.fnmatch(name, program) for program in programs):
        return
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in FOR_THE_COMMAND_LINE, f"{name}:{node.lineno} calls {called}"
        if isinstance(node, ast.Raise) and node.exc:
            assert "SystemExit" not in ast.unparse(node.exc), f"{name}:{node.lineno} raises SystemExit"


WITH_EXAMPLES = [name for name in NAMES if ">>> " in (ROOT / name).read_text(encoding="utf-8")]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_in_docstrings(name):
    dotted = ".".join(["convlens", *name.removesuffix(".py").split("/")]).removesuffix(".__init__")
    failed, attempted = doctest.testmod(importlib.import_module(dotted))
    assert attempted and not failed


def test_the_most_used_modules_have_examples():
    assert {"geometry.py", "engines/__init__.py", "models/lenet5.py"} <= set(WITH_EXAMPLES)
