"""CoinGecko's `market_chart`: three arrays over time, whose grain depends on the span. Access rules are elsewhere."""

from __future__ import annotations

from typing import Final

import numpy as np

from crypto_platform.sandbox.coins import Coin
from crypto_platform.sandbox.market import Market
from crypto_platform.sandbox.noise import Floats, Ints, draws
from crypto_platform.sandbox.traps import DAY

_MIDNIGHT_SHOWS: Final = 35 * 60
"""Seconds after midnight until the point of 00:00 is there."""

_FIVE_MINUTES_UP_TO: Final = DAY
_HOURLY_UP_TO: Final = 90 * DAY


def chart(
    market: Market, coin: Coin, since: int, until: int, now: float, *, daily: bool = False
) -> dict[str, list[tuple[int, float]]]:
    """Points of one coin between two moments. The last is `now` if the span reaches it, and provisional."""
    span = until - since
    step = 300 if span <= _FIVE_MINUTES_UP_TO else 3_600 if span <= _HOURLY_UP_TO else DAY
    if daily:
        step = DAY
    millis = _points(market, coin, since, min(until, int(now)), step, now)
    if until >= now - 300:
        millis = np.append(millis, int(now * 1_000))
    index = np.array([coin.index], dtype=np.int64)
    times = millis / 1_000.0
    noise = 1.0 + 0.0006 * (draws(market.seed, 302, coin.index, millis) - 0.5)
    price = market.price(index, times) * noise if len(millis) else times
    volume = market.volume(index, times) * 1.1 if len(millis) else times
    # The arrays come from different stores: now and then one of them lacks a point, or has one twice.
    lost = draws(market.seed, 303, coin.index, millis)
    kept = lost >= 0.002
    twice = np.sort(np.append(np.arange(len(millis)), np.flatnonzero(lost > 0.998)))
    return {
        "prices": _pairs(millis, price),
        "market_caps": _pairs(millis[kept], (price * coin.supply)[kept]),
        "total_volumes": _pairs(millis[twice], volume[twice]),
    }


def _points(market: Market, coin: Coin, since: int, until: int, step: int, now: float) -> Ints:
    first = -(-max(since, coin.known_at) // step)
    steps = np.arange(first, until // step + 1, dtype=np.int64)
    if step == DAY:
        shown = (steps * DAY + _MIDNIGHT_SHOWS <= now) & (draws(market.seed, 304, coin.index, steps) >= 0.001)
        return steps[shown] * DAY * 1_000
    # Finer points are when CoinGecko happened to look, some seconds after the full step.
    late = (draws(market.seed, 305, coin.index, steps) * 25_000).astype(np.int64)
    millis: Ints = steps * step * 1_000 + late
    return millis[millis <= now * 1_000]


def _pairs(millis: Ints, values: Floats) -> list[tuple[int, float]]:
    return list(zip(millis.tolist(), values.tolist(), strict=True))
