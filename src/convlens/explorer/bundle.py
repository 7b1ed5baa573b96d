"""Many modules as one script: each module becomes a function that runs when it is first needed.

    import { Tensor } from "./engine/kernels/tensor.js";
    const { Tensor } = convlensModule("engine/kernels/tensor.js");

A page and its workers share the script. The name of a worker is the address of the module that begins it, see
`page/model/worker_start.js`. Such a module has the name worker.js, or one that ends in _worker.js.

The modules keep to a few forms, so that no parser is needed; anything else is an error that names the line:

    import { a, b as c } from "./x.js";    import "./x.js";        at the top
    export function f  export async function f  export class C  export const c = …      at the start of a line
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping

__all__ = ["ENTRY", "BundleError", "bundle", "in_order"]

ENTRY = "main.js"

_IMPORT = re.compile(r'^import\s+(?:\{([^{}]*)\}\s+from\s+)?"([^"\n]+)";[ \t]*$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*?|class|const) +([\w$]+))", re.MULTILINE)
_OTHER = re.compile(r"^[ \t]*(?:import\b(?!\s*\()|export\b)|\bimport\s*\(|\bimport\.meta\b", re.MULTILINE)
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_NAME = re.compile(r"([\w$]+)(?:\s+as\s+([\w$]+))?")

_HEAD = """"use strict";
(() => {
const convlensFunctions = {};
const convlensLoaded = {};
function convlensModule(name) {
  if (!(name in convlensLoaded)) convlensLoaded[name] = convlensFunctions[name]();
  return convlensLoaded[name];
}
"""
_TAIL = """convlensModule("document" in globalThis ? %s : globalThis.name);
})();
"""


class BundleError(ValueError):
    """A module has a form that cannot be bundled. The text names the module and its line."""


def bundle(modules: Mapping[str, str], entry: str = ENTRY) -> str:
    """Return one classic script that does what the module `entry` does, with all that it and the workers import.

    modules: the text of each module by its address. Raises BundleError for an import of a module that is not there, for
    modules that import each other in a circle, and for a form of import or export that is not known.
    """
    parts = [_HEAD]
    for name in in_order(modules, [entry, *filter(_begins_worker, sorted(modules))]):
        body, exported = _body(name, modules[name])
        names = ", ".join(exported)
        parts.append(f"convlensFunctions[{_quoted(name)}] = () => {{\n{body.strip()}\nreturn {{ {names} }};\n}};\n")
    parts.append(_TAIL % _quoted(entry))
    return _in_html("".join(parts))


def in_order(modules: Mapping[str, str], entries: list[str]) -> list[str]:
    """Return the addresses of the entries and of all that they import, each one after what it imports."""
    order: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise BundleError(f"modules must not import each other in a circle; got {' → '.join((*path, name))}")
        if name in order:
            return
        if name not in modules:
            raise BundleError(f"{path[-1] if path else 'the page'} imports {name}, which does not exist")
        for found in _IMPORT.finditer(modules[name]):
            visit(_address(name, found[2]), (*path, name))
        order.append(name)

    for entry in entries:
        visit(entry, ())
    return order


def _begins_worker(name: str) -> bool:
    return posixpath.basename(name) == "worker.js" or name.endswith("_worker.js")


def _body(name: str, text: str) -> tuple[str, list[str]]:
    """Return the statements of a module without imports and exports, and the names that it exports."""

    def replaced(found: re.Match[str]) -> str:
        lines = "\n" * found[0].count("\n")
        called = f"convlensModule({_quoted(_address(name, found[2]))});"
        return lines + (called if found[1] is None else f"const {{ {_names(name, found[1])} }} = {called}")

    exported = _EXPORT.findall(text)
    body = _EXPORT.sub("", _IMPORT.sub(replaced, text.replace("\r\n", "\n")))
    code = _COMMENT.sub(lambda found: "\n" * found[0].count("\n"), body)
    if left := _OTHER.search(code):
        line = code.count("\n", 0, left.start()) + 1
        raise BundleError(
            f'{name}, line {line}: only `import {{ a }} from "./x.js";` and `export function | class | const` can be '
            f"bundled; got {left[0].strip()!r} in another form"
        )
    return body, exported


def _names(name: str, text: str) -> str:
    """Return the names of an import as those of a destructuring: "a, b as c" -> "a, b: c"."""
    found = []
    for part in filter(None, map(str.strip, _COMMENT.sub("", text).split(","))):
        match = _NAME.fullmatch(part)
        if match is None:
            raise BundleError(f"{name}: an import must list names, such as `a, b as c`; got {part!r}")
        found.append(f"{match[1]}: {match[2]}" if match[2] else match[1])
    return ", ".join(found)


def _address(name: str, path: str) -> str:
    """Return the address of a module that `name` imports by a relative path."""
    if not path.startswith(("./", "../")):
        raise BundleError(f"{name} must import by a path that begins with ./ or ../; got {path!r}")
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), path))


def _quoted(name: str) -> str:
    if not re.fullmatch(r"[\w./-]+", name):
        raise BundleError(f"the name of a module must have letters, digits, _, -, . and / only; got {name!r}")
    return f'"{name}"'


def _in_html(text: str) -> str:
    r"""Return the script without the letters that would end it, or begin a comment, inside a page.

    In strings, templates and regular expressions `\x3C` is the letter <.
    """
    return re.sub(r"<(?=/script|!--)", r"\\x3C", text, flags=re.IGNORECASE)
