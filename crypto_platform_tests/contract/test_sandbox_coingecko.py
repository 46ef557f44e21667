"""The sandbox's CoinGecko over HTTP: shapes, traps, paging, histories and error bodies."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from crypto_platform.sandbox.clock import Clock, parse_moment
from crypto_platform.sandbox.server import RunningSandbox, Sandbox

NOW = parse_moment("2026-11-20T12:00:00Z")
DAY = 86_400
ROW = {
    "id", "symbol", "name", "image", "current_price", "market_cap", "market_cap_rank", "fully_diluted_valuation",
    "total_volume", "high_24h", "low_24h", "price_change_24h", "price_change_percentage_24h", "market_cap_change_24h",
    "market_cap_change_percentage_24h", "circulating_supply", "total_supply", "max_supply", "ath",
    "ath_change_percentage", "ath_date", "atl", "atl_change_percentage", "atl_date", "roi", "last_updated",
}  # fmt: skip
WINDOWS = {f"price_change_percentage_{window}_in_currency" for window in ("1h", "24h", "7d")}
MARKETS = {"vs_currency": "usd", "per_page": "250", "price_change_percentage": "1h,24h,7d", "precision": "full"}


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSandbox]:
    with Sandbox(7, 1_000, clock=Clock(lambda: NOW)).serve() as running:
        yield running


def get(running: RunningSandbox, path: str, host: str = "coingecko", **options: Any) -> requests.Response:
    return requests.get(f"{running.url}/{host}/api/v3{path}", timeout=10, **options)


def page(running: RunningSandbox, number: int = 1, **changes: str) -> list[dict[str, Any]]:
    answer = get(running, "/coins/markets", params=MARKETS | {"page": str(number)} | changes)
    assert answer.status_code == 200
    rows: list[dict[str, Any]] = answer.json()
    return rows


@pytest.fixture(scope="module")
def rows(running: RunningSandbox) -> list[dict[str, Any]]:
    return page(running)


@pytest.fixture(scope="module")
def trapped(running: RunningSandbox, rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The first page's rows by the trap their coin carries."""
    market = running.sandbox.market
    by_id = {row["id"]: row for row in rows}
    return {
        trap: by_id[market.coins[coin].coingecko]
        for trap, coin in market.traps.coin_of.items()
        if market.coins[coin].coingecko in by_id
    }


def test_every_row_has_the_documented_fields(rows: list[dict[str, Any]]) -> None:
    assert all(set(row) == ROW | WINDOWS for row in rows)
    assert {type(row["roi"]) for row in rows} == {dict, type(None)}
    roi = next(row["roi"] for row in rows if row["roi"])
    assert set(roi) == {"times", "currency", "percentage"}


def test_windows_that_were_not_asked_for_are_not_there(running: RunningSandbox) -> None:
    assert set(page(running, price_change_percentage="")[0]) == ROW


def test_the_first_page_shows_the_traps_of_single_coins(trapped: dict[str, dict[str, Any]]) -> None:
    assert trapped["absurd_cap"]["market_cap_rank"] == 1
    assert trapped["absurd_cap"]["market_cap"] > 3.3e12
    assert trapped["absurd_cap"]["total_volume"] == 5.4
    assert trapped["supply_zero"]["circulating_supply"] == 0
    assert trapped["supply_zero"]["market_cap"] == 2_000_000_000
    assert trapped["zombie"]["total_volume"] == 0
    assert trapped["price_zero"]["current_price"] == 0
    assert trapped["price_null"]["current_price"] is None
    assert trapped["no_last_updated"]["last_updated"] is None
    assert trapped["no_volume"]["total_volume"] is None
    assert trapped["borrowed_btc"]["symbol"] == "btc"
    assert isinstance(trapped["whole_price"]["current_price"], int)
    assert trapped["huge_supply"]["total_supply"] == 420_689_899_653_542_539


def test_some_twenty_fields_are_null_somewhere(rows: list[dict[str, Any]]) -> None:
    assert len({field for row in rows for field, value in row.items() if value is None}) >= 21


def test_one_column_mixes_integers_and_floats(rows: list[dict[str, Any]]) -> None:
    assert {type(row["current_price"]) for row in rows} >= {int, float}


def test_a_tenth_of_the_prices_lie_outside_their_range(rows: list[dict[str, Any]]) -> None:
    known = [row for row in rows if row["low_24h"] and row["current_price"]]
    outside = [row for row in known if not row["low_24h"] <= row["current_price"] <= row["high_24h"]]
    assert 10 <= len(outside) <= 50


def test_fresh_rows_are_minutes_old_and_stale_ones_stay_as_they_were(trapped: dict[str, dict[str, Any]]) -> None:
    assert NOW - 300 < parse_moment(trapped["zombie"]["last_updated"]) <= NOW
    assert trapped["froze_yesterday"]["last_updated"] == "2026-11-19T15:42:00.000Z"
    stale = trapped["stale"]
    assert parse_moment(stale["last_updated"]) < NOW - 3 * DAY
    with Sandbox(7, 1_000, clock=Clock(lambda: NOW - 3_600)).serve() as earlier:
        before = next(row for row in page(earlier) if row["id"] == stale["id"])
    moving = {"market_cap_rank", "high_24h", "low_24h"}
    assert {key: value for key, value in before.items() if key not in moving} == {
        key: value for key, value in stale.items() if key not in moving
    }


def test_a_page_has_250_rows_at_most_and_none_past_the_end(running: RunningSandbox) -> None:
    assert len(page(running, per_page="251")) == 250
    assert len(page(running, per_page="20")) == 20
    assert page(running, 40) == []


