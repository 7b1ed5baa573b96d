"""A teacher's own checks: what a file of checks may have, what each check gets, and whose fault an exception is."""

import textwrap

import pytest
from tests.support.checker import local
from tests.support.places import ROOT

from convlens.checker.own_checks import load
from convlens.checker.sandbox.guest_side import course_file
from convlens.checker.submission import TASKS, File
from convlens.checker.verdict import FAIL, FORM, PASS, UNKNOWN, Finding

pytestmark = pytest.mark.smoke

HEAD = "import numpy as np\nfrom convlens.checker.own_checks import Activation, Advice, Failed, Unknown, check\n"
FINE = [Finding(name, "It is so.", PASS) for name in ("exists", "readable", "parses", "loads")]
POOL = b"""
def pool_forward(A_prev, kernel_shape, stride=(1, 1), mode="max"):
    '''Pool'''
    if mode == "raise":
        raise KeyError("no mode")
    if mode == "text":
        return "text"
    if mode == "parts":
        return A_prev, [3, None]
    return A_prev.max(axis=(1, 2), keepdims=True)
"""


def loaded(text, head=HEAD):
    return load(head + textwrap.dedent(text), "own.py")


def run(text, content=POOL, task=1, before=FINE):
    """The findings of the checks in a text."""
    given = {"file": TASKS[task], "function": "pool_forward"}
    opener = local.opener(course_file, content, given) if task < 4 else None
    return loaded(text).run(task, File(content), before, opener, 10.0)


def one(body, arguments="function", options="1"):
    """The finding of one check with this body."""
    lines = textwrap.indent(textwrap.dedent(body), "    ")
    (found,) = run(f'@check({options})\ndef mine({arguments}):\n    "It is so."\n{lines}')
    return found


def test_a_check_passes_fails_or_advises():
    assert one("pass") == Finding("mine", "It is so.", PASS)
    assert one("raise Failed('it is not', 'do so')") == Finding("mine", "It is so.", FAIL, "it is not", "do so")
    assert one("raise Unknown('who knows')").status == UNKNOWN
    found = one("raise Advice('you might', 'do so')", options="1, part='form'")
    assert (found.status, found.message, found.hint, found.part) == (PASS, "you might", "do so", FORM)


def test_an_assertion_is_a_failure():
    assert (one("assert 1 > 2, 'one is small'").status, one("assert 1 > 2, 'one is small'").message) == (
        FAIL,
        "one is small",
    )
    assert one("assert 1 > 2").message == "this is not so"
    assert "not equal" in one("np.testing.assert_array_equal(1, 2)").message


def test_a_mistake_of_the_check_is_not_the_students():
    found = one("undefined")
    assert found.status == UNKNOWN
    assert found.message == "own.py, line 6: NameError: name 'undefined' is not defined"


def test_the_function_is_called_with_arrays_numbers_and_tuples():
    found = one(
        """
        image = np.arange(4.0).reshape(1, 2, 2, 1)
        got = function(image, (2, 2), stride=(1, 1))
        assert got.shape == (1, 1, 1, 1) and got.item() == 3
        whole, (three, none) = function(image, (2, 2), mode="parts")
        assert (whole == image).all() and three == 3 and none is None
        """
    )
    assert found == Finding("mine", "It is so.", PASS)


def test_what_the_function_does_wrong_is_a_failure():
    assert one("function(np.zeros(1), (2, 2), mode='raise')").message.startswith(
        "the function raises KeyError: 'no mode'"
    )
    assert one("function(np.zeros(1), (2, 2), mode='text')").message == "the function returns str"
    found = one("function({}, (2, 2))")
    assert found.status == UNKNOWN and "an argument must be an array" in found.message


def test_the_file_is_read():
    body = """
    import ast
    assert (file.name, file.task) == ("1-pool_forward.py", 1)
    assert "kernel_shape" in file.text
    assert [type(node) for node in file.tree.body] == [ast.FunctionDef]
    """
    assert one(body, "file").status == PASS
    assert one("assert file.task == 1\nassert function is not None", "file, function").status == PASS


def test_checks_are_not_tried_if_there_is_nothing_to_check():
    before = [Finding(one.name, one.sentence, FAIL if one.name == "loads" else PASS) for one in FINE]
    text = '@check(1)\ndef a(function):\n    "A."\n@check(1)\ndef b(file):\n    "B."\n'
    first, second = run(text, before=before)
    assert (first.status, first.message) == (UNKNOWN, "not tried, because loads does not pass")
    assert second.status == PASS


