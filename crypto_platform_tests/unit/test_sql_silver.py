"""Silver: a coin's UTC day as the snapshots saw it, the same whenever and in whatever order it is computed."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_sql_rows import TODAY, at, bronze, silver, snapshot

YESTERDAY = TODAY - timedelta(days=1)


def seen(moment: str, price: float, **values: Any) -> dict[str, Any]:
    """One bronze row of today's."""
    return {
        "source": "coingecko", "source_asset_id": "bitcoin", "snapshot_date": TODAY,
        "last_updated": at(moment), "price_usd": price,
    } | values  # fmt: skip


def test_a_day_opens_first_closes_last_and_has_its_extremes_between() -> None:
    moments = [seen("09:00", 3.0), seen("23:59:59", 2.0), seen("00:00:00", 4.0), seen("12:00", 1.0), seen("13:00", 9.0)]
    for rows in (moments, moments[::-1]):
        (day,) = silver(rows)
        assert [day[name] for name in ("open_usd", "high_usd", "low_usd", "close_usd")] == [4.0, 9.0, 1.0, 2.0]
        assert (day["snapshots"], day["first_seen"], day["last_updated"]) == (5, at("00:00"), at("23:59:59"))


def test_a_row_belongs_to_the_day_it_was_observed_on_not_to_that_of_its_snapshot() -> None:
    rows = [
        seen("2026-11-20 23:59:59.999999", 1.0, snapshot_date=TODAY),
        seen("2026-11-21 00:00", 2.0, snapshot_date=TODAY),
        seen("2026-11-20 12:00", 3.0, snapshot_date=YESTERDAY),
    ]
    days = {row["metric_date"]: (row["open_usd"], row["close_usd"]) for row in silver(rows, "2026-11-20", "2026-11-21")}
    assert days == {YESTERDAY: (3.0, 1.0), TODAY: (2.0, 2.0)}


def test_an_observation_repeated_across_midnight_counts_once() -> None:
    rows = [
        seen("2026-11-20 23:50", 1.0, snapshot_date=YESTERDAY),
        seen("2026-11-20 23:50", 1.0, snapshot_date=TODAY),
        seen("2026-11-20 23:00", 2.0, snapshot_date=YESTERDAY),
    ]
    (day,) = silver(rows, "2026-11-20")
    assert (day["snapshots"], day["open_usd"], day["close_usd"]) == (2, 2.0, 1.0)


moments = st.integers(0, 3 * 24 - 1).map(lambda hours: at(f"{YESTERDAY} 00:00") + timedelta(hours=hours))
shifts = st.sets(st.integers(-1, 1), min_size=1)
"""In which days of snapshots an observation is, counted from its own."""


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.tuples(st.sampled_from(["bitcoin", "ethereum"]), moments), shifts, max_size=12), st.randoms())
def test_an_observation_counts_once_and_as_the_first_day_of_snapshots_had_it(
    observations: dict[tuple[str, datetime], set[int]], random: Any
) -> None:
    rows = [
        {"source": "coingecko", "source_asset_id": coin, "last_updated": moment, "price_usd": 10.0 + shift,
         "snapshot_date": moment.date() + timedelta(days=shift)}
        for (coin, moment), shifts in observations.items() for shift in shifts
    ]  # fmt: skip
    random.shuffle(rows)
    days = [str(YESTERDAY + timedelta(days=n)) for n in range(3)]
    found = {(row["source_asset_id"], row["metric_date"]): row for row in silver(rows, *days)}
    assert {key: row["snapshots"] for key, row in found.items()} == Counter(
        (coin, moment.date()) for coin, moment in observations
    )
    for (coin, moment), shifts in observations.items():
        row = found[coin, moment.date()]
        assert row["first_seen"] <= moment <= row["last_updated"]
        if moment == row["first_seen"]:
            assert row["open_usd"] == 10.0 + min(shifts)
        if moment == row["last_updated"]:
            assert row["close_usd"] == 10.0 + min(shifts)


def test_volume_cap_and_names_are_the_last_known_ones() -> None:
    rows = [
        seen("10:00", 1.0, volume_24h_usd=5.0, market_cap_usd=7.0, symbol="old", name="Old"),
        seen("11:00", 1.0, volume_24h_usd=6.0, symbol="btc", name=None),
        seen("12:00", 1.0),
    ]
    (day,) = silver(rows)
    assert [day[name] for name in ("volume_24h_usd", "market_cap_usd", "symbol", "name")] == [6.0, 7.0, "btc", "Old"]


def test_sources_and_coins_stay_apart() -> None:
    rows = [
        seen("10:00", 1.0),
        seen("10:00", 2.0, source="coinpaprika"),
        seen("10:00", 3.0, source_asset_id="bitcoin-2"),
    ]
    found = {(row["source"], row["source_asset_id"]): row["close_usd"] for row in silver(rows)}
    assert found == {("coingecko", "bitcoin"): 1.0, ("coinpaprika", "bitcoin"): 2.0, ("coingecko", "bitcoin-2"): 3.0}


def three_days() -> dict[date, list[dict[str, Any]]]:
    """Raw rows of three days: a coin that goes on trading, and one whose row of the first day comes again and again."""

    def row(day: date, position: int, coin: str, told: str, price: float) -> dict[str, Any]:
        payload = json.dumps({"id": coin, "current_price": price, "last_updated": told})
        fetched_at = at(f"{day} 12:00")
        return snapshot(payload, snapshot_date=day, position=position, batch_id=f"b-{day}", fetched_at=fetched_at)

    first = date(2026, 11, 19)
    days = [first + timedelta(days=n) for n in range(3)]
    return {
        day: [row(day, 0, "stale", f"{first}T11:00:00Z", 5.0), row(day, 1, "bitcoin", f"{day}T11:59:00Z", float(n))]
        for n, day in enumerate(days, start=1)
    }


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=lambda order: "".join(map(str, order)))
def test_replays_in_any_order_give_the_same_silver(order: tuple[int, ...]) -> None:
    raw = three_days()
    days = sorted(raw)
    markets: dict[date, list[dict[str, Any]]] = {}
    tables: dict[str, list[dict[str, Any]]] = {}
    for number in order:  # each replay makes its day's bronze, then that day's silver and the one before
        markets[days[number]] = bronze(raw[days[number]], days[number])
        for day in (days[number], days[number] - timedelta(days=1)):
            both = [*markets.get(day, []), *markets.get(day + timedelta(days=1), [])]
            tables[str(day)] = silver(both, str(day))
    assert [row for day in map(str, days) for row in tables[day]] == silver(
        [row for day in days for row in bronze(raw[day], day)], *map(str, days)
    )
    stale = {
        day: [row["snapshots"] for row in rows if row["source_asset_id"] == "stale"] for day, rows in tables.items()
    }
    assert {day: counts for day, counts in stale.items() if counts} == {"2026-11-19": [1]}
