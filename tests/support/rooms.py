"""The rooms of src/convlens and their floors. The imports between rooms are read from the syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import convlens

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
    ("checker", "studies"),
    ("explorer",),
    ("cli",),
)
DOORS = {
    "__init__": {room for floor in FLOORS[:-1] for room in floor},
    "__main__": {"cli"},
    "activations": {"arrays", "nn", "ops"},
    "backend": {"nn", "utils"},
    "callbacks": {"nn", "training"},
    "datasets": {"data"},
    "initializers": {"nn"},
    "layers": {"nn"},
    "losses": {"nn"},
    "metrics": {"nn", "training"},
    "optimizers": {"nn"},
    "regularizers": {"nn"},
    "utils": {"arrays", "geometry", "nn"},
}

# The same rule inside the checker, the largest room.
CHECKER = (
    ("escapes", "rules", "submission", "verdict"),
    ("guest", "hand_ins", "options"),
    ("checks", "sandbox"),
    ("form_checks", "functions", "lenets", "own_checks", "summary_checks"),
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


def tree(name: str) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse((ROOT / name).read_text(encoding="utf-8"))


def part(name: str) -> str:
    """The room that a file belongs to: a module or package directly under convlens."""
    return name.split("/")[0].removesuffix(".py")


PARTS = {part(name) for name in NAMES}


def imported(name: str) -> Iterator[tuple[int, str]]:
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


def target(dotted: str) -> str | None:
    """The room that an import reaches; None outside convlens; "__init__" if `convlens.x` names no room."""
    names = dotted.split(".")
    if names[0] != "convlens":
        return None
    return names[1] if len(names) > 1 and names[1] in PARTS else "__init__"


def below_floor(own: str) -> set[str]:
    """All rooms on the floors below the floor of this room."""
    found = [k for k, line in enumerate(FLOORS) if own in line]
    assert len(found) == 1, f"{own} needs one place in FLOORS of {Path(__file__).name}"
    return {other for line in FLOORS[: found[0]] for other in line}


def arrows() -> set[tuple[str, str]]:
    """Pairs (room, other room): the first imports the second. The doors are left out."""
    pairs = {(part(name), target(dotted)) for name in NAMES for _, dotted in imported(name)}
    return {(own, other) for own, other in pairs if other and own != other and own not in DOORS and other not in DOORS}


def files_imported_by_files() -> dict[str, set[str]]:
    """For each file, the other files of convlens that it imports.

    Files called `__init__` are left out on both sides: an `__init__` may import every file of its package, and Python
    runs it whenever a file of the package is imported.
    """
    by_dotted = {".".join(["convlens", *name.removesuffix(".py").split("/")]): name for name in NAMES}
    found: dict[str, set[str]] = {}
    for name in NAMES:
        if not name.endswith("__init__.py"):
            paths = {path for _, dotted in imported(name) for path in (dotted, dotted.rpartition(".")[0])}
            found[name] = {by_dotted[path] for path in paths if path in by_dotted} - {name}
    return found
