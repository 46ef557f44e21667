"""What a file can be: the formats that are known, and which of them a header is. The same table reads a user's own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from crypto_platform.sources.base import BarDate
from crypto_platform.sources.files.coins import CoinBy
from crypto_platform.sources.files.dates import Order
from crypto_platform.sources.files.reading import Kind

Names = Mapping[str, tuple[str, ...]]

_DATES = ("unix", "unixtimestamp", "opentime", "date", "datetime", "timestamp", "time", "day")
_BAR: Names = {
    "open_usd": ("open", "openusd"),
    "high_usd": ("high", "highusd"),
    "low_usd": ("low", "lowusd"),
    "close_usd": ("close", "closeusd", "price", "last"),
}
_VOLUME: Names = {"volume_usd": ("volume", "volumeusd")}
_CAP: Names = {"market_cap_usd": ("marketcap", "marketcapusd", "market")}
_BARS_NEED = ("open_usd", "high_usd", "low_usd", "close_usd")

SNAPSHOT_VALUES: Names = {
    "price_usd": ("priceusd", "price", "currentprice"),
    "market_cap_usd": ("marketcapusd", "marketcap"),
    "volume_24h_usd": ("volume24husd", "volume24h", "totalvolume", "volume"),
    "market_cap_rank": ("marketcaprank", "rank"),
    "change_1h_pct": ("change1hpct",),
    "change_24h_pct": ("change24hpct",),
    "change_7d_pct": ("change7dpct",),
    "high_24h_usd": ("high24husd", "high24h"),
    "low_24h_usd": ("low24husd", "low24h"),
    "circulating_supply": ("circulatingsupply",),
    "total_supply": ("totalsupply",),
    "max_supply": ("maxsupply",),
    "ath_usd": ("athusd", "ath"),
}
_SNAPSHOT: Names = {
    "date": ("lastupdated", "timestamp", "time", "date", "observedat"),
    "coin": ("id", "coinid", "assetid", "sourceassetid"),
    "symbol": ("symbol",),
    "name": ("name",),
    "ath_date": ("athdate",),
    **SNAPSHOT_VALUES,
}
_CANDLE = (
    *("opentime", "open", "high", "low", "close", "basevolume", "closetime", "quotevolume"),
    *("count", "takerbuyvolume", "takerbuyquotevolume", "ignore"),
)


@dataclass(frozen=True)
class Format:
    """How one kind of file looks, and what its columns are."""

    name: str
    kind: Kind
    columns: Names
    """The platform's name of each column, and the names it may have in a header, the best first."""
    needs: tuple[str, ...] = ("date",)
    """The columns without which a file is something else."""
    header: tuple[str, ...] = ()
    """Names that must all be in the header."""
    mark: str = ""
    """A pattern that some name in the header must match."""
    named: bool = False
    """Only for a file that is named after a Yahoo symbol."""
    coin: CoinBy = CoinBy.FILE
    day_of: BarDate = BarDate.SAME_DAY
    may_be_running: bool = True
    """Whether the newest day in a file may be one that was not over; nothing in most files tells."""
    date_format: str | None = None
    date_order: Order | None = None
    delimiter: str | None = None
    decimal: str = "."
    klines: bool = False
    quote_volume: bool = False
    """The volume in dollars is the column named after the pair's quote."""

    def takes(self, keys: Sequence[str], is_named: bool) -> bool:
        """Whether a file with this header is of this format."""
        if not set(self.header) <= set(keys) or (self.named and not is_named):
            return False
        if self.mark and not any(re.fullmatch(self.mark, key) for key in keys):
            return False
        return all(any(name in keys for name in self.columns[need]) for need in self.needs)

    def places(self, keys: Sequence[str]) -> dict[str, int]:
        """Where each column is; a second column of dates goes by the name `also_date`."""
        found: dict[str, int] = {}
        for column, names in self.columns.items():
            present = [keys.index(name) for name in names if name in keys]
            if present:
                found[column] = present[0]
            if column == "date" and len(present) > 1:
                found["also_date"] = present[1]
        return found


def _history(name: str, *columns: Names, **rest: object) -> Format:
    merged: dict[str, tuple[str, ...]] = {"date": _DATES}
    for part in columns:
        merged |= part
    return Format(name, "history", merged, **rest)  # type: ignore[arg-type]


BUILT_IN = (
    _history(
        "coingecko-daily",
        {
            "coin": ("coingeckocoinid",),
            "symbol": ("coinsymbol",),
            "name": ("coinname",),
            "close_usd": ("priceusd",),
            "volume_usd": ("volumeusd", "totalvolumeusd"),
            "market_cap_usd": ("marketcapusd",),
        },
        needs=("date", "coin", "close_usd"),
        coin=CoinBy.COINGECKO,
        day_of=BarDate.PREVIOUS_DAY,
        may_be_running=False,
        date_order="dmy",
    ),
    _history(
        "coingecko-web",
        {"date": ("snappedat",), "close_usd": ("price",), "volume_usd": ("totalvolume",), **_CAP},
        needs=("date", "close_usd"),
        day_of=BarDate.PREVIOUS_DAY,
        may_be_running=False,
    ),
    Format("snapshot", "snapshots", _SNAPSHOT, needs=("date", "coin", "price_usd"), coin=CoinBy.ID),
    _history(
        "coinmarketcap",
        _BAR,
        _VOLUME,
        _CAP,
        {"coin": ("name",), "symbol": ("symbol",)},
        needs=("date", "coin", "symbol", *_BARS_NEED),
        mark="sno|slug|marketcap",
        coin=CoinBy.NAME,
        may_be_running=False,
    ),
    _history(
        "cryptodatadownload",
        _BAR,
        {"coin": ("symbol",)},
        needs=("date", "coin", *_BARS_NEED),
        mark="unix.*|volume.+|tradecount|source:cryptodatadownload",
        coin=CoinBy.PAIR,
        quote_volume=True,
    ),
    _history(
        "binance-klines",
        _BAR,
        {"volume_usd": ("quotevolume", "quoteassetvolume")},
        needs=("date", *_BARS_NEED, "volume_usd"),
        header=("opentime", "closetime"),
        may_be_running=False,
        klines=True,
    ),
    _history("yahoo", _BAR, _VOLUME, needs=("date", *_BARS_NEED), mark="adjclose|dividends|stocksplits"),
    _history("yahoo", _BAR, _VOLUME, needs=("date", *_BARS_NEED), named=True),
    # Whose volume it is, and in what, nothing tells.
    _history("bars", _BAR, _CAP, needs=("date", *_BARS_NEED)),
    _history(
        "close-only", {"close_usd": ("close", "closeusd", "price", "priceusd", "value")}, needs=("date", "close_usd")
    ),
)


@dataclass(frozen=True)
class Recognised:
    """A header that was understood: what it is, and where its columns are."""

    format: Format
    places: dict[str, int] = field(default_factory=dict)


def candle_header(cells: Sequence[str]) -> tuple[str, ...] | None:
    """The header of a Binance dump that has none; None where the line is something else."""
    if len(cells) == len(_CANDLE) and all(re.fullmatch(r"[0-9.]+", cell) for cell in cells):
        return _CANDLE
    return None
