"""Test of the samples, only with the oracle: every correct file is right, and every wrong file is wrong."""

import ast
import contextlib
import functools
import io
import shutil
import warnings

import numpy as np
import pycodestyle
import pytest
from tests.support import oracle
from tests.support.checker.mutants import FORMS, MUTANTS
from tests.support.checker.samples import BASES, FILES, READINGS, mutated, place, source, spoilt
from tests.support.course_files import from_text, numbers

ALL_READINGS = ("floor", "ceil", "top", "bottom")
# n, h, w, ci, co, kernel, stride, padding: no squares, even and odd totals of zeros, leftovers, 1x1, whole image
CONVOLUTIONS = [
    (2, 5, 4, 2, 3, (3, 5), (1, 1), "same"),
    (2, 4, 6, 2, 2, (5, 3), (1, 1), "same"),
    (3, 4, 6, 1, 2, (3, 1), (3, 1), "same"),
    (2, 5, 3, 2, 2, (1, 3), (2, 3), "same"),
    (2, 4, 6, 2, 1, (2, 4), (2, 2), "same"),
    (2, 3, 4, 2, 2, (2, 3), (1, 1), "same"),
    (2, 6, 5, 1, 2, (3, 2), (2, 1), "same"),
    (2, 5, 4, 3, 2, (1, 1), (1, 1), "same"),
    (3, 5, 3, 2, 2, (1, 1), (2, 3), "same"),
    (2, 7, 9, 2, 3, (3, 2), (3, 4), "valid"),
    (2, 5, 7, 1, 2, (2, 3), (1, 1), "valid"),
    (2, 8, 6, 2, 2, (2, 3), (2, 1), "valid"),
    (3, 3, 4, 2, 3, (3, 4), (2, 1), "valid"),
]
# n, h, w, c, kernel, stride
POOLINGS = [
    (2, 6, 8, 2, (2, 2), (2, 2)),
    (3, 7, 9, 2, (2, 3), (2, 4)),
    (2, 5, 9, 2, (3, 2), (1, 2)),
    (2, 6, 5, 3, (3, 2), (1, 1)),
    (2, 8, 6, 1, (2, 3), (3, 1)),
    (2, 5, 4, 2, (1, 1), (2, 1)),
    (3, 4, 5, 2, (4, 5), (1, 2)),
]
# The type of the images, and the type of all other arrays
TYPES = [(np.float64, np.float64), (np.float32, np.float32), (np.int64, np.int64), (np.int64, np.float64)]


