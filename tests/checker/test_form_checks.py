"""The message of each check of a file's form, for files with one fault."""

import contextlib

import pytest
from tests.support.checker.local import Clocked, Local, opener
from tests.support.checker.samples import source
from tests.support.places import CHECKER

from convlens.checker import form_checks
from convlens.checker.check import check_form, parser
from convlens.checker.form_checks import FileUnderTest
from convlens.checker.guest import Ending, GuestError
from convlens.checker.rules import RULES
from convlens.checker.sandbox.guest_side import form as job
from convlens.checker.submission import MISSING, TASKS, File

TEXT = source("cells", TASKS[0])
HEAD = "#!/usr/bin/env python3\n"
PARSER = opener(job, b"", {"file": ""})


def outcome(text, runs=True, task=0, problem="", missing=False):
    """Return the message of each check by name, "" if it passes."""
    content = text.encode() if isinstance(text, str) else text
    file = File(content, runs, problem, missing)
    found = form_checks.run(FileUnderTest(file, RULES[task], PARSER))
    return {one.name: "" if one.status == "pass" else one.message for one in found}


def test_a_file_in_good_form_passes():
    assert set(outcome(TEXT).values()) == {""}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('padding == "same"', 'padding is "same"', "padding is 'same' (line 23)"),
        ('padding == "same"', '"same" is padding', "'same' is padding (line 23)"),
        ('padding == "same"', 'padding is not "valid"', "padding is not 'valid' (line 23)"),
        ("    sh, sw = stride\n", "    sh, sw = stride\n    assert kh % 2 is 0 is kh\n", "kh % 2 is 0 is kh (line 22)"),
        ("    sh, sw = stride\n", "    sh, sw = stride\n    assert (W is None or b is True) == False\n", ""),
    ],
)
def test_a_comparison_by_is_is_advice(old, new, said):
    assert old in TEXT
    text = TEXT.replace(old, new)
    found = {one.name: one for one in form_checks.run(FileUnderTest(File(text.encode(), True), RULES[0], PARSER))}
    assert found["equality"].status == "pass"
    assert found["equality"].message.removeprefix("the file compares by `is`: ").split(", ")[0] == said
    assert found["equality"].hint.startswith("use ==") == bool(said)


@pytest.mark.parametrize(
    ("text", "check", "said"),
    [
        (TEXT.removeprefix(HEAD), "first_line", "the first line is "),
        (TEXT.replace("env python3", "env python"), "first_line", "the first line is '#!/usr/bin/env python'"),
        ("\ufeff" + TEXT, "first_line", "the file starts with a byte-order mark"),
        (TEXT.rstrip(), "final_newline", "without a newline"),
        ("", "final_newline", "the file is empty"),
        (TEXT.replace("\n", "\r\n"), "line_ends", "line 1 ends with \\r\\n"),
        (TEXT + "x = 1\r\n", "line_ends", f"line {TEXT.count(chr(10)) + 1} ends with \\r\\n"),
        (b"# \xc3\xa9\n# caf\xe9\n", "parses", "must be text in UTF-8; line 2 has the byte 0xe9, which is not UTF-8"),
        (TEXT + "def f(:\n", "parses", "SyntaxError: invalid syntax (line "),
        (TEXT + "x = '\0'\n", "parses", "null bytes"),
        (TEXT + "x = " + "(" * 9999 + ")" * 9999 + "\n", "parses", "too many nested parentheses"),
        (TEXT.replace("as np", "as  numpy"), "imports", "the task allows only 'import numpy as np'; the file has"),
        (TEXT + "import os, sys\n", "imports", "'import os' (line "),
        (TEXT + "def f():\n    from scipy import signal\n", "imports", "'from scipy import signal' (line "),
        (TEXT + "x = __import__('scipy')\n", "imports", "'__import__' (line "),
        (TEXT + "x = np.__builtins__\n", "imports", "'__builtins__' (line "),
        (TEXT + "x = vars(np)['__import__']\n", "imports", "'__import__' (line "),
        (TEXT + "x = __loader__\n", "imports", "'__loader__' (line "),
        (TEXT + "from .a import b\n", "imports", "'from .a import b'"),
        (TEXT + "\n\ndef f():\n    return 1\n", "documentation", "no docstring: f (line "),
        (TEXT + "\n\nclass C:\n    ' '\n", "documentation", "no docstring: C (line "),
        (TEXT + "\n\nclass C:\n    'a'\n\n    def m(self):\n        pass\n", "documentation", "no docstring: m (line "),
        (HEAD + "import numpy as np\n", "documentation", "no docstring: the module (line 1)"),
        (TEXT + "x=1\n", "style", "E225 missing whitespace around operator"),
        (TEXT + "\n\n\n\nx = 1  # " + "x" * 80 + "\n", "style", "E501 line too long (89 > 79 characters)"),
        (TEXT.replace('padding="same"', 'padding="valid"'), "signature", "it is conv_forward(A_prev, W, b, act"),
        (TEXT.replace("def conv_forward(", "def convolve("), "signature", "the file must have a function conv_f"),
        (TEXT.replace("forward(A_prev, W", "forward(W, A_prev"), "signature", "it is conv_forward(W, A_prev"),
        (HEAD + "def conv_forward(*args):\n    pass\n", "signature", "it has *, ** or keyword-only arguments"),
        (TEXT + "\n\ndef conv_forward(*args):\n    pass\n", "signature", "it has *, ** or"),
        (HEAD + "# coding: klingon\n" + TEXT, "parses", "SyntaxError: unknown encoding: klingon"),
        (HEAD + "conv_forward = None\n", "signature", "; it has no function"),
    ],
)  # fmt: skip
def test_a_fault_fails_its_check(text, check, said):
    found = outcome(text)
    assert said in found[check], found


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("assert (x)", ""),
        ("assert(x)", ""),  # E275 since 2.9
        ("x = not(x)", ""),
        ("if type(x) == int:\n    x = 1", ""),  # E721 since 2.11
        ("if type(x) == type(1):\n    x = 1", "E721"),
        ("x = [1,]", ""),  # E231 until 2.10
        ("x = [1,# one\n     2]", "E261"),  # and E231 since 2.11
        ("x = [1,2]", "E231"),
        ("from os import(path)", "E275"),
    ],
)
def test_the_style_is_the_one_of_pycodestyle_2_6(line, said):
    """Checked by hand with pycodestyle 2.6.0; what only later releases complain about does not count."""
    found = outcome(f"{TEXT}\n\nx = 1\n{line}\n")["style"]
    assert (said in found) if said else not found, found
    assert "E231" not in found or said == "E231"


