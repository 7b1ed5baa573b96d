"""NumPy 1.19.2, the release of the course, for a submitted file that runs on a later release.

Later releases have taken away names (`np.float`, `np.product`), and refuse to turn an array of one number into a number
(`Z[i, j] = array`). That is not the student's mistake. The file alone gets the old names, never NumPy itself.
The conversions need another program, made from the file's syntax tree, in which each assignment to a cell and each call
of `float`, `int` or `math` goes through a function of this module. It is made once NumPy has refused a conversion.
"""

from __future__ import annotations

import ast
import builtins
import math
import operator
import sys
import types
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING or __package__:
    from convlens.checker.sandbox.guest_side.absent import Absent, allowed
else:  # inside the sandbox this folder is on the path, and there is no convlens
    from absent import Absent, allowed

__all__ = ["CourseNumpy", "refused"]

# Names that NumPy 1.19.2 has and a later release has not. A text names what stands in for it today.
_NAMES: dict[str, Any] = {
    **{name: getattr(builtins, name) for name in ("bool", "int", "float", "complex", "object", "str")},
    **{"long": int, "unicode": str},
    **{"float_": "float64", "complex_": "complex128", "string_": "bytes_", "unicode_": "str_", "bool8": "bool_"},
    **dict.fromkeys(("Inf", "Infinity", "PINF", "infty"), np.inf),
    **dict.fromkeys(("NaN", "NAN"), np.nan),
    **{"NINF": -np.inf, "PZERO": 0.0, "NZERO": -0.0},
    **{"alltrue": "all", "sometrue": "any", "product": "prod", "cumproduct": "cumprod", "round_": "round"},
    **{"in1d": "isin", "row_stack": "vstack", "trapz": "trapezoid", "mat": "asmatrix"},
    "math": math,
    "asscalar": lambda a: a.item(),
    "alen": lambda a: len(np.array(a, ndmin=1)),
    "msort": lambda a: np.sort(a, axis=0),
    "asfarray": lambda a, dtype=np.float64: np.asarray(a, dtype=dtype),
}
# How NumPy says that it does not turn an array of one number into a number, or that arrays have lost a method
_REFUSALS = ("only 0-dimensional arrays can be converted", "only length-1 arrays can be converted")
_METHODS = ("itemset", "ptp")
_CELL, _CHANGE, _NUMBER, _METHOD = "<cell>", "<change>", "<number>", "<method>"  # names that no file can have


def refused(error: BaseException) -> bool:
    """Return whether an exception is NumPy's refusal of what NumPy 1.19.2 did."""
    if isinstance(error, AttributeError):
        return any(str(error).endswith(f"numpy.ndarray' object has no attribute '{name}'") for name in _METHODS)
    if not isinstance(error, TypeError | ValueError):
        return False
    return any(str(one).startswith(_REFUSALS) for one in (error, error.__cause__))


