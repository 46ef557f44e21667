"""Answers as the made-up vendor of docs/adding-a-source.md does; also its specimen for the suite of all sources."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from crypto_platform.sandbox.answers import Answer, Request, answer_json, iso_seconds
from crypto_platform.sandbox.market import Market

_DAY = 86_400
_EPOCH = date(1970, 1, 1)


class MarketLens:
    """Its market is the simulated one's; ids are the names of CoinGecko."""

    name = "marketlens"

    def __init__(self, market: Market | None = None) -> None:
        self.market = market or Market(7, 130)
        self._by_id = {coin.coingecko: coin for coin in self.market.coins}

    def answer(self, request: Request) -> Answer:
        match request.path.strip("/").split("/"):
            case ["market"]:
                return answer_json({"data": self._market(request)})
            case ["coins"]:
                return answer_json({"data": self._coins()})
            case ["coins", coin, "days"] if coin in self._by_id:
                return answer_json({"data": self._days(coin, request)})
            case ["coins", _, "days"]:
                return answer_json({"error": "There is no such coin."}, 404)
        return answer_json({"error": "There is nothing here."}, 404)

    def failure(self, status: int) -> Answer:
        return answer_json({"error": {429: "Too many requests."}.get(status, "Out of order.")}, status)

    def closes(self, coin: str, first: date, last: date) -> dict[date, float]:
        bars = self.market.bars(self._by_id[coin].index, (first - _EPOCH).days, (last - _EPOCH).days)
        return {_EPOCH + timedelta(days=int(d)): float(c) for d, c in zip(bars.days, bars.close, strict=True)}

    def _market(self, request: Request) -> list[dict[str, Any]]:
        size, page = request.number("size", 100), request.number("page", 1)
        rows = []
        for coin in self.market.coins[(page - 1) * size : page * size]:
            index, now = np.array([coin.index]), np.array([request.now])
            price, cap = float(self.market.price(index, now)[0]), float(self.market.market_cap(index, now)[0])
            rows.append(
                {
                    "slug": coin.coingecko,
                    "ticker": coin.symbol,
                    "title": coin.name,
                    "updated": iso_seconds(request.now - 30),
                    "place": coin.index + 1,
                    "supply": coin.supply,
                    "usd": {"price": price, "cap": cap, "volume": cap / 20, "change_24h": 1.5},
                }
            )
        return rows

    def _coins(self) -> list[dict[str, Any]]:
        return [
            {
                "slug": coin.coingecko,
                "ticker": coin.symbol,
                "title": coin.name,
                "live": True,
                "contracts": coin.chains,
            }
            for coin in self.market.coins
        ]

    def _days(self, coin_id: str, request: Request) -> list[dict[str, Any]]:
        first, last = (date.fromisoformat(request.query[name]) for name in ("from", "to"))
        last = min(last, datetime.fromtimestamp(request.now, UTC).date() - timedelta(days=1))
        bars = self.market.bars(self._by_id[coin_id].index, (first - _EPOCH).days, (last - _EPOCH).days)
        columns = (bars.days * _DAY, bars.open, bars.high, bars.low, bars.close, bars.volume)
        return [
            dict(zip("tohlcv", values, strict=True))
            for values in zip(*(column.tolist() for column in columns), strict=True)
        ]


def specimen() -> Any:
    """What the suite of all sources must know."""
    from conformance import Specimen

    vendor = MarketLens()
    return Specimen(
        ("bitcoin", "ethereum", "solana"),
        several_pages={"top": 120},
        keyed_plans=("pro",),
        id_at=("slug",),
        stand_in=vendor,
        closes=vendor.closes,
    )
