"""Speed and memory of the four NumPy course files, compared with loops over output positions.

    python -m benchmarks.course

Most people first write a loop over output positions, so it is the peer.
The settings are those of the course's four main programs. Speed is processor time in µs per image: the median of
several runs, with the fastest and the slowest. Memory is the peak that tracemalloc sees on 50,000 images, without the
input and the output, in units of one padded copy of the input. Everything runs in a separate process, with one BLAS
thread, and on one core if the system can pin a process.
"""

import importlib.util
import inspect
import json
import os
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import Row, show
from convlens.data import load

FOLDER = Path(__file__).resolve().parent.parent / "0x07-cnn"
MANY = 50_000
REPEATS = 7

Array = NDArray[Any]


# The peers ---------------------------------------------------------------------------------------------------------


def naive_conv_forward(x: Array, w: Array, b: Array, activation: Callable[[Array], Array], padding: str) -> Array:
    """Convolve one window of all examples at a time; "valid", stride 1."""
    kh, kw, _, co = w.shape
    z = np.zeros((len(x), x.shape[1] - kh + 1, x.shape[2] - kw + 1, co))
    for i in range(z.shape[1]):
        for j in range(z.shape[2]):
            for o in range(co):
                z[:, i, j, o] = np.sum(x[:, i : i + kh, j : j + kw] * w[..., o], axis=(1, 2, 3))
    return activation(z + b)


