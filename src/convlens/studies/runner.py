"""Train the runs of a study one after the other, and store each in a file as soon as it is done."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from convlens.data import load
from convlens.engines import get_engine
from convlens.geometry import check_count
from convlens.machine.threads import usable_threads
from convlens.nn import SGD, Sequential
from convlens.storage.journal import open_journal
from convlens.studies.study import GUESSING, Arm, Recipe, Study, StudyRun
from convlens.training import Batch, evaluate, train

if TYPE_CHECKING:
    from convlens.data.digits import Images, Labels

__all__ = ["FILE", "PILOT", "Done", "Start", "chosen_rate", "chosen_runs", "digits_of", "do", "pilot_means", "value"]

FILE, VERSION = "runs.jsonl", 1
PILOT = 1_000_000  # the first seed of the pilot runs; all counted runs have smaller seeds
_WATCHED = 1000  # the number of training digits on which the training error is measured during training


@dataclass(frozen=True)
class Start:
    """The start of a study. runs: the number of all runs. found: how many of them are done. engine, threads: the engine
    and the number of threads that are used."""

    runs: int
    found: int
    engine: str
    threads: int


@dataclass(frozen=True)
class Done:
    """A run that is done. new: it was trained now; false if it was read from the file."""

    run: StudyRun
    new: bool


def digits_of(data: str = "embedded") -> tuple[Images, Labels]:
    """Return the images (n, h, w, c) and labels (n,) of the training and validation parts of `data`, as one set.

    Each seed draws its own training digits from this set.
    """
    digits = load(data)
    return np.concatenate([digits.x_train, digits.x_valid]), np.concatenate([digits.y_train, digits.y_valid])


def do(
    study: Study,
    folder: Path,
    *,
    seeds: int = 5,
    threads: int | None = None,
    digits: tuple[Images, Labels] | None = None,
) -> Generator[Start | Done, None, None]:
    """Do all runs of a study: yield a `Start`, then a `Done` for each run.

    Runs that `folder` already holds are not trained again. New runs are added to its file. The pilots of all arms come
    first, then each arm with its chosen learning rate and the seeds 0 … seeds - 1. The same seed gives the same numbers
    for any number of threads. digits: images and labels; the embedded digits unless given.

    Raises ValueError for bad arguments and for a folder with runs of other settings.
    """
    check_count("seeds", seeds, 2)
    if seeds > PILOT:
        raise ValueError(f"seeds must be at most {PILOT}; got {seeds}")
    threads = usable_threads() if threads is None else threads
    check_count("threads", threads, 1)
    x, y = digits_of() if digits is None else digits
    recipe = study.recipe
    if not 0 < recipe.digits < len(x):
        raise ValueError(f"{study.name} needs more digits than the {recipe.digits} that it trains on; got {len(x)}")
    settings = {**study.settings(), "engine": _engine(), "data": _digest(x, y)}
    folder.mkdir(parents=True, exist_ok=True)
    with open_journal(folder / FILE, "convlens study", VERSION, settings, StudyRun.parse) as journal:
        known = {(run.arm, run.rate, run.seed): run for run in journal.entries}

        def one(arm: Arm, rate: float, seed: int) -> Done:
            if run := known.get((arm.name, rate, seed)):
                return Done(run, False)
            return Done(journal.append(asdict(_train(arm, rate, seed, recipe, (x, y), threads))), True)

        found = sum(seed < seeds or seed >= PILOT for _, _, seed in known)
        yield Start(study.count(seeds), found, settings["engine"], threads)
        pilots: list[StudyRun] = []
        for arm in study.arms:
            for rate in recipe.rates:
                for pilot in range(recipe.pilots):
                    pilots.append((done := one(arm, rate, PILOT + pilot)).run)
                    yield done
        for seed in range(seeds):
            for arm in study.arms:
                yield one(arm, chosen_rate(study, arm.name, pilots), seed)


def chosen_rate(study: Study, arm: str, runs: Sequence[StudyRun]) -> float:
    """Return the learning rate with the lowest mean over the pilots of an arm; if several are equal, the lowest."""
    means = pilot_means(study, arm, runs)
    return min(means, key=lambda rate: (means[rate], rate))


def pilot_means(study: Study, arm: str, runs: Sequence[StudyRun]) -> dict[float, float]:
    """Return for each learning rate the mean of the study's measure `choose` over the pilots of an arm."""
    means = {}
    for rate in study.recipe.rates:
        pilots = [run for run in runs if (run.arm, run.rate) == (arm, rate) and run.seed >= PILOT]
        means[rate] = sum(value(study, study.choose, run) for run in pilots) / len(pilots)
    return means


