"""The true prices: a pure function of seed, coin and time. What vendors make of them is elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np

from crypto_platform.sandbox.coins import build_coins
from crypto_platform.sandbox.noise import Floats, Ints, draws, smooth, smooth_hours, words
from crypto_platform.sandbox.traps import DAY


def _moment(day: str) -> float:
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()


REFERENCE: Final = _moment("2026-11-01")
"""When every coin has the price and the cap of its definition, so that the first coins are the largest nowadays."""

# Prime periods: no two octaves ever have their knots together for long.
_PERIODS: Final = (1, 3, 11, 41, 157, 601, 2_203, 9_001, 35_003)
_FACTOR: Final = 1 << 40
_BITCOIN: Final = {
    "2012-01-01": 5, "2013-01-01": 13.5, "2013-04-10": 160, "2013-07-06": 70, "2013-10-01": 130, "2013-12-04": 1_100,
    "2014-02-01": 800, "2014-09-17": 457, "2015-01-14": 240, "2015-01-31": 315, "2016-01-01": 430, "2017-01-01": 960,
    "2017-07-01": 2_500, "2018-01-01": 13_800, "2018-07-01": 6_400, "2019-01-01": 3_750, "2019-07-01": 10_800,
    "2020-01-01": 7_200, "2020-03-13": 5_300, "2020-10-01": 10_700, "2021-01-01": 29_000, "2021-04-14": 62_000,
    "2021-07-20": 30_500, "2021-11-09": 66_500, "2022-01-01": 47_000, "2022-06-18": 19_500, "2023-01-01": 16_600,
    "2023-07-01": 30_400, "2024-01-01": 44_000, "2024-03-14": 71_500, "2024-09-06": 54_500, "2025-01-01": 94_000,
    "2025-04-08": 77_500, "2025-10-06": 122_000, "2026-01-01": 88_000, "2026-11-01": 92_000, "2030-01-01": 140_000,
}  # fmt: skip
_GRID_START: Final = int(_moment("2012-06-01")) // 3_600
_GRID_END: Final = int(_moment("2040-01-01")) // 3_600


@dataclass(frozen=True)
class Bars:
    """Daily bars of one coin; `days` counts from 1970-01-01. The close is the price at the day's end."""

    days: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    market_cap: Floats


