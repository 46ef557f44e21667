"""CoinPaprika's API (v1): tickers in one array, the list of coins, a day's history. Free and paid plans."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np

from crypto_platform.sandbox.answers import Answer, Request, answer_json, iso_seconds
from crypto_platform.sandbox.clock import ClockError, parse_moment
from crypto_platform.sandbox.coinpaprika_contracts import contracts, platforms
from crypto_platform.sandbox.coinpaprika_tickers import REFRESHED, Tickers
from crypto_platform.sandbox.coins import Coin
from crypto_platform.sandbox.market import Market
from crypto_platform.sandbox.noise import draw, draws, word
from crypto_platform.sandbox.traps import DAY

_FREE_TICKERS: Final = 2_000
_MOST_POINTS: Final = 5_000
_FREE_HISTORY: Final = 366 * DAY
_FREE_OHLCV: Final = DAY
_STEPS: Final = {"1d": DAY, "24h": DAY, "1h": 3_600, "5m": 300}


@dataclass(frozen=True)
class _Span:
    since: int
    until: int
    limit: int


class CoinPaprika:
    name = "coinpaprika"

    def __init__(self, market: Market) -> None:
        self._market = market
        self._by_id = {coin.coinpaprika: coin for coin in market.coins if coin.coinpaprika}
        self._tickers = Tickers(market)
        self._lock = threading.Lock()
        self._kept: tuple[tuple[float, bool], Answer] | None = None

    def answer(self, request: Request) -> Answer:
        if request.path.endswith("/"):
            return _moved(request)
        if request.paid and not request.headers.get("authorization"):
            return answer_json({"error": "API key is missing. Check plans on coinpaprika.com/api"}, 401)
        return self._routed(request)

    def _routed(self, request: Request) -> Answer:
        of_coin = {
            ("tickers",): self._ticker,
            ("tickers", "historical"): self._historical,
            ("coins", "ohlcv", "historical"): self._ohlcv,
        }
        match request.path.strip("/").split("/"):
            case ["tickers"]:
                return self._all_tickers(request)
            case ["coins"]:
                return answer_json(self._coins(request.now))
            case [kind, coin, *what] if (kind, *what) in of_coin:
                return self._of_coin(coin, request, of_coin[kind, *what])
            case ["contracts", *platform] if len(platform) < 2:
                given = contracts(self._market, platform[0], request.now) if platform else platforms()
                return answer_json({"error": "id not found"}, 404) if given is None else answer_json(given)
            case _:
                return answer_json({"error": "not found"}, 404)

    def failure(self, status: int) -> Answer:
        text = {429: "too many requests", 500: "internal server error", 503: "service unavailable"}[status]
        return answer_json({"error": text}, status)

    def _of_coin(self, coin_id: str, request: Request, answer: Callable[[Coin, Request], Answer]) -> Answer:
        coin = self._by_id.get(coin_id)
        if coin is None or coin.known_at > request.now:
            return answer_json({"error": "id not found"}, 404)
        return answer(coin, request)

    def _all_tickers(self, request: Request) -> Answer:
        """Refreshed every five minutes; between refreshes the same bytes."""
        moment = request.now // REFRESHED * REFRESHED
        with self._lock:
            if self._kept and self._kept[0] == (moment, request.paid):
                return self._kept[1]
        answer = answer_json(self._tickers.rows(moment, None if request.paid else _FREE_TICKERS))
        with self._lock:
            self._kept = (moment, request.paid), answer
        return answer

    def _ticker(self, coin: Coin, request: Request) -> Answer:
        moment = request.now // REFRESHED * REFRESHED
        return answer_json(self._tickers.row(coin, max(moment, float(coin.known_at))))

    def _historical(self, coin: Coin, request: Request) -> Answer:
        step = _STEPS.get(request.query.get("interval", "5m"))
        if step is None:
            return answer_json({"error": "invalid interval"}, 400)
        span = _span(request, default_days=365)
        if isinstance(span, Answer):
            return span
        if not request.paid and span.since < request.now - _FREE_HISTORY:
            return _not_in_plan("historical ticker data", request.now - _FREE_HISTORY)
        stamps = np.arange(
            -(-max(span.since, coin.known_at) // step), min(span.until, int(request.now)) // step + 1, dtype=np.int64
        )
        stamps = stamps[: span.limit] * step
        # A point dated D is the close of D, which for today is the price of this moment.
        ends = np.minimum(stamps + step, request.now)
        index = np.array([coin.index], dtype=np.int64)
        noise = 1.0 + 0.0006 * (draws(self._market.seed, 501, coin.index, stamps) - 0.5)
        prices = self._market.price(index, ends) * noise
        volumes = np.round(self._market.volume(index, ends) * 0.93)
        return answer_json(
            [
                {"timestamp": iso_seconds(stamp), "price": price, "volume_24h": int(volume), "market_cap": round(cap)}
                for stamp, price, volume, cap in zip(
                    stamps.tolist(), prices.tolist(), volumes.tolist(), (prices * coin.supply).tolist(), strict=True
                )
            ]
        )

    def _ohlcv(self, coin: Coin, request: Request) -> Answer:
        span = _span(request, default_days=1)
        if isinstance(span, Answer):
            return span
        if not request.paid and span.since < request.now // DAY * DAY - _FREE_OHLCV:
            return _not_in_plan("historical OHLCV data", request.now - _FREE_OHLCV)
        today = int(request.now // DAY)
        bars = self._market.bars(coin.index, -(-span.since // DAY), min(span.until // DAY, today))
        rows = []
        for at, day in enumerate(bars.days.tolist()[: span.limit]):
            row = {
                "time_open": iso_seconds(day * DAY),
                "time_close": iso_seconds(day * DAY + DAY - 1),
                "open": float(bars.open[at]),
                "high": float(bars.high[at]),
                "low": float(bars.low[at]),
                "close": float(bars.close[at]),
                "volume": round(float(bars.volume[at]) * 0.93),
                "market_cap": round(float(bars.market_cap[at])),
            }
            rows.append(row | self._so_far(coin, day, request.now) if day == today else row)
        return answer_json(rows)

    def _so_far(self, coin: Coin, day: int, now: float) -> dict[str, Any]:
        """Today's bar, which says by its `time_close` that it is partial."""
        times = np.append(np.arange(day * DAY, now, 3_600.0), now)
        prices = self._market.price(np.array([coin.index]), times)
        volume = self._market.volume(np.array([coin.index]), times[-1:])
        return {
            "time_close": iso_seconds(now),
            "high": float(prices.max()),
            "low": float(prices.min()),
            "close": float(prices[-1]),
            "volume": round(float(volume[0]) * 0.93),
            "market_cap": round(float(prices[-1]) * coin.supply),
        }

    def _coins(self, now: float) -> list[dict[str, Any]]:
        """Every coin it knows, and one dead coin for eight living ones."""
        known = [coin for coin in self._market.coins if coin.coinpaprika and coin.known_at <= now]
        rows = [
            _listing(
                coin.coinpaprika or "",
                coin.paprika_name,
                coin.paprika_symbol,
                rank,
                is_token=bool(coin.chains),
                is_active=True,
            )
            | {"is_new": now - coin.known_at < 14 * DAY}
            for rank, coin in enumerate(known, start=1)
        ]
        seed = self._market.seed
        for number in range(len(known) // 8):
            past = known[word(seed, 502, number) % len(known)]
            name = f"{past.name} Classic" if draw(seed, 503, number) < 0.5 else past.name
            dead = f"{past.symbol}-{number}-{past.coinpaprika}"
            rows.append(_listing(dead, name, past.symbol, 0, is_token=True, is_active=False))
        return rows


def _listing(coin: str, name: str, symbol: str, rank: int, *, is_token: bool, is_active: bool) -> dict[str, Any]:
    return {
        "id": coin,
        "name": name,
        "symbol": symbol.upper(),
        "rank": rank,
        "is_new": False,
        "is_active": is_active,
        "type": "token" if is_token else "coin",
    }


def _span(request: Request, *, default_days: int) -> _Span | Answer:
    """What `start`, `end` and `limit` ask for; moments are ISO or unix seconds."""
    try:
        until = _moment(request.query.get("end"), request.now)
        since = _moment(request.query.get("start"), until - default_days * DAY)
    except ClockError:
        return answer_json({"error": "invalid parameters"}, 400)
    limit = request.number("limit", 1_000)
    if not 1 <= limit <= _MOST_POINTS:
        return answer_json({"error": f"limit must be between 1 and {_MOST_POINTS}"}, 400)
    return _Span(int(since), int(until), limit)


def _moment(text: str | None, default: float) -> float:
    if not text:
        return default
    return float(text) if text.isdigit() else parse_moment(text)


def _not_in_plan(what: str, before: float) -> Answer:
    stamp = datetime.fromtimestamp(before, UTC).strftime("%Y-%m-%d %H:%M:%S.%f") + "00 +0000 UTC"
    text = f"Getting {what} before {stamp} is not allowed in this plan. Check plans on coinpaprika.com/api"
    return answer_json({"error": text}, 402)


def _moved(request: Request) -> Answer:
    target = request.base + (request.path.rstrip("/") or "/")
    if request.query:
        target += "?" + "&".join(f"{name}={value}" for name, value in request.query.items())
    body = f'<a href="{target}">Moved Permanently</a>.\n\n'.encode()
    return Answer(301, body, "text/html; charset=utf-8", {"Location": target})