def chosen_runs(study: Study, arm: str, runs: Sequence[StudyRun], seeds: int) -> list[StudyRun]:
    """Return the counted runs of an arm (its chosen rate, no pilots), ordered by seed."""
    rate = chosen_rate(study, arm, runs)
    found = {run.seed: run for run in runs if (run.arm, run.rate) == (arm, rate)}
    return [found[seed] for seed in range(seeds)]


def value(study: Study, measure: str, run: StudyRun) -> float:
    """Return the value of a measure for a run. If the level was not reached, the epochs are all epochs of the
    recipe."""
    if measure == "epochs":
        return float(study.recipe.epochs) if run.epochs is None else run.epochs
    return float(getattr(run, measure))


def _engine() -> str:
    return get_engine("auto").name


def _digest(x: Images, y: Labels) -> str:
    return hashlib.sha256(x.tobytes() + y.tobytes()).hexdigest()[:16]


def _train(arm: Arm, rate: float, seed: int, recipe: Recipe, digits: tuple[Images, Labels], threads: int) -> StudyRun:
    """Train one run. The seed fixes the initial weights, the batches, all random changes, and the training digits."""
    begin = time.perf_counter()
    x, y = digits
    order = np.random.default_rng([seed, 0, 1]).permutation(len(x))  # training itself uses [seed, epoch, …], epoch >= 1
    training, test = order[: recipe.digits], order[recipe.digits :]
    model = Sequential(arm.layers, x.shape[1:], name=arm.name, seed=seed)
    model.flat *= arm.start  # biases are 0
    epochs: float | None = None
    found: dict[str, Any] = {**GUESSING}
    diverged = True
    with suppress(ArithmeticError):
        epochs = _until(model, arm, rate, seed, recipe, (x[training], y[training]), threads)
        on_training = evaluate(model, x[training], y[training], threads=threads)
        on_test = evaluate(model, x[test], y[test], threads=threads)
        if np.isfinite([on_training.loss, on_test.loss]).all():
            errors = {"train_error": round(1 - on_training.accuracy, 9), "test_error": round(1 - on_test.accuracy, 9)}
            found, diverged = {**errors, "gap": on_test.loss - on_training.loss}, False
    seconds = round(time.perf_counter() - begin, 3)
    return StudyRun(arm.name, rate, seed, None if diverged else epochs, **found, diverged=diverged, seconds=seconds)


def _until(
    model: Sequential,
    arm: Arm,
    rate: float,
    seed: int,
    recipe: Recipe,
    training: tuple[Images, Labels],
    threads: int,
) -> float | None:
    """Train a model. Return after how many epochs the recipe's level was first reached, or None if it was not."""

    def schedule(epoch: int) -> float:
        falls = not recipe.stops and epoch > recipe.epochs * 3 / 4
        return rate / 10 if falls else rate

    x, y = training
    events = train(
        model,
        x,
        y,
        optimizer=SGD(rate, recipe.momentum, coupled_weight_decay=recipe.weight_decay),
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        seed=seed,
        threads=threads,
        schedule=schedule,
        augment=arm.augment,
    )
    reached, steps = None, 0
    for event in events:
        if not isinstance(event, Batch):
            continue
        steps += 1
        if recipe.level is None or reached is not None or steps % recipe.every:
            continue
        scores = evaluate(model, x[:_WATCHED], y[:_WATCHED], threads=threads)
        if scores.accuracy >= 1 - recipe.level:
            reached = steps / event.batches
            if recipe.stops:
                events.close()
                break
    return reached
