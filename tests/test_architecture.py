"""The rules of the source code, checked on its syntax trees: imports point one way, heavy packages in few files."""

import ast
import doctest
import fnmatch
import importlib
import subprocess
import sys

import pytest
from scripts import make_architecture
from tests.support import rooms
from tests.support.rooms import (
    CHECKER,
    DOORS,
    FLOORS,
    NAMES,
    ONLY,
    PARTS,
    ROOT,
    below_floor,
    imported,
    part,
    target,
    tree,
)

pytestmark = pytest.mark.smoke

# Packages that are slow to load or optional, and the files that may import them.
HEAVY = {
    "PIL": ("data/decode.py", "data/handwriting/*", "data/picture_cache.py", "report/pixels.py"),
    "dask": ("checker/*",),
    "distributed": ("checker/*",),
    "jax": ("interop/*",),
    "keras": ("interop/*",),
    "llvmlite": ("engines/compiled/*",),
    "matplotlib": ("report/figures.py", "report/passes.py"),
    "numba": ("engines/compiled/*",),
    "onnx": ("interop/*",),
    "onnxruntime": ("interop/*",),
    "playwright": ("engines/browser/chromium.py",),
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
AT_THE_TOP = ("cli/*", "engines/browser/chromium.py", "engines/compiled/*", "explorer/*")

ONLY_IN_PROGRAMS = ("print", "exit", "quit", "sys.exit", "os._exit")

each_file = pytest.mark.parametrize("name", NAMES)


def wrong_arrows(name):
    """A sentence for each import of a file that its room does not allow."""
    own = part(name)
    below = DOORS[own] if own in DOORS else below_floor(own) & ONLY.get(own, PARTS)
    for line, dotted in imported(name):
        reached = target(dotted)
        if reached not in (None, own) and reached not in below:
            yield f"{name}:{line} imports {dotted}; {own} may import {', '.join(sorted(below)) or 'none of convlens'}"


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


def circle(imports: dict[str, set[str]]) -> list[str]:
    """The names on a circular path of imports, first name repeated at the end; an empty list if there is no circle."""
    done = set()

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        found: list[str] = next(
            filter(None, (walk(other, [*path, name]) for other in sorted(imports.get(name, ())))), []
        )
        done.add(name)
        return found

    return next(filter(None, (walk(name, []) for name in sorted(imports))), [])


def test_no_files_import_each_other_in_a_circle():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle(rooms.files_imported_by_files()) == []


def test_there_are_few_rooms_and_floors():
    assert len(PARTS - DOORS.keys()) <= 25
    assert len(FLOORS) <= 11


def test_the_picture_of_the_architecture_is_up_to_date():
    assert make_architecture.TARGET.read_text(encoding="utf-8") == make_architecture.draw().svg(), (
        "the rooms or their imports changed: run `make pictures`"
    )


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
def test_an_import_of_a_higher_floor_is_found(monkeypatch, text, wrong):
    monkeypatch.setattr(rooms, "tree", lambda name: ast.parse(text))
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
    programs = ("cli/*", "checker/sandbox/guest_side/*")  # the guest side runs as a separate program
    if any(fnmatch.fnmatch(name, program) for program in programs):
        return
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ONLY_IN_PROGRAMS, f"{name}:{node.lineno} calls {called}"
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