def pads_of(reading, shape, kernel, stride, padding):
    """Return the zeros ((top, bottom), (left, right)) in one of the readings."""
    if padding == "valid":
        return oracle.NO_PADS
    totals = [(size - 1) * s + k - size for size, k, s in zip(shape[1:3], kernel, stride, strict=True)]
    few, many = [total // 2 for total in totals], [-(-total // 2) for total in totals]
    before = {"floor": few, "ceil": many, "top": many, "bottom": few}[reading]
    after = {"floor": few, "ceil": many, "top": few, "bottom": many}[reading]
    return tuple(zip(before, after, strict=True))


@functools.cache
def conv_forward(case, types, reading):
    """Return the arguments of a call and its right results."""
    n, h, w, ci, co, kernel, stride, padding = case
    rng = np.random.default_rng(0)
    x = numbers(rng, (n, h, w, ci), types[0])
    weights, b = numbers(rng, (*kernel, ci, co), types[1]), numbers(rng, (1, 1, 1, co), types[1])
    pads = pads_of(reading, x.shape, kernel, stride, padding)
    want = np.arctan(oracle.conv_forward(x, weights, b, pads, stride))
    return (x, weights, b, np.arctan, padding, stride), [want]


@functools.cache
def conv_backward(case, types, reading):
    """Return the arguments of a call, with the windows of this reading, and its right results."""
    n, h, w, ci, co, kernel, stride, padding = case
    rng = np.random.default_rng(0)
    x = numbers(rng, (n, h, w, ci), types[0])
    weights, b = numbers(rng, (*kernel, ci, co), types[1]), numbers(rng, (1, 1, 1, co), types[1])
    pads = pads_of(reading, x.shape, kernel, stride, padding)
    dz = numbers(rng, (n, *oracle.output_size(x.shape, kernel, stride, pads), co), types[1])
    dx, dw, db = oracle.conv_backward(dz, x, weights, pads, stride)
    return (dz, x, weights, b, padding, stride), [dx, dw, db.reshape(b.shape)]


@functools.cache
def pool_forward(case, types, mode):
    """Return the arguments of a call and its right results."""
    n, h, w, c, kernel, stride = case
    x = numbers(np.random.default_rng(0), (n, h, w, c), types[0])
    return (x, kernel, stride, mode), [oracle.pool_forward(x, kernel, stride, mode)]


@functools.cache
def pool_backward(case, types, mode):
    """Return the arguments of a call and its right results."""
    n, h, w, c, kernel, stride = case
    rng = np.random.default_rng(0)
    x = numbers(rng, (n, h, w, c), types[0])
    dy = numbers(rng, (n, *oracle.output_size(x.shape, kernel, stride, oracle.NO_PADS), c), types[1])
    return (dy, x, kernel, stride, mode), [oracle.pool_backward(dy, x, kernel, stride, mode, "all")]


def problem(function, arguments, wanted):
    """Return what is wrong with the result, or None."""
    given = [argument.copy() if isinstance(argument, np.ndarray) else argument for argument in arguments]
    quiet = contextlib.redirect_stdout(io.StringIO())
    try:
        with quiet, warnings.catch_warnings(action="ignore"):
            results = function(*given)
    except Exception as error:
        return repr(error)
    results = results if isinstance(results, tuple) else (results,)
    if len(results) != len(wanted):
        return f"{len(results)} results, not {len(wanted)}"
    for result, want in zip(results, wanted, strict=True):
        if not isinstance(result, np.ndarray) or result.shape != want.shape:
            return f"{type(result)} of shape {np.shape(result)}, not {want.shape}"
        if not np.allclose(result, want, rtol=1e-4, atol=1e-4):
            return f"values differ by {np.max(np.abs(result - want))}"
    for argument, before in zip(given, arguments, strict=True):
        if isinstance(argument, np.ndarray) and not np.array_equal(argument, before):
            return "an argument was changed"
    return None


def problems(function, readings):
    """Yield every case that is wrong in all of these readings, with what is wrong in the first reading."""
    build = globals()[function.__name__]
    convolves = function.__name__.startswith("conv")
    for case in CONVOLUTIONS if convolves else POOLINGS:
        for types in TYPES:
            for ways in [readings] if convolves else [("max",), ("avg",)]:
                found = []
                for way in ways:
                    found.append(problem(function, *build(case, types, way)))
                    if found[-1] is None:
                        break
                else:
                    yield f"{case}, {[np.dtype(kind).name for kind in types]}, {ways[0]}: {found[0]}"


def function_of(file, text):
    """Return the course function that a file defines."""
    return getattr(from_text(text), file.removesuffix(".py")[2:])


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("base", BASES)
def test_correct_files_are_right(base, file):
    readings = (READINGS[base].get(file, ""),)
    assert list(problems(function_of(file, source(base, file)), readings)) == []


@pytest.mark.parametrize("base", BASES)
def test_an_activation_may_work_in_place(base):
    def relu(z):
        z[z < 0] = 0
        return z

    reading = READINGS[base]["0-conv_forward.py"]
    function = function_of("0-conv_forward.py", source(base, "0-conv_forward.py"))
    for case in CONVOLUTIONS:
        (x, weights, b, _, *rest), _ = conv_forward(case, TYPES[0], reading)
        pads = pads_of(reading, x.shape, case[5], case[6], case[7])
        want = np.maximum(oracle.conv_forward(x, weights, b, pads, case[6]), 0)
        assert problem(function, (x, weights, b, relu, *rest), [want]) is None


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_mutants_are_wrong_in_every_reading(mutant):
    assert next(problems(function_of(mutant.file, mutated(mutant)), ALL_READINGS), None) is not None


def test_mutants_are_all_different():
    texts = [(mutant.file, mutated(mutant)) for mutant in MUTANTS]
    assert len(set(texts)) == len(texts)
    assert len(set(map(str, MUTANTS))) == len(MUTANTS)


# Form ---------------------------------------------------------------------------------------------------------------


def utf8_tree(path):
    """Return the syntax tree, or None if the file has none."""
    try:
        return ast.parse(path.read_bytes().decode().lstrip("\ufeff"))
    except (ValueError, SyntaxError):
        return None


def imported(tree):
    """Return the imports of a file, and each name with which it could import something else."""
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += ["from" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return names + [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and "import" in node.id]


def undocumented(tree):
    """Return whether the module or a function has no docstring."""
    nodes = [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))]
    return not all((ast.get_docstring(node) or "").strip() for node in nodes)