def test_a_check_is_of_its_tasks_and_parts():
    text = '@check(1, 6)\ndef a(file):\n    "A."\n@check(0, part="form")\ndef b(file):\n    "B."\n'
    (found,) = run(text)
    assert (found.name, found.part) == ("a", "code")
    (found,) = run(text, b"# Words", task=6)
    assert (found.name, found.part) == ("a", "form")
    assert run(text, task=2) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must have checks, functions with @check(TASK) in front"),
        ("def f(:\n", "must be Python; line 3: "),
        ("1 / 0", "line 3: ZeroDivisionError: division by zero"),
        ("import nowhere_at_all", "ModuleNotFoundError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ('@check()\ndef f(file):\n    "A."', "must name tasks from 0 to 6"),
        ('@check(7)\ndef f(file):\n    "A."', "must name tasks from 0 to 6"),
        ('@check\ndef f(file):\n    "A."', "must name tasks from 0 to 6"),
        ('@check(0, part="style")\ndef f(file):\n    "A."', "must be 'code' or 'form'; f has 'style'"),
        ("@check(0)\ndef f(file):\n    pass", "must have a docstring"),
        ('@check(0)\ndef f():\n    "A."', "must have the argument file or function; f has ()"),
        ('@check(0)\ndef f(image):\n    "A."', "must have the argument file or function; f has (image)"),
        ('@check(4)\ndef f(function):\n    "A."', "of tasks 0 to 3 only"),
        ('@check(6, part="code")\ndef f(file):\n    "A."', "the summary has no code"),
        ('@check(0)\ndef loads(file):\n    "A."', "loads is taken"),
        ('@check(0)\ndef f(file):\n    "A."\n@check(1)\ndef f(file):\n    "A."', "f is taken"),
    ],
)
def test_a_wrong_file_is_told_in_a_sentence(text, said):
    with pytest.raises(ValueError) as raised:
        load(HEAD + text, "own.py")
    assert said in str(raised.value) and "\n" not in str(raised.value)


def test_each_check_has_a_process_of_its_own():
    started: list[str] = []
    text = '@check(1)\ndef a(function):\n    "A."\n    function(np.zeros((1, 1, 1, 1)), (1, 1))\n'
    text += text.replace("def a", "def b")
    given = {"file": TASKS[1], "function": "pool_forward"}
    found = loaded(text).run(1, File(POOL), FINE, local.opener(course_file, POOL, given, started), 10.0)
    assert [one.status for one in found] == [PASS, PASS] and len(started) == 2


def test_a_file_that_is_no_python_has_a_text():
    text = '@check(6)\ndef a(file):\n    "A."\n    assert "caf" in file.text\n'
    assert run(text, b"caf\xe9", task=6)[0].status == PASS


@pytest.mark.parametrize(
    ("named", "written", "read"),
    [
        ("latin-1", "café", "café"),
        ("cp1252", "café €", "café €"),
        ("iso-8859-15", "café €", "café €"),
        ("no_such", "café".encode(), "café"),
        ("punycode", b"# caf-dma", "caf-dma"),  # as it stands: not decoded
    ],
)
def test_a_file_is_read_in_the_encoding_that_it_names(named, written, read):
    content = f"# coding: {named}\r\n".encode() + (written if isinstance(written, bytes) else written.encode(named))
    text = f'@check(1)\ndef a(file):\n    "A."\n    assert {read!r} in file.text and chr(13) not in file.text\n'
    assert run(text, content)[0].status == PASS


def test_an_encoding_that_takes_quadratic_time_is_not_decoded():
    content = b"# coding: punycode\n" + b"a" * 200_000 + b"-" + b"b" * 200_000
    text = '@check(1)\ndef a(file):\n    "A."\n    assert len(file.text) > 400_000\n'
    assert run(text, content)[0].status == PASS


def test_the_example_can_be_loaded():
    own = load((ROOT / "examples" / "own_checks.py").read_text(), "own_checks.py")
    assert {task: [one.name for one in table.table] for task, table in own.tables.items()} == {
        0: ["four_loops_at_most", "one_pixel"],
        1: ["four_loops_at_most", "whole_image"],
        2: ["four_loops_at_most"],
        3: ["four_loops_at_most"],
    }
