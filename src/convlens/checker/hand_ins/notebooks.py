"""Notebooks: the code cells of a Jupyter notebook as the text of a Python file."""

from __future__ import annotations

import ast
import json
from typing import Any

__all__ = ["code_of", "defines"]

_DEFINITIONS = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)


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

    Definitions are imports, functions, classes and constants. Calls that show or train something are left out, since
    importing a file must not start them. Cells that are not valid Python are left out too.
    """
    kept: list[str] = []
    found = False
    for cell in cells:
        try:
            tree = ast.parse(cell)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        lines = cell.splitlines()
        for node in tree.body:
            constant = not isinstance(node, ast.Assign | ast.AnnAssign) or _is_constant(node.value)
            if isinstance(node, _DEFINITIONS) and constant:
                first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
                kept.append("\n".join(lines[first - 1 : node.end_lineno]))
                found |= isinstance(node, ast.FunctionDef) and node.name == function
    return "\n\n\n".join(kept) + "\n" if found else ""


def _is_constant(value: ast.expr | None) -> bool:
    return value is None or all(isinstance(node, _PLAIN) for node in ast.walk(value))


_PLAIN = (ast.Constant, ast.Tuple, ast.List, ast.Dict, ast.UnaryOp, ast.USub, ast.expr_context)
