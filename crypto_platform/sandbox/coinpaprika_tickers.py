"""CoinPaprika's tickers: current figures of every coin, with a missing value as null, 0 or the empty string."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from crypto_platform.sandbox.answers import iso_seconds
from crypto_platform.sandbox.coins import Coin
from crypto_platform.sandbox.market import Market
from crypto_platform.sandbox.noise import Ints, draw, draws
from crypto_platform.sandbox.traps import DAY, SUPPLYLESS_CAP, ZOMBIES, price_moment

REFRESHED: Final = 300
"""Seconds between two refreshes of the tickers."""

_BACK: Final = {
    "15m": 900, "30m": 1_800, "1h": 3_600, "6h": 21_600, "12h": 43_200, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY,
    "1y": 365 * DAY,
}  # fmt: skip
_MONTHS_BACK: Final = np.arange(0, 25) * 30.0 * DAY
_PART: Final = 2_000
_MISSING: Final = (None, 0, "")


class Tickers:
    def __init__(self, market: Market) -> None:
        self._market = market

    def rows(self, moment: float, most: int | None) -> list[dict[str, Any]]:
        """The largest coins by rank; `most` is what the plan allows."""
        known = np.array([coin.index for coin in self._market.coins if coin.coinpaprika], dtype=np.int64)
        known = known[self._market.known[known] <= moment]
        caps = self._market.market_cap(known, np.array([moment]))
        order = known[np.argsort(-caps, kind="stable")]
        ranks = np.arange(1, len(order) + 1)
        order, ranks = order[:most], ranks[:most]
        # In parts: the intermediate arrays of 20,000 coins at once are large.
        parts = (slice(first, first + _PART) for first in range(0, len(order), _PART))
        return [row for part in parts for row in self._rows(order[part], ranks[part], moment)]

    def row(self, coin: Coin, moment: float) -> dict[str, Any]:
        return self._rows(np.array([coin.index]), np.array([coin.index + 1]), moment)[0]

    def _rows(self, coins: Ints, ranks: Ints, moment: float) -> list[dict[str, Any]]:
        market = self._market
        traps = [market.traps.trap_of.get(coin) for coin in coins.tolist()]
        shown = np.array([price_moment(trap, moment) for trap in traps])
        noise = 1.0 + 0.0006 * (draws(market.seed, 511, coins, np.array([int(moment)])) - 0.5)
        prices = market.price(coins[:, None], shown[:, None] - np.array([0, *_BACK.values()])[None, :])
        price = prices[:, 0] * noise
        changes = (price[:, None] / prices[:, 1:] - 1.0) * 100.0
        changes[shown[:, None] - np.array(list(_BACK.values()))[None, :] < market.known[coins, None]] = 0.0
        volumes = market.volume(coins[:, None], shown[:, None] - np.array([[0.0, DAY]])) * 0.93
        past = market.price(coins[:, None], np.maximum(shown[:, None] - _MONTHS_BACK, market.known[coins, None]))
        best = past.argmax(axis=1)
        highs = np.maximum(past[np.arange(len(coins)), best] * 1.05, price)
        rows = []
        for at, index in enumerate(coins.tolist()):
            top = float(highs[at])
            now = float(price[at])
            high_at = max(shown[at] - float(_MONTHS_BACK[best[at]]), float(market.known[index]))
            volume, before = volumes[at].tolist()
            quote = {
                "price": now,
                "volume_24h": volume,
                "volume_24h_change_24h": round((volume / before - 1.0) * 100.0, 2),
                "market_cap": round(now * market.coins[index].supply),
                "market_cap_change_24h": round(float(changes[at, 5]), 2),
                **{
                    f"percent_change_{name}": round(change, 2)
                    for name, change in zip(_BACK, changes[at].tolist(), strict=True)
                },
                "ath_price": top,
                "ath_date": iso_seconds(high_at),
                "percent_from_price_ath": round((now / top - 1.0) * 100.0, 2),
            }
            rows.append(self._planted(_ticker(market.coins[index], int(ranks[at]), moment, quote), traps[at], index))
        return rows

    def _planted(self, row: dict[str, Any], trap: str | None, coin: int) -> dict[str, Any]:
        seed, quote = self._market.seed, row["quotes"]["USD"]
        if trap == "supply_zero":
            row["circulating_supply"] = 0
            quote["market_cap"] = SUPPLYLESS_CAP
        elif trap in ZOMBIES:
            quote["volume_24h"] = 0
        elif trap == "no_volume":
            quote["volume_24h"] = ""
        if draw(seed, 512, coin) < 0.08:
            quote["ath_price"] = quote["ath_date"] = quote["percent_from_price_ath"] = None
        elif draw(seed, 513, coin) < 0.02:
            quote["ath_date"] = ""
        if draw(seed, 514, coin) < 0.05:
            row["total_supply"] = _MISSING[int(3 * draw(seed, 515, coin))]
        return row


def _ticker(coin: Coin, rank: int, moment: float, quote: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": coin.coinpaprika,
        "name": coin.paprika_name,
        "symbol": coin.paprika_symbol,
        "rank": rank,
        "circulating_supply": round(coin.supply),
        "total_supply": round(coin.total_supply or 0),
        "max_supply": round(coin.max_supply or 0),
        "beta_value": round(0.4 + coin.index % 97 / 60.0, 6),
        "first_data_at": iso_seconds(coin.known_at),
        "last_updated": iso_seconds(moment - 17 - coin.index % 40),
        "quotes": {"USD": quote},
    }
