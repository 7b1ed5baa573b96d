"""What came of a study: for each arm mean and spread, for each claim a sentence that follows from the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from convlens.studies.claims import COULD_NOT_TELL, HELD, Difference, Spread, compare, spread
from convlens.studies.runner import chosen_rate, chosen_runs, pilot_means, value
from convlens.studies.study import MEASURES, Claim, Run, Study

__all__ = ["Outcome", "outcome"]


@dataclass(frozen=True)
class Found:
    """A claim, the paired difference (more - less), and the sentence that says what it amounts to."""

    claim: Claim
    difference: Difference
    sentence: str


@dataclass(frozen=True)
class Outcome:
    """spreads: by measure, then arm; rates: each arm's learning rate, pilots: what it was chosen by"""

    study: Study
    seeds: int
    rates: dict[str, float]
    pilots: dict[str, dict[float, float]]
    spreads: dict[str, dict[str, Spread]]
    found: tuple[Found, ...]
    remarks: tuple[str, ...]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Plain data, for programs"""
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


def outcome(study: Study, runs: Sequence[Run], seeds: int) -> Outcome:
    """Of all of a study's runs, as `do` yields them"""
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

    verdict = "it could not be told whether" if found.verdict == COULD_NOT_TELL else f"it {found.verdict} that"
    agree = sum(difference > 0 for difference in found.values)
    unit = f" {measure.unit}" if measure.unit else ""
    sentence = (
        f"At this size {verdict} {claim.says} ({claim.less}: {write(less.mean)}, {claim.more}: {write(more.mean)}): "
        f"a difference of {write(found.mean)}{unit}, standard error {write(found.error)}, "
        f"above 0 in {agree} of {len(found.values)} seeds"
    )
    if claim.measure == "epochs" and found.verdict == HELD:
        least = "at least " if study.protocol.epochs in more.values else ""  # where a run was not there
        sentence += f"; {least}{more.mean / less.mean:.1f} times"
    return Found(claim, found, sentence + ".")


def _remarks(study: Study, runs: Sequence[Run], counted: dict[str, list[Run]]) -> list[str]:
    """What a reader must know of the runs to trust the numbers"""
    found, rates = [], study.protocol.rates
    for name, mine in counted.items():
        rate = chosen_rate(study, name, runs)
        if len(set(pilot_means(study, name, runs).values())) == 1 < len(rates):
            found.append(f"{name}: none of the learning rates that were tried was better than another.")
        elif rate in (min(rates), max(rates)):
            end = "lowest" if rate == min(rates) else "highest"
            found.append(
                f"{name}: the learning rate {rate:g} is the {end} that was tried; beyond it may be a better one."
            )
        if diverged := sum(run.diverged for run in mine):
            found.append(f"{name}: {diverged} of {len(mine)} runs diverged and count as guessing.")
        late = sum(run.epochs is None for run in mine)
        if "epochs" in study.measures() and late:
            epochs = study.protocol.epochs
            found.append(f"{name}: {late} of {len(mine)} runs were not there in {epochs} epochs and count as {epochs}.")
    return found
