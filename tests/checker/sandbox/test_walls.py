"""What keeps a guest in: its user, the probe of each tier, and the limit of processor time."""

import dataclasses
import os

import pytest
from tests.support.checker.in_sandbox import call, course_file, needs_linux

from convlens.checker.guest import GuestError
from convlens.checker.sandbox import launch, tiers
from convlens.checker.sandbox.sandbox import Sandbox
from convlens.checker.sandbox.tiers import available

WHO = """
import os
def f():
    status = open("/proc/self/status").read() if os.path.exists("/proc/self/status") else ""
    rights = [line.split()[1] for line in status.splitlines() if line.startswith("Cap")]
    return [float(os.getuid()), float(os.getgid()), float(len(os.getgroups())), float(any(int(r, 16) for r in rights))]
"""


@needs_linux
def test_nothing_submitted_runs_as_root(tier):
    """As root, where bubblewrap can keep users apart, a guest is another user without rights, a new one each time."""
    with Sandbox(tier) as sandbox:
        answer, _ = call(sandbox, WHO)
        user, group, groups, rights = (value["number"] for value in answer["result"]["list"])
    assert rights == 0
    if os.getuid() == 0 and tier == "bubblewrap" and launch._keeps_users(launch._program()):
        assert 30_000 <= user < 60_000 and group == user and groups == 0


@needs_linux
def test_a_tier_in_which_the_probe_gets_out_is_not_offered(monkeypatch):
    """Without its walls, the tier landlock holds nothing, and says what a process could do."""
    if available()["landlock"]:
        pytest.skip(f"this machine does not offer the tier landlock: {available()['landlock']}")
    plan = launch.plan

    def without_walls(*given):
        found = plan(*given)
        return dataclasses.replace(found, settings={**found.settings, "tier": "rlimits"})

    monkeypatch.setattr(launch, "plan", without_walls)
    said = tiers._try.__wrapped__("landlock")
    assert said == "in the tier landlock a process could read a file outside"


@needs_linux
def test_the_limit_counts_processor_time_and_not_the_time_of_day(tier):
    """A call that gets a third of a processor is not stopped at the limit; a call that computes for longer is."""
    waits = "import time\ndef f():\n    time.sleep(0.9)\n    return 1.0\n"
    with Sandbox(tier, seconds=0.5) as sandbox:
        assert call(sandbox, waits)[0]["result"] == {"number": 1.0}
        computes = "def f():\n    while True:\n        pass\n"
        with course_file(sandbox, computes) as guest:
            before = guest.clock()
            with pytest.raises(GuestError, match=r"ran for more than 0\.5 s"):
                guest.ask({"do": "call", "arguments": []})
            assert before < 5
