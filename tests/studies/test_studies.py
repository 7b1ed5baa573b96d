"""Studies: the rule for the verdicts, and runs that are done only once and give the same numbers each time."""

import dataclasses
import json
import math

import numpy as np
import pytest
from tests.support import tiny_studies

import convlens
from convlens.storage.journal import open_journal
from convlens.studies import STUDIES, Done, Start, do, outcome, runner
from convlens.studies.claims import compare, spread
from convlens.studies.figure import draw
from convlens.studies.runner import PILOT, chosen_rate, digits_of
from convlens.studies.study import MEASURES, StudyRun


@pytest.fixture(scope="module")
def digits():
    """The first 300 digits."""
    x, y = digits_of()
    return x[:300], y[:300]


@pytest.fixture(autouse=True)
def without_sync(monkeypatch):
    """Do not sync files to the disk, so that the tests are fast."""
    monkeypatch.setattr("os.fsync", lambda handle: None)


def do_study(folder, digits, study=None, **options):
    """Do the tiny study. Return its runs, and for each run whether it is new."""
    start, *events = do(study or tiny_studies.study(), folder, digits=digits, **{"seeds": 2, "threads": 1, **options})
    assert isinstance(start, Start)
    done = [event for event in events if isinstance(event, Done)]
    assert start.runs == len(done) == len(events)
    assert start.found == sum(not event.new for event in done)
    return [event.run for event in done], [event.new for event in done]


def numbers(runs):
    """The runs without their times."""
    return [dataclasses.replace(run, seconds=0) for run in runs]


def lines(folder):
    return (folder / runner.FILE).read_bytes().splitlines(keepends=True)


# The rule ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([1, 1, 1, 1, 1], "held"),
        ([-1, -1, -1], "did not hold"),
        ([0, 0, 0], "could not tell"),
        ([1, -1], "could not tell"),
        ([3, 1], "held"),  # mean 2, standard error 1
        ([3, 0.99], "could not tell"),
        ([-3, -1], "did not hold"),
        ([5, 4, 6, 5, 5], "held"),
        ([5, -4, 6, -5, 5], "could not tell"),
    ],
)
def test_the_rule(differences, verdict):
    found = compare([10.0] * len(differences), [10.0 + d for d in differences])
    assert found.verdict == verdict
    assert found.mean == pytest.approx(np.mean(differences))
    assert found.error == pytest.approx(np.std(differences, ddof=1) / math.sqrt(len(differences)))


def test_differences_are_within_a_seed():
    assert compare([1.0, 5.0, 9.0], [1.5, 5.5, 9.5]).verdict == "held"
    assert compare([1.0, 5.0, 9.0], [9.5, 1.5, 5.5]).verdict == "could not tell"


def test_spread_is_that_of_numpy():
    found = spread([0.3, 0.1, 0.7, 0.2])
    assert (found.mean, found.deviation) == pytest.approx((0.325, np.std([0.3, 0.1, 0.7, 0.2], ddof=1)))


def test_too_few_or_unequal_values():
    with pytest.raises(ValueError, match=r"a spread needs at least 2 values; got 1"):
        spread([1.0])
    with pytest.raises(ValueError, match=r"arms are compared over the same seeds; got 2 and 3 values"):
        compare([1.0, 2.0], [1.0, 2.0, 3.0])


def made_up(none, dropout, **more):
    """Runs with these test errors."""
    runs = []
    for arm, values in (("none", none), ("dropout", dropout)):
        fields = {"epochs": 1.0, "train_error": 0.0, "gap": 0.1, "diverged": False, "seconds": 1.0, **more}
        runs += [StudyRun(arm, rate, PILOT, test_error=rate, **fields) for rate in (0.02, 0.05)]
        runs += [StudyRun(arm, 0.02, seed, test_error=value, **fields) for seed, value in enumerate(values)]
    return runs