def test_pages_drift_so_that_coins_repeat_or_are_missed(running: RunningSandbox) -> None:
    ids = [row["id"] for number in range(1, 5) for row in page(running, number)]
    listed = {row["id"] for row in get(running, "/coins/list").json()}
    assert len(ids) == len(listed) == 999
    assert 960 < len(set(ids)) < 999


def test_ranks_are_not_monotone_within_a_page(rows: list[dict[str, Any]]) -> None:
    ranks = [row["market_cap_rank"] for row in rows if row["market_cap_rank"]]
    assert ranks != sorted(ranks)


def test_coins_without_a_cap_and_the_tiniest_price_come_last(running: RunningSandbox) -> None:
    last = page(running, 4)
    assert any(row["market_cap"] is None for row in last)
    assert any(row["current_price"] and row["current_price"] < 1e-11 for row in last)


def test_ids_choose_coins(running: RunningSandbox) -> None:
    assert [row["id"] for row in page(running, ids="ethereum,bitcoin,no-such")] == ["bitcoin", "ethereum"]


def test_the_list_has_odd_ids_empty_symbols_and_contracts(running: RunningSandbox) -> None:
    coins = get(running, "/coins/list", params={"include_platform": "true"}).json()
    assert all(set(coin) == {"id", "symbol", "name", "platforms"} for coin in coins)
    assert {"_", "-10"} <= {coin["id"] for coin in coins}
    assert any(coin["symbol"] == "" for coin in coins)
    contracts = [address for coin in coins for address in coin["platforms"].values()]
    assert len(contracts) > 500
    assert all(len(address) == 42 for address in contracts)


def test_a_vanished_id_is_gone_from_list_and_history(running: RunningSandbox) -> None:
    market = running.sandbox.market
    gone = market.coins[market.traps.coin_of["vanished"]].coingecko
    assert gone not in {coin["id"] for coin in get(running, "/coins/list").json()}
    assert get(running, f"/coins/{gone}/market_chart", params={"vs_currency": "usd", "days": "5"}).status_code == 404


@pytest.mark.parametrize(("days", "step"), [(1, 300), (30, 3_600), (120, DAY)])
def test_the_span_decides_the_grain(running: RunningSandbox, days: int, step: int) -> None:
    answer = get(running, "/coins/ethereum/market_chart", params={"vs_currency": "usd", "days": str(days)}).json()
    assert set(answer) == {"prices", "market_caps", "total_volumes"}
    stamps = [point[0] for point in answer["prices"]]
    assert stamps == sorted(stamps)
    assert abs(stamps[1] - stamps[0] - step * 1_000) < 30_000
    assert stamps[-1] == NOW * 1_000
    assert all(stamp % (DAY * 1_000) == 0 for stamp in stamps[:-1]) == (step == DAY)


def test_the_paid_host_gives_all_of_history_in_arrays_of_different_lengths(running: RunningSandbox) -> None:
    span = {"vs_currency": "usd", "from": "1300000000", "to": str(int(NOW) - 10 * DAY)}
    key = {"x-cg-pro-api-key": "anything"}
    chart = get(running, "/coins/bitcoin/market_chart/range", "coingecko-pro", params=span, headers=key).json()
    assert chart["prices"][0][0] == parse_moment("2013-04-28") * 1_000
    assert len(chart["market_caps"]) < len(chart["prices"]) < len(chart["total_volumes"])
    assert chart["prices"][-1][0] == parse_moment("2026-11-10") * 1_000


def test_the_free_plan_reaches_back_a_year(running: RunningSandbox) -> None:
    span = {"vs_currency": "usd", "from": str(int(NOW) - 365 * DAY), "to": str(int(NOW))}
    assert get(running, "/coins/bitcoin/market_chart/range", params=span).status_code == 200
    span["from"] = str(int(NOW) - 400 * DAY)
    refused = get(running, "/coins/bitcoin/market_chart/range", params=span)
    assert refused.status_code == 401
    assert refused.json()["error"]["status"]["error_code"] == 10_012
    assert set(refused.json()["error"]["status"]) == {"timestamp", "error_code", "error_message"}


def test_an_unknown_coin_is_a_404_with_a_text(running: RunningSandbox) -> None:
    answer = get(running, "/coins/btc/market_chart", params={"vs_currency": "usd", "days": "1"})
    assert answer.status_code == 404
    assert answer.json() == {"error": "Could not find coin with the given id"}


def test_a_missing_currency_is_a_422(running: RunningSandbox) -> None:
    answer = get(running, "/coins/markets")
    assert answer.status_code == 422
    assert answer.json() == {"error": "Missing parameter vs_currency"}


@pytest.mark.parametrize(
    ("host", "header", "status", "code"),
    [
        ("coingecko", "x-cg-pro-api-key", 400, 10_010),
        ("coingecko-pro", "x-cg-demo-api-key", 400, 10_011),
        ("coingecko-pro", "x-other", 401, 10_002),
        ("coingecko", "x-cg-demo-api-key", 200, None),
        ("coingecko-pro", "x-cg-pro-api-key", 200, None),
    ],
)
def test_a_key_belongs_to_its_host(
    running: RunningSandbox, host: str, header: str, status: int, code: int | None
) -> None:
    answer = get(running, "/ping", host, headers={header: "CG-key"})
    assert answer.status_code == status
    assert answer.json().get("status", {}).get("error_code") == code


def test_the_31st_request_of_a_minute_is_refused_when_limits_are_enforced() -> None:
    with Sandbox(7, 10, clock=Clock(lambda: NOW), enforce_limits=True).serve() as limited:
        answers = [get(limited, "/ping") for _ in range(31)]
    assert [answer.status_code for answer in answers] == [200] * 30 + [429]
    assert answers[-1].json()["status"]["error_code"] == 429
    assert "exceeded the Rate Limit" in answers[-1].json()["status"]["error_message"]
