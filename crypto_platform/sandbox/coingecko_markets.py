"""CoinGecko's `/coins/markets`: drifting pages, and rows with everything that is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from crypto_platform.sandbox.answers import Answer, Request, answer_json, iso_millis
from crypto_platform.sandbox.coingecko_ranking import Ranking
from crypto_platform.sandbox.coins import Coin, slug
from crypto_platform.sandbox.extremes import Extremes
from crypto_platform.sandbox.market import Market
from crypto_platform.sandbox.noise import Floats, Ints, draw, draws
from crypto_platform.sandbox.traps import (
    ABSURD_CAP,
    ABSURD_VOLUME,
    DAY,
    HUGE_SUPPLY,
    SUPPLYLESS_CAP,
    ZOMBIES,
    frozen_since,
    outside_its_range,
    price_moment,
)

_IMAGES: Final = "https://coin-images.coingecko.com/coins/images"
_PER_PAGE: Final = 250
_WINDOWS: Final = {
    "14d": 14 * DAY, "1h": 3_600, "1y": 365 * DAY, "200d": 200 * DAY, "24h": DAY, "30d": 30 * DAY, "7d": 7 * DAY,
}  # fmt: skip
_SAMPLES: Final = np.arange(1, 9) * 3 * 3_600.0
_PAGE_AGE: Final = 45

_NULLED: Final = {
    "price_null": ("current_price",),
    "no_last_updated": ("last_updated",),
    "no_volume": ("total_volume",),
    "no_changes": (
        "price_change_24h", "price_change_percentage_24h", "market_cap_change_24h",
        "market_cap_change_percentage_24h", "fully_diluted_valuation",
    ),
    "no_range": ("high_24h", "low_24h"),
    "no_extremes": ("ath", "ath_change_percentage", "ath_date", "atl", "atl_change_percentage", "atl_date"),
    "no_rank": ("market_cap_rank",),
    "no_supply": ("circulating_supply", "total_supply"),
    "no_cap": (
        "market_cap", "market_cap_rank", "fully_diluted_valuation", "market_cap_change_24h",
        "market_cap_change_percentage_24h",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class _Columns:
    """The figures of one page's rows."""

    updated: Floats
    price: Floats
    prices_before: dict[str, Floats]
    high: Floats
    low: Floats
    volume: Floats


