"""The result of a study: mean and standard deviation for each arm, and a verdict sentence for each claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from convlens.studies.claims import COULD_NOT_TELL, HELD, Difference, Spread, compare, spread
from convlens.studies.runner import chosen_rate, chosen_runs, pilot_means, value
from convlens.studies.study import MEASURES, Claim, Study, StudyRun

__all__ = ["Outcome", "outcome"]


@dataclass(frozen=True)
class Found:
    """A claim, the paired differences (more - less), and the sentence with the verdict."""

    claim: Claim
    difference: Difference
    sentence: str


@dataclass(frozen=True)
class Outcome:
    """The result of a study.

    rates: arm -> its learning rate. pilots: arm -> learning rate -> the mean, over the pilot runs, of the measure that
    chooses the rate. spreads: measure -> arm -> its values with mean and deviation. found: the verdicts on the claims.
    remarks: sentences that a reader needs in order to trust the numbers. seconds: the time of all runs.
    """

    study: Study
    seeds: int
    rates: dict[str, float]
    pilots: dict[str, dict[float, float]]
    spreads: dict[str, dict[str, Spread]]
    found: tuple[Found, ...]
    remarks: tuple[str, ...]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return the result as plain data, for programs."""
        arms = [
            {
                "name": name,
                "learning_rate": rate,
                "pilots": {str(tried): mean for tried, mean in self.pilots[name].items()},
                "measures": {measure: asdict(by_arm[name]) for measure, by_arm in self.spreads.items()},
            }
            for name, rate in self.rates.items()
        ]
        claims = [{**asdict(each.claim), **asdict(each.difference), "sentence": each.sentence} for each in self.found]
        return {
            **self.study.settings(),
            "title": self.study.title,
            "seeds": self.seeds,
            "arms": arms,
            "claims": claims,
            "remarks": list(self.remarks),
            "notes": self.study.notes,
            "seconds": round(self.seconds, 1),
        }


def outcome(study: Study, runs: Sequence[StudyRun], seeds: int) -> Outcome:
    """Compute the result of a study from all of its runs, in the order in which `do` yields them."""
    names = [arm.name for arm in study.arms]
    counted = {name: chosen_runs(study, name, runs, seeds) for name in names}
    spreads = {
        measure: {name: spread([value(study, measure, run) for run in counted[name]]) for name in names}
        for measure in study.measures()
    }
    return Outcome(
        study,
        seeds,
        {name: chosen_rate(study, name, runs) for name in names},
        {name: pilot_means(study, name, runs) for name in names},
        spreads,
        tuple(_judge(study, claim, spreads[claim.measure]) for claim in study.claims),
        tuple(_remarks(study, runs, counted)),
        sum(run.seconds for run in runs),
    )


def _judge(study: Study, claim: Claim, spreads: dict[str, Spread]) -> Found:
    measure = MEASURES[claim.measure]
    less, more = spreads[claim.less], spreads[claim.more]
    found = compare(less.values, more.values)

    def write(number: float) -> str:
        return f"{number * measure.factor:.{measure.decimals}f}".replace("-", "−")

    unknown = found.verdict == COULD_NOT_TELL
    verdict = "the runs could not tell whether the claim holds" if unknown else f"the claim {found.verdict}"
    agree = sum(difference > 0 for difference in found.values)
    unit = f" {measure.unit}" if measure.unit else ""
    sentence = (
        f"At this size {verdict}: {claim.says} ({claim.less}: {write(less.mean)}, {claim.more}: {write(more.mean)}). "
        f"The mean difference is {write(found.mean)}{unit}, its standard error {write(found.error)}; "
        f"the difference is above 0 for {agree} of {len(found.values)} seeds."
    )
    if claim.measure == "epochs" and found.verdict == HELD:
        least = "at least " if study.recipe.epochs in more.values else ""  # a run that did not reach the level
        sentence += f" The ratio is {least}{more.mean / less.mean:.1f}."
    return Found(claim, found, sentence)


def _remarks(study: Study, runs: Sequence[StudyRun], counted: dict[str, list[StudyRun]]) -> list[str]:
    """Return remarks on learning rates at the end of their range, diverged runs, and levels that were not reached."""
    found, rates = [], study.recipe.rates
    for name, of_arm in counted.items():
        rate = chosen_rate(study, name, runs)
        if len(set(pilot_means(study, name, runs).values())) == 1 < len(rates):
            found.append(f"{name}: all learning rates that were tried were equally good.")
        elif rate in (min(rates), max(rates)):
            end = "lowest" if rate == min(rates) else "highest"
            found.append(
                f"{name}: the learning rate {rate:g} is the {end} that was tried; a rate beyond it may be better."
            )
        if diverged := sum(run.diverged for run in of_arm):
            found.append(f"{name}: {diverged} of {len(of_arm)} runs diverged and count as guessing.")
        late = sum(run.epochs is None for run in of_arm)
        if "epochs" in study.measures() and late:
            epochs, runs_ = study.recipe.epochs, f"{late} of {len(of_arm)} runs"
            found.append(f"{name}: {runs_} did not reach the level in {epochs} epochs and count as {epochs}.")
    return found