class CourseNumpy:
    """What a file gets from NumPy 1.19.2.

    used: what the file has used so far that later releases refuse, and the first line where it did: "cell", "number",
    "method", "call" or a name that is gone
    """

    def __init__(self, file: str) -> None:
        """file: the name that the file's code is compiled with"""
        self.used: dict[str, int] = {}
        self._file = file
        self._numpy = self._module()

    def builtins(self) -> dict[str, Any]:
        """Return the built-in names for the file. `import numpy` gives it NumPy with the old names."""

        def importing(name: str, *rest: Any, **named: Any) -> Any:
            level = rest[3] if len(rest) > 3 else named.get("level", 0)
            if not level and not allowed(name):
                return Absent(name if len(rest) > 2 and rest[2] else name.partition(".")[0])
            found = __import__(name, *rest, **named)
            return self._numpy if found is np else self._numpy.lib if found is np.lib else found

        return {**vars(builtins), "__import__": importing}

    def compile(self, source: bytes) -> tuple[types.CodeType, dict[str, Any]]:
        """Return the file's program in which arrays of one number become numbers, and the names that it needs."""
        tree = ast.fix_missing_locations(_Conversions().visit(ast.parse(source)))
        names = {_CELL: self._cell, _CHANGE: self._change, _NUMBER: self._number, _METHOD: self._method}
        return compile(tree, self._file, "exec"), names

    def _module(self) -> types.ModuleType:
        """Return a module with all names of NumPy, and the old names if they are asked for."""
        missing = {name: value for name, value in _NAMES.items() if name not in vars(np)}
        module = self._part(np, {name: getattr(np, to) if isinstance(to, str) else to for name, to in missing.items()})
        functions = {"array": _array, "sum": self._sum, "reshape": self._reshape, "unravel_index": self._unravel_index}
        vars(module).update(functions, lib=self._part(np.lib, vars(np)))
        return module

    def _part(self, of: types.ModuleType, missing: dict[str, Any]) -> types.ModuleType:
        """Return a copy of a module of NumPy. It also has the names in `missing`, which are noted when used."""

        class Part(types.ModuleType):
            def __getattr__(_, name: str) -> Any:  # noqa: N805 — `self` is the CourseNumpy
                if name not in missing or name.startswith("__"):
                    return getattr(of, name)
                self._note(name if of is np else f"lib.{name}")
                return missing[name]

        module = Part(of.__name__)
        vars(module).update({name: value for name, value in vars(of).items() if name != "__getattr__"})
        return module

    def _note(self, what: str) -> None:
        """Remember that the innermost line of the file that runs now uses something."""
        frame = sys._getframe(2)
        while frame.f_back is not None and frame.f_code.co_filename != self._file:
            frame = frame.f_back
        self.used.setdefault(what, frame.f_lineno)

    def _cell(self, value: Any, array: Any, index: Any) -> None:
        """Do array[index] = value."""
        try:
            array[index] = value
        except (TypeError, ValueError) as error:
            if not (_one(value) and refused(error) and np.ndim(array[index]) == 0):
                raise
            array[index] = value.item()
            self._note("cell")

    def _change(self, array: Any, index: Any, change: str, value: Any) -> None:
        """Do array[index] += value, or another operator with the name `change`."""
        self._cell(getattr(operator, change)(array[index], value), array, index)

    def _number(self, kind: Any, *values: Any, **named: Any) -> Any:
        """Return kind(*values), where kind is what the file calls float or int, or a function of `math`."""
        if kind in (float, int) or getattr(kind, "__module__", None) == "math":
            if any(map(_one, values)):
                self._note("number")
            values = tuple(value.item() if _one(value) else value for value in values)
        return kind(*values, **named)

    def _sum(self, values: Any, *rest: Any, **named: Any) -> Any:
        """Return np.sum(...). NumPy 1.19.2 adds up a generator as Python does."""
        if isinstance(values, types.GeneratorType):
            self._note("call")
            return sum(values)
        return np.sum(values, *rest, **named)

    def _reshape(self, array: Any, *shape: Any, **named: Any) -> Any:
        """Return np.reshape(...), whose argument `shape` was called newshape."""
        if "newshape" in named:
            self._note("call")
            shape = (named.pop("newshape"),)
        return np.reshape(array, *shape, **named)

    def _unravel_index(self, indices: Any, *shape: Any, **named: Any) -> Any:
        """Return np.unravel_index(...), whose argument `shape` was also called dims."""
        if "dims" in named:
            self._note("call")
            shape = (named.pop("dims"),)
        return np.unravel_index(indices, *shape, **named)

    def _method(self, name: str, array: Any, *values: Any, **named: Any) -> Any:
        """Return array.name(...) for a method that arrays no longer have."""
        if not isinstance(array, np.ndarray) or hasattr(array, name):
            return getattr(array, name)(*values, **named)
        self._note("method")
        if name == "ptp":
            return np.ptp(array, *values, **named)
        index = values[0] if len(values) == 2 else values[:-1]
        self._cell(values[-1], array if isinstance(index, tuple) and len(index) == array.ndim else array.flat, index)
        return None


def _one(value: Any) -> bool:
    """Return whether a value is an array of one number that has dimensions."""
    return isinstance(value, np.ndarray) and value.ndim > 0 and value.size == 1


def _array(value: Any, *rest: Any, **named: Any) -> Any:
    """Return np.array(...). Until NumPy 2, copy=False meant a copy where one is needed."""
    if named.get("copy", True) is False:
        named["copy"] = None if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else False
    return np.array(value, *rest, **named)


class _Conversions(ast.NodeTransformer):
    """Replaces assignments to one cell and calls of float and int by calls of the functions of `CourseNumpy`."""

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """Replace array[index] = value."""
        self.generic_visit(node)
        if len(node.targets) != 1 or not _is_cell(node.targets[0]):
            return node
        return _statement(node, _CELL, [node.value, *_place(node.targets[0])])

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """Replace array[index] += value and the like."""
        self.generic_visit(node)
        if not _is_cell(node.target):
            return node
        array, index = _place(node.target)
        return _statement(node, _CHANGE, [array, index, ast.Constant(_OPERATORS[type(node.op)]), node.value])

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Replace float(value), int(value), math.ceil(value), array.itemset(...) and array.ptp(...)."""
        self.generic_visit(node)
        name, _, last = ast.unparse(node.func).rpartition(".")
        if name.endswith("math") or (not name and last in ("float", "int")):
            return _call(node, _NUMBER, [node.func, *node.args], node.keywords)
        if isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS:
            return _call(node, _METHOD, [ast.Constant(node.func.attr), node.func.value, *node.args], node.keywords)
        return node


_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "iadd",
    ast.Sub: "isub",
    ast.Mult: "imul",
    ast.Div: "itruediv",
    ast.FloorDiv: "ifloordiv",
    ast.Mod: "imod",
    ast.Pow: "ipow",
    ast.MatMult: "imatmul",
    ast.LShift: "ilshift",
    ast.RShift: "irshift",
    ast.BitOr: "ior",
    ast.BitXor: "ixor",
    ast.BitAnd: "iand",
}


def _is_cell(target: ast.expr) -> bool:
    """Return whether a target can be one cell: a subscript without a slice."""
    return isinstance(target, ast.Subscript) and not any(isinstance(one, ast.Slice) for one in ast.walk(target.slice))


def _place(target: ast.expr) -> tuple[ast.expr, ast.expr]:
    assert isinstance(target, ast.Subscript)
    return target.value, target.slice


def _call(node: ast.AST, name: str, values: list[ast.expr], named: list[ast.keyword]) -> ast.Call:
    return ast.copy_location(ast.Call(ast.Name(name, ast.Load()), values, named), node)


def _statement(node: ast.AST, name: str, values: list[ast.expr]) -> ast.AST:
    return ast.copy_location(ast.Expr(_call(node, name, values, [])), node)
