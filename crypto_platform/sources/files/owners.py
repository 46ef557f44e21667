"""Which coin each row of a file is of: by coins.csv, else by the row's own words, else by the file's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from crypto_platform.sources import coin_lists
from crypto_platform.sources.files.coins import (
    DOLLARS,
    Coin,
    CoinBy,
    coin_of_cell,
    coin_of_klines,
    coin_of_pair,
    coin_of_ticker,
    coin_of_yahoo,
    exchange_of,
    no_coin,
    refuse_other_currency,
)
from crypto_platform.sources.files.formats import Recognised
from crypto_platform.sources.files.guide import Guide
from crypto_platform.sources.files.numbers import is_missing
from crypto_platform.sources.files.reading import Faults, UnreadableFileError
from crypto_platform.sources.files.sheet import Sheet

Codes = npt.NDArray[np.int64]

_NAMING = frozenset(
    {"symbol", "ticker", "name", "slug", "pair", "market", "crypto", "cryptocurrency"}
    | {"coin", "coinname", "coinid", "asset", "assetid", "id"}
)
_CURRENCY = frozenset({"currency", "quote", "quotecurrency", "vscurrency"})


@dataclass(frozen=True)
class Owners:
    """The coins of a file, and for each row the place of its own among them; -1 where it has none."""

    coins: tuple[Coin, ...]
    codes: Codes
    alone: str | None = None
    """The coin of all rows, where the rows do not say."""

    def id_of(self, row: int) -> str | None:
        code = int(self.codes[row])
        return None if code < 0 else self.coins[code].source_asset_id

    def ids(self, rows: Codes) -> pa.Array:
        ids = pa.array([*(coin.source_asset_id for coin in self.coins), None], pa.string())
        return ids.take(pa.array(self.codes[rows] % len(ids)))

    def table(self, *, of_the_past: bool) -> pa.Table:
        """As a list of coins. Today's coins may have the names of those that a file of the past is about: none that
        is known by its name alone counts as one of them."""
        return pa.Table.from_pylist(
            [
                {
                    "source_asset_id": coin.source_asset_id,
                    "symbol": coin.symbol,
                    "name": coin.name,
                    "is_active": False if of_the_past and not coin.known_as else None,
                    "known_as": list(coin.known_as),
                }
                for coin in self.coins
            ],
            schema=coin_lists.SCHEMA,
        )


def naming_places(sheet: Sheet, found: Recognised) -> list[int]:
    """The columns that may say, beside the format's own, that rows are of several coins or not in dollars."""
    own = set(found.places.values())
    return [place for place, key in enumerate(sheet.keys) if key in _NAMING | _CURRENCY and place not in own]


def owners_of(sheet: Sheet, found: Recognised, cells: Mapping[int, pa.Array], guide: Guide, faults: Faults) -> Owners:
    _refuse_other_currencies(sheet, cells)
    mapped = guide.coin_for(sheet.name)
    by_rows = None if found.format.coin is CoinBy.FILE else _by_rows(sheet.name, found, cells, faults)
    if by_rows and by_rows.coins:
        if mapped and len(by_rows.coins) > 1:
            raise UnreadableFileError(
                f"{sheet.name} holds {len(by_rows.coins)} coins, but {Guide.COINS_FILE} says that it is of "
                f"{mapped.source_asset_id}; take the file out of {Guide.COINS_FILE}."
            )
        if not mapped:
            unnamed = by_rows.codes < 0
            if found.format.coin is CoinBy.NAME:
                unnamed |= _without_symbol(found, cells, by_rows.codes)  # coins share names
            for row in np.flatnonzero(unnamed).tolist():
                if row not in faults:
                    faults.add(row, "the row names no coin")
            return by_rows
        _refuse_another(sheet.name, mapped, by_rows.coins[0])
        coin = mapped
    else:
        _refuse_several(sheet, found, cells)
        refuse_other_currency(sheet.name)
        coin = _by_file(sheet, found, mapped)
    return Owners((coin,), np.zeros(len(sheet.lines), np.int64), coin.source_asset_id)


def _by_file(sheet: Sheet, found: Recognised, mapped: Coin | None) -> Coin:
    """The coin of all rows. People name files as they like, so what they say of one comes before its name."""
    traded = coin_of_klines(sheet.name) if found.format.klines else None
    told = coin_of_ticker(sheet.name, sheet.ticker) if sheet.ticker is not None else None
    if mapped:
        if told:
            _refuse_another(sheet.name, mapped, told)
        return mapped
    coin = traded or coin_of_yahoo(sheet.name, sheet.ticker)
    if coin is None:
        raise no_coin(sheet.name)
    return coin


