"""A guest's job: load a submitted file of tasks 0 to 3 and call its function.

The answers of this process are not trusted: the verdict is made outside, from the arrays.
"""

from __future__ import annotations

import sys
import types
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING or __package__:
    from convlens.checker.sandbox.guest_side.course_numpy import CourseNumpy, refused
else:  # inside the sandbox this folder is on the path, and there is no convlens
    from course_numpy import CourseNumpy, refused

Arrays = list[NDArray[Any]]
Handler = Callable[[dict[str, Any], Arrays], tuple[dict[str, Any], Arrays]]

_MOST = 10  # entries of an answer's "later"


def _relu(z: Any) -> Any:
    """Return z with 0 in place of each negative number."""
    return np.maximum(z, 0)


# The activations in calls. "curve" makes it visible if a file applies the activation twice, or before the bias.
ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"identity": lambda z: z, "relu": _relu, "curve": lambda z: z / 2 + 1}


def start(source: bytes, options: dict[str, Any]) -> Handler:
    """Return the function that answers requests about a file.

    options: "file" is the file's name, "function" the name of the function to call in it
    {"do": "load"} -> {"loaded": true}, or {"missing": [the functions of the file]}; exceptions of the file are raised
    {"do": "call", "arguments": [...], "named": {...}, "inputs": bool} -> {"result": ...}, arrays
        An argument is {"array": k}, {"activation": name}, {"tuple": [...]} or a plain value. With "inputs": true the
        answer has "inputs": k, and array k is the first of the given arrays, as they are after the call.
        "later", if it is there, is what the file has used so far that later NumPy refuses: see `CourseNumpy.used`.
        A text is the very object that equal text in the file is, so that `padding is "same"` is as true as in a program
        that calls the file.
    A result is {"array": k}, {"tuple" or "list": [results]}, {"number": x}, {"none": true} or {"other": its type}.
    """
    name, function = str(options["file"]), str(options["function"])
    course = CourseNumpy(name)
    module = types.ModuleType(name.removesuffix(".py"))

    def load(code: types.CodeType, names: dict[str, Any]) -> None:
        vars(module).update(names, __file__=name, __builtins__=course.builtins())
        sys.modules[module.__name__] = module
        exec(code, vars(module))

    def converting(run: Callable[..., Any], *given: Any) -> Any:
        """Return run(*given). If NumPy refuses a conversion, load the program with conversions and run again."""
        try:
            return run(*given)
        except (AttributeError, TypeError, ValueError) as error:
            if converted or not refused(error):
                raise
        converted.append(True)
        load(*course.compile(source))
        return run(*given) if run is not load else None

    converted: list[bool] = []

    def answer(request: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        if request["do"] == "load":
            converting(load, compile(source, name, "exec"), {})
            if not callable(getattr(module, function, None)):
                made = [key for key, value in vars(module).items() if isinstance(value, types.FunctionType)]
                return {"missing": made[:10]}, []
            return {"loaded": True}, []
        named = {key: _argument(value, arrays) for key, value in request.get("named", {}).items()}

        def again() -> tuple[Any, Arrays]:
            """Return the result of the call and its arrays, which the call may have changed."""
            given = [array.copy() for array in arrays]
            return getattr(module, function)(*(_argument(one, given) for one in request["arguments"]), **named), given

        result, given = converting(again)
        found: Arrays = []
        reply: dict[str, Any] = {"result": _encode(result, found)}
        if course.used:
            reply["later"] = dict(list(course.used.items())[:_MOST])
        if request.get("inputs"):
            reply["inputs"] = len(found)
            found.extend(given)
        return reply, found

    def quietly(request: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
        with warnings.catch_warnings(action="ignore"):  # whatever Python is told, a warning is not an exception
            return answer(request, arrays)

    return quietly


def _argument(value: Any, arrays: Arrays) -> Any:
    if isinstance(value, str):
        return sys.intern(value)
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    if "tuple" in value:
        return tuple(value["tuple"])
    return ACTIVATIONS[value["activation"]]


def _encode(value: Any, found: Arrays) -> dict[str, Any]:
    """Return a result as JSON values. Its arrays of numbers are appended to `found`."""
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            return {"other": f"an array of {array.dtype}"}
        found.append(array)
        return {"array": len(found) - 1}
    if isinstance(value, tuple | list) and len(value) <= 10:
        return {"tuple" if isinstance(value, tuple) else "list": [_encode(one, found) for one in value]}
    if value is None:
        return {"none": True}
    if isinstance(value, bool | int | float):
        return {"number": float(value)}
    return {"other": type(value).__name__}
