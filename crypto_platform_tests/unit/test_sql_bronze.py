"""From a vendor's text to bronze or to quarantine: which rows pass, which one counts, and every reason why not."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from test_sql_rows import TODAY, at, bronze, quarantine, snapshot

GOOD: dict[str, Any] = {
    "id": "bitcoin",
    "symbol": "btc",
    "name": "Bitcoin",
    "current_price": 64213,
    "market_cap": 1.2e12,
    "total_volume": 3e10,
    "last_updated": "2026-11-21T11:59:30.123Z",
}


def row(fetch: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A raw row: the good one with some fields changed; `fetch` is where and when it came."""
    return snapshot(json.dumps(GOOD | fields), **(fetch or {}))


def text(payload: str) -> dict[str, Any]:
    return snapshot(payload)


def reasons(raw: dict[str, Any]) -> list[str]:
    (rejected,) = quarantine([raw])
    assert bronze([raw]) == []
    found: list[str] = rejected["reasons"]
    return found


def passed(raw: dict[str, Any]) -> dict[str, Any]:
    (kept,) = bronze([raw])
    assert quarantine([raw]) == []
    return kept


def test_a_good_row_arrives_typed() -> None:
    kept = passed(row(market_cap_rank=1, ath_date="2025-10-06T12:00:00+02:00", price_change_percentage_24h=-1.5))
    assert (kept["source_asset_id"], kept["symbol"], kept["price_usd"]) == ("bitcoin", "btc", 64213.0)
    assert kept["last_updated"] == at("11:59:30.123")
    assert (kept["market_cap_rank"], kept["change_24h_pct"]) == (1, -1.5)
    assert kept["ath_date"] == at("2025-10-06 10:00")
    assert kept["last_updated_missing"] is False


@pytest.mark.parametrize(
    ("spelled", "value"),
    [("64213", 64213.0), ("0.081", 0.081), ("1e-12", 1e-12), ("1.0E+2", 100.0),
     ("420689899653542539", 4.2068989965354254e17), ("0.1000000000000000055511151231257827", 0.1), ("5e-324", 5e-324)],
)  # fmt: skip
def test_a_price_keeps_its_value_however_it_is_spelled(spelled: str, value: float) -> None:
    payload = json.dumps(GOOD).replace("64213", spelled)
    assert passed(text(payload))["price_usd"] == value


@pytest.mark.parametrize("name", ["circulating_supply", "total_supply", "max_supply"])
def test_a_supply_of_0_is_unknown(name: str) -> None:
    assert passed(row(**{name: 0}))[name] is None
    assert passed(row(**{name: 4e17}))[name] == 4e17


def test_a_volume_that_is_null_or_absent_is_unknown_and_no_zombie() -> None:
    assert passed(row(total_volume=None))["volume_24h_usd"] is None
    payload = json.dumps({name: value for name, value in GOOD.items() if name != "total_volume"})
    assert passed(text(payload))["volume_24h_usd"] is None


def test_a_row_without_a_time_of_observation_takes_that_of_its_fetch() -> None:
    kept = passed(row(last_updated=None))
    assert kept["last_updated"] == kept["fetched_at"] == at("12:00")
    assert kept["last_updated_missing"] is True


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"current_price": 0}, "zombie: price is 0"),
        ({"current_price": -1.5}, "zombie: price is -1.5"),
        ({"total_volume": 0}, "zombie: volume is 0"),
        ({"current_price": None}, "price is missing"),
        ({"current_price": True}, "price is not a number: 'true'"),
        ({"current_price": "1_000"}, "price is not a number: '1_000'"),
        ({"current_price": "0x1p3"}, "price is not a number: '0x1p3'"),
        ({"current_price": "NaN"}, "price is not a number: 'NaN'"),
        ({"current_price": [1]}, "price is not a number: '[1]'"),
        ({"market_cap": {"usd": 1}}, "market cap is not a number: '{\"usd\":1}'"),
        ({"ath": "high"}, "all-time high is not a number: 'high'"),
        ({"id": None}, "the row names no coin"),
        ({"id": ""}, "the row names no coin"),
        ({"name": "Bit\0coin"}, "a NUL character in a name"),
        ({"id": "bit\0coin"}, "a NUL character in a name"),
        ({"last_updated": "2026-11-19T23:59:59Z"}, "stale: last updated 2026-11-19T23:59:59Z"),
        ({"last_updated": "2026-11-21T12:10:01Z"}, "from the future: last updated 2026-11-21T12:10:01Z"),
        ({"last_updated": "2026-11-21T11:00:00"}, "last_updated is not a time: '2026-11-21T11:00:00'"),
        ({"last_updated": "2026-02-30T11:00:00Z"}, "last_updated is not a time: '2026-02-30T11:00:00Z'"),
        ({"last_updated": 1795262400}, "last_updated is not a time: '1795262400'"),
        ({"market_cap": 3.3e12, "total_volume": 5.4}, "absurd: a market cap of 3300000000000.0 on a volume of 5.4"),
    ],
)
def test_a_row_that_breaks_a_rule_is_kept_with_the_reason(fields: dict[str, Any], reason: str) -> None:
    assert reasons(row(**fields)) == [reason]


