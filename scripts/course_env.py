"""Check the coursework with the versions of the course: Python 3.8, NumPy 1.19.2, TensorFlow 2.6.

    .venv-course/bin/python scripts/course_env.py FOLDER

`make course-env` runs `course_reference.py`, which writes FOLDER, and then this script. This script compares each
course file with the reference, runs each main program on the small data set in FOLDER, and runs pycodestyle on all
files. It prints one line for each check and exits with 1 if a check failed.
"""

# ruff: noqa: B905 (in Python 3.8, zip has no argument `strict`)
from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["MPLBACKEND"] = "Agg"

import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import ModuleType

    Reference = Mapping[str, np.ndarray]

tf.get_logger().setLevel("ERROR")

COURSE = Path(__file__).resolve().parent.parent / "0x07-cnn"
FILES = {
    "conv_forward": "0-conv_forward.py",
    "pool_forward": "1-pool_forward.py",
    "conv_backward": "2-conv_backward.py",
    "pool_backward": "3-pool_backward.py",
}
VERSIONS = {"Python": "3.8", "NumPy": "1.19.2", "TensorFlow": "2.6"}
OUTPUT = {  # a pattern in the output of each program; a pattern with a group finds losses, and they must fall
    "0-main.py": r"feature maps \(640, 26, 26, 2\)",
    "1-main.py": r"average \(640, 14, 14, 2\)",
    "2-main.py": r"dA_prev \(10, 28, 28, 1\)",
    "3-main.py": r"dA_prev \(10, 28, 28, 2\)",
    "4-main.py": r"validation loss ([0-9.]+)",
    "5-main.py": r"val_loss: ([0-9.]+)",
}


def load(name: str) -> ModuleType:
    """Import a file of the coursework and return its module."""
    spec = util.spec_from_file_location("course_" + name[0], str(COURSE / name))
    assert spec is not None and spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def relu(z: Any) -> Any:
    """Return max(z, 0)."""
    return np.maximum(z, 0)


def differ(what: str, got: Any, want: np.ndarray, tolerance: float) -> list[str]:
    """Compare two arrays. Return a list with one sentence on the difference, or an empty list if they agree."""
    if np.shape(got) != np.shape(want):
        return [f"{what}: shape {np.shape(got)}, not {np.shape(want)}"]
    distance = np.max(np.abs(np.subtract(got, want)))
    return [] if distance <= tolerance else [f"{what}: off by {distance:.1e}"]


def all_differ(what: str, got: Sequence[Any], want: Sequence[np.ndarray], tolerance: float) -> list[str]:
    """Compare two lists of arrays, like `differ`."""
    if len(got) != len(want):
        return [f"{what}: {len(got)} arrays, not {len(want)}"]
    return [text for k, pair in enumerate(zip(got, want)) for text in differ(what + str(k), *pair, tolerance)]


def numpy_task(task: str, reference: Reference) -> list[str]:
    """Repeat all calls of a NumPy task that are in the reference, and compare the results."""
    function = getattr(load(FILES[task]), task)
    wrong, count = [], 0
    for number, call in enumerate(json.loads(str(reference["calls"]))):
        if call["task"] != task:
            continue
        count += 1
        arguments, results = (
            [reference[f"{number}/{kind}/{k}"] for k in range(call[kind])] for kind in ("arguments", "results")
        )
        options = {name: tuple(value) if isinstance(value, list) else value for name, value in call["options"].items()}
        if "activation" in options:
            options["activation"] = relu
        got = function(*arguments, **options)
        wrong += all_differ(f"call {number}, result ", got if len(results) > 1 else [got], results, 1e-9)
    return wrong if count else ["the reference has no call of this task"]


def weights_of(reference: Reference, name: str) -> list[np.ndarray]:
    """Return the ten arrays of LeNet-5 with this name."""
    return [reference[f"lenet/{name}{k}"] for k in range(10)]


def outcome(reference: Reference, output: Any, loss: Any, accuracy: Any) -> list[str]:
    """Compare output, loss and accuracy of LeNet-5 with the reference."""
    return (
        differ("output", output, reference["lenet/output"], 1e-5)
        + differ("loss", loss, reference["lenet/loss"], 1e-5)
        + differ("accuracy", accuracy, reference["lenet/accuracy"], 1e-6)
    )


