"""Studies that test claims of the AlexNet paper on real digits, with several seeds and a fixed rule for the verdict.

`STUDIES` is the table of studies. `do` trains the runs of a study and yields them. `outcome` computes the result from
them. The command `convlens study` prints it.
"""

from convlens.studies.outcome import Outcome, outcome
from convlens.studies.runner import FILE, Done, Start, do
from convlens.studies.study import Arm, Claim, Recipe, Study, StudyRun
from convlens.studies.table import STUDIES

__all__ = [
    "FILE",
    "STUDIES",
    "Arm",
    "Claim",
    "Done",
    "Outcome",
    "Recipe",
    "Start",
    "Study",
    "StudyRun",
    "do",
    "outcome",
]