@pytest.mark.parametrize(
    "fields",
    [
        {"last_updated": "2026-11-20T00:00:00Z"},
        {"last_updated": "2026-11-20T23:30:00-00:30"},
        {"last_updated": "2026-11-21T12:10:00Z"},
        {"market_cap": 9.9e8, "total_volume": 5.4},
        {"market_cap": 1e9, "total_volume": 1_000},
        {"current_price": "64213"},
    ],
    ids=["yesterday's first moment", "yesterday elsewhere", "ten minutes ahead", "a small cap", "just enough volume",
         "a number as text"],
)  # fmt: skip
def test_a_row_just_within_the_rules_passes(fields: dict[str, Any]) -> None:
    passed(row(**fields))


def test_a_number_beyond_what_a_double_holds_is_no_number() -> None:
    assert reasons(text(json.dumps(GOOD).replace("64213", "1e400"))) == ["price is not a number: '1e400'"]


def test_every_reason_of_a_row_is_told() -> None:
    assert reasons(row(id=None, current_price=-1, total_volume=0, ath="?", last_updated="2026-11-01T00:00:00Z")) == [
        "all-time high is not a number: '?'",
        "the row names no coin",
        "zombie: price is -1",
        "zombie: volume is 0",
        "stale: last updated 2026-11-01T00:00:00Z",
    ]


@pytest.mark.parametrize(
    "payload",
    ["null", "1", "true", '"text"', "[]", "[1, 2]", "{}", r'{"id": "a", "name": "\ud83d", "current_price": 1}',
     "[" * 2_000 + "]" * 2_000],
    ids=["null", "a number", "true", "a text", "an empty array", "an array", "an empty object",
         "half a surrogate pair", "deep nesting"],
)  # fmt: skip
def test_a_row_that_is_no_readable_object_is_kept_as_it_came(payload: str) -> None:
    (rejected,) = quarantine([text(payload)])
    assert rejected["payload"] == payload
    assert "the row names no coin" in rejected["reasons"]
    assert bronze([text(payload)]) == []


def test_one_unreadable_row_holds_up_no_other() -> None:
    raw = [text("null") | {"position": 0}, row({"position": 1}), text(r'{"id": "\ud83d"}') | {"position": 2}]
    assert [kept["position"] for kept in bronze(raw)] == [1]
    assert [rejected["position"] for rejected in quarantine(raw)] == [0, 2]


def test_a_coin_on_two_pages_of_one_batch_counts_once() -> None:
    first = row({"page": 1, "position": 249}, last_updated="2026-11-21T11:00:00Z")
    again = row({"page": 2, "position": 0}, last_updated="2026-11-21T11:00:05Z", current_price=64214)
    for raw in ([first, again], [again, first]):
        assert [(kept["page"], kept["price_usd"]) for kept in bronze(raw)] == [(1, 64213.0)]


def test_a_rejected_row_does_not_stand_in_for_a_good_one_of_the_same_batch() -> None:
    raw = [row({"page": 1}, current_price=0), row({"page": 2})]
    assert [kept["page"] for kept in bronze(raw)] == [2]


def test_of_equal_observations_the_earliest_fetch_wins() -> None:
    later = row({"batch_id": "a", "fetched_at": at("13:00")}, current_price=2)
    first = row({"batch_id": "b"}, current_price=1)
    for raw in ([first, later], [later, first]):
        assert [(kept["batch_id"], kept["price_usd"]) for kept in bronze(raw)] == [("b", 1.0)]


def test_of_equal_observations_of_one_moment_the_batch_then_the_page_decides() -> None:
    raw = [row({"batch_id": "b", "page": 1}, current_price=3), row({"batch_id": "a", "page": 2}, current_price=2)]
    assert [kept["price_usd"] for kept in bronze(raw)] == [2.0]
    assert [kept["price_usd"] for kept in bronze(raw[::-1])] == [2.0]


def test_later_observations_of_a_coin_are_rows_of_their_own() -> None:
    raw = [
        row({"batch_id": f"b{hour}", "fetched_at": at(f"{hour}:01")}, last_updated=f"2026-11-21T{hour}:00:00Z")
        for hour in (11, 12, 13)
    ]
    assert [kept["last_updated"] for kept in bronze(raw)] == [at("11:00"), at("12:00"), at("13:00")]


def test_a_rejected_row_that_repeats_is_kept_once_and_counted() -> None:
    raw = [
        row({"batch_id": f"b{n}", "fetched_at": at("12:00") + timedelta(hours=n)}, current_price=0) for n in (2, 0, 1)
    ]
    raw.append(row({"batch_id": "b3"}, current_price=-1))
    kept = {tuple(rejected["reasons"]): rejected for rejected in quarantine(raw)}
    assert len(kept) == 2
    zombie = kept["zombie: price is 0",]
    assert (zombie["occurrences"], zombie["batch_id"], zombie["fetched_at"]) == (3, "b0", at("12:00"))
    assert kept["zombie: price is -1",]["occurrences"] == 1
    assert {rejected["table_name"] for rejected in kept.values()} == {"bronze_markets"}


def test_a_row_observed_after_midnight_by_a_batch_that_began_before_is_not_from_the_future() -> None:
    after = at("2026-11-22 00:00:03")
    raw = row({"fetched_at": after, "page": 2}, last_updated="2026-11-22T00:00:01Z")
    assert raw["snapshot_date"] == TODAY
    assert quarantine([raw]) == []