def test_a_frequent_complaint_is_listed_once():
    lines = TEXT.count("\n")
    tabs = "".join(f"\nif x:\n\tx = {k}\n" for k in range(9))
    said = outcome(TEXT + tabs)["style"]
    assert said.count("W191 indentation contains tabs") == 1
    assert f"W191 indentation contains tabs: lines {lines + 3}, {lines + 6}, {lines + 9} and 6 more" in said
    long = "".join("\n# " + "x " * size + "x" for size in (90, 80)) + "\n"
    assert outcome(TEXT + long)["style"] == f"E501 line too long: lines {lines + 2}, {lines + 3}"
    many = outcome(TEXT + "x=1;\n\n\n\ny = [ 1]\nif x: y = 2 \n")["style"]
    assert many.count("; ") >= 3 and many.rpartition("; ")[2] == "and 4 more"


def test_parsing_has_its_own_limit():
    """The limit for calls does not apply to the parser, and the message does not blame the code for a slow parser."""
    limits = []

    class Slow(Clocked):
        def ask(self, request, arrays=(), *, seconds=None):
            limits.append(seconds)
            raise GuestError("ran for more than 10 s and was stopped", Ending.TIMED_OUT)

    file = FileUnderTest(File(TEXT.encode(), True), RULES[0], lambda: contextlib.nullcontext(Slow()))
    found = {one.name: one.message for one in form_checks.run(file)}
    assert limits == [form_checks.SECONDS]
    assert found["parses"].endswith("the parser ran for more than 10 s and was stopped")
    assert "the code" not in found["parses"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = tf.keras.initializers.VarianceScaling(scale=2.0)\n", ""),
        ("k = tf.keras.initializers\nx = k.VarianceScaling(scale=2.0)\n", ""),
        ("x = 'tf.keras'  # tf.keras.layers\n", ""),
        ("x = tf.keras.layers.Flatten()(1)\n", "the file has tf.keras.layers.Flatten (line "),
        ("k = tf.keras\n", "the file has tf.keras (line "),
        ("x = tf.nn.relu(tf.keras.initializers.he_normal(1))\n", "the file has tf.keras.initializers.he_normal (line "),
    ],
)
def test_task_4_allows_one_use_of_keras(text, said):
    first, rest = source_of_task_4().split("import tensorflow.compat.v1 as tf\n")
    found = outcome(f"{first}import tensorflow.compat.v1 as tf\n{text}{rest}", task=4)["keras"]
    assert said in found and bool(said) == bool(found)
    assert "keras" not in outcome(TEXT)


def source_of_task_4():
    from convlens.course import folder

    return (folder() / TASKS[4]).read_text()


