"""The coins of the sandbox: real names for the largest, made-up ones for the rest. No prices over time."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from crypto_platform.sandbox.noise import draw, word
from crypto_platform.sandbox.real_coins import OLDER_THAN_YAHOO, OTHER_NAMES, PEGGED_TO_BITCOIN, REAL_COINS, STABLECOINS
from crypto_platform.sandbox.traps import HUGE_SUPPLY, CoinTraps, plant

CROSSWALKED = 300
"""The first coins, which all vendors know and whose identity the sandbox tells."""

_ONSETS = (
    "b",
    "d",
    "dr",
    "f",
    "fl",
    "g",
    "gl",
    "k",
    "kr",
    "l",
    "m",
    "n",
    "p",
    "pl",
    "r",
    "s",
    "t",
    "tr",
    "v",
    "x",
    "z",
)
_VOWELS = ("a", "e", "i", "o", "u")
_ENDINGS = ("", "", "", " Protocol", " Network", " Finance", " Coin", " Token", " AI", " DAO", " Chain", " Inu")
_CHAINS = ("ethereum", "binance-smart-chain", "polygon-pos", "avalanche", "solana", "base", "arbitrum-one")
_BULK_LISTING = (date(2015, 6, 1), date(2018, 6, 1), date(2021, 3, 1), date(2025, 9, 1))


@dataclass(frozen=True, slots=True)
class Coin:
    """One coin as all vendors know it, with what its price is made of."""

    index: int
    coingecko: str
    symbol: str
    name: str
    coinpaprika: str | None
    yahoo: str | None
    paprika_name: str
    """CoinPaprika's spelling, which is not always CoinGecko's."""
    listed: date
    """The first day on Yahoo."""
    known: date
    """The first day elsewhere."""
    price: float
    """The price at `market.REFERENCE`."""
    supply: float
    total_supply: float | None
    max_supply: float | None
    stable: bool
    pegged: bool
    chains: dict[str, str]

    @property
    def listed_at(self) -> int:
        return _midnight(self.listed)

    @property
    def known_at(self) -> int:
        return _midnight(self.known)

    @property
    def paprika_symbol(self) -> str:
        return (self.coinpaprika or "").split("-", maxsplit=1)[0].upper()


def build_coins(seed: int, count: int) -> tuple[list[Coin], CoinTraps]:
    """The first `count` coins, largest first, at least a third of them made up, and the traps they carry."""
    real = [line.split("|") for line in REAL_COINS.splitlines()]
    real = real[: min(len(real), -(-count * 2 // 3))]
    traps = plant(range(len(real), count), count)
    coins = [_real_coin(seed, index, *fields) for index, fields in enumerate(real)]
    taken = {coin.coingecko for coin in coins} | {coin.coinpaprika for coin in coins}
    symbols = [coin.symbol for coin in coins]
    for index in range(len(real), count):
        coin = _made_up_coin(seed, index, symbols, taken)
        if trap := traps.trap_of.get(index):
            coin = _trapped(coin, trap, traps, coins, taken)
        taken |= {coin.coingecko, coin.coinpaprika}
        symbols.append(coin.symbol)
        coins.append(coin)
    return coins, traps


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _cap(seed: int, index: int) -> float:
    size: float = 1.83e12 * float(index + 1) ** -1.65 * (0.97 + 0.06 * draw(seed, 1, index))
    return size


def _real_coin(
    seed: int, index: int, coingecko: str, symbol: str, name: str, paprika: str, yahoo: str, price: str, listed: str
) -> Coin:
    value = float(price)
    supply = 19_950_000.0 if coingecko == "bitcoin" else _cap(seed, index) / value
    capped = 21_000_000.0 if coingecko == "bitcoin" else None
    return Coin(
        index,
        coingecko,
        symbol,
        name,
        paprika,
        yahoo,
        paprika_name=OTHER_NAMES.get(coingecko, name),
        listed=date.fromisoformat(listed),
        known=date.fromisoformat(OLDER_THAN_YAHOO.get(coingecko, listed)),
        price=value,
        supply=supply,
        total_supply=capped or supply * (1.0 + 0.5 * draw(seed, 2, index)),
        max_supply=capped or (float(round(supply * 1.6, -6)) if draw(seed, 3, index) < 0.4 else None),
        stable=coingecko in STABLECOINS,
        pegged=coingecko in PEGGED_TO_BITCOIN,
        chains={} if coingecko == "bitcoin" or draw(seed, 4, index) < 0.5 else _contracts(seed, index),
    )


def _made_up_coin(seed: int, index: int, symbols: list[str], taken: set[str | None]) -> Coin:
    name = _name(seed, index)
    own = re.sub("[aeiou]", "", slug(name).split("-")[0]) or "zq"
    symbol = own[:4] if len(own) > 2 else slug(name).replace("-", "")[:4]
    if draw(seed, 11, index) < 0.2:
        # Among the largest first: that is where a shared ticker does harm.
        symbol = symbols[int(len(symbols) * draw(seed, 12, index) ** 2)]
    price = 10.0 ** (-5.0 + 7.5 * draw(seed, 13, index))
    supply = float(int(_cap(seed, index) / price * 1e6)) / 1e6
    known = index < CROSSWALKED
    paprika = f"{symbol}-{slug(name)}" if draw(seed, 14, index) < (0.93 if known else 0.8) else None
    return Coin(
        index,
        _free(slug(name), taken),
        symbol,
        name,
        _free(paprika, taken) if paprika else None,
        f"{symbol.upper()}{8_000 + word(seed, 15, index) % 30_000}-USD" if known else None,
        paprika_name=name.split(" ", maxsplit=1)[0] if draw(seed, 20, index) < 0.06 else name,
        listed=_listed(seed, index),
        known=_listed(seed, index),
        price=price,
        supply=supply,
        total_supply=None if draw(seed, 16, index) < 0.06 else float(round(supply * (1.0 + draw(seed, 17, index)))),
        max_supply=float(round(supply * 2.5)) if draw(seed, 18, index) < 0.5 else None,
        stable=False,
        pegged=False,
        chains=_contracts(seed, index) if draw(seed, 19, index) < 0.8 else {},
    )


def _trapped(coin: Coin, trap: str, traps: CoinTraps, before: list[Coin], taken: set[str | None]) -> Coin:
    """The coin with the part of its trap that lies in its definition, if any."""
    cap = coin.price * coin.supply
    changes: dict[str, dict[str, Any]] = {
        "borrowed_btc": {"symbol": "btc"},
        "borrowed_eth": {"symbol": "eth"},
        "huge_supply": {"supply": float(HUGE_SUPPLY), "total_supply": float(HUGE_SUPPLY), "price": cap / HUGE_SUPPLY},
        "tiny_price": {"supply": 4e17, "total_supply": 4e17, "max_supply": None, "price": 1.2e-12},
        "whole_price": {"price": 17.0, "supply": cap / 17.0},
        "odd_id": {"coingecko": "_"},
        "odd_id_number": {"coingecko": "-10"},
        "no_symbol": {"symbol": ""},
        "only_coingecko": {"coinpaprika": None},
    }
    # Traps take their coins from the back, so the second twin comes first.
    if trap == "twin" and (other := traps["twin_again"]) is not None:
        twin = before[other]
        changes["twin"] = {
            "symbol": twin.symbol,
            "name": twin.name,
            "paprika_name": twin.paprika_name,
            "coingecko": f"{twin.coingecko}-2",
        }
    changed = replace(coin, **changes.get(trap, {}))
    if changed.symbol == coin.symbol or not changed.symbol or coin.coinpaprika is None:
        return changed
    return replace(changed, coinpaprika=_free(f"{changed.symbol}-{slug(changed.name)}", taken))


def _name(seed: int, index: int) -> str:
    parts = 2 + word(seed, 21, index) % 3
    stem = "".join(_syllable(word(seed, 22, index, part)) for part in range(parts))
    return stem.capitalize() + _ENDINGS[word(seed, 23, index) % len(_ENDINGS)]


def _syllable(bits: int) -> str:
    return _ONSETS[bits % len(_ONSETS)] + _VOWELS[bits // 64 % len(_VOWELS)]


def _free(wanted: str, taken: set[str | None]) -> str:
    candidate, number = wanted, 2
    while candidate in taken:
        candidate, number = f"{wanted}-{number}", number + 1
    return candidate


def _listed(seed: int, index: int) -> date:
    """Between the listing waves, most of them late."""
    wave = draw(seed, 24, index)
    first, middle, late, last = (day.toordinal() for day in _BULK_LISTING)
    spread = draw(seed, 25, index)
    if wave < 0.15:
        return date.fromordinal(int(first + (middle - first) * spread))
    if wave < 0.55:
        return date.fromordinal(int(middle + (late - middle) * spread))
    return date.fromordinal(int(late + (last - late) * spread))


def _contracts(seed: int, index: int) -> dict[str, str]:
    count = 1 + word(seed, 31, index) % 3
    start = word(seed, 32, index)
    chosen = [_CHAINS[(start + step) % len(_CHAINS)] for step in range(count)]
    return {
        chain: f"0x{word(seed, 33, index, at):016x}{word(seed, 34, index, at):016x}{word(seed, 35, index) >> 32:08x}"
        for at, chain in enumerate(chosen)
    }