class Market:
    """All coins of one seed. Any moment can be asked; nothing is simulated step by step."""

    def __init__(self, seed: int, coins: int) -> None:
        self.seed = seed
        self.coins, self.traps = build_coins(seed, coins)
        self.indices: Ints = np.arange(len(self.coins), dtype=np.int64)
        self.known: Floats = np.array([coin.known_at for coin in self.coins], dtype=np.float64)
        self.supply: Floats = np.array([coin.supply for coin in self.coins])
        self._factor_keys = [words(seed, 1_000 + octave, np.array([_FACTOR])) for octave in range(len(_PERIODS))]
        self._factor_sizes = _sizes(0.022) * np.array([1, 1, 1, 1, 1, 1, 0.4, 0, 0])
        self._anchor_times = np.array([_moment(day) for day in _BITCOIN])
        self._anchors = np.log(np.array(list(_BITCOIN.values()), dtype=np.float64))
        self._keys = np.stack([words(seed, 2_000 + octave, self.indices) for octave in range(len(_PERIODS))])
        self._betas, self._amounts = self._characters()
        self._turnovers = 0.004 * 30.0 ** draws(seed, 3_002, self.indices)
        reference = np.array([REFERENCE])
        self._own_at_reference = self._own(self.indices[:, None], reference)[:, 0]
        self._factor_at_reference = float(self._factor(reference)[0])
        self._bases = np.log(np.array([coin.price for coin in self.coins]))
        self._factor_grid = self._hourly_factor()

    def price(self, coins: Ints, times: Floats) -> Floats:
        """USD prices at unix times; coins and times broadcast against each other."""
        return np.exp(self._log_price(coins, times))

    def market_cap(self, coins: Ints, times: Floats) -> Floats:
        return self.price(coins, times) * self.supply[coins]

    def volume(self, coins: Ints, times: Floats) -> Floats:
        """USD volume of the 24 hours before these times."""
        keys = words(self.seed, 3_001, coins)
        mood = 0.9 * smooth(keys, times / 3_600.0, 157) + 0.6 * smooth(keys, times / 3_600.0, 29)
        return self.market_cap(coins, times) * self._turnovers[coins] * np.exp(mood)

    def bars(self, coin: int, first_day: int, last_day: int) -> Bars:
        """Daily bars from hourly prices, over days since 1970 (both included), never before the coin is known."""
        first_day = max(first_day, int(self.known[coin] // DAY))
        days = np.arange(first_day, last_day + 1, dtype=np.int64)
        if not len(days):
            empty = np.empty(0)
            return Bars(days, empty, empty, empty, empty, empty, empty)
        hourly = self._hourly_log_price(coin, first_day * 24, (last_day + 1) * 24)
        within = hourly[:-1].reshape(-1, 24)
        closing = hourly[24::24]
        close = np.exp(closing)
        index = np.array([coin], dtype=np.int64)
        return Bars(
            days,
            open=np.exp(within[:, 0]),
            high=np.exp(np.maximum(within.max(axis=1), closing)),
            low=np.exp(np.minimum(within.min(axis=1), closing)),
            close=close,
            volume=self.volume(index, (days + 1).astype(np.float64) * DAY),
            market_cap=close * self.supply[coin],
        )

    def _characters(self) -> tuple[Floats, Floats]:
        """How each coin follows the market, and how far each octave of its own moves it."""
        betas = 0.65 + 0.5 * draws(self.seed, 3_003, self.indices)
        spreads = 0.018 + 0.03 * draws(self.seed, 3_004, self.indices)
        amounts = spreads[:, None] * _sizes(1.0)[None, :]
        # The slowest octaves would make or break every coin in twelve years; keep them modest.
        amounts[:, -2:] *= (0.7, 0.4)
        for coin in self.coins:
            if coin.stable:
                betas[coin.index] = 0.0
                amounts[coin.index] = np.where(np.array(_PERIODS) < 1_000, 0.0006, 0.0)
            elif coin.pegged or coin.coingecko == "bitcoin":
                betas[coin.index] = 1.0
                amounts[coin.index] = 0.0 if coin.index == 0 else np.where(np.array(_PERIODS) < 1_000, 0.0004, 0.0)
        return betas, amounts

    def _log_price(self, coins: Ints, times: Floats) -> Floats:
        moved = self._betas[coins] * (self._factor(times) - self._factor_at_reference)
        value: Floats = self._bases[coins] + moved + (self._own(coins, times) - self._own_at_reference[coins])
        return value

    def _factor(self, times: Floats) -> Floats:
        """The log of bitcoin's price, which is the market's mood."""
        value: Floats = np.interp(times, self._anchor_times, self._anchors)
        for key, size, period in zip(self._factor_keys, self._factor_sizes, _PERIODS, strict=True):
            if size:
                value = value + size * smooth(key, times / 3_600.0, period)
        return value

    def _own(self, coins: Ints, times: Floats) -> Floats:
        value: Floats = np.zeros(np.broadcast_shapes(coins.shape, times.shape))
        for octave, period in enumerate(_PERIODS):
            value += self._amounts[coins, octave] * smooth(self._keys[octave][coins], times / 3_600.0, period)
        return value

    def _hourly_factor(self) -> Floats:
        hours = np.arange(_GRID_START, _GRID_END + 1)
        value: Floats = np.interp(hours * 3_600.0, self._anchor_times, self._anchors)
        for key, size, period in zip(self._factor_keys, self._factor_sizes, _PERIODS, strict=True):
            if size:
                value = value + size * smooth_hours(int(key[0]), _GRID_START, _GRID_END, period)
        return value

    def _hourly_log_price(self, coin: int, first: int, last: int) -> Floats:
        """`_log_price` at every whole hour: the same numbers, some ten times quicker."""
        own: Floats = np.zeros(last - first + 1)
        for octave, period in enumerate(_PERIODS):
            own += self._amounts[coin, octave] * smooth_hours(int(self._keys[octave][coin]), first, last, period)
        factor = self._factor_grid[first - _GRID_START : last - _GRID_START + 1]
        moved = self._betas[coin] * (factor - self._factor_at_reference)
        hourly: Floats = self._bases[coin] + moved + (own - self._own_at_reference[coin])
        return hourly


def _sizes(daily: float) -> Floats:
    """What each octave adds for a given daily movement: as in a random walk, the root of its period."""
    sizes: Floats = daily * np.sqrt(np.array(_PERIODS) / 24.0)
    return sizes