def task_4(reference: Reference) -> list[str]:
    """Check LeNet-5 in TensorFlow 1 style: output, loss, accuracy, gradients, and one step of Adam."""
    v1 = tf.compat.v1
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        x = v1.placeholder(tf.float32, (None, 28, 28, 1))
        y = v1.placeholder(tf.float32, (None, 10))
        output, train, loss, accuracy = load("4-lenet5.py").lenet5(x, y)
        variables = v1.trainable_variables()
        gradients = tf.gradients(loss, variables)
        session.run(v1.global_variables_initializer())
        for variable, value in zip(variables, weights_of(reference, "weight")):
            variable.load(value, session)
        feed = {x: reference["lenet/x"], y: reference["lenet/y"]}
        wrong = outcome(reference, *session.run((output, loss, accuracy), feed))
        wrong += all_differ("gradient ", session.run(gradients, feed), weights_of(reference, "gradient"), 1e-5)
        session.run(train, feed)
        return wrong + all_differ("step ", session.run(variables), weights_of(reference, "tensorflow"), 1e-5)


def task_5(reference: Reference) -> list[str]:
    """Check LeNet-5 in Keras: output, loss, accuracy, gradients, and one step of Adam."""
    model = load("5-lenet5.py").lenet5(tf.keras.Input(shape=(28, 28, 1)))
    model.set_weights(weights_of(reference, "weight"))
    x, y = reference["lenet/x"], reference["lenet/y"]
    found = model.test_on_batch(x, y, return_dict=True)
    wrong = outcome(reference, model.predict(x), found["loss"], found["accuracy"])
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.keras.losses.categorical_crossentropy(y, model(x)))
    gradients = [gradient.numpy() for gradient in tape.gradient(loss, model.trainable_variables)]
    wrong += all_differ("gradient ", gradients, weights_of(reference, "gradient"), 1e-5)
    model.train_on_batch(x, y)
    return wrong + all_differ("step ", model.get_weights(), weights_of(reference, "keras"), 1e-5)


def program(main: str, folder: Path) -> list[str]:
    """Run a main program in a copy of the coursework next to the small data set, and check its output."""
    command = [sys.executable, str(folder / COURSE.name / main)]
    done = subprocess.run(command, cwd=str(folder), capture_output=True, text=True)
    if done.returncode:
        return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1:]
    found = re.findall(OUTPUT[main], done.stdout)
    if not found:
        return ["it did not print " + OUTPUT[main]]
    if "(" in found[0]:
        return []
    losses = [float(number) for number in found]
    return [] if losses[-1] < losses[0] else [f"the losses must fall; got {losses}"]


def versions() -> list[str]:
    """Print the versions and return a sentence for each one that differs from the version of the course."""
    found = {"Python": sys.version.split()[0], "NumPy": np.__version__, "TensorFlow": tf.__version__}
    print(", ".join(" ".join(pair) for pair in found.items()))
    return [
        f"{name} {found[name]}, not {want}"
        for name, want in VERSIONS.items()
        if not (found[name] + ".").startswith(want + ".")
    ]


def style() -> list[str]:
    """Return what pycodestyle reports on the files."""
    command = [sys.executable, "-m", "pycodestyle"] + [str(path) for path in sorted(COURSE.glob("*.py"))]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.splitlines() or ([f"exit code {done.returncode}"] if done.returncode else [])


def main(folder: Path) -> bool:
    """Run all checks, print one line for each, and return whether all passed."""
    with np.load(str(folder / "reference.npz")) as archive:
        reference = dict(archive)
    shutil.copytree(str(COURSE), str(folder / COURSE.name))
    checks: list[tuple[str, Callable[..., list[str]], tuple[Any, ...]]] = [("versions", versions, ())]
    checks += [(file, numpy_task, (task, reference)) for task, file in FILES.items()]
    checks += [("4-lenet5.py", task_4, (reference,)), ("5-lenet5.py", task_5, (reference,))]
    checks += [(name, program, (name, folder)) for name in OUTPUT]
    checks += [("pycodestyle", style, ())]
    good = True
    for name, check, arguments in checks:
        try:
            wrong = check(*arguments)
        except Exception as error:
            wrong = [repr(error)]
        print("{:3}  {:18}  {}".format("NOT" if wrong else "ok", name, "; ".join(wrong[:3])).rstrip(), flush=True)
        good = good and not wrong
    return good


if __name__ == "__main__":
    sys.exit(0 if main(Path(sys.argv[1])) else 1)
