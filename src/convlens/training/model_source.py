"""The network that `--model` names: one of convlens's own, one that a function in a file makes, or a specification.

lenet5                a name in `convlens.models.MODELS`
FILE.py:FUNCTION      the function is called with `input_shape`, `classes` and `seed`, as far as it has them, and
                      returns a Sequential
FILE.json             a specification, see `convlens.nn.specification`
"""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from convlens.models import MODELS, build_model
from convlens.nn import Sequential
from convlens.nn.specification import read_specification
from convlens.training.model_file import build, describe

__all__ = ["Wanted", "check_output", "check_source", "is_file", "make_model", "rebuilt", "short_name"]


class Wanted(NamedTuple):
    """What a network must fit: images of input_shape (h, w, c), a number of classes, and the seed of its weights."""

    input_shape: tuple[int, int, int]
    classes: int
    seed: int = 0


def short_name(source: str) -> str:
    """Return a name for folders and titles: the model's, the function's or the file's.

    >>> short_name("lenet5"), short_name("nets/own.py:small"), short_name("nets/own.json")
    ('lenet5', 'small', 'own')
    """
    file, function = _split(source)
    return function or Path(file).stem


def is_file(source: str) -> bool:
    """Return whether the source of a model is a file, not a name."""
    return source not in MODELS and (_split(source)[1] is not None or Path(source).suffix in (".py", ".json"))


def make_model(source: str, wanted: Wanted, engine: str = "auto") -> Sequential:
    """Return the model that `source` names, with its first weights.

    Raises ValueError or FileNotFoundError, in one sentence, if there is no such model, if its function fails, or if the
    network does not fit what is `wanted`.
    """
    if source in MODELS:
        return build_model(
            source, input_shape=wanted.input_shape, classes=wanted.classes, seed=wanted.seed, engine=engine
        )
    check_source(source)
    name, function = _split(source)
    model, where = (
        (_specified(Path(name), wanted, engine), name)
        if function is None and Path(name).suffix == ".json"
        else _made(Path(name), function, wanted)
    )
    check_output(model, wanted, where)
    return rebuilt(model, engine, where, name=short_name(source) if model.name == "sequential" else model.name)


def check_source(source: str) -> None:
    """Raise ValueError or FileNotFoundError if `source` is neither the name of a model nor a file."""
    if source in MODELS:
        return
    if not is_file(source):
        raise ValueError(f"model must be one of {', '.join(MODELS)}, FILE.py:FUNCTION or FILE.json; got {source!r}")
    name, _ = _split(source)
    if not Path(name).is_file():
        raise FileNotFoundError(f"--model needs a file that exists; there is no {name}")


def check_output(model: Sequential, wanted: Wanted, where: str) -> None:
    """Raise ValueError, with `where` in it, unless the model takes the images and has one output for each class."""
    if model.input_shape != wanted.input_shape:
        raise ValueError(
            f"{where}: the network must take images {wanted.input_shape}, as the data have them; it takes "
            f"{model.input_shape}"
        )
    if model.output_shape != (wanted.classes,):
        raise ValueError(
            f"{where}: the network's output must be ({wanted.classes},), one number for each class; it is "
            f"{model.output_shape}"
        )


def rebuilt(model: Sequential, engine: str, where: str, name: str | None = None) -> Sequential:
    """Return the model built from its specification, with the same weights: what a run needs to load it again."""
    try:
        specification = describe(model)
        found = build({**specification, "name": name or model.name}, engine)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    found.flat[...], found.flat_state[...] = model.flat, model.flat_state
    found.frozen = model.frozen
    for key, w in found.named_weights().items():
        if not np.isfinite(w).all():
            raise ValueError(f"{where}: the network's weights must be finite; {key} is not")
    return found


def _split(source: str) -> tuple[str, str | None]:
    """Return the file and the function of FILE.py:FUNCTION; a Windows path may have a colon too."""
    file, colon, function = source.rpartition(":")
    return (file, function) if colon and file.endswith(".py") else (source, None)