def unstyled(path):
    """Return what pycodestyle finds."""
    style = pycodestyle.StyleGuide(quiet=2, parse_argv=False, config_file=False)
    return style.check_files([str(path)]).total_errors > 0


def unsigned(path):
    """Return whether no function has the right name and signature."""
    name = path.stem[2:]
    (wanted,) = ast.parse(f"def {name}{SIGNATURES[name]}: pass").body
    assert isinstance(wanted, ast.FunctionDef)
    found = [node for node in utf8_tree(path).body if isinstance(node, ast.FunctionDef) and node.name == name]
    return not found or ast.dump(found[0].args) != ast.dump(wanted.args)


def unloadable(path):
    """Return whether importing the file raises an exception or exits."""
    try:
        from_text(path.read_text())
    except (Exception, SystemExit):
        return True
    return False


SIGNATURES = {
    "conv_forward": "(A_prev, W, b, activation, padding='same', stride=(1, 1))",
    "pool_forward": "(A_prev, kernel_shape, stride=(1, 1), mode='max')",
    "conv_backward": "(dZ, A_prev, W, b, padding='same', stride=(1, 1))",
    "pool_backward": "(dA, A_prev, kernel_shape, stride=(1, 1), mode='max')",
}
# Each check, and a function that returns whether it must fail, provided that all checks above it pass
FAILS = {
    "exists": lambda path: not path.exists(),
    "readable": lambda path: path.is_symlink() or not path.is_file() or path.stat().st_size > 2**18,
    "run_bit": lambda path: not path.stat().st_mode & 0o100,
    "first_line": lambda path: path.read_bytes().splitlines()[0] != b"#!/usr/bin/env python3",
    "final_newline": lambda path: not path.read_bytes().endswith(b"\n"),
    "line_ends": lambda path: b"\r" in path.read_bytes(),
    "parses": lambda path: utf8_tree(path) is None,
    "imports": lambda path: imported(utf8_tree(path)) != ["numpy"],
    "documentation": lambda path: undocumented(utf8_tree(path)),
    "style": unstyled,
    "signature": unsigned,
    "loads": unloadable,
}


def first_failure(path):
    """Return the first check that fails, or None."""
    return next((check for check, fails in FAILS.items() if fails(path)), None)


@pytest.mark.parametrize("base", BASES)
def test_correct_files_have_the_right_form(base, tmp_path):
    folder = place(tmp_path, base)
    assert [first_failure(folder / file) for file in FILES] == [None] * len(FILES)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_spoilt_form_fails_the_named_check(form, tmp_path):
    folder = spoilt(tmp_path, form)
    assert first_failure(folder / form.file) == form.check
    assert [first_failure(folder / file) for file in FILES if file != form.file] == [None] * (len(FILES) - 1)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_mutants_have_the_right_form(mutant, tmp_path):
    folder = place(tmp_path, mutant.base, mutant.file, mutated(mutant))
    assert first_failure(folder / mutant.file) is None


# Folders ------------------------------------------------------------------------------------------------------------


def test_a_file_is_replaced_or_left_out(tmp_path):
    for text in ("pass\n", None):
        folder = place(tmp_path, "cells", FILES[1], text)
        assert sorted(path.name for path in folder.iterdir()) == sorted(
            set(FILES) - ({FILES[1]} if text is None else set())
        )
        if text is not None:
            assert (folder / FILES[1]).read_text() == text
        assert (folder / FILES[0]).read_text() == source("cells", FILES[0])
        assert all(path.stat().st_mode & 0o777 == 0o755 for path in folder.iterdir())
        shutil.rmtree(folder)
