"""The sandbox's CoinPaprika over HTTP, and how the three vendors agree on one day's close."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from crypto_platform.sandbox.clock import Clock, parse_moment
from crypto_platform.sandbox.server import RunningSandbox, Sandbox

NOW = parse_moment("2026-11-20T12:00:30Z")
DAY = 86_400
TICKER = {
    "id", "name", "symbol", "rank", "circulating_supply", "total_supply", "max_supply", "beta_value", "first_data_at",
    "last_updated", "quotes",
}  # fmt: skip
QUOTE = {
    "price", "volume_24h", "volume_24h_change_24h", "market_cap", "market_cap_change_24h", "percent_change_15m",
    "percent_change_30m", "percent_change_1h", "percent_change_6h", "percent_change_12h", "percent_change_24h",
    "percent_change_7d", "percent_change_30d", "percent_change_1y", "ath_price", "ath_date", "percent_from_price_ath",
}  # fmt: skip


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSandbox]:
    with Sandbox(7, 2_600, clock=Clock(lambda: NOW)).serve() as running:
        yield running


def get(running: RunningSandbox, path: str, host: str = "coinpaprika", **options: Any) -> requests.Response:
    return requests.get(f"{running.url}/{host}/v1{path}", timeout=10, **options)


@pytest.fixture(scope="module")
def tickers(running: RunningSandbox) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = get(running, "/tickers", params={"quotes": "USD"}).json()
    return rows


def test_every_ticker_has_the_documented_fields(running: RunningSandbox, tickers: list[dict[str, Any]]) -> None:
    assert all(set(row) == TICKER and set(row["quotes"]["USD"]) == QUOTE for row in tickers)
    assert set(get(running, "/tickers/btc-bitcoin").json()) == TICKER


def test_the_free_plan_gives_2000_tickers_and_the_paid_one_all(
    running: RunningSandbox, tickers: list[dict[str, Any]]
) -> None:
    assert len(tickers) == 2_000
    assert get(running, "/tickers", "coinpaprika-pro").status_code == 401
    paid = get(running, "/tickers", "coinpaprika-pro", headers={"Authorization": "key"}).json()
    assert 2_000 < len(paid) < 2_600


def test_missing_values_are_null_zero_or_empty(tickers: list[dict[str, Any]]) -> None:
    assert {repr(row["total_supply"]) for row in tickers} >= {"None", "0", "''"}
    quotes = [row["quotes"]["USD"] for row in tickers]
    assert {None, ""} <= {quote["ath_date"] for quote in quotes}
    assert any(quote["volume_24h"] == "" for quote in quotes)
    assert any(quote["volume_24h"] == 0 for quote in quotes)


def test_tickers_stay_for_five_minutes(running: RunningSandbox, tickers: list[dict[str, Any]]) -> None:
    clock = running.sandbox.clock
    clock.set(NOW - 20, frozen=True)
    assert get(running, "/tickers").json() == tickers
    clock.set(NOW - 320, frozen=True)
    assert get(running, "/tickers").json() != tickers
    clock.follow_real()


def test_the_coins_are_active_and_inactive(running: RunningSandbox) -> None:
    coins = get(running, "/coins").json()
    assert all(set(coin) == {"id", "name", "symbol", "rank", "is_new", "is_active", "type"} for coin in coins)
    assert {coin["is_active"] for coin in coins} == {True, False}
    assert {coin["type"] for coin in coins} == {"coin", "token"}


def test_a_trailing_slash_moves_on_with_html(running: RunningSandbox) -> None:
    answer = get(running, "/coins/btc-bitcoin/?quotes=USD", allow_redirects=False)
    assert answer.status_code == 301
    assert answer.text == '<a href="/coinpaprika/v1/coins/btc-bitcoin?quotes=USD">Moved Permanently</a>.\n\n'
    assert get(running, "/tickers/btc-bitcoin/").json()["id"] == "btc-bitcoin"


def test_a_year_of_history_is_free_and_more_is_a_402(running: RunningSandbox) -> None:
    span = {"start": "2025-11-21", "end": "2026-11-19", "interval": "1d", "limit": "5000"}
    points = get(running, "/tickers/btc-bitcoin/historical", params=span).json()
    assert len(points) == 364
    assert set(points[0]) == {"timestamp", "price", "volume_24h", "market_cap"}
    refused = get(running, "/tickers/btc-bitcoin/historical", params=span | {"start": "2024-01-01"})
    assert refused.status_code == 402
    assert "is not allowed in this plan" in refused.json()["error"]
    paid = get(
        running,
        "/tickers/btc-bitcoin/historical",
        "coinpaprika-pro",
        params=span | {"start": "2013-01-01"},
        headers={"Authorization": "key"},
    )
    assert paid.json()[0]["timestamp"] == "2013-04-28T00:00:00Z"


def test_a_limit_cuts_and_one_beyond_5000_is_refused(running: RunningSandbox) -> None:
    span = {"start": "2026-01-01", "interval": "1d"}
    path = "/tickers/btc-bitcoin/historical"
    assert len(get(running, path, params=span | {"limit": "7"}).json()) == 7
    assert get(running, path, params=span | {"limit": "5001"}).status_code == 400


def test_a_partial_ohlcv_day_closes_at_the_moment_of_asking(running: RunningSandbox) -> None:
    path = "/coins/eth-ethereum/ohlcv/historical"
    bars = get(running, path, params={"start": "2026-11-19", "end": "2026-11-20"}).json()
    assert [bar["time_close"] for bar in bars] == ["2026-11-19T23:59:59Z", "2026-11-20T12:00:30Z"]
    assert set(bars[0]) == {"time_open", "time_close", "open", "high", "low", "close", "volume", "market_cap"}
    assert get(running, path, params={"start": "2026-11-01"}).status_code == 402


def test_contracts_come_platform_by_platform(running: RunningSandbox) -> None:
    platforms = get(running, "/contracts").json()
    assert {"eth-ethereum", "sol-solana"} <= set(platforms)
    given = {platform: get(running, f"/contracts/{platform}").json() for platform in platforms}
    assert all(set(contract) == {"address", "id", "type", "active"} for rows in given.values() for contract in rows)
    coins = {coin.coinpaprika: coin for coin in running.sandbox.market.coins}
    ethereum = {contract["id"]: contract["address"] for contract in given["eth-ethereum"]}
    assert len(ethereum) > 100
    assert all(address.lower() == coins[coin].chains["ethereum"] for coin, address in ethereum.items())
    assert any(address != address.lower() for address in ethereum.values())
    assert get(running, "/contracts/no-such").status_code == 404
    assert get(running, "/contracts/eth-ethereum/0x1").status_code == 404


def test_an_unknown_id_is_a_404(running: RunningSandbox) -> None:
    assert get(running, "/tickers/no-such").status_code == 404
    assert get(running, "/tickers/no-such").json() == {"error": "id not found"}


@pytest.mark.parametrize("place", [0, 1, 40, 130, 210])
def test_vendors_agree_on_a_close_under_their_day_conventions_and_under_no_other(
    running: RunningSandbox, place: int
) -> None:
    coin = running.sandbox.market.coins[place]
    since, until = int(NOW) // DAY * DAY - 110 * DAY, int(NOW) // DAY * DAY - 10 * DAY
    chart = f"{running.url}/yahoo/v8/finance/chart/{coin.yahoo}?period1={since}&period2={until}&interval=1d"
    result = requests.get(chart, timeout=10).json()["chart"]["result"][0]
    closes = result["indicators"]["quote"][0]["close"]
    yahoo = {day: close for day, close in zip(result["timestamp"], closes, strict=True) if close}

    span = f"vs_currency=usd&from={since}&to={until}"
    range_url = f"{running.url}/coingecko/api/v3/coins/{coin.coingecko}/market_chart/range?{span}"
    points = requests.get(range_url, timeout=10).json()["prices"]
    coingecko = {stamp // 1_000 - DAY: price for stamp, price in points}
    paprika_url = f"/tickers/{coin.coinpaprika}/historical?start={since}&end={until}&interval=1d&limit=5000"
    history = get(running, paprika_url).json() if coin.coinpaprika else []
    paprika = {int(parse_moment(point["timestamp"])): point["price"] for point in history}

    for other in filter(None, (coingecko, paprika)):
        days = sorted(yahoo.keys() & other.keys())
        assert len(days) > 90
        assert max(abs(other[day] / yahoo[day] - 1) for day in days) < 0.005
        shifted = [abs(other[day] / yahoo[day + DAY] - 1) for day in days if day + DAY in yahoo]
        assert sorted(shifted)[len(shifted) // 2] > 0.005
