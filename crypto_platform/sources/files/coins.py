"""Which coin a file or a row is of, by its own words: a platform's id, a vendor's id, a pair. Never a bare ticker."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from crypto_platform.sources.files.reading import UnreadableFileError

DOLLARS = ("USD", "USDT", "USDC", "BUSD", "TUSD", "DAI", "FDUSD")
"""What counts as US dollars: the currency, and the stablecoins that exchanges quote in its place."""

_FIAT = (
    "AED|ARS|AUD|BRL|CAD|CHF|CLP|CNY|COP|CZK|DKK|EUR|GBP|HKD|HUF|IDR|ILS|INR|JPY|KRW|MXN|MYR"
    "|NGN|NOK|NZD|PHP|PKR|PLN|RUB|SAR|SEK|SGD|THB|TRY|TWD|UAH|VND|XAG|XAU|ZAR"
)
_YAHOO = re.compile(r"(?:^|(?<=[_ .]))[A-Z0-9]{1,12}-USD(?=$|[_ .])")
_FOREIGN = re.compile(
    rf"(?:^|(?<=[_ .]))(?:(?i:[A-Z0-9]{{1,12}}-(?:{_FIAT}))(?=$|[-_ .])|[A-Z0-9]{{1,12}}-(?:BTC|ETH|BNB)(?=$|[_ .]))"
)
_KLINES = re.compile(r"^([A-Z0-9]{2,20})-([0-9]+[a-zA-Z]+)(?=$|[-_ .])")
_SLUG = re.compile(r"[a-z0-9][a-z0-9._\-]*", re.ASCII)
_VENDORS_ID = re.compile(r"[a-z][a-z0-9_]*:\S(?:.*\S)?", re.ASCII)


class CoinBy(Enum):
    """What names the coins of a file."""

    FILE = "the file"
    ID = "an id of the platform, or source:id"
    COINGECKO = "CoinGecko's id"
    PAIR = "a pair that is traded"
    NAME = "CoinMarketCap's name of the coin"


@dataclass(frozen=True)
class Coin:
    """A coin as files name it."""

    source_asset_id: str
    symbol: str | None = None
    name: str | None = None
    known_as: tuple[str, ...] = ()


def coin_of_id(text: str, symbol: str | None = None, name: str | None = None) -> Coin:
    """A coin named by the platform's id, as in `bitcoin`, or by a vendor's, as in `yahoo:BTC-USD`."""
    if text.startswith("asset:") and _SLUG.fullmatch(text[6:]):
        text = text[6:]
    if _SLUG.fullmatch(text):
        return Coin(text, symbol, name, (f"asset:{text}",))
    return Coin(text, symbol, name, (text,) if _VENDORS_ID.fullmatch(text) else ())


def is_id(text: str) -> bool:
    return bool(_SLUG.fullmatch(text) or _VENDORS_ID.fullmatch(text))


def coin_of_cell(by: CoinBy, text: str, symbol: str | None, name: str | None) -> Coin:
    """A coin that a row names. Coins share names as they share tickers, so the id of a name has both."""
    if by is CoinBy.COINGECKO:
        return Coin(f"coingecko:{text}", symbol, name, (f"coingecko:{text}",))
    if by is CoinBy.NAME:
        return Coin(f"cmc:{text}:{symbol}" if symbol else f"cmc:{text}", symbol, text)
    return coin_of_id(text, symbol, name)


def coin_of_pair(site: str, pair: str, name: str | None = None) -> Coin:
    """A coin by what is traded where: a pair has a ticker for the coin, and exchanges share these."""
    quote = quote_of(pair)
    if quote is None:
        raise UnreadableFileError(
            f"Its prices of {pair[:100]} are not in US dollars, and no other prices are kept; dollars are the "
            f"quotes {', '.join(DOLLARS)}."
        )
    return Coin(f"{site}:{pair}", pair[: -len(quote)].rstrip("/-_") or None, name)


def exchange_of(file: str, pair: str) -> str | None:
    """The exchange that a name such as Binance_BTCUSDT_d.csv begins with, before the pair its rows have."""
    found = re.match(rf"([A-Za-z0-9]+)_{re.escape(re.sub('[^A-Za-z0-9]', '', pair))}(?=$|[_ .])", stem_of(file))
    return found[1] if found else None


def quote_of(pair: str) -> str | None:
    """The dollars a pair is quoted in: `USDT` for `BTC/USDT` and `BTCUSDT`; None for anything else than dollars."""
    base, slash, quote = pair.upper().rpartition("/")
    if slash:
        return quote if base and quote in DOLLARS else None
    return next((quote for quote in sorted(DOLLARS, key=len, reverse=True) if base_of(pair, quote)), None)


def base_of(pair: str, quote: str) -> str:
    """What is left of a pair without its quote; empty where it does not end with that."""
    return pair.upper().removesuffix(quote) if pair.upper().endswith(quote) else ""


def stem_of(file: str) -> str:
    """A file's name without its ending."""
    return re.sub(r"\.(csv|tsv|txt)$", "", file, flags=re.IGNORECASE)


def yahoo_symbols(file: str) -> list[str]:
    """The Yahoo symbols in a file's name, each once."""
    return sorted(set(_YAHOO.findall(stem_of(file))))


def refuse_other_currency(file: str) -> None:
    """A name such as BTC-EUR says that the prices are not in dollars, whatever coin they are of."""
    found = _FOREIGN.search(stem_of(file))
    if found:
        raise UnreadableFileError(
            f"{file} is named after {found[0]}, but only prices in US dollars are kept; rename it if they are."
        )


def coin_of_ticker(file: str, ticker: str) -> Coin:
    """The coin by the Yahoo symbol in a file's Ticker line."""
    symbol = ticker.upper()
    if not symbol.endswith("-USD"):
        raise UnreadableFileError(f"{file} holds {symbol} by its Ticker line, but only prices in US dollars are kept.")
    return Coin(f"yahoo:{symbol}", known_as=(f"yahoo:{symbol}",))


def coin_of_yahoo(file: str, ticker: str | None) -> Coin | None:
    """The coin by the Yahoo symbol in a file's name or in its header; None where there is none."""
    named = yahoo_symbols(file)
    if ticker is not None:
        named = sorted({*named, ticker.upper()})
    if len(named) > 1:
        raise UnreadableFileError(
            f"{file} names several coins, {' and '.join(named)}; say which one it is in drop/coins.csv, or rename it."
        )
    return Coin(f"yahoo:{named[0]}", known_as=(f"yahoo:{named[0]}",)) if named else None


def coin_of_klines(file: str) -> Coin | None:
    """The coin by the pair that a Binance dump's name begins with, as in BTCUSDT-1d-2025-01.csv."""
    found = _KLINES.match(stem_of(file))
    if found is None:
        return None
    if found[2] != "1d":
        raise UnreadableFileError(f"{file} holds bars of {found[2]} by its name; only daily bars are history.")
    return coin_of_pair("binance", found[1])


def no_coin(file: str) -> UnreadableFileError:
    return UnreadableFileError(
        f"{file} names no coin; name the file after a Yahoo symbol such as BTC-USD.csv, "
        f"or add a line `{file},bitcoin` to drop/coins.csv."
    )