def naive_pool_forward(x: Array, kernel: tuple[int, int], stride: tuple[int, int]) -> Array:
    """Pool one window of all examples at a time."""
    (kh, kw), (sh, sw) = kernel, stride
    y = np.zeros((len(x), (x.shape[1] - kh) // sh + 1, (x.shape[2] - kw) // sw + 1, x.shape[3]))
    for i in range(y.shape[1]):
        for j in range(y.shape[2]):
            y[:, i, j] = np.max(x[:, i * sh : i * sh + kh, j * sw : j * sw + kw], axis=(1, 2))
    return y


def naive_conv_backward(dz: Array, x: Array, w: Array, b: Array, padding: str) -> tuple[Array, Array, Array]:
    """Compute the gradients from one window of one example at a time; "valid", stride 1."""
    kh, kw, _, _ = w.shape
    dx, dw = np.zeros(x.shape), np.zeros(w.shape)
    for e, i, j, o in np.ndindex(dz.shape):
        dx[e, i : i + kh, j : j + kw] += dz[e, i, j, o] * w[..., o]
        dw[..., o] += dz[e, i, j, o] * x[e, i : i + kh, j : j + kw]
    return dx, dw, np.sum(dz, axis=(0, 1, 2), keepdims=True)


def naive_pool_backward(dy: Array, x: Array, kernel: tuple[int, int], stride: tuple[int, int]) -> Array:
    """Compute the gradient from one window of one channel of one example at a time."""
    (kh, kw), (sh, sw) = kernel, stride
    dx = np.zeros(x.shape)
    for e, i, j, c in np.ndindex(dy.shape):
        rows, columns = slice(i * sh, i * sh + kh), slice(j * sw, j * sw + kw)
        window = x[e, rows, columns, c]
        dx[e, rows, columns, c] += dy[e, i, j, c] * (window == np.max(window))
    return dx


# The programs ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Program:
    """One of the course's main programs. images, peer_images: numbers of images for our function and for the peer."""

    name: str
    file: str
    setting: str
    at_most: float
    images: int
    peer_images: int
    arguments: Callable[[Array], tuple[Any, ...]]
    peer: Callable[..., Any]


def relu(z: Array) -> Array:
    result: Array = np.maximum(z, 0)
    return result


def kernels() -> tuple[Array, Array]:
    """Return W and b of two 3x3 kernels."""
    rng = np.random.RandomState(0)
    return rng.randn(3, 3, 1, 2), rng.randn(1, 1, 1, 2)


def two_channels(images: Array, dtype: type = np.float32) -> Array:
    return np.concatenate((images, 1 - images), axis=3, dtype=dtype)


def gradients(*shape: int) -> Array:
    return np.random.RandomState(1).randn(*shape)


PROGRAMS = [
    Program(
        name="conv_forward",
        file="0-conv_forward.py",
        setting="3x3, valid, to 2 channels",
        at_most=24,
        images=MANY,
        peer_images=1_000,
        arguments=lambda x: (x, *kernels(), relu, "valid"),
        peer=naive_conv_forward,
    ),
    Program(
        name="pool_forward",
        file="1-pool_forward.py",
        setting="2x2, stride 2, of 2 channels",
        at_most=8,
        images=MANY,
        peer_images=1_000,
        arguments=lambda x: (two_channels(x, np.float64), (2, 2), (2, 2)),
        peer=naive_pool_forward,
    ),
    Program(
        name="conv_backward",
        file="2-conv_backward.py",
        setting="3x3, valid, to 2 channels",
        at_most=100,
        images=10,
        peer_images=10,
        arguments=lambda x: (gradients(len(x), 26, 26, 2), x, *kernels(), "valid"),
        peer=naive_conv_backward,
    ),
    Program(
        name="pool_backward",
        file="3-pool_backward.py",
        setting="2x2, stride 2, of 2 channels",
        at_most=35,
        images=10,
        peer_images=10,
        arguments=lambda x: (gradients(len(x), 14, 14, 2), two_channels(x), (2, 2), (2, 2)),
        peer=naive_pool_backward,
    ),
]


def course_function(program: Program) -> Callable[..., Any]:
    """Return the function in the course file."""
    spec = importlib.util.spec_from_file_location(program.name, FOLDER / program.file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function: Callable[..., Any] = getattr(module, program.name)
    return function


# Measuring ---------------------------------------------------------------------------------------------------------


def microseconds(function: Callable[..., Any], arguments: tuple[Any, ...], images: int, calls: int = 1) -> float:
    """Return the processor time per image over several calls. On a busy machine it is better than the clock time."""
    start = time.process_time()
    for _ in range(calls):
        function(*arguments)
    return (time.process_time() - start) / (images * calls) * 1e6


def size(result: Any) -> int:
    """Return the bytes of an array or of a tuple of arrays."""
    return sum(part.nbytes for part in (result if isinstance(result, tuple) else (result,)))


def extra_memory(function: Callable[..., Any], arguments: tuple[Any, ...]) -> float:
    """Return the peak memory without input and output, in units of A_prev.

    No program pads, so a padded copy of the input has the size of A_prev.
    """
    copy: int = inspect.signature(function).bind(*arguments).arguments["A_prev"].nbytes
    tracemalloc.start()
    result = function(*arguments)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return (peak - size(result)) / copy


def rows(program: Program, images: Array) -> list[Row]:
    """Return two rows for a program: speed, and memory."""
    ours = course_function(program)
    arguments = program.arguments(images[: program.images])
    few = program.arguments(images[: program.peer_images])
    for mine, theirs in zip(ours(*few), program.peer(*few), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-4)
    calls = max(1, 1_000 // program.images)  # one call on ten images is too short to be timed
    times, peer_times = [], []
    for _ in range(REPEATS):
        times.append(microseconds(ours, arguments, program.images, calls))
        peer_times.append(microseconds(program.peer, few, program.peer_images))
    median, peer = statistics.median(times), statistics.median(peer_times)
    if program.images < MANY:
        del arguments
        arguments = program.arguments(images)
    memory = extra_memory(ours, arguments)
    return [
        Row(
            f"{program.name}, {program.setting}, {program.images:,} images",
            f"at most {program.at_most:g}",
            median,
            "µs per image",
            median <= program.at_most,
            f"{min(times):.1f} to {max(times):.1f}; a loop over positions takes {peer / median:,.0f} times as long",
        ),
        Row(
            f"{program.name}, memory without input and output, {MANY:,} images",
            "at most 1",
            memory,
            "padded copies",
            memory <= 1,
        ),
    ]


def measure_here() -> list[Row]:
    """Return all rows, measured in this process. It pins the process to one core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    images = np.resize(load("embedded").x_train, (MANY, 28, 28, 1))
    return [row for program in PROGRAMS for row in rows(program, images)]


def measure() -> list[Row]:
    """Return one row for each figure, measured in a separate process on one core."""
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.course", "--here"]
    done = subprocess.run(command, env=os.environ | one_thread, stdout=subprocess.PIPE, check=True)
    return [Row(*values) for values in json.loads(done.stdout)]


if __name__ == "__main__":
    if sys.argv[1:] == ["--here"]:
        print(json.dumps(measure_here()))
    else:
        show(measure())
