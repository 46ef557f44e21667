"""Yahoo's chart API (v8): one symbol's daily bars, with its gaps, restatements and the live bar. No snapshots."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from crypto_platform.sandbox.answers import Answer, Request, answer_json
from crypto_platform.sandbox.coins import Coin
from crypto_platform.sandbox.market import Bars, Market
from crypto_platform.sandbox.noise import Floats, Ints, draws
from crypto_platform.sandbox.traps import DAY, YAHOO_LEAVES, bar_appears, day_traps

_CHART: Final = "/v8/finance/chart/"
_RANGES: Final = {
    "1d": 1, "5d": 5, "1mo": 30, "3mo": 91, "6mo": 182, "1y": 365, "2y": 730, "5y": 1_826, "10y": 3_652,
    "ytd": 0, "max": 100_000,
}  # fmt: skip
_HEADERS: Final = {"Cache-Control": "public, max-age=10, stale-while-revalidate=20", "Vary": "Origin,Accept-Encoding"}


@dataclass(frozen=True)
class _Shown:
    """The bars of one answer; NaN is null."""

    stamps: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


class Yahoo:
    name = "yahoo"

    def __init__(self, market: Market) -> None:
        self._market = market
        self._by_symbol = {coin.yahoo: coin for coin in market.coins if coin.yahoo}

    def answer(self, request: Request) -> Answer:
        if not request.path.startswith(_CHART):
            return _error(404, "Not Found", "No such resource")
        coin = self._by_symbol.get(request.path.removeprefix(_CHART))
        if coin is None or self._is_gone(coin, request.now):
            return _error(404, "Not Found", "No data found, symbol may be delisted")
        span = request.query.get("range", "")
        until = request.number("period2", int(request.now))
        since = request.number("period1", until if span else int(request.now) - DAY)
        if span:
            if span not in _RANGES:
                return _error(422, "Unprocessable Entity", f"Invalid input - range={span} is not supported.")
            since = _range_start(span, request.now)
        if since > until:
            text = f"Invalid input - start date cannot be after end date. startDate = {since}, endDate = {until}"
            return _error(400, "Bad Request", text)
        interval = request.query.get("interval", "1d")
        if interval != "1d":
            text = f"{interval} data not available for startTime={since} and endTime={until}."
            reason = "The requested range must be within the last 60 days."
            return _error(422, "Unprocessable Entity", f"{text} {reason}")
        shown, before = self._bars(coin, since, until, request.now)
        result = self._result(coin, shown, before, span, request.now)
        return answer_json({"chart": {"result": [result], "error": None}}, headers=_HEADERS)

    def failure(self, status: int) -> Answer:
        if status == 429:
            return Answer(429, b"Too Many Requests\r\n", "text/plain;charset=utf-8")
        if status == 500:
            return _error(500, "Internal Server Error", "Internal server error")
        return Answer(status, b"<html><body><h1>503 Service Unavailable</h1></body></html>", "text/html")

    def _is_gone(self, coin: Coin, now: float) -> bool:
        leaves = YAHOO_LEAVES.get(self._market.traps.trap_of.get(coin.index, ""))
        return coin.listed_at > now or (leaves is not None and now >= leaves)

    def _bars(self, coin: Coin, since: int, until: int, now: float) -> tuple[_Shown, float]:
        """The bars that begin between two moments, both included, and the close before the first."""
        today = int(now // DAY)
        first = max(-(-since // DAY), coin.listed_at // DAY)
        last = min(until // DAY, today)
        is_late = now - today * DAY < bar_appears(self._market.seed, coin.index, today - 1)
        bars = self._market.bars(coin.index, first - 1, min(last, today - 1))
        shown = self._as_shown(coin, bars, now)
        keep = (bars.days >= first) & ~(is_late & (bars.days == today - 1))
        earlier = bars.close[bars.days < first]
        shown = _Shown(*(column[keep] for column in vars(shown).values()))
        if last == today and first <= today:
            shown = _joined(shown, self._live_bar(coin, today, now))
        return shown, float(earlier[-1]) if len(earlier) else float("nan")

    def _as_shown(self, coin: Coin, bars: Bars, now: float) -> _Shown:
        traps = day_traps(self._market.seed, coin.index, bars.days, now)
        noise = self._noise(coin, bars.days)
        close = bars.close * noise * traps.closes
        volume = np.round(bars.volume * (0.8 + 0.4 * draws(self._market.seed, 202, coin.index, bars.days)))
        shown = _Shown(
            bars.days * DAY,
            open=bars.open * noise,
            high=np.maximum(bars.high * noise, close),
            low=np.minimum(bars.low * noise, close),
            close=close,
            volume=np.where(traps.zero_volume, 0.0, volume),
        )
        for column in (shown.open, shown.high, shown.low, shown.close, shown.volume):
            column[traps.hidden] = np.nan
        shown.volume[traps.no_volume] = np.nan
        return shown

    def _live_bar(self, coin: Coin, today: int, now: float) -> _Shown:
        """Today so far. Its timestamp is the last trade's minute, not midnight."""
        stamp = max(int(now // 60 * 60), coin.listed_at, today * DAY)
        times = np.append(np.arange(today * DAY, stamp + 1, 3_600, dtype=np.float64), float(stamp))
        prices = self._market.price(np.array([coin.index]), times) * self._noise(coin, np.array([today]))
        volume = np.round(self._market.volume(np.array([coin.index]), times[-1:]))
        return _Shown(np.array([stamp]), prices[:1], prices.max(keepdims=True), prices.min(keepdims=True),
                      prices[-1:], volume)  # fmt: skip

    def _noise(self, coin: Coin, days: Ints) -> Floats:
        return 1.0 + 0.0008 * (draws(self._market.seed, 201, coin.index, days) - 0.5)

    def _result(self, coin: Coin, shown: _Shown, before: float, span: str, now: float) -> dict[str, Any]:
        result: dict[str, Any] = {"meta": self._meta(coin, before, span, now)}
        if not len(shown.stamps):
            return result | {"indicators": {"quote": [{}], "adjclose": [{}]}}
        close = _singles(shown.close)
        quote = {
            "open": _singles(shown.open),
            "low": _singles(shown.low),
            "close": close,
            "volume": [None if value != value else int(value) for value in shown.volume.tolist()],  # noqa: PLR0124
            "high": _singles(shown.high),
        }
        return result | {
            "timestamp": shown.stamps.tolist(),
            "indicators": {"quote": [quote], "adjclose": [{"adjclose": close}]},
        }

    def _meta(self, coin: Coin, before: float, span: str, now: float) -> dict[str, Any]:
        today = int(now // DAY)
        live = self._live_bar(coin, today, now)
        year = self._market.bars(coin.index, today - 365, today - 1)
        high, low, price = float(live.high[0]), float(live.low[0]), float(live.close[0])
        period = {"timezone": "UTC", "start": today * DAY, "end": today * DAY, "gmtoffset": 0}
        return {
            "currency": "USD",
            "symbol": coin.yahoo,
            "exchangeName": "CCC",
            "fullExchangeName": "CCC",
            "instrumentType": "CRYPTOCURRENCY",
            "firstTradeDate": coin.listed_at,
            "regularMarketTime": int(live.stamps[0]),
            "hasPrePostMarketData": False,
            "gmtoffset": 0,
            "timezone": "UTC",
            "exchangeTimezoneName": "UTC",
            "regularMarketPrice": _eight(price),
            "fiftyTwoWeekHigh": _eight(float(year.high.max(initial=high))),
            "fiftyTwoWeekLow": _eight(float(year.low.min(initial=low))),
            "regularMarketDayHigh": _eight(high),
            "regularMarketDayLow": _eight(low),
            "regularMarketVolume": int(live.volume[0]),
            "longName": f"{coin.name} USD",
            "shortName": f"{coin.name} USD",
            "chartPreviousClose": _eight(price if before != before else before),  # noqa: PLR0124
            "priceHint": 2 if price >= 1 else 8,
            "currentTradingPeriod": {
                "pre": period,
                "regular": period | {"end": (today + 1) * DAY - 60},
                "post": period | {"start": (today + 1) * DAY - 60, "end": (today + 1) * DAY - 60},
            },
            "dataGranularity": "1d",
            "range": span,
            "validRanges": list(_RANGES),
        }


def _joined(first: _Shown, second: _Shown) -> _Shown:
    pairs = zip(vars(first).values(), vars(second).values(), strict=True)
    return _Shown(*(np.concatenate(pair) for pair in pairs))


def _singles(column: Floats) -> list[float | None]:
    """Yahoo's prices are single precision, written out as doubles; NaN is null."""
    values = column.astype(np.float32).astype(np.float64)
    return [None if value != value else value for value in values.tolist()]  # noqa: PLR0124


def _eight(price: float) -> float:
    return float(f"{price:.8g}")


def _range_start(span: str, now: float) -> int:
    if span == "ytd":
        return int(datetime(datetime.fromtimestamp(now, UTC).year, 1, 1, tzinfo=UTC).timestamp())
    today = int(now // DAY)
    return max(0, (today - _RANGES[span] + 1) * DAY)


def _error(status: int, code: str, description: str) -> Answer:
    return answer_json({"chart": {"result": None, "error": {"code": code, "description": description}}}, status)
