"""A guest's job: parse a submitted file without running it.

The parser runs in its own process, because a file can crash the parser.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from typing import Any

import pycodestyle
from numpy.typing import NDArray

Arrays = list[NDArray[Any]]
_MANY = 5  # the most findings of one kind that are kept, or a small multiple of it
# Names with which code can import without an import statement
_IMPORTING = ("__import__", "__builtins__", "__loader__", "__spec__", "import_module")
# The course asks for pycodestyle 2.6. Later releases complain more: about some codes always, about others except where
# the line matches this pattern, which is where 2.6 complains too
_LATER = {
    "E204": re.compile(r"(?!)"),
    "E275": re.compile(r"\bimport\("),
    "E721": re.compile(r"(?:[=!]=|\bis(?:\s+not)?)\s*type\s*\("),
}


def start(source: bytes, options: dict[str, Any]) -> Any:
    """Return the function that answers the only request: {"do": "form", "function": the name of the function that the
    task asks for}, with the bytes of a file as an array.

    One process parses all files of a submission, since parsing runs nothing of them. source, options: not used
    The answer: {"parses": "" or why not, "cure": what to do about it or "", "imports": [[line, text]...],
    "undocumented": [[line, name]...],
    "style": [[text, how often, [[line, column]...]]...], "signature": [[name, default or null]...] or null,
    "functions": [names], "keras": [[line, name]...] for every use of tf.keras, "identities": [[line, text]...] for
    every comparison of a text, a number or a tuple by `is`}
    """

    def answer(request: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        source = arrays[0].tobytes()
        try:
            text = _text(source)
            tree = ast.parse(source)
        except UnicodeDecodeError as error:
            return {"parses": _undecoded(source, error), "cure": "save the file as UTF-8, not in another encoding"}, []
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = f" (line {error.lineno})" if isinstance(error, SyntaxError) and error.lineno else ""
            text = error.msg if isinstance(error, SyntaxError) else str(error)
            return {"parses": f"{type(error).__name__}: {text}{line}"}, []
        top = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        last = [node for node in top if node.name == request["function"]][-1:]  # the last definition counts
        signature = next(map(_signature, last), None)
        return {
            "parses": "",
            "imports": _imports(tree),
            "undocumented": _undocumented(tree),
            "style": _style(text),
            "signature": signature,
            "functions": [node.name for node in top][: 2 * _MANY],
            "keras": _keras(tree),
            "identities": _identities(tree),
        }, []

    return answer


def _text(source: bytes) -> str:
    """Return the text of a file in the encoding that its first two lines name, UTF-8 by default, as Python reads it."""
    try:
        coding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    except SyntaxError as error:
        if "unknown encoding" in str(error):
            raise
        coding = "utf-8"  # the first lines are not even text; decoding tells where
    return source.decode(coding)


def _undecoded(source: bytes, error: UnicodeDecodeError) -> str:
    """Return the sentence about a byte that the file's encoding does not have."""
    line, name = source.count(b"\n", 0, error.start) + 1, error.encoding.upper()
    return f"the file must be text in {name}; line {line} has the byte 0x{source[error.start]:02x}, which is not {name}"