class MarketPages:
    def __init__(self, market: Market) -> None:
        self._market = market
        self._extremes = Extremes(market)
        self._ranking = Ranking(market)
        self._index = {coin.coingecko: coin.index for coin in market.coins}

    def page(self, request: Request) -> Answer:
        per_page = min(max(request.number("per_page", 100), 1), _PER_PAGE)
        page = max(request.number("page", 1), 1)
        # Pages are cached one by one, so that two of them show the ranking of different moments.
        age = draw(self._market.seed, 311, page, int(request.now // _PAGE_AGE)) * _PAGE_AGE
        order, ranks = self._ranking.at(request.now - age)
        order = self._ordered(order, request)
        if ids := request.query.get("ids"):
            wanted = {self._index.get(coin.strip(), -1) for coin in ids.split(",")}
            order = order[np.isin(order, list(wanted))]
        chosen = order[(page - 1) * per_page : page * per_page]
        windows = [name for name in _WINDOWS if name in request.query.get("price_change_percentage", "").split(",")]
        full = request.query.get("precision") == "full"
        rows = self._rows(chosen, ranks, windows, request.now, full=full) if len(chosen) else []
        return answer_json(rows, headers={"per-page": str(per_page), "total": str(len(order))})

    def _ordered(self, by_cap: Ints, request: Request) -> Ints:
        match request.query.get("order", "market_cap_desc"):
            case "market_cap_asc":
                return by_cap[::-1]
            case "volume_desc" | "volume_asc" as order:
                volumes = self._market.volume(by_cap, np.array([request.now // 60 * 60]))
                return by_cap[np.argsort(volumes if order == "volume_asc" else -volumes, kind="stable")]
            case "id_asc" | "id_desc" as order:
                ids = [self._market.coins[coin].coingecko for coin in by_cap.tolist()]
                positions = sorted(range(len(ids)), key=ids.__getitem__, reverse=order == "id_desc")
                return by_cap[positions]
            case _:
                return by_cap

    def _updated(self, coins: Ints, now: float) -> Floats:
        """When each coin's row was last written: every one to three minutes, unless it is frozen."""
        every = 60.0 + 120.0 * draws(self._market.seed, 313, coins)
        phase = draws(self._market.seed, 314, coins) * every
        updated = np.maximum((now - phase) // every * every + phase, self._market.known[coins])
        for at, coin in enumerate(coins.tolist()):
            frozen = frozen_since(self._market.traps.trap_of.get(coin), now)
            if frozen is not None:
                updated[at] = frozen
        whole: Floats = np.floor(updated * 1_000) / 1_000
        return whole

    def _columns(self, coins: Ints, windows: list[str], now: float) -> _Columns:
        market = self._market
        updated = self._updated(coins, now)
        shown = updated.copy()
        for at, coin in enumerate(coins.tolist()):
            shown[at] = price_moment(market.traps.trap_of.get(coin), updated[at])
        spans = {name: float(_WINDOWS[name]) for name in {*windows, "24h"}}
        back = np.concatenate([[0.0], np.array(list(spans.values())), _SAMPLES])
        prices = market.price(coins[:, None], shown[:, None] - back[None, :])
        price = prices[:, 0] * (1.0 + 0.0006 * (draws(market.seed, 315, coins, shown.astype(np.int64)) - 0.5))
        before = {name: prices[:, at + 1] for at, name in enumerate(spans)}
        for name, span in spans.items():
            before[name] = np.where(market.known[coins] > shown - span, np.nan, before[name])
        around = np.column_stack([price, prices[:, 1 + len(spans) :]])
        high, low = around.max(axis=1), around.min(axis=1)
        outside = outside_its_range(market.seed, coins, now)
        below = draws(market.seed, 316, coins) < 0.5
        low = np.where(outside & below, price * 1.001, low)
        high = np.where(outside & below, np.maximum(high, low), np.where(outside, price * 0.999, high))
        low = np.where(outside & ~below, np.minimum(low, high), low)
        return _Columns(updated, price, before, high, low, market.volume(coins, shown))

    def _rows(self, coins: Ints, ranks: Ints, windows: list[str], now: float, *, full: bool) -> list[dict[str, Any]]:
        columns = self._columns(coins, windows, now)
        extremes = self._extremes.of(coins, columns.updated, columns.price)
        ago = columns.prices_before["24h"].tolist()
        windowed = [
            (f"price_change_percentage_{name}_in_currency", _changes(columns.price, columns.prices_before[name]))
            for name in windows
        ]
        rows = []
        for at, index in enumerate(coins.tolist()):
            coin = self._market.coins[index]
            trap = self._market.traps.trap_of.get(index)
            price = float(columns.price[at])
            whole = full and price >= 10_000 and draw(self._market.seed, 317, index, int(columns.updated[at])) < 0.3
            row = _row(coin, price, ago[at], float(columns.volume[at]), full=full and not whole)
            row["market_cap_rank"] = int(ranks[index]) or None
            row["high_24h"] = _price(float(columns.high[at]), full=full)
            row["low_24h"] = _price(float(columns.low[at]), full=full)
            row |= extremes[at]
            row["roi"] = _roi(self._market.seed, index)
            row["last_updated"] = iso_millis(float(columns.updated[at]))
            row |= {field: changes[at] for field, changes in windowed}
            _plant(row, trap, windowed)
            rows.append(row)
        return rows


def _row(coin: Coin, price: float, ago: float, volume: float, *, full: bool) -> dict[str, Any]:
    cap, known = price * coin.supply, ago == ago  # noqa: PLR0124 (NaN)
    whole_supply = coin.max_supply or coin.total_supply
    return {
        "id": coin.coingecko,
        "symbol": coin.symbol,
        "name": coin.name,
        "image": f"{_IMAGES}/{coin.index + 1}/large/{slug(coin.name)}.png?1696501400",
        "current_price": _price(price, full=full),
        "market_cap": round(cap),
        "market_cap_rank": None,
        "fully_diluted_valuation": round(price * whole_supply) if whole_supply else None,
        "total_volume": _price(volume, full=False) if volume < 1_000 else round(volume),
        "high_24h": None,
        "low_24h": None,
        "price_change_24h": price - ago if known else None,
        "price_change_percentage_24h": round((price / ago - 1.0) * 100.0, 5) if known else None,
        "market_cap_change_24h": (price - ago) * coin.supply if known else None,
        "market_cap_change_percentage_24h": round((price / ago - 1.0) * 100.0, 5) if known else None,
        "circulating_supply": coin.supply,
        "total_supply": coin.total_supply,
        "max_supply": coin.max_supply,
    }


def _plant(row: dict[str, Any], trap: str | None, windowed: list[tuple[str, list[float | None]]]) -> None:
    row.update(dict.fromkeys(_NULLED.get(trap or "", ())))
    if trap == "no_changes":
        row.update(dict.fromkeys(field for field, _ in windowed))
    elif trap == "absurd_cap":
        row |= {"market_cap": ABSURD_CAP, "total_volume": ABSURD_VOLUME, "fully_diluted_valuation": None}
    elif trap == "supply_zero":
        row |= {"market_cap": SUPPLYLESS_CAP, "circulating_supply": 0.0}
    elif trap in ZOMBIES:
        row["total_volume"] = 0
    elif trap == "price_zero":
        row["current_price"] = 0
    elif trap == "whole_price":
        row["current_price"] = max(1, round(row["current_price"]))
    elif trap == "huge_supply":
        row |= {"circulating_supply": HUGE_SUPPLY, "total_supply": HUGE_SUPPLY}


def _price(value: float, *, full: bool) -> float | int:
    """CoinGecko's rounding, which mixes integers into the column."""
    if full:
        return value
    if value >= 10_000:
        return round(value)
    rounded = round(value, 2) if value >= 1 else float(f"{value:.6g}")
    return int(rounded) if rounded.is_integer() else rounded


def _changes(price: Floats, before: Floats) -> list[float | None]:
    return [None if value != value else value for value in ((price / before - 1.0) * 100.0).tolist()]  # noqa: PLR0124


def _roi(seed: int, coin: int) -> dict[str, Any] | None:
    if draw(seed, 318, coin) > 0.22:
        return None
    times = 40.0 * draw(seed, 319, coin) ** 3 - 0.98
    currency = ("usd", "eth", "btc")[int(3 * draw(seed, 320, coin))]
    return {"times": times, "currency": currency, "percentage": times * 100.0}