@pytest.mark.parametrize(
    ("dropout", "sentence"),
    [
        (
            [0.04, 0.06, 0.05],
            "At this size the claim held: dropout lowers the test error (dropout: 5.00, none: 7.00). The mean "
            "difference is 2.00 points, its standard error 0.00; the difference is above 0 for 3 of 3 seeds.",
        ),
        (
            [0.08, 0.10, 0.12],
            "At this size the claim did not hold: dropout lowers the test error (dropout: 10.00, none: 7.00). The mean "
            "difference is −3.00 points, its standard error 1.00; the difference is above 0 for 0 of 3 seeds.",
        ),
        (
            [0.06, 0.08, 0.05],
            "At this size the runs could not tell whether the claim holds: dropout lowers the test error "
            "(dropout: 6.33, none: 7.00). The mean difference is 0.67 points, its standard error 0.67; the difference "
            "is above 0 for 1 of 3 seeds.",
        ),
    ],
)
def test_the_verdict_sentence(dropout, sentence):
    found = outcome(tiny_studies.study(), made_up([0.06, 0.08, 0.07], dropout), 3)
    assert found.found[0].sentence == sentence


def test_a_level_that_is_not_reached_counts_as_all_epochs_and_gives_a_remark():
    found = outcome(tiny_studies.study(), made_up([0.1, 0.1], [0.1, 0.1], epochs=None), 2)
    assert found.spreads["epochs"]["none"].values == (2.0, 2.0)
    assert "none: 2 of 2 runs did not reach the level in 2 epochs and count as 2." in found.remarks


def test_the_sentence_on_epochs_has_their_ratio():
    runs = [
        dataclasses.replace(run, epochs=0.5 + run.seed / 4 if run.arm == "none" else 1.5)
        for run in made_up([0.1, 0.1], [0.1, 0.1])
    ]
    sentence = outcome(tiny_studies.study(), runs, 2).found[1].sentence
    assert sentence.endswith("above 0 for 2 of 2 seeds. The ratio is 2.4.")
    late = [dataclasses.replace(run, epochs=None) if run.arm == "dropout" else run for run in runs]
    sentence = outcome(tiny_studies.study(), late, 2).found[1].sentence
    assert sentence.endswith(" The ratio is at least 3.2.")


def test_remarks_on_rates_and_diverged_runs():
    remarks = outcome(tiny_studies.study(), made_up([0.1, 0.1], [0.1, 0.1], diverged=True), 2).remarks
    assert "dropout: 2 of 2 runs diverged and count as guessing." in remarks
    assert "none: the learning rate 0.02 is the lowest that was tried; a rate beyond it may be better." in remarks
    runs = [dataclasses.replace(run, test_error=0.1) for run in made_up([0.1, 0.1], [0.1, 0.1])]
    remarks = outcome(tiny_studies.study(), runs, 2).remarks
    assert remarks == tuple(
        f"{arm}: all learning rates that were tried were equally good." for arm in ("none", "dropout")
    )


