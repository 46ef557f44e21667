"""All-time highs and lows, from one price a month: cheap enough for 20,000 coins, kept once computed."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from crypto_platform.sandbox.answers import iso_millis
from crypto_platform.sandbox.market import REFERENCE, Market
from crypto_platform.sandbox.noise import Floats, Ints, draws
from crypto_platform.sandbox.traps import DAY

_MONTH: Final = 30 * DAY
_MONTHS: Final = np.arange(REFERENCE - 170 * _MONTH, REFERENCE + 40 * _MONTH, _MONTH)


class Extremes:
    def __init__(self, market: Market) -> None:
        self._market = market
        self._prices = np.full((len(market.coins), len(_MONTHS)), np.nan, dtype=np.float32)

    def of(self, coins: Ints, now: Floats, price: Floats) -> list[dict[str, Any]]:
        """CoinGecko's six fields for each coin; each coin has a moment and a price of its own."""
        missing = coins[np.isnan(self._prices[coins, 0])]
        if len(missing):
            self._prices[missing] = self._market.price(missing[:, None], _MONTHS[None, :])
        known = (_MONTHS[None, :] >= self._market.known[coins, None]) & (_MONTHS[None, :] <= now[:, None])
        prices = self._prices[coins].astype(np.float64)
        high = self._extreme(coins, np.where(known, prices * 1.08, -np.inf), now, price, highest=True)
        low = self._extreme(coins, np.where(known, prices * 0.92, np.inf), now, price, highest=False)
        return [
            {
                "ath": _six(top),
                "ath_change_percentage": round((value / top - 1.0) * 100.0, 5),
                "ath_date": iso_millis(top_at),
                "atl": _six(bottom),
                "atl_change_percentage": round((value / bottom - 1.0) * 100.0, 5),
                "atl_date": iso_millis(bottom_at),
            }
            for value, (top, top_at), (bottom, bottom_at) in zip(price.tolist(), high, low, strict=True)
        ]

    def _extreme(
        self, coins: Ints, prices: Floats, now: Floats, price: Floats, *, highest: bool
    ) -> list[tuple[float, float]]:
        at = prices.argmax(axis=1) if highest else prices.argmin(axis=1)
        value = prices[np.arange(len(coins)), at]
        moment = _MONTHS[at] + np.floor(draws(self._market.seed, 401, coins, at) * 80_000_000.0) / 1_000.0
        current = (price >= value) if highest else (price <= value)
        value = np.where(current, price, value)
        moment = np.where(current, now, np.minimum(moment, now))
        return list(zip(value.tolist(), moment.tolist(), strict=True))


def _six(value: float) -> float | int:
    return round(value) if value >= 10_000 else float(f"{value:.6g}")
