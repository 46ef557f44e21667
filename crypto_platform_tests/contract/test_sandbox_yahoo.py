"""The sandbox's Yahoo over HTTP: the chart's shape, gaps, restatements, the live bar and error bodies."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import requests

from crypto_platform.sandbox.clock import Clock, parse_moment
from crypto_platform.sandbox.server import RunningSandbox, Sandbox

NOW = parse_moment("2026-11-20T12:00:30Z")
TODAY = parse_moment("2026-11-20")
DAY = 86_400
META = {
    "currency", "symbol", "exchangeName", "fullExchangeName", "instrumentType", "firstTradeDate", "regularMarketTime",
    "hasPrePostMarketData", "gmtoffset", "timezone", "exchangeTimezoneName", "regularMarketPrice", "fiftyTwoWeekHigh",
    "fiftyTwoWeekLow", "regularMarketDayHigh", "regularMarketDayLow", "regularMarketVolume", "longName", "shortName",
    "chartPreviousClose", "priceHint", "currentTradingPeriod", "dataGranularity", "range", "validRanges",
}  # fmt: skip


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSandbox]:
    with Sandbox(7, 400, clock=Clock(lambda: NOW)).serve() as running:
        yield running


@pytest.fixture
def at(running: RunningSandbox) -> Iterator[Any]:
    """Moves the sandbox's clock for one test."""
    yield lambda moment: running.sandbox.clock.set(parse_moment(moment), frozen=True)
    running.sandbox.clock.follow_real()


def ask(running: RunningSandbox, symbol: str, since: float = 0, until: float = NOW, **more: str) -> requests.Response:
    span = {"period1": str(int(since)), "period2": str(int(until)), "interval": "1d", "events": "div,splits"}
    return requests.get(f"{running.url}/yahoo/v8/finance/chart/{symbol}", params=span | more, timeout=10)


def chart(running: RunningSandbox, symbol: str, since: float = 0, until: float = NOW) -> dict[str, Any]:
    answer = ask(running, symbol, since, until)
    assert answer.status_code == 200
    body = answer.json()
    assert body["chart"]["error"] is None
    (result,) = body["chart"]["result"]
    return dict(result)


def closes(running: RunningSandbox, symbol: str, since: float = 0, until: float = NOW) -> dict[int, float | None]:
    result = chart(running, symbol, since, until)
    return dict(zip(result["timestamp"], result["indicators"]["quote"][0]["close"], strict=True))


def symbols(running: RunningSandbox, count: int) -> list[str]:
    return [coin.yahoo for coin in running.sandbox.market.coins[:count] if coin.yahoo]


def test_a_chart_has_the_documented_shape(running: RunningSandbox) -> None:
    result = chart(running, "BTC-USD")
    assert set(result) == {"meta", "timestamp", "indicators"}
    assert set(result["meta"]) == META
    assert set(result["indicators"]) == {"quote", "adjclose"}
    (quote,) = result["indicators"]["quote"]
    assert set(quote) == {"open", "high", "low", "close", "volume"}
    assert {len(column) for column in quote.values()} == {len(result["timestamp"])}
    assert result["indicators"]["adjclose"][0]["adjclose"] == quote["close"]


def test_bitcoin_begins_on_2014_09_17(running: RunningSandbox) -> None:
    result = chart(running, "BTC-USD")
    assert result["timestamp"][0] == result["meta"]["firstTradeDate"] == parse_moment("2014-09-17")


def test_prices_are_single_precision_and_within_low_and_high(running: RunningSandbox) -> None:
    quote = chart(running, "ETH-USD")["indicators"]["quote"][0]
    for low, start, end, high in zip(quote["low"], quote["open"], quote["close"], quote["high"], strict=True):
        if end is not None:
            assert low <= min(start, end) <= max(start, end) <= high
            assert float(np.float32(end)) == end


def test_the_live_bar_has_a_timestamp_that_is_not_midnight(running: RunningSandbox) -> None:
    stamps = chart(running, "BTC-USD", TODAY - 3 * DAY)["timestamp"]
    assert stamps[-1] == TODAY + 43_200
    assert all(stamp % DAY == 0 for stamp in stamps[:-1])


def test_period2_at_midnight_is_inclusive(running: RunningSandbox) -> None:
    since, until = TODAY - 10 * DAY, TODAY - 8 * DAY
    assert list(closes(running, "BTC-USD", since, until)) == [since, since + DAY, until]
    assert list(closes(running, "BTC-USD", since, until - 1)) == [since, since + DAY]