# The runs ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole(digits, tmp_path_factory):
    """A folder that holds all runs of the study, and these runs."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, do_study(folder, digits)[0]


def test_arms_rates_and_seeds(whole):
    folder, runs = whole
    assert [(run.arm, run.seed) for run in runs] == [
        *[("none", PILOT)] * 2,
        *[("dropout", PILOT)] * 2,
        *[(arm, seed) for seed in (0, 1) for arm in ("none", "dropout")],
    ]
    assert [run.rate for run in runs[:4]] == [0.02, 0.05] * 2
    for run in runs[4:]:
        assert run.rate == chosen_rate(tiny_studies.study(), run.arm, runs)
    assert len(lines(folder)) == 1 + len(runs)


def test_a_second_time_nothing_is_trained(whole, digits, monkeypatch):
    folder, runs = whole
    monkeypatch.setattr(runner, "_train", None)
    assert do_study(folder, digits) == (runs, [False] * 8)


def test_the_number_of_threads_does_not_change_the_numbers(whole, digits, tmp_path):
    assert numbers(do_study(tmp_path, digits, threads=3)[0]) == numbers(whole[1])


@pytest.mark.parametrize("kept", [0, 1, 4, 6])
def test_a_study_that_was_stopped_continues_with_the_same_numbers(whole, digits, tmp_path, kept):
    events = do(tiny_studies.study(), tmp_path, seeds=2, threads=1, digits=digits)
    for _ in range(1 + kept):
        next(events)
    events.close()
    assert len(lines(tmp_path)) == 1 + kept
    runs, new = do_study(tmp_path, digits)
    assert numbers(runs) == numbers(whole[1])
    assert new == [False] * kept + [True] * (8 - kept)


@pytest.mark.parametrize("torn", [b"", b'{"arm": "no', b'{"arm": "none"}\n', b"\0\0\0"])
def test_the_run_of_a_torn_last_line_is_done_again(whole, digits, tmp_path, torn):
    first = lines(whole[0])
    (tmp_path / runner.FILE).write_bytes(b"".join(first[:4]) + torn)
    runs, new = do_study(tmp_path, digits)
    assert numbers(runs) == numbers(whole[1])
    assert new == [False] * 3 + [True] * 5
    assert len(lines(tmp_path)) == 9


def test_a_torn_first_line_starts_a_new_file(whole, digits, tmp_path):
    (tmp_path / runner.FILE).write_bytes(lines(whole[0])[0][:50])
    assert do_study(tmp_path, digits)[1] == [True] * 8


def test_more_seeds_are_added_to_the_existing_runs(whole, digits, tmp_path):
    (tmp_path / runner.FILE).write_bytes(b"".join(lines(whole[0])))
    runs, new = do_study(tmp_path, digits, seeds=3)
    assert new == [False] * 8 + [True] * 2
    assert runs[:8] == whole[1]
    assert do_study(tmp_path, digits, seeds=2) == (whole[1], [False] * 8)


def test_the_seed_draws_the_digits_and_both_arms_get_the_same(whole):
    runs = whole[1]
    assert runs[4].test_error != runs[6].test_error
    plain = dataclasses.replace(tiny_studies.study(), arms=(tiny_studies.ARMS[0],) * 2)
    a, b = (runner._train(arm, 0.02, 3, plain.recipe, digits_of(), 1) for arm in plain.arms)
    assert numbers([a]) == numbers([b])


def test_a_run_that_overflows_has_diverged(digits):
    study = tiny_studies.study()
    run = runner._train(study.arms[0], 1e30, 0, study.recipe, digits, 1)
    assert (run.diverged, run.epochs, run.test_error, run.gap) == (True, None, 0.9, 0.0)


def test_a_run_may_stop_when_it_reaches_the_level(digits):
    whole, cut = (tiny_studies.study(level=0.85, stops=stops).recipe for stops in (False, True))
    one, two = (runner._train(tiny_studies.ARMS[0], 0.02, 0, recipe, digits, 1) for recipe in (whole, cut))
    assert one.epochs == two.epochs
    assert one.epochs is not None and one.epochs < 2
    assert two.train_error <= 0.85 and one.train_error < two.train_error


# Errors --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"epochs": 3}, r"must have the same epochs; .* has 2, this run has 3: use another folder"),
        ({"rates": (0.02,)}, r"must have the same rates; .* has \[0.02, 0.05\], this run has \[0.02\]"),
        ({"weight_decay": 0.0}, r"must have the same weight_decay; .* has 0.0005, this run has 0.0"),
    ],
)
def test_other_settings_are_refused(whole, digits, changed, message):
    before = lines(whole[0])
    with pytest.raises(ValueError, match=message):
        do_study(whole[0], digits, tiny_studies.study(**changed))
    assert lines(whole[0]) == before


def test_other_networks_and_other_digits_are_refused(whole, digits):
    study = tiny_studies.study()
    with pytest.raises(ValueError, match=r"must have the same networks"):
        do_study(whole[0], digits, dataclasses.replace(study, arms=study.arms[::-1]))
    with pytest.raises(ValueError, match=r"must have the same data"):
        do_study(whole[0], (digits[0][:200], digits[1][:200]))


def test_another_version_is_refused(whole, digits, tmp_path):
    first, *rest = lines(whole[0])
    (tmp_path / runner.FILE).write_bytes(first.replace(b'"version": 1', b'"version": 7') + b"".join(rest))
    with pytest.raises(ValueError, match=r"must have the same version; .* has 7, this run has 1"):
        do_study(tmp_path, digits)


@pytest.mark.parametrize("content", [b"my thesis\n", b"[1]\n", b'{"format": "other"}\n', b"no end"])
def test_other_files_are_refused_and_not_changed(digits, tmp_path, content):
    (tmp_path / runner.FILE).write_bytes(content)
    with pytest.raises(ValueError, match=r"must be a file of convlens study or not exist; it is another kind of file"):
        do_study(tmp_path, digits)
    assert (tmp_path / runner.FILE).read_bytes() == content


def test_a_damaged_line_in_the_middle_is_refused(whole, digits, tmp_path):
    found = lines(whole[0])
    found[3] = b"{}\n"
    (tmp_path / runner.FILE).write_bytes(b"".join(found))
    with pytest.raises(ValueError, match=r"each line of .* must be a result; line 4 is damaged"):
        do_study(tmp_path, digits)


def test_only_one_study_writes_a_file_at_a_time(whole, digits):
    study = tiny_studies.study()
    events = do(study, whole[0], seeds=2, threads=1, digits=digits)
    next(events)
    with pytest.raises(BlockingIOError, match=r"only one convlens study may write a file at a time"):
        do_study(whole[0], digits)
    events.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": 1}, r"seeds must be an integer of at least 2; got 1"),
        ({"seeds": PILOT + 1}, r"seeds must be at most 1000000; got 1000001"),
        ({"threads": 0}, r"threads must be an integer of at least 1; got 0"),
    ],
)
def test_bad_arguments(digits, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        do_study(tmp_path / "not made", digits, **options)
    assert list(tmp_path.iterdir()) == []


def test_too_few_digits(digits, tmp_path):
    with pytest.raises(ValueError, match=r"dropout needs more digits than the 300 that it trains on; got 300"):
        do_study(tmp_path, digits, tiny_studies.study(digits=300))


def test_a_full_disk_adds_nothing(tmp_path, monkeypatch):
    path = tmp_path / "full"
    with open_journal(path, "kind", 1, {}, dict) as journal:
        journal.append({"a": 1})

        def full(handle, line):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("os.write", full)
        with pytest.raises(OSError, match="No space left"):
            journal.append({"a": 2})
        assert journal.entries == [{"a": 1}]
    assert path.read_bytes().count(b"\n") == 2


# The outcome ---------------------------------------------------------------------------------------------------------


def test_the_figure_is_the_same_each_time(whole, tmp_path):
    found = outcome(tiny_studies.study(), whole[1], 2)
    one, two = (draw(found, tmp_path / name).read_bytes() for name in ("one.svg", "two.svg"))
    assert one == two
    assert one.startswith(b"<?xml") and b"</svg>" in one


def test_as_json_has_all_measures_and_claims(whole):
    value = json.loads(json.dumps(outcome(tiny_studies.study(), whole[1], 2).as_json(), allow_nan=False))
    assert [arm["name"] for arm in value["arms"]] == ["none", "dropout"]
    assert set(value["arms"][0]["measures"]) == {"test_error", "epochs"}
    for claim in value["claims"]:
        values = {arm["name"]: arm["measures"][claim["measure"]]["values"] for arm in value["arms"]}
        apart = np.subtract(values[claim["more"]], values[claim["less"]])
        assert claim["mean"] == pytest.approx(apart.mean())
        assert claim["values"] == pytest.approx(apart)
        assert claim["verdict"] in ("held", "did not hold", "could not tell")


# The table -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("study", STUDIES.values(), ids=lambda study: study.name)
def test_the_table_is_consistent(study):
    names = [arm.name for arm in study.arms]
    assert len(set(names)) == len(names)
    assert study.choose in MEASURES
    for claim in study.claims:
        assert claim.measure in MEASURES and {claim.less, claim.more} <= set(names) and claim.less != claim.more
        assert claim.measure != "epochs" or study.recipe.level is not None
    models = [convlens.nn.Sequential(arm.layers, (28, 28, 1)) for arm in study.arms]
    assert len({model.count_params() for model in models}) == 1
    assert 0 < study.recipe.digits < 5000
    assert len(study.recipe.rates) == len(set(study.recipe.rates)) > 2
