"""Dates in tables, and how late a hand-in is."""

from datetime import UTC, datetime, timedelta

import pytest

from convlens.checker.classes.dates import between, day_first, parse_moment
from convlens.checker.classes.late_table import late_ones, read_dates
from convlens.checker.classes.lateness import Penalty, days_late, parse_penalty

pytestmark = pytest.mark.smoke


@pytest.mark.parametrize(
    ("text", "first", "seconds"),
    [
        ("2026-11-20", datetime(2026, 11, 20), 86400),
        ("2026-11-20T23:59", datetime(2026, 11, 20, 23, 59), 60),
        ("2026-11-20 23:59:07", datetime(2026, 11, 20, 23, 59, 7), 1),
        ("2026-11-20 00:00:00", datetime(2026, 11, 20), 86400),
        ("2026-11-20T23:59Z", datetime(2026, 11, 20, 23, 59, tzinfo=UTC), 60),
        ("2026-11-20 23:59:07 UTC", datetime(2026, 11, 20, 23, 59, 7, tzinfo=UTC), 1),
        ("46346", datetime(2026, 11, 20), 86400),
        ("46346.75", datetime(2026, 11, 20, 18), 1),
        ("20.11.2026", datetime(2026, 11, 20), 86400),
        ("3.11.2026 7:05", datetime(2026, 11, 3, 7, 5), 60),
        ("20/11/2026 23:59", datetime(2026, 11, 20, 23, 59), 60),
        ("11/20/2026 11:59 PM", datetime(2026, 11, 20, 23, 59), 60),
        ("11/20/2026, 12:01:02 am", datetime(2026, 11, 20, 0, 1, 2), 1),
        ("Friday, 20 November 2026, 11:59 PM", datetime(2026, 11, 20, 23, 59), 60),
        ("5 March 2027", datetime(2027, 3, 5), 86400),
    ],
)
def test_a_date_means_a_moment_or_a_day(text, first, seconds):
    got = parse_moment(text)
    assert got.first == first and got.last == first + timedelta(seconds=seconds, microseconds=-1)


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-13-01", "2026-11-31", "20/13/2026", "1", "99999", "20.11.2026 25:00"]
)
def test_what_is_no_date_is_told(text):
    with pytest.raises(ValueError, match="is not a date"):
        parse_moment(text)


def test_a_date_that_may_mean_two_is_read_as_its_table_shows():
    with pytest.raises(ValueError, match="the day or the month may come first"):
        parse_moment("3/11/2026")
    assert parse_moment("3/3/2026").first == datetime(2026, 3, 3)
    for texts, month in ((["3/11/2026", "20/11/2026"], 11), (["3/11/2026", "11/20/2026 8:00"], 3)):
        assert parse_moment(texts[0], day_first(texts)).first.month == month
    assert day_first(["3/11/2026", "20.11.2026"]) is None


def test_zones_are_compared():
    due, done = parse_moment("2026-11-20T23:59:00+01:00"), parse_moment("2026-11-20T23:59:00Z")
    assert between(due.first, done.first) == timedelta(hours=1)
    local = parse_moment("2026-11-20T12:00:00")
    assert between(local.first, local.first.astimezone(UTC)) == timedelta(0)


def test_days_and_penalties():
    hour = timedelta(hours=1)
    assert [days_late(hour * h) for h in (-30, 0, 1, 24, 25)] == [0, 0, 1, 1, 2]
    daily, hourly, once = map(parse_penalty, ("10%/day", "2.5 % / hour", "20%"))
    assert [daily.lost(hour * h) for h in (-1, 0, 1, 24, 25, 24 * 9 + 1, 24 * 30)] == [0, 0, 0.1, 0.1, 0.2, 1, 1]
    assert hourly.lost(2.5 * hour) == 0.075 and once.lost(hour * 100) == 0.2


@pytest.mark.parametrize("text", ["", "10", "0%/day", "101%", "-5%/day", "10%/week", "ten%/day"])
def test_a_wrong_penalty_is_told(text):
    with pytest.raises(ValueError, match="such as 10%/day"):
        parse_penalty(text)


def table(tmp_path, text):
    path = tmp_path / "dates.csv"
    path.write_text(text)
    return path


def test_a_table_of_dates(tmp_path):
    path = table(
        tmp_path, "Name;Handed_In;Due\nann;20.11.2026 23:59;\nBOB  MILL;22.11.2026 0:10;\neve;23.11.2026;24.11.2026\n"
    )
    rows = read_dates(path, "2026-11-20T23:59")
    got = late_ones(rows, ["ann", "Bob Mill", "eve", "zoe"], Penalty(0.1, timedelta(days=1)))
    assert {name: (late.days, late.lost) for name, late in got.late.items()} == {
        "ann": (0, 0),
        "Bob Mill": (2, 0.2),
        "eve": (0, 0),
    }
    assert (got.unknown, got.missing) == ([], ["zoe"])
    assert got.late["Bob Mill"].in_words() == "2 days late, -20 %" and got.late["ann"].in_words() == "in time"


def test_a_day_without_a_time_is_late_only_after_the_day(tmp_path):
    path = table(tmp_path, "name,handed_in\na,2026-11-20\nb,2026-11-21\nc,2026-11-20 23:59:59\n")
    got = late_ones(read_dates(path, "2026-11-20"), ["a", "b", "c"], None)
    assert {name: late.days for name, late in got.late.items()} == {"a": 0, "b": 1, "c": 0}


def test_names_are_matched_or_told(tmp_path):
    path = table(
        tmp_path,
        "name,handed_in\nAnn,2026-11-20\nann,2026-11-25\nANN,2026-11-25\nRe\u0301mi,2026-11-21\nnobody,2026-11-21\nlast,\n",
    )
    got = late_ones(read_dates(path, "2026-11-20"), ["ann", "Ann", "R\u00e9mi", "last"], None)
    assert {name: late.days for name, late in got.late.items()} == {"Ann": 0, "ann": 5, "R\u00e9mi": 1}
    assert got.unknown == ["ANN", "nobody"] and got.missing == ["last"]


@pytest.mark.parametrize(
    ("text", "due", "said"),
    [
        ("name,date\nann,2026-11-20\n", "2026-11-20", "must have the columns name and handed_in"),
        ("name,handed_in\nann,soon\n", "2026-11-20", "line 2 of .*'soon' is not a date"),
        ("name,handed_in\nann,2026-11-20\nann,2026-11-21\n", "2026-11-20", "'ann' again in line 3"),
        ("name,handed_in\n,2026-11-20\n", "2026-11-20", "has none in line 2"),
        ("name,handed_in\nann,2026-11-20\n", None, "needs --due or a column due"),
        ("name,handed_in\nann,3/4/2026\n", "2026-11-20", "day or the month"),
        ("name,handed_in\nann,2026-11-20\n", "soon", "--due: 'soon' is not a date"),
    ],
)
def test_a_wrong_table_is_told(tmp_path, text, due, said):
    with pytest.raises(ValueError, match=said):
        read_dates(table(tmp_path, text), due)
