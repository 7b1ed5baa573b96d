"""What the tests of the checker share."""

from collections.abc import Iterator

import pytest

from convlens.arrays import Array
from convlens.checker.functions import diagnosis
from convlens.checker.functions.cases import Case
from convlens.checker.functions.expected import Value
from convlens.checker.functions.faulty import run_faulty
from convlens.checker.functions.faulty_windows import Faults


@pytest.fixture(scope="session", autouse=True)
def faulty_programs_run_once() -> Iterator[None]:
    """A faulty program that is compared with many files runs once for each call."""
    # The arrays are kept, so that no other array gets their ids.
    known: dict[tuple[Case, Faults, tuple[int, ...]], tuple[list[Array], Value | Exception]] = {}

    def once(case: Case, given: dict[str, Array], faults: Faults) -> Value:
        key = case, faults, tuple(map(id, given.values()))
        if key not in known:
            found: Value | Exception
            try:
                found = run_faulty(case, given, faults)
                for array in found:
                    array.flags.writeable = False
            except (ValueError, IndexError) as error:
                found = error.with_traceback(None)
            known[key] = list(given.values()), found
        _, found = known[key]
        if isinstance(found, Exception):
            raise found.with_traceback(None)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diagnosis, "run_faulty", once)
        yield
