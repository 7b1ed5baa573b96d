"""The course's two LeNet files: imports, agreement with convlens, wrong variants, and the main programs."""

import ast
import dataclasses
import inspect
import re
import shutil
import subprocess
import sys

import pytest
from tests.support import small
from tests.support.course_files import FOLDER, from_text
from tests.support.lenet5_checks import CHECKS, FILES, IMPORTS, MAINS, SIGNATURES, TASKS, source
from tests.support.lenet5_mutants import MUTANTS

# Form -----------------------------------------------------------------------------------------------------------------


@pytest.mark.smoke
@pytest.mark.parametrize("task", TASKS)
def test_a_lenet5_file_has_only_the_required_import(task):
    tree = ast.parse(source(task))
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert [ast.unparse(node) for node in imports] == [IMPORTS[task]]
    assert "__import__" not in source(task)


@pytest.mark.smoke
def test_task_4_uses_keras_only_for_the_initializer():
    attributes = [ast.unparse(node) for node in ast.walk(ast.parse(source("tensorflow"))) if hasattr(node, "attr")]
    assert attributes.count("tf.keras") == 1
    assert "tf.keras.initializers.VarianceScaling" in attributes
    assert not {"tf.layers", "tf.contrib"} & set(attributes)


@pytest.mark.frameworks
@pytest.mark.parametrize(("task", "check"), [(task, check) for task in TASKS for check in CHECKS[task]])
def test_a_lenet5_file_agrees_with_convlens(tf, reference, task, check):
    lenet5 = from_text(source(task)).lenet5
    assert str(inspect.signature(lenet5)) == SIGNATURES[task]
    CHECKS[task][check](lenet5, reference)
    assert tf.executing_eagerly()


@pytest.mark.frameworks
@pytest.mark.parametrize(("task", "mutation"), [(task, mutation) for task in TASKS for mutation in MUTANTS[task]])
def test_the_checks_find_a_wrong_variant(tf, reference, task, mutation):
    old, new, checks = MUTANTS[task][mutation]
    assert source(task).count(old) == 1, f"{old!r} must occur once in {FILES[task]}"
    lenet5 = from_text(source(task).replace(old, new)).lenet5
    for check in checks.split():
        with pytest.raises(Exception) as caught:  # a framework raises many types
            CHECKS[task][check](lenet5, reference)
        assert not isinstance(caught.value, (NameError, AttributeError)), "the check itself failed"


# The programs ---------------------------------------------------------------------------------------------------------


def run_main(tmp_path, main):
    """Run a main program from another folder than its own."""
    shutil.copytree(FOLDER, tmp_path / "course")
    (tmp_path / "elsewhere").mkdir()
    command = [sys.executable, str(tmp_path / "course" / main)]
    return subprocess.run(
        command,
        cwd=tmp_path / "elsewhere",
        env=small.framework_environment(),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.frameworks
@pytest.mark.parametrize(("main", "pattern"), [(MAINS[0], r"loss (\S+), accuracy"), (MAINS[1], r" loss: (\S+)")])
def test_a_main_program_trains(tf, tmp_path, main, pattern):
    from convlens.data import course_npz, load

    digits = load("embedded")
    parts = {"pixels_train": 640, "y_train": 640, "pixels_valid": 200, "y_valid": 200}
    few = {name: getattr(digits, name)[:count] for name, count in parts.items()}
    (tmp_path / "data").mkdir()
    course_npz.export(dataclasses.replace(digits, **few), tmp_path / "data/MNIST.npz")
    done = run_main(tmp_path, main)
    assert done.returncode == 0, done.stderr
    losses = [float(number) for number in re.findall(pattern, done.stdout)]
    assert len(losses) == (6 if main == MAINS[0] else 5)
    assert losses[-1] < losses[0] / 2
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.frameworks
@pytest.mark.parametrize("main", MAINS)
def test_a_main_program_without_data_says_how_to_get_it(tf, tmp_path, main):
    done = run_main(tmp_path, main)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert "run `convlens data export data/MNIST.npz` from the repository root" in last
    assert "Traceback" not in done.stderr