def test_a_span_without_bars_has_no_timestamp(running: RunningSandbox) -> None:
    result = chart(running, "BTC-USD", 0, 1_000_000_000)
    assert "timestamp" not in result
    assert result["indicators"] == {"quote": [{}], "adjclose": [{}]}


@pytest.mark.parametrize(("span", "bars"), [("5d", 5), ("1mo", 30), ("1y", 365), ("ytd", 324)])
def test_a_range_reaches_back_from_today(running: RunningSandbox, span: str, bars: int) -> None:
    answer = requests.get(f"{running.url}/yahoo/v8/finance/chart/BTC-USD", params={"range": span}, timeout=10)
    result = answer.json()["chart"]["result"][0]
    assert len(result["timestamp"]) == bars
    assert result["meta"]["range"] == span


@pytest.mark.parametrize(("hour", "shown"), [("03:05", False), ("03:55", True)])
def test_yesterdays_bar_is_missing_until_half_past_three(
    running: RunningSandbox, at: Any, hour: str, shown: bool
) -> None:
    at(f"2026-11-20T{hour}:00Z")
    for symbol in symbols(running, 20):
        assert ((TODAY - DAY) in closes(running, symbol, TODAY - 4 * DAY, NOW)) is shown
        assert (TODAY - DAY in closes(running, symbol, TODAY - 4 * DAY, TODAY - 1)) is shown


def test_some_days_are_null_at_first_and_filled_later_and_some_never_come(running: RunningSandbox, at: Any) -> None:
    since, until = parse_moment("2026-10-25"), parse_moment("2026-11-08")
    names = symbols(running, 100)

    def missing() -> set[tuple[str, int]]:
        return {
            (name, day) for name in names for day, close in closes(running, name, since, until).items() if close is None
        }

    at("2026-11-09T05:00:00Z")
    early = missing()
    at("2026-11-20T12:00:00Z")
    late = missing()
    assert late < early
    assert late
    assert len(early) < 0.02 * 15 * len(names)


def test_some_closes_are_restated_within_days_and_then_stay(running: RunningSandbox, at: Any) -> None:
    since, until = parse_moment("2026-11-05"), parse_moment("2026-11-08")
    names = symbols(running, 60)

    def seen() -> dict[tuple[str, int], float]:
        return {
            (name, day): close
            for name in names
            for day, close in closes(running, name, since, until).items()
            if close is not None
        }

    at("2026-11-09T05:00:00Z")
    early = seen()
    at("2026-11-14T05:00:00Z")
    settled = seen()
    at("2026-11-20T05:00:00Z")
    assert {key: close for key, close in seen().items() if key in settled} == settled
    changes = [abs(early[key] / settled[key] - 1) for key in early.keys() & settled.keys()]
    restated = [change for change in changes if change]
    assert 1 <= len(restated) < 0.1 * len(changes)
    assert all(0.0009 < change < 0.06 for change in restated)


def test_old_volumes_may_be_null_or_zero(running: RunningSandbox) -> None:
    volumes = [value for name in ("BTC-USD", "XRP-USD", "LTC-USD", "DOGE-USD")
               for value in chart(running, name, 0, 1_540_000_000)["indicators"]["quote"][0]["volume"]]  # fmt: skip
    assert None in volumes
    assert 0 in volumes
    assert all(value is None or isinstance(value, int) for value in volumes)


def test_an_unknown_symbol_is_a_404(running: RunningSandbox) -> None:
    answer = ask(running, "NOPE-USD")
    assert answer.status_code == 404
    assert answer.json() == {
        "chart": {
            "result": None,
            "error": {"code": "Not Found", "description": "No data found, symbol may be delisted"},
        }
    }


def test_a_delisted_symbol_answers_until_its_day_and_is_a_404_after(running: RunningSandbox, at: Any) -> None:
    market = running.sandbox.market
    symbol = market.coins[market.traps.coin_of["left_yahoo"]].yahoo or ""
    assert ask(running, symbol).status_code == 404
    at("2026-02-27")
    assert ask(running, symbol, 1_770_000_000, 1_772_000_000).status_code == 200


def test_an_interval_it_cannot_serve_is_a_422(running: RunningSandbox) -> None:
    answer = ask(running, "BTC-USD", interval="5m")
    assert answer.status_code == 422
    assert answer.json()["chart"]["error"]["code"] == "Unprocessable Entity"
    assert "5m data not available" in answer.json()["chart"]["error"]["description"]


def test_a_span_that_ends_before_it_begins_is_a_400(running: RunningSandbox) -> None:
    assert ask(running, "BTC-USD", 1_700_000_000, 1_600_000_000).json()["chart"]["error"]["code"] == "Bad Request"
