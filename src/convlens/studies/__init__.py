"""Claims of the AlexNet paper, tried on real digits: arms, seeds, and sentences that follow from the numbers by a rule.

`STUDIES` is the table, `do` yields the runs of one, `outcome` says what came of them. `convlens study` prints it.
"""

from convlens.studies.outcome import Outcome, outcome
from convlens.studies.runner import FILE, Done, Start, do
from convlens.studies.study import Arm, Claim, Protocol, Run, Study
from convlens.studies.table import STUDIES

__all__ = ["FILE", "STUDIES", "Arm", "Claim", "Done", "Outcome", "Protocol", "Run", "Start", "Study", "do", "outcome"]
