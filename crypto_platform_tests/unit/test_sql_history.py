"""History: of everything a vendor ever said about a day, the bar to believe, and when it was first told."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from typing import Any

import pytest
from test_sql_rows import at, historic, historic_quarantine

DAY = "2026-11-05"
NEXT = "2026-11-06 05:00"


def point(close: float | None, fetched: str = NEXT, observed: str = f"{DAY} 00:00", **values: Any) -> dict[str, Any]:
    """A point for the 5th; by default the finished bar, fetched the morning after and past the settling time."""
    row = {"source": "yahoo", "source_asset_id": "BTC-USD", "observed_at": at(observed), "batch_id": f"b {fetched}",
           "page": 1, "position": 0, "close_usd": close, "fetched_at": at(fetched)}  # fmt: skip
    return row | values


def bar(*points: dict[str, Any]) -> dict[str, Any]:
    """The one bar of these points, whatever order they lie in."""
    (found,) = historic(points)
    assert historic(points[::-1]) == [found]
    return found


def test_a_vendor_that_dates_by_the_day_s_beginning_and_one_that_dates_by_its_end_agree() -> None:
    (begins,) = historic([point(10.0)])
    (ends,) = historic([point(10.0, observed="2026-11-06 00:00")], midnight_ends_day=True)
    assert begins == ends
    assert (begins["bar_date"], begins["as_of"]) == (date(2026, 11, 5), at("2026-11-06 00:00"))


def test_a_bar_dated_by_the_midnight_that_ends_it_belongs_to_the_month_before() -> None:
    last = point(10.0, fetched="2026-12-01 05:00", observed="2026-12-01 00:00")
    assert [row["bar_date"] for row in historic([last], midnight_ends_day=True)] == [date(2026, 11, 30)]
    assert historic([last], "2026-12", midnight_ends_day=True) == []
    assert historic([last], "2026-11") == []


@pytest.mark.parametrize("midnight_ends_day", [False, True])
def test_a_partial_bar_stands_for_the_moment_it_was_observed(midnight_ends_day: bool) -> None:
    partial = point(10.0, fetched=f"{DAY} 13:31", observed=f"{DAY} 13:30")
    (found,) = historic([partial], midnight_ends_day=midnight_ends_day)
    assert (found["bar_date"], found["as_of"]) == (date(2026, 11, 5), at(f"{DAY} 13:30"))
    assert found["provisional"]


def test_todays_bar_under_its_midnight_is_unfinished_and_stands_for_its_fetch() -> None:
    found = bar(point(10.0, fetched=f"{DAY} 13:31"))
    assert (found["as_of"], found["provisional"]) == (at(f"{DAY} 13:31"), True)


def test_a_finished_bar_is_believed_before_an_unfinished_one_that_came_later() -> None:
    late_partial = point(12.0, fetched="2026-11-07 05:00", observed=f"{DAY} 23:30")
    found = bar(point(10.0), late_partial)
    assert (found["close_usd"], found["as_of"], found["revisions"]) == (10.0, at("2026-11-06 00:00"), 2)


def test_of_several_partial_bars_the_latest_is_believed() -> None:
    partials = [point(float(hour), fetched=f"{DAY} {hour}:01", observed=f"{DAY} {hour}:00") for hour in (10, 11, 12)]
    found = bar(*partials)
    assert (found["close_usd"], found["as_of"]) == (12.0, at(f"{DAY} 12:00"))


def test_a_gap_never_takes_back_a_price() -> None:
    found = bar(point(10.0), point(None, fetched="2026-11-07 05:00"))
    assert (found["close_usd"], found["revisions"]) == (10.0, 1)
    assert historic([point(None)]) == []


def test_equal_values_fetched_again_change_nothing_and_the_first_fetch_is_named() -> None:
    once = bar(point(10.0))
    again = [point(10.0, fetched=f"2026-11-{day:02d} 05:00") for day in range(7, 12)]
    assert bar(point(10.0), *again) == once
    assert (once["batch_id"], once["fetched_at"]) == (f"b {NEXT}", at(NEXT))


def test_a_gap_between_two_equal_answers_is_no_revision() -> None:
    rows = [point(10.0), point(None, fetched="2026-11-07 05:00"), point(10.0, fetched="2026-11-08 05:00")]
    assert bar(*rows) == bar(rows[0])


def test_a_value_restated_and_taken_back_is_three_revisions_and_the_last_one_counts() -> None:
    rows = [
        point(close, fetched=f"2026-11-{day:02d} 05:00") for close, day in ((10.0, 6), (11.0, 7), (10.0, 8), (10.0, 9))
    ]
    found = bar(*rows)
    assert (found["close_usd"], found["revisions"], found["batch_id"]) == (10.0, 3, "b 2026-11-08 05:00")


@pytest.mark.parametrize("name", ["open_usd", "high_usd", "low_usd", "volume_usd", "market_cap_usd"])
def test_a_change_beside_the_close_is_a_revision_too(name: str) -> None:
    found = bar(point(10.0, **{name: 1.0}), point(10.0, fetched="2026-11-07 05:00", **{name: 2.0}))
    assert (found[name], found["revisions"]) == (2.0, 2)
    found = bar(point(10.0, **{name: None}), point(10.0, fetched="2026-11-07 05:00", **{name: 2.0}))
    assert (found[name], found["revisions"]) == (2.0, 2)


@pytest.mark.parametrize(
    ("fetches", "provisional"),
    [
        (["2026-11-06 00:00"], True),
        (["2026-11-06 03:59:59"], True),
        (["2026-11-06 04:00"], False),
        (["2026-11-06 01:00", "2026-11-06 03:00"], True),
        (["2026-11-06 01:00", "2026-11-06 04:00"], False),
    ],
)
def test_a_bar_is_provisional_until_the_vendor_stood_by_it_after_the_settling_time(
    fetches: list[str], provisional: bool
) -> None:
    found = bar(*(point(10.0, fetched=fetched) for fetched in fetches))
    assert (found["provisional"], found["fetched_at"], found["revisions"]) == (provisional, at(fetches[0]), 1)


def test_a_restatement_after_the_settling_time_is_final_at_once() -> None:
    found = bar(point(10.0, fetched="2026-11-06 01:00"), point(11.0, fetched="2026-11-06 05:00"))
    assert (found["close_usd"], found["provisional"]) == (11.0, False)


def test_two_batches_of_one_moment_are_told_apart_by_their_ids() -> None:
    rows = [point(10.0, batch_id="a"), point(11.0, batch_id="b"), point(12.0, batch_id="c")]
    for order in itertools.permutations(rows):
        (found,) = historic(order)
        assert (found["close_usd"], found["batch_id"], found["revisions"]) == (12.0, "c", 3)


def test_a_point_given_twice_in_one_answer_is_the_later_one() -> None:
    assert bar(point(10.0, position=3), point(11.0, position=4))["close_usd"] == 11.0


@pytest.mark.parametrize("volume", [0.0, None])
def test_a_bar_without_volume_is_a_bar(volume: float | None) -> None:
    assert bar(point(10.0, volume_usd=volume))["volume_usd"] == volume


def test_the_months_asked_for_are_given_and_no_others() -> None:
    rows = [
        point(1.0, fetched="2027-01-31 05:00", observed=f"{date(2026, 10, 30) + timedelta(days=n)} 00:00")
        for n in range(40)
    ]
    assert {str(row["bar_date"])[:7] for row in historic(rows, "2026-10", "2026-12")} == {"2026-10", "2026-12"}
    assert len(historic(rows, "2026-11")) == 30


def test_a_zombie_or_an_unreadable_point_is_kept_out_with_the_reason() -> None:
    odd = point(None, fetched=NEXT, payload='{"timestamp":1,"close":"n/a"}')
    rows = [point(0.0, observed="2026-11-03 00:00"), point(-1.0, observed="2026-11-04 00:00"), odd]
    assert historic(rows) == []
    kept = {str(row["snapshot_date"])[-2:]: row for row in historic_quarantine(rows)}
    assert {day: row["reasons"] for day, row in kept.items()} == {
        "03": ["zombie: close is not above 0"],
        "04": ["zombie: close is not above 0"],
        "05": ["the point holds something that is neither a number nor a time"],
    }
    assert kept["05"]["payload"] == odd["payload"]
    assert {row["table_name"] for row in kept.values()} == {"historic_prices"}


def test_a_rejected_point_that_comes_again_is_counted() -> None:
    rows = [point(0.0, fetched=f"2026-11-{day:02d} 05:00") for day in (8, 6, 7)]
    (kept,) = historic_quarantine(rows)
    assert (kept["occurrences"], kept["batch_id"]) == (3, "b 2026-11-06 05:00")


def test_a_rejected_point_takes_nothing_from_a_good_one() -> None:
    assert bar(point(10.0), point(0.0, fetched="2026-11-07 05:00"))["close_usd"] == 10.0


@pytest.mark.parametrize("name", ["open_usd", "high_usd", "low_usd"])
def test_no_price_of_a_bar_is_below_0(name: str) -> None:
    assert historic([point(10.0, **{name: -1.0})]) == []


def test_a_midnight_bar_and_a_live_one_in_one_answer_are_one_word_on_the_day() -> None:
    def answer(batch: str, fetched: str) -> list[dict[str, Any]]:
        live = point(2.0, fetched, f"{DAY} 23:58", batch_id=batch, position=1)
        return [point(1.0, fetched, batch_id=batch, position=0), live]

    once = bar(*answer("a", NEXT))
    again = bar(*answer("a", NEXT), *answer("b", "2026-11-07 05:00"), *answer("c", "2026-11-08 05:00"))
    assert (again["close_usd"], again["revisions"], again["batch_id"]) == (1.0, 1, "a")
    assert again["fetched_at"] == once["fetched_at"]
