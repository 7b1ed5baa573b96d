"""A file's form: what each check says, by files spoilt in one way."""

import pytest

from convlens.checker import form
from convlens.checker.form import FormBench
from convlens.checker.inside import form as job
from convlens.checker.rules import RULES
from convlens.checker.submission import MISSING, TASKS, File

from .local import opener
from .samples import source

TEXT = source("cells", TASKS[0])
HEAD = "#!/usr/bin/env python3\n"


def outcome(text, runs=True, task=0, problem=""):
    """Of each check: "" if it passes, else what it says."""
    content = text.encode() if isinstance(text, str) else text
    file = File(content, runs, problem)
    open_guest = opener(job, content or b"", {"file": TASKS[task], "function": RULES[task].function})
    found = form.CHECKS.run(FormBench(file, RULES[task], open_guest))
    return {one.name: "" if one.status == "pass" else one.message for one in found}


def test_good_form():
    assert set(outcome(TEXT).values()) == {""}


@pytest.mark.parametrize(
    ("text", "check", "said"),
    [
        (TEXT.removeprefix(HEAD), "first_line", "the first line is "),
        (TEXT.replace("env python3", "env python"), "first_line", "the first line is '#!/usr/bin/env python'"),
        ("\ufeff" + TEXT, "first_line", "the first line is '\\ufeff#!/usr/bin/env python3'"),
        (TEXT.rstrip(), "final_newline", "and no new line"),
        ("", "final_newline", "the file is empty"),
        (TEXT.replace("\n", "\r\n"), "line_ends", "line 1 ends with \\r\\n"),
        (TEXT + "x = 1\r\n", "line_ends", f"line {TEXT.count(chr(10)) + 1} ends with \\r\\n"),
        (TEXT.encode() + b"# \xff\n", "parses", "it must be text in UTF-8; byte "),
        (TEXT + "def f(:\n", "parses", "SyntaxError: invalid syntax (line "),
        (TEXT + "x = '\0'\n", "parses", "null bytes"),
        (TEXT + "x = " + "(" * 9999 + ")" * 9999 + "\n", "parses", "too many nested parentheses"),
        (TEXT.replace("as np", "as  numpy"), "imports", "the task allows 'import numpy as np' alone; the file has"),
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
        (TEXT + "\n\n\n\nx = 1  # " + "x" * 80 + "\n", "style", "E501 line too long"),
        (TEXT.replace('padding="same"', 'padding="valid"'), "signature", "it is conv_forward(A_prev, W, b, act"),
        (TEXT.replace("def conv_forward(", "def convolve("), "signature", "there must be a function conv_f"),
        (TEXT.replace("forward(A_prev, W", "forward(W, A_prev"), "signature", "it is conv_forward(W, A_prev"),
        (HEAD + "def conv_forward(*args):\n    pass\n", "signature", "it has * or ** or arguments by name alone"),
        (TEXT + "\n\ndef conv_forward(*args):\n    pass\n", "signature", "it has * or **"),
        (HEAD + "# coding: utf-7\n" + TEXT, "parses", "it must be UTF-8; it says that it is utf-7"),
        (HEAD + "conv_forward = None\n", "signature", "; the file has none"),
    ],
)  # fmt: skip
def test_bad_form(text, check, said):
    found = outcome(text)
    assert said in found[check], found


def test_what_else_ends_a_line_elsewhere_ends_none_in_python():
    text = TEXT.replace('"""\n\n', '"""\n\n', 1) + "x = 'a\u2028b\x85c\x0bd'\n\x0c\ny = 1\n"
    assert "E122" not in outcome(text)["style"] and "E101" not in outcome(text)["style"]
    assert outcome(HEAD + "# -*- coding: utf-8 -*-\n" + TEXT.removeprefix(HEAD))["parses"] == ""


def test_defaults_may_be_written_in_any_way():
    assert (
        outcome(TEXT.replace('padding="same"', "padding='same'").replace("stride=(1, 1)", "stride=( 1,1 )"))[
            "signature"
        ]
        == ""
    )


def test_an_expression_as_a_default_is_not_the_default():
    assert "stride=?" in outcome(TEXT.replace("stride=(1, 1)", "stride=(0 + 1, 1)"))["signature"]


def test_what_may_not_be_run_or_read():
    assert outcome(TEXT, runs=False)["run_bit"] == "the owner may not run it"
    missing = outcome(None, problem=MISSING)
    assert missing.pop("exists") == MISSING
    assert all(said.startswith("not tried, since this comes first") for said in missing.values())
    linked = outcome(None, problem="the file is a link; hand in the file itself")
    assert linked["exists"] == ""
    assert linked["readable"] == "the file is a link; hand in the file itself"


@pytest.mark.parametrize("task", range(6))
def test_our_own_files_have_good_form(task):
    from convlens.course import FILES, folder

    name = list(FILES.values())[task]
    assert TASKS[task] == name
    assert set(outcome((folder() / name).read_text(), task=task).values()) == {""}
