"""Gold: which of many observations is the price to use, and which of them are of the same coin."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from test_sql_rows import at, gold

DAY = date(2026, 11, 5)
OVER = at("2026-11-06 00:00")


def bar(
    close: float, source: str = "yahoo", coin: str = "BTC-USD", *, as_of: datetime = OVER, **values: Any
) -> dict[str, Any]:
    """A finished and settled bar of the 5th."""
    row = {"bar_date": DAY, "source": source, "source_asset_id": coin, "as_of": as_of, "close_usd": close,
           "provisional": as_of < OVER, "revisions": 1}  # fmt: skip
    return row | values


def day(close: float, coin: str = "bitcoin", source: str = "coingecko", **values: Any) -> dict[str, Any]:
    """The 5th as snapshots saw it."""
    row = {"metric_date": DAY, "source": source, "source_asset_id": coin, "symbol": "btc", "name": "Bitcoin (live)",
           "close_usd": close, "last_updated": at("2026-11-05 23:59")}  # fmt: skip
    return row | values


def mapped(source: str, coin: str, asset_id: str = "bitcoin", **values: Any) -> dict[str, Any]:
    row = {"source": source, "source_asset_id": coin, "valid_from": date(2009, 1, 3),
           "known_from": datetime(2013, 1, 1, tzinfo=UTC), "asset_id": asset_id, "symbol": "btc", "name": "Bitcoin",
           "method": "curated"}  # fmt: skip
    return row | values


BITCOIN = [mapped("yahoo", "BTC-USD"), mapped("coingecko", "bitcoin"), mapped("coinpaprika", "btc-bitcoin")]


def test_a_finished_bar_is_taken_before_snapshots_and_these_before_a_partial_bar() -> None:
    partial = bar(3.0, as_of=at("2026-11-05 13:30"))
    (price,) = gold([bar(1.0)], [day(2.0)], BITCOIN)
    assert (price["close_usd"], price["origin"], price["is_final"], price["sources"]) == (1.0, "historic", True, 2)
    (price,) = gold([partial], [day(2.0)], BITCOIN)
    assert (price["close_usd"], price["origin"], price["is_final"], price["sources"]) == (2.0, "live", False, 2)
    (price,) = gold([partial], [], BITCOIN)
    assert (price["close_usd"], price["origin"], price["is_final"], price["as_of"]) == (
        3.0,
        "historic",
        False,
        partial["as_of"],
    )


def test_a_finished_bar_is_taken_before_snapshots_even_while_it_is_provisional() -> None:
    (price,) = gold([bar(1.0, provisional=True)], [day(2.0)], BITCOIN)
    assert (price["close_usd"], price["origin"], price["is_final"]) == (1.0, "historic", False)


def test_a_settled_bar_is_taken_before_a_provisional_one_of_a_preferred_source() -> None:
    rows = [bar(1.0, provisional=True), bar(2.0, "coinpaprika", "btc-bitcoin")]
    (price,) = gold(rows, [], BITCOIN, ["yahoo", "coinpaprika"])
    assert (price["source"], price["is_final"]) == ("coinpaprika", True)


@pytest.mark.parametrize("order", [["yahoo", "coinpaprika"], ["coinpaprika", "yahoo"]])
def test_where_all_else_is_equal_the_order_of_the_sources_decides(order: list[str]) -> None:
    rows = [bar(1.0), bar(2.0, "coinpaprika", "btc-bitcoin")]
    for given in (rows, rows[::-1]):
        (price,) = gold(given, [], BITCOIN, order)
        assert price["source"] == order[0]


def test_a_source_that_the_order_does_not_name_comes_last() -> None:
    rows = [bar(1.0, "another", "x"), bar(2.0)]
    (price,) = gold(rows, [], [*BITCOIN, mapped("another", "x")], ["coingecko", "yahoo"])
    assert (price["source"], price["sources"]) == ("yahoo", 2)


def test_the_spread_is_the_widest_difference_between_sources_in_percent_of_the_lowest() -> None:
    rows = [bar(100.0), bar(110.0, "coinpaprika", "btc-bitcoin")]
    (price,) = gold(rows, [day(105.0)], BITCOIN)
    assert (price["sources"], price["spread_pct"]) == (3, pytest.approx(10.0))
    (price,) = gold(rows[:1], [], BITCOIN)
    assert (price["sources"], price["spread_pct"]) == (1, 0.0)


def test_two_origins_of_one_source_are_one_source() -> None:
    (price,) = gold([bar(100.0, "coingecko", "bitcoin")], [day(200.0)], BITCOIN)
    assert (price["sources"], price["spread_pct"], price["close_usd"]) == (1, 0.0, 100.0)


def test_volumes_of_sources_are_never_summed() -> None:
    rows = [bar(1.0, volume_usd=5.0), bar(1.0, "coinpaprika", "btc-bitcoin", volume_usd=7.0)]
    (price,) = gold(rows, [day(1.0, volume_24h_usd=9.0)], BITCOIN)
    assert price["volume_usd"] == 5.0


def test_a_coin_that_no_evidence_maps_keeps_the_id_of_its_source() -> None:
    prices = gold([bar(1.0, coin="UNI7083-USD")], [day(2.0, "uniswap")])
    assert {price["asset_id"]: price["close_usd"] for price in prices} == {
        "yahoo:UNI7083-USD": 1.0,
        "coingecko:uniswap": 2.0,
    }


def test_two_coins_with_one_ticker_stay_apart() -> None:
    crosswalk = [mapped("coingecko", "bitcoin"), mapped("coingecko", "bitcoin-again", "bitcoin-again")]
    prices = gold([], [day(1.0), day(2.0, "bitcoin-again"), day(3.0, "bitcoin-unmapped")], crosswalk)
    assert {price["asset_id"]: (price["symbol"], price["close_usd"]) for price in prices} == {
        "bitcoin": ("btc", 1.0),
        "bitcoin-again": ("btc", 2.0),
        "coingecko:bitcoin-unmapped": ("btc", 3.0),
    }


def test_the_same_id_at_two_vendors_is_not_the_same_coin() -> None:
    prices = gold([bar(1.0, "coinpaprika", "bitcoin")], [day(2.0)], [mapped("coingecko", "bitcoin")])
    assert sorted(price["asset_id"] for price in prices) == ["bitcoin", "coinpaprika:bitcoin"]


def test_a_coin_is_named_by_its_identity_and_an_unmapped_one_by_its_vendor() -> None:
    (price,) = gold([], [day(1.0)], BITCOIN)
    assert (price["symbol"], price["name"]) == ("btc", "Bitcoin")
    (price,) = gold([], [day(1.0)])
    assert (price["symbol"], price["name"]) == ("btc", "Bitcoin (live)")


@pytest.mark.parametrize(
    ("valid_to", "asset_id"),
    [(None, "uniswap"), (DAY, "uniswap"), (DAY - timedelta(days=1), "yahoo:UNI3-USD")],
    ids=["open", "until that day", "until the day before"],
)
def test_a_mapping_holds_to_its_last_day_and_no_longer(valid_to: date | None, asset_id: str) -> None:
    (price,) = gold([bar(1.0, coin="UNI3-USD")], [], [mapped("yahoo", "UNI3-USD", "uniswap", valid_to=valid_to)])
    assert price["asset_id"] == asset_id


def test_a_mapping_that_begins_later_does_not_reach_back() -> None:
    (price,) = gold([bar(1.0)], [], [mapped("yahoo", "BTC-USD", valid_from=DAY + timedelta(days=1))])
    assert price["asset_id"] == "yahoo:BTC-USD"


def test_an_id_that_changed_hands_is_each_coin_in_its_time() -> None:
    changed = date(2026, 11, 6)
    crosswalk = [
        mapped("yahoo", "LUNA-USD", "terra", valid_to=changed - timedelta(days=1)),
        mapped("yahoo", "LUNA-USD", "terra-2", valid_from=changed),
    ]
    rows = [bar(1.0, coin="LUNA-USD"), bar(2.0, coin="LUNA-USD", bar_date=changed, as_of=at("2026-11-07 00:00"))]
    assert [(str(price["metric_date"]), price["asset_id"]) for price in gold(rows, [], crosswalk)] == [
        ("2026-11-05", "terra"),
        ("2026-11-06", "terra-2"),
    ]


def test_a_belief_that_was_given_up_counts_no_more() -> None:
    old = mapped("yahoo", "BTC-USD", "wrong", known_to=datetime(2026, 1, 1, tzinfo=UTC))
    (price,) = gold([bar(1.0)], [], [old, mapped("yahoo", "BTC-USD", known_from=datetime(2026, 1, 1, tzinfo=UTC))])
    assert price["asset_id"] == "bitcoin"


def test_two_ids_of_one_source_for_one_coin_are_one_price() -> None:
    crosswalk = [mapped("yahoo", "BTC-USD"), mapped("yahoo", "WBTC-USD")]
    rows = [bar(2.0, coin="WBTC-USD"), bar(1.0)]
    (price,) = gold(rows, [], crosswalk)
    assert (price["close_usd"], price["sources"], price["spread_pct"]) == (1.0, 1, 0.0)