def _refuse_another(file: str, mapped: Coin, told: Coin) -> None:
    """What people say of a file must not be another coin than the one it names itself by a vendor's id."""
    own = next((known for known in told.known_as if known.startswith(("yahoo:", "coingecko:"))), None)
    # A platform's id is CoinGecko's, where CoinGecko has the coin.
    said = [f"coingecko:{known[6:]}" if known.startswith("asset:") else known for known in mapped.known_as]
    if own and own not in said:
        raise UnreadableFileError(
            f"{file} is of {own} by its own words, but {Guide.COINS_FILE} says that it is of "
            f"{mapped.source_asset_id}; take its line out of {Guide.COINS_FILE}, or write `{file},{own}` above it."
        )


def _by_rows(file: str, found: Recognised, cells: Mapping[int, pa.Array], faults: Faults) -> Owners:
    """The coins by a column; the first row of each, with a symbol if any has one, says its symbol and name."""
    encoded = cells[found.places["coin"]].dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    raw = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    order = np.argsort(_without_symbol(found, cells, raw), kind="stable")
    codes, places = np.unique(raw[order], return_index=True)
    first = dict(zip(codes.tolist(), order[places].tolist(), strict=True))
    coins: list[Coin] = []
    place_of: dict[str, int] = {}
    code_of = np.full(len(texts) + 1, -1, np.int64)
    for code, text in enumerate(texts):
        if is_missing(text):
            continue
        symbol, name = (_text_at(found, cells, column, first[code]) for column in ("symbol", "name"))
        if found.format.coin is CoinBy.PAIR:
            exchange = exchange_of(file, text)
            coin = coin_of_pair(f"{found.format.name}:{exchange}" if exchange else found.format.name, text, name)
        else:
            coin = coin_of_cell(found.format.coin, text, symbol, name)
        if coin.source_asset_id not in place_of:
            place_of[coin.source_asset_id] = len(coins)
            coins.append(coin)
        code_of[code] = place_of[coin.source_asset_id]
    owners = Owners(tuple(coins), code_of[raw])
    if found.format.coin is CoinBy.NAME:
        _fault_other_symbols(cells[found.places["symbol"]], owners, faults)
    return owners


def _text_at(found: Recognised, cells: Mapping[int, pa.Array], column: str, row: int) -> str | None:
    place = found.places.get(column)
    text = cells[place][row].as_py() if place is not None else None
    return None if text is None or is_missing(text) else text


def _without_symbol(found: Recognised, cells: Mapping[int, pa.Array], codes: Codes) -> npt.NDArray[np.bool_]:
    if "symbol" not in found.places:
        return np.ones(len(codes), np.bool_)
    encoded = cells[found.places["symbol"]].dictionary_encode()
    missing = np.array([*map(is_missing, encoded.dictionary.to_pylist()), True])
    told: npt.NDArray[np.bool_] = missing[encoded.indices.fill_null(len(missing) - 1).to_numpy(zero_copy_only=False)]
    return told


def _fault_other_symbols(symbols: pa.Array, owners: Owners, faults: Faults) -> None:
    """Coins may share a name: a row with another symbol than the name's first is not taken for the same coin's."""
    first = pa.array([coin.symbol for coin in owners.coins] + [None], pa.string())
    other = pc.fill_null(pc.not_equal(symbols, first.take(pa.array(owners.codes % len(first)))), False)
    for row in np.flatnonzero(other.to_numpy(zero_copy_only=False)).tolist():
        coin, symbol = owners.coins[owners.codes[row]], symbols[row].as_py()
        if not is_missing(symbol):
            why = f"{coin.name} is {coin.symbol} further up and {symbol[:50]} here: it may be another coin"
            faults.add(row, why)


def _refuse_several(sheet: Sheet, found: Recognised, cells: Mapping[int, pa.Array]) -> None:
    """Rows of several coins must not be taken for one coin's because their column is not understood."""
    for place in naming_places(sheet, found):
        distinct = [text for text in pc.unique(cells[place]).to_pylist() if text and not is_missing(text)]
        if sheet.keys[place] in _NAMING and len(distinct) > 1:
            raise UnreadableFileError(
                f"{sheet.name} holds several coins by its column {sheet.header[place]} ({distinct[0][:50]}, "
                f"{distinct[1][:50]}, …), which are no ids; save one file per coin."
            )


def _refuse_other_currencies(sheet: Sheet, cells: Mapping[int, pa.Array]) -> None:
    for place, column in cells.items():
        if sheet.keys[place] in _CURRENCY:
            for text in pc.unique(column).to_pylist():
                if text and text.upper() not in DOLLARS:
                    raise UnreadableFileError(
                        f"{sheet.name} holds prices in {text[:50]} by its column {sheet.header[place]}, "
                        "but only prices in US dollars are kept."
                    )