def _imports(tree: ast.Module) -> list[list[Any]]:
    """Return every import statement, also in functions, and every use of a name that can import."""
    found: list[list[Any]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.extend([node.lineno, f"import {name.name}{_as(name)}"] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            found.extend([node.lineno, f"from {module} import {name.name}{_as(name)}"] for name in node.names)
        elif isinstance(node, ast.Name | ast.Attribute | ast.Constant):
            name = node.id if isinstance(node, ast.Name) else getattr(node, "attr", getattr(node, "value", None))
            if name in _IMPORTING or (isinstance(node, ast.Name) and name in ("exec", "eval")):
                found.append([node.lineno, name])
    return found[: 4 * _MANY]


def _identities(tree: ast.Module) -> list[list[Any]]:
    """Return every comparison by `is` or `is not` with a literal, which compares objects and not what they hold."""
    found: list[list[Any]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            for sign, left, right in zip(node.ops, sides, sides[1:], strict=False):
                if isinstance(sign, ast.Is | ast.IsNot) and (_is_literal(left) or _is_literal(right)):
                    found.append([node.lineno, ast.unparse(node)[:100]])
    return sorted(found)[: 4 * _MANY]


def _is_literal(node: ast.expr) -> bool:
    """Return whether an expression is a text, a number or a tuple; None, True, False and ... are single objects."""
    alone = isinstance(node, ast.Constant) and not (isinstance(node.value, bool) or node.value in (None, ...))
    return alone or isinstance(node, ast.Tuple | ast.JoinedStr)


def _as(name: ast.alias) -> str:
    return f" as {name.asname}" if name.asname else ""


def _undocumented(tree: ast.Module) -> list[list[Any]]:
    """Return the module, functions, classes and methods that have no docstring."""
    found: list[list[Any]] = [] if (ast.get_docstring(tree) or "").strip() else [[1, "the module"]]
    inner = [node for scope in tree.body if isinstance(scope, ast.ClassDef) for node in scope.body]
    for node in [*tree.body, *inner]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.extend([] if (ast.get_docstring(node) or "").strip() else [[node.lineno, node.name]])
    return found[: 2 * _MANY]


def _style(text: str) -> list[list[Any]]:
    """Return pycodestyle's complaints with its default settings: each complaint once, without its numbers if only they
    differ. What only releases after 2.6 complain about is left out."""
    found: dict[str, list[Any]] = {}
    lines = io.StringIO(text, newline="\n").readlines()

    class Report(pycodestyle.BaseReport):  # type: ignore[misc]
        def error(self, line: int, offset: int, text: str, check: Any) -> str | None:
            code: str | None = super().error(line, offset, text, check)
            if code and not _is_later(code, lines[line - 1] if line <= len(lines) else "", offset):
                one = found.setdefault(text.partition(" (")[0], [text, 0, []])
                one[0] = text if one[0] == text else text.partition(" (")[0]
                one[1] += 1
                one[2] += [[line, offset + 1]][: _MANY - len(one[2])]
            return code

    guide = pycodestyle.StyleGuide(reporter=Report, config_file=False)
    guide.input_file("", lines=lines)
    return list(found.values())[: 4 * _MANY]


def _is_later(code: str, line: str, offset: int) -> bool:
    """Return whether only a release of pycodestyle after 2.6 complains about this line."""
    if code == "E231":
        return line[offset + 1 : offset + 2] == "#"
    return code in _LATER and not _LATER[code].search(line)


def _keras(tree: ast.Module) -> list[list[Any]]:
    """Return every dotted name that starts with tf.keras, in full."""
    found: list[list[Any]] = []
    rest: list[ast.AST] = [tree]
    while rest:
        node = rest.pop()
        names: list[str] = []
        inner: ast.AST = node
        while isinstance(inner, ast.Attribute):
            names.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name) and inner.id == "tf" and names[-1:] == ["keras"]:
            found.append([node.lineno, ".".join(["tf", *names[::-1]])[:100]])  # type: ignore[attr-defined]
        else:
            rest.extend(ast.iter_child_nodes(node))
    return sorted(found)[: 4 * _MANY]


def _signature(node: ast.FunctionDef) -> list[list[Any]] | None:
    """Return [[name, default]...], each default as Python prints it or None. Return None if there is * or **."""
    given = node.args
    if given.vararg or given.kwarg or given.kwonlyargs:
        return None
    names = [arg.arg for arg in [*given.posonlyargs, *given.args]]
    defaults = [None] * (len(names) - len(given.defaults)) + [_literal(default) for default in given.defaults]
    return [[name, default] for name, default in zip(names, defaults, strict=True)]


def _literal(node: ast.expr) -> str:
    try:
        return repr(ast.literal_eval(node))[:100]
    except (ValueError, TypeError, RecursionError, MemoryError):
        return "?"
