"""Verdicts are the same in every tier, for correct files, for a mutant of each mistake, and for files of bad form."""

import pytest
from tests.support.checker.checking import examine, explained, failing, open_sandbox, skip_without
from tests.support.checker.mutant_tests import LEFT_OPEN, MISSED
from tests.support.checker.mutants import FORMS, MUTANTS
from tests.support.checker.samples import BASES, FILES, source, spoilt

from convlens.checker.check import check_form, check_function, parser
from convlens.checker.hand_ins import read
from convlens.checker.options import Options
from convlens.checker.sandbox.tiers import TIERS
from convlens.checker.submission import TASKS

ONE_EACH = {(mutant.mistake, mutant.file): mutant for mutant in MUTANTS if str(mutant) not in MISSED}


@pytest.fixture(scope="module", params=TIERS)
def sandbox(request):
    skip_without(request.param)
    with open_sandbox(request.param) as opened:
        yield opened


@pytest.mark.parametrize("file", FILES)
def test_correct_files_pass(sandbox, file):
    for base in BASES[::2]:
        assert examine(sandbox, file, source(base, file)).status == "pass", base


@pytest.mark.parametrize("mutant", list(ONE_EACH.values())[::4], ids=str)
def test_wrong_files_fail_with_a_hint(sandbox, mutant):
    report, mistake = explained(sandbox, mutant)
    assert failing(report) or mistake in LEFT_OPEN
    assert mistake == mutant.mistake


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_bad_form_fails(sandbox, tmp_path, form):
    """The named check is the first one that fails, and the other files stay good."""
    task = TASKS.index(form.file)
    file = read(spoilt(tmp_path, form)).files[form.file]
    with parser(sandbox) as open_guest:
        before = check_form(open_guest, task, file)
    report = check_function(sandbox, task, file, before, Options())
    assert failing(report)[0] == form.check
