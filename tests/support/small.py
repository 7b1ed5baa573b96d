"""Helpers for the tests of training: a small problem, a few embedded digits, and the command line in this process."""

import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
from tests.support.places import SOURCE

import convlens
from convlens import cli
from convlens.data import Digits, export, from_arrays
from convlens.nn import Conv2D, Dense, Flatten, MaxPooling2D, Sequential


def digits(train: int = 96, valid: int = 40, test: int = 0) -> Digits:
    """A few embedded digits: the first training digits, and validation and test digits from the validation part."""
    whole = convlens.load("embedded")

    def part(first: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = slice(first, None, 1000 // size)
        return whole.x_valid[chosen][:size], whole.y_valid[chosen][:size]

    rest = part(3, test) if test else ()
    return from_arrays(whole.x_train[:train], whole.y_train[:train], *part(0, valid), *rest)


def npz(path: Path, **sizes: int) -> Path:
    """Write `digits(**sizes)` to the .npz file `path`; return `path`."""
    export(digits(**sizes), path)
    return path


def tiny(dtype=np.float32, seed=0):
    """A small network for `patterns`: 5 x 4 images, 3 classes."""
    layers = (Conv2D(4, (2, 3), activation="relu"), MaxPooling2D((2, 1)), Flatten(), Dense(3))
    return Sequential(layers, (5, 4, 1), seed=seed, dtype=dtype)


def patterns(n=150, dtype=np.float32):
    """Noise images with a bright row (class 0), column (class 1) or corner (class 2), and their labels."""
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, 0.6, (n, 5, 4, 1)).astype(dtype), rng.integers(0, 3, n)
    x[y == 0, 2] += 0.5
    x[y == 1, :, 1] += 0.5
    x[y == 2, :2, 2:] += 0.5
    return x, y


class Done(NamedTuple):
    """The result of a command: exit code, standard output and standard error."""

    code: int
    out: str
    err: str


def run(*arguments: object) -> Done:
    """Run `convlens ARGUMENTS` in this process."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    argv = ["convlens", *map(str, arguments)]
    with mock.patch.object(sys, "argv", argv), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.main()
        except SystemExit as end:
            assert isinstance(end.code, int)
            code = end.code
    return Done(code, out.getvalue(), err.getvalue())


def fails(*arguments: object) -> str:
    """Run a command that must fail: exit code 2, one line on standard error, no standard output. Return the message."""
    done = run(*arguments)
    assert (done.code, done.out) == (2, ""), done
    assert done.err.startswith("convlens: "), done.err
    assert done.err.count("\n") == 1, done.err
    assert done.err.endswith("\n")
    return done.err.removeprefix("convlens: ").rstrip("\n")


def says(*arguments: object) -> str:
    """Return what a command prints; standard error must stay empty."""
    done = run(*arguments)
    assert (done.code, done.err) == (0, "")
    return done.out


def tells(*arguments: object) -> Any:
    """Return the value that a command prints with --json."""
    return json.loads(says(*arguments, "--json"))


def environment(**more: str) -> dict[str, str]:
    """The environment of a child process that imports convlens from src."""
    return {**os.environ, "PYTHONPATH": str(SOURCE), **more}


def plotless(**more: str) -> dict[str, str]:
    """`environment` for a child process that trains and writes no report: to draw it takes longer than to train."""
    here = Path(__file__)
    folders = [SOURCE, here.with_name("lean"), here.with_name("plotless")]
    return environment(PYTHONPATH=os.pathsep.join(map(str, folders)), **more)


def framework_environment(*, plots: bool = False, **more: str) -> dict[str, str]:
    """`environment` for a child process that imports Keras. It spares the child packages that Keras can do without.

    plots: whether the child draws with Matplotlib, which Keras would always import.
    """
    here = Path(__file__)
    spared = [here.with_name("lean")] if plots else [here.with_name("lean"), here.with_name("plotless")]
    return environment(
        PYTHONPATH=os.pathsep.join(map(str, [SOURCE, *spared])), JAX_DISABLE_MOST_OPTIMIZATIONS="1", **more
    )
