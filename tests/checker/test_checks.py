"""The table of checks: docstrings are sentences, checks can need checks, and every outcome has a status."""

import pytest

from convlens.checker import form_checks, summary_checks
from convlens.checker.checks import Advice, Checks, Failed, Unknown
from convlens.checker.functions import conv_checks, pool_checks
from convlens.checker.guest import Ending, GuestError
from convlens.checker.verdict import FAIL, PASS, UNKNOWN, ErrorMap, Finding

TABLES = {
    "file": form_checks.FILE,
    "form": form_checks.CHECKS,
    "keras": form_checks.KERAS,
    "conv_forward": conv_checks.FORWARD,
    "conv_backward": conv_checks.BACKWARD,
    "pool_forward": pool_checks.FORWARD,
    "pool_backward": pool_checks.BACKWARD,
    "summary": summary_checks.CHECKS,
}


def table(**outcomes):
    """Return a table with a check for each name, which raises the given error or none."""
    checks = Checks()
    for name, (needs, error) in outcomes.items():

        def run(subject, error=error):
            """It is so."""
            if error is not None:
                raise error

        run.__name__ = name
        checks.add(*needs)(run)
    return checks


def test_each_outcome_has_a_status():
    maps = [ErrorMap("a", [[1]])]
    checks = table(
        good=((), None),
        bad=((), Failed("3 is wrong", "turn it", "turned", maps)),
        unclear=((), Unknown("who knows")),
        gone=((), GuestError("ended its process", Ending.EXITED)),
        advised=((), Advice("the images are integers", "write dtype=float", "integers")),
        stands_on_bad=(("good", "bad"), None),
        stands_on_good=(("good", "advised"), None),
        stands_on_before=(("earlier",), None),
    )
    found = checks.run(None, [Finding("earlier", "It was.", PASS)])
    assert found == [
        Finding("good", "It is so.", PASS),
        Finding("bad", "It is so.", FAIL, "3 is wrong", "turn it", "turned", maps),
        Finding("unclear", "It is so.", UNKNOWN, "who knows"),
        Finding("gone", "It is so.", FAIL, "the code ended its process"),
        Finding("advised", "It is so.", PASS, "the images are integers", "write dtype=float", "integers"),
        Finding("stands_on_bad", "It is so.", UNKNOWN, "not tried, because bad does not pass"),
        Finding("stands_on_good", "It is so.", PASS),
        Finding("stands_on_before", "It is so.", PASS),
    ]


def test_a_check_that_raises_another_exception_fails():
    (found,) = table(broken=((), ZeroDivisionError("x" * 9999))).run(None)
    assert found.status == FAIL
    assert (
        found.message.startswith("the code sent something that this check cannot read: ZeroDivisionError('xxx")
        and len(found.message) == 2000
    )


def test_a_long_message_is_shortened():
    (found,) = table(long=((), Failed("x" * 9999))).run(None)
    assert found.message == "x" * 2000


def test_evidence_is_returned_by_name():
    evidence: dict[str, object] = {}
    table(bad=((), Failed("no", evidence=[1, 2])), good=((), None)).run(None, evidence=evidence)
    assert evidence == {"bad": [1, 2]}


def test_a_check_must_have_a_docstring():
    def silent(subject):
        pass

    with pytest.raises(ValueError, match="a check must have a docstring, the sentence a student reads"):
        Checks().add()(silent)


@pytest.mark.parametrize("name", TABLES)
def test_every_check_has_a_sentence_and_needs_only_earlier_checks(name):
    known = {"file": set(), "summary": set(), "form": {"readable", "parses"}}.get(name, {"parses"})
    for check in TABLES[name].table:
        assert check.sentence[0].isupper() or check.sentence.startswith("pycodestyle")
        assert check.sentence.endswith(".")
        assert set(check.needs) <= known, check.name
        assert check.name not in known
        known.add(check.name)
