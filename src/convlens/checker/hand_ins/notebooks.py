"""Notebooks: the code cells of a Jupyter notebook as the text of a Python file."""

from __future__ import annotations

import ast
import builtins
import json
from typing import Any

__all__ = ["code_of", "defines"]

_DEFINITIONS = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
_ASSIGNMENTS = (ast.Assign, ast.AnnAssign)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_ACTIVE = (ast.Call, ast.Await, ast.NamedExpr, *_COMPREHENSIONS)  # no part of a constant


def code_of(data: bytes) -> list[str]:
    """Return the code cells of a notebook, without lines that only Jupyter understands (% and !).

    Raise ValueError if the file is not a notebook.
    """
    try:
        found: Any = json.loads(data)
        cells = [cell for cell in found["cells"] if cell["cell_type"] == "code"]
        texts = ["".join(cell["source"]) for cell in cells]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError("it is not a notebook that Jupyter writes") from None
    return [_python(text) for text in texts if not text.lstrip().startswith("%%")]


def _python(text: str) -> str:
    lines = text.splitlines()
    return "\n".join("" if line.lstrip().startswith(("%", "!", "?")) else line for line in lines).strip("\n")


def defines(cells: list[str], function: str) -> str:
    """Return the definitions in the cells as the text of a file, "" if they do not define the function.

    Definitions are imports, functions, classes and constants. What shows or trains something is left out, since
    importing a file must not start it: a constant calls nothing, and uses only names that are defined above it. Cells
    that are not valid Python are left out too.
    """
    kept: list[str] = []
    known = set(dir(builtins))
    found = False
    for cell in cells:
        try:
            tree = ast.parse(cell)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        lines = cell.splitlines()
        for node in tree.body:
            if isinstance(node, _DEFINITIONS) or (isinstance(node, _ASSIGNMENTS) and _is_constant(node.value, known)):
                first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
                kept.append("\n".join(lines[first - 1 : node.end_lineno]))
                known |= _names(node)
                found |= isinstance(node, ast.FunctionDef) and node.name == function
    return "\n\n\n".join(kept) + "\n" if found else ""


def _is_constant(value: ast.expr | None, known: set[str]) -> bool:
    """Return whether an expression calls nothing and uses only known names. What stands in a lambda is not computed."""
    rest: list[ast.AST] = [] if value is None else [value]
    while rest:
        node = rest.pop()
        unknown = isinstance(node, ast.Name) and not known & {node.id, "*"}
        if unknown or isinstance(node, _ACTIVE):
            return False
        rest += node.args.defaults if isinstance(node, ast.Lambda) else ast.iter_child_nodes(node)
    return True


def _names(node: ast.stmt) -> set[str]:
    """Return the names that a definition defines, among them "*" for all names of a module."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(name.asname or name.name).partition(".")[0] for name in node.names}
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