def _specified(path: Path, wanted: Wanted, engine: str) -> Sequential:
    found = read_specification(path.read_bytes(), str(path))
    try:
        return Sequential(
            found.layers, found.input_shape, name=found.name, seed=wanted.seed, dtype=found.dtype, engine=engine
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


# A function in a file ------------------------------------------------------------------------------------------------


def _made(path: Path, name: str | None, wanted: Wanted) -> tuple[Sequential, str]:
    """Return the model that a function in a file makes, and the place of the function as text."""
    module = _module(path)
    function = _function(module, path, name)
    where = _place(function, path)
    given = _arguments(function, wanted, where)
    with _one_sentence(path, function.__name__), _imports_beside(path):
        model = function(**given)
    if not isinstance(model, Sequential):
        raise ValueError(f"{where}: {function.__name__} must return a convlens Sequential; it returned {_kind(model)}")
    if not getattr(model, "built", True):
        with _one_sentence(path, function.__name__):
            model.build((None, *wanted.input_shape))
    return model, where


def _module(path: Path) -> ModuleType:
    module = ModuleType(path.stem)
    module.__file__ = str(path)
    source = path.read_bytes()
    with _one_sentence(path, "the file"), _imports_beside(path):
        exec(compile(source, str(path), "exec"), vars(module))
    return module


def _function(module: ModuleType, path: Path, name: str | None) -> Callable[..., Any]:
    own = [
        key
        for key, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not key.startswith("_")
    ]
    if name is None and len(own) == 1:
        name = own[0]
    known = f"its functions are {', '.join(own)}" if own else "it has no function"
    if not name:
        raise ValueError(f"--model needs the name of a function, {path}:FUNCTION; {known}")
    function: Callable[..., Any] | None = vars(module).get(name)
    if function is None:
        raise ValueError(f"{path} must have the function {name}; {known}")
    if not callable(function):
        raise ValueError(f"{path}: {name} must be a function that returns a Sequential; it is {_kind(function)}")
    return function


def _arguments(function: Callable[..., Any], wanted: Wanted, where: str) -> dict[str, Any]:
    """Return the arguments that the function has of input_shape, classes and seed."""
    given, known = wanted._asdict(), inspect.signature(function).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values()):
        return given
    for name, parameter in known.items():
        needed = parameter.default is parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL
        if needed and (name not in given or parameter.kind is parameter.POSITIONAL_ONLY):
            raise ValueError(
                f"{where}: convlens gives the keyword arguments {', '.join(given)}; {name} needs a default value"
            )
    return {name: value for name, value in given.items() if name in known}


@contextmanager
def _imports_beside(path: Path) -> Iterator[None]:
    """Let the file import the files beside it."""
    before = list(sys.path)
    sys.path.insert(0, str(path.resolve().parent))
    try:
        yield
    finally:
        sys.path[:] = before


@contextmanager
def _one_sentence(path: Path, what: str) -> Iterator[None]:
    """Turn anything that the file raises into a ValueError of one sentence, with the file and the line."""
    try:
        yield
    except KeyboardInterrupt:
        raise
    except SyntaxError as error:
        place = f"{error.filename or path}{f':{error.lineno}' if error.lineno else ''}"
        raise ValueError(f"{place}: {path} must be a Python file; {type(error).__name__}: {error.msg}") from None
    except BaseException as error:  # also SystemExit: the file may call exit()
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        text = " ".join(str(error).split())
        place, kind = f"{path}:{lines[-1]}" if lines else str(path), type(error).__name__
        raise ValueError(f"{place}: {what} raised {kind}{f': {text}' if text else ''}") from None


def _place(function: Callable[..., Any], path: Path) -> str:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{path}:{code.co_firstlineno}" if code is not None and code.co_filename == str(path) else str(path)


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    kind = type(value)
    module = kind.__module__.split(".")[0]
    return kind.__name__ if module in ("builtins", "convlens") else f"{module}'s {kind.__name__}"