def test_unicode_line_separators_do_not_end_a_line():
    text = TEXT.replace('"""\n\n', '"""\n\n', 1) + "x = 'a\u2028b\x85c\x0bd'\n\x0c\ny = 1\n"
    assert "E122" not in outcome(text)["style"] and "E101" not in outcome(text)["style"]
    assert outcome(HEAD + "# -*- coding: utf-8 -*-\n" + TEXT.removeprefix(HEAD))["parses"] == ""


@pytest.mark.parametrize("place", ["", "#!/usr/bin/env python3\n", "\n"])
def test_a_coding_line_is_obeyed_as_python_does(place):
    text = f"{place}# -*- coding: latin-1 -*-\n{TEXT.removeprefix(HEAD)}\n\nNAME = 'Zo\xeb'\n"
    assert outcome(text.encode("latin-1"))["parses"] == ""
    assert "is not UTF-8" in outcome(text.replace("latin-1", "utf-8").encode("latin-1"))["parses"]
    late = "x = 1\ny = 2\n# coding: latin-1\nz = '\xeb'\n"
    assert "line 4 has the byte 0xeb, which is not UTF-8" in outcome(late.encode("latin-1"))["parses"]


def test_one_process_parses_all_files_until_one_ends_it():
    class Fragile(Local):
        def ask(self, request, arrays=(), *, seconds=None):
            if arrays[0].tobytes() == b"crash":
                raise GuestError("ended its process (exit code 3)", Ending.EXITED)
            return super().ask(request, arrays, seconds=seconds)

    class Box:
        def __init__(self):
            self.began = self.ended = 0

        @contextlib.contextmanager
        def guest(self, job_name, source):
            assert (job_name, source) == ("form", b"")
            self.began += 1
            yield Fragile(job, source, {"file": ""})
            self.ended += 1

    box = Box()
    with parser(box) as open_guest:  # type: ignore[arg-type]  # it has the method that is used
        texts = [TEXT, TEXT, "crash", TEXT]
        found = [check_form(open_guest, 0, File(text.encode(), True)) for text in texts]
        assert (box.began, box.ended) == (2, 1)
    assert (box.began, box.ended) == (2, 2)
    said = {one.name: one.message for one in found[2]}["parses"]
    assert said == "the file was parsed, not run, and the parser ended its process (exit code 3)"
    assert found[0] == found[1] == found[3] and {one.status for one in found[3]} == {"pass"}


def test_code_from_a_notebook_has_no_form_but_is_parsed():
    content = TEXT.encode()
    file = File(content, notebook="work.ipynb")
    found = {one.name: one for one in form_checks.run(FileUnderTest(file, RULES[0], PARSER))}
    assert found["own_file"].message == "the code stands in the notebook 'work.ipynb'"
    assert {found[name].status for name in ("run_bit", "first_line", "style")} == {"could not tell"}
    assert found["parses"].status == found["imports"].status == "pass"


def test_a_default_may_be_written_in_any_style():
    assert (
        outcome(TEXT.replace('padding="same"', "padding='same'").replace("stride=(1, 1)", "stride=( 1,1 )"))[
            "signature"
        ]
        == ""
    )


def test_an_expression_is_not_accepted_as_the_default():
    assert "stride=?" in outcome(TEXT.replace("stride=(1, 1)", "stride=(0 + 1, 1)"))["signature"]


def test_a_missing_or_linked_or_not_executable_file_fails():
    assert outcome(TEXT, runs=False)["run_bit"] == "the owner may not execute the file"
    missing = outcome(None, problem=MISSING, missing=True)
    assert missing.pop("exists") == MISSING
    assert all(said.startswith("not tried, because exists does not pass") for said in missing.values())
    named = f"{MISSING}; there is conv_forward.py: rename it to {TASKS[0]}"
    assert outcome(None, problem=named, missing=True)["exists"] == named
    linked = outcome(None, problem="the file is a link; hand in the file itself")
    assert linked["exists"] == ""
    assert linked["readable"] == "the file is a link; hand in the file itself"


@pytest.mark.parametrize("task", range(6))
def test_the_reference_files_have_good_form(task):
    from convlens.course import FILES, folder

    name = list(FILES.values())[task]
    assert TASKS[task] == name
    assert set(outcome((folder() / name).read_text(), task=task).values()) == {""}


@pytest.mark.parametrize("path", sorted((CHECKER / "lenet_submissions").glob("4-*")), ids=lambda p: p.stem)
def test_other_correct_files_use_keras_as_allowed(path):
    assert outcome(path.read_text(), task=4)["keras"] == ""
