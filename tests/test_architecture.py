"""The house rules for all of src, read from its syntax trees: arrows one way, heavy packages in their places."""

import ast
import doctest
import fnmatch
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import convlens

pytestmark = pytest.mark.smoke

ROOT = Path(convlens.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
NAMES = [path.relative_to(ROOT).as_posix() for path in FILES]

# A room, a module or package of convlens, may import the rooms on the floors below its own, and nothing else of
# convlens. The doors are on no floor: `import convlens` loads a room when a name of it is used.
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

# The same inside the checker, the largest room.
CHECKER = (
    ("escapes", "rules", "submission", "verdict"),
    ("guest", "options"),
    ("checks", "sandbox"),
    ("form_checks", "functions", "lenets", "summary_checks"),
    ("check",),
    ("classes",),
    ("render",),
)

# These may import even less.
ONLY = {
    "data": {"arrays", "geometry", "storage"},
    "engines": {"arrays", "geometry", "machine"},
    "machine": {"arrays"},
    "storage": {"arrays"},
}

# Packages that are slow to load or need not be there, and the files that may import them.
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

# All others import them inside a function: so nothing is loaded before it is used.
AT_THE_TOP = ("cli/*", "engines/compiled/*", "explorer/*")

FOR_THE_COMMAND_LINE = ("print", "exit", "quit", "sys.exit", "os._exit")

each_file = pytest.mark.parametrize("name", NAMES)


def tree(name):
    return ast.parse((ROOT / name).read_text(encoding="utf-8"))


def part(name):
    """The module or package directly under convlens that a file belongs to."""
    return name.split("/")[0].removesuffix(".py")


PARTS = {part(name) for name in NAMES}


def imported(name) -> Iterator[tuple[int, str]]:
    """(line, full dotted name) of everything that a file imports, wherever in it; a relative import in full."""
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
    """The part of convlens that an import reaches, or None: `convlens.x` is the front door unless x is a part."""
    names = dotted.split(".")
    if names[0] != "convlens":
        return None
    return names[1] if len(names) > 1 and names[1] in PARTS else "__init__"


def wrong_arrows(name):
    """A sentence for each import of a file that points the wrong way."""
    own = part(name)
    below = DOORS[own] if own in DOORS else below_floor(own) & ONLY.get(own, PARTS)
    for line, dotted in imported(name):
        reached = target(dotted)
        if reached not in (None, own) and reached not in below:
            yield f"{name}:{line} imports {dotted}; {own} may import {', '.join(sorted(below)) or 'none of convlens'}"


def below_floor(own):
    """The rooms on all floors below that of a room"""
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
def test_heavy_packages_are_imported_in_their_places(name):
    for line, dotted in imported(name):
        places = HEAVY.get(dotted.split(".")[0], ("*",))
        assert any(fnmatch.fnmatch(name, place) for place in places), f"{name}:{line} imports {dotted}: not in {places}"


def at_the_top(body):
    """The imports that run when a module is loaded; what stands under `if TYPE_CHECKING` does not."""
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


def test_importing_convlens_loads_numpy_alone():
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
def test_a_file_is_one_idea(name):
    assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= 400


def public(node, name):
    """A module's or class's own docstring holder and, by dotted name, those of all that is public in it."""
    yield name, node
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not child.name.startswith("_"):
            if isinstance(child, ast.ClassDef):
                yield from public(child, f"{name}.{child.name}")
            else:
                yield f"{name}.{child.name}", child


@each_file
def test_everything_public_says_what_it_is(name):
    assert [dotted for dotted, node in public(tree(name), name) if not ast.get_docstring(node)] == []


@each_file
def test_only_the_command_line_prints_or_exits(name):
    if fnmatch.fnmatch(name, "cli/*") or fnmatch.fnmatch(
        name, "checker/sandbox/guest_side/*"
    ):  # or in a program of its own
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


def test_there_are_examples_where_they_help_most():
    assert {"geometry.py", "engines/__init__.py", "models/lenet5.py"} <= set(WITH_EXAMPLES)
