"""Every planted trap of the sandbox in one place: which coins carry it, and what the vendors do with it.

Nothing here answers a request; the vendors ask for a coin's traps and misbehave accordingly. Traps of single days
(`DayTraps`) are decided by a hash of coin and day, traps of coins (`CoinTraps`) by the coin's place among the
made-up coins of the first 250, so that one page of the largest coins shows nearly all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from crypto_platform.sandbox.noise import Floats, Ints, draws

DAY: Final = 86_400

COIN_TRAPS: Final = {
    "absurd_cap": "CoinGecko: rank 1 with a market cap of 3.3e12 on a volume of 5.4",
    "supply_zero": "CoinGecko and CoinPaprika: circulating supply 0 with a market cap of 2e9",
    "stale": "CoinGecko: last_updated is 3 to 33 days old and the row stays as it was then",
    "froze_yesterday": "CoinGecko: last_updated is yesterday, 15:42 UTC",
    "zombie": "CoinGecko and CoinPaprika: volume 0, the price stands still",
    "zombie_again": "CoinGecko and CoinPaprika: volume 0, the price stands still",
    "price_zero": "CoinGecko: current_price 0",
    "price_null": "CoinGecko: current_price null",
    "no_last_updated": "CoinGecko: last_updated null",
    "no_volume": "CoinGecko: total_volume null; CoinPaprika: volume_24h is the empty string",
    "no_changes": "CoinGecko: the four 24 h changes and the percentages of all windows are null",
    "no_range": "CoinGecko: high_24h and low_24h null",
    "no_extremes": "CoinGecko: the six fields of the all-time high and low are null",
    "no_rank": "CoinGecko: market_cap_rank null, yet the row stands among the largest",
    "no_supply": "CoinGecko: circulating_supply and total_supply null",
    "whole_price": "CoinGecko: the price is a JSON integer although the coin is cheap",
    "huge_supply": "supply 420,689,899,653,542,539: a JSON integer beyond what a double holds exactly",
    "borrowed_btc": "another coin whose ticker is btc",
    "borrowed_eth": "another coin whose ticker is eth",
    "twin": "has ticker and name of twin_again, and another id",
    "twin_again": "has ticker and name of twin, and another id",
    "left_yahoo": "Yahoo: delisted on 2026-03-01, 404 from then on",
    "left_yahoo_again": "Yahoo: delisted on 2026-09-01, 404 from then on",
}
"""Traps of one coin each, in the order in which they are given out."""

FAR_TRAPS: Final = {
    "tiny_price": "price near 1.2e-12 with a supply of 4e17",
    "no_cap": "CoinGecko: market_cap, fully_diluted_valuation and their changes null, so on the last page",
    "odd_id": "the CoinGecko id is `_`",
    "odd_id_number": "the CoinGecko id is `-10`",
    "no_symbol": "the symbol is the empty string",
    "vanished": "CoinGecko: the id is gone since 2026-06-01, 404 from then on",
    "only_coingecko": "CoinPaprika does not know this coin",
}
"""Traps of coins beyond the first 300, so that the crosswalk's coins do not carry them."""

ABSURD_CAP: Final = 3_333_370_870_735
ABSURD_VOLUME: Final = 5.4
SUPPLYLESS_CAP: Final = 2_000_000_000
HUGE_SUPPLY: Final = 420_689_899_653_542_539
YAHOO_LEAVES: Final = {"left_yahoo": 1_772_323_200, "left_yahoo_again": 1_788_220_800}
ZOMBIES: Final = frozenset({"zombie", "zombie_again"})
VANISHES: Final = 1_780_272_000

# Some way above 250, so that the coins stay on the first page while caps move.
_LAST_NEAR = 190
_STANDSTILL_DAYS = 30


@dataclass(frozen=True)
class CoinTraps:
    """Which coin carries which trap; a small market has only the first few."""

    coin_of: dict[str, int]
    trap_of: dict[int, str]

    def __getitem__(self, trap: str) -> int | None:
        return self.coin_of.get(trap)


def plant(made_up: range, coins: int) -> CoinTraps:
    """Gives the made-up coins up to the 190th a trap each, from the back, and some coins beyond 300."""
    near = [index for index in range(min(coins, _LAST_NEAR) - 1, -1, -1) if index in made_up]
    coin_of = dict(zip(COIN_TRAPS, near, strict=False))
    far = range(coins - 2, max(300, made_up.start) - 1, -3)
    coin_of |= dict(zip(FAR_TRAPS, far, strict=False))
    return CoinTraps(coin_of, {index: trap for trap, index in coin_of.items()})


def frozen_since(trap: str | None, now: float) -> float | None:
    """When the row of a coin with this trap stopped moving, as seen `now`; None if it moves."""
    if trap == "stale":
        grain = _STANDSTILL_DAYS * DAY
        return (now - 3 * DAY) // grain * grain - 5_000.0
    if trap == "froze_yesterday":
        return (now // DAY - 1) * DAY + 56_520.0
    return None


def price_moment(trap: str | None, now: float) -> float:
    """The moment whose price a vendor shows `now`: a zombie's price moves once in 30 days."""
    return now // (_STANDSTILL_DAYS * DAY) * _STANDSTILL_DAYS * DAY if trap in ZOMBIES else now


@dataclass(frozen=True)
class DayTraps:
    """What is wrong with single daily bars of Yahoo, seen at one moment."""

    hidden: NDArray[np.bool_]
    """Bars without values: given later, or never."""
    closes: Floats
    """Factors on closes that will be restated."""
    no_volume: NDArray[np.bool_]
    zero_volume: NDArray[np.bool_]


def day_traps(seed: int, coin: int, days: Ints, now: float) -> DayTraps:
    """Yahoo's bars of one coin: 0.15 % never come, 0.4 % come days late, 2 % are restated within five days."""
    age = (now - (days + 1) * DAY) / DAY
    fate = draws(seed, 101, coin, days)
    wait = 1.0 + 9.0 * draws(seed, 102, coin, days)
    hidden = (fate < 0.0015) | ((fate < 0.0055) & (age < wait))
    restated = draws(seed, 103, coin, days) < 0.02
    settles = 2.0 + 3.0 * draws(seed, 104, coin, days)
    size = 0.001 * 50.0 ** draws(seed, 105, coin, days)
    sign = np.where(draws(seed, 106, coin, days) < 0.5, -1.0, 1.0)
    closes = np.where(restated & (age < settles), 1.0 + sign * size, 1.0)
    volume = draws(seed, 107, coin, days)
    old = days < 17_900
    return DayTraps(hidden, closes, no_volume=old & (volume < 0.003), zero_volume=old & (volume > 0.997))


def bar_appears(seed: int, coin: int, day: int) -> float:
    """Seconds after midnight at which Yahoo first shows the bar of the day before: 03:10 to 03:50."""
    return 11_400.0 + 2_400.0 * float(draws(seed, 108, np.array([coin]), np.array([day]))[0])


def outside_its_range(seed: int, coins: Ints, now: float) -> NDArray[np.bool_]:
    """The tenth of CoinGecko's rows whose price lies outside the 24 h low and high, for an hour at a time."""
    return draws(seed, 109, coins, np.array([int(now // 3_600)])) < 0.1
