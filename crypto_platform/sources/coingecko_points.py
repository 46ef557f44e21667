"""CoinGecko's arrays over time, read into points: `market_chart` and `ohlc`. Nothing is asked here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import msgspec
import pyarrow as pa

from crypto_platform.sources.points import Gathered, micros_of, text_of
from crypto_platform.sources.slices import NotJsonError, decode_json

_DAY = 86_400_000_000
_COLUMNS = {"close_usd": "prices", "market_cap_usd": "market_caps", "volume_usd": "total_volumes"}


class _Chart(msgspec.Struct):
    prices: list[msgspec.Raw]
    market_caps: list[msgspec.Raw] | None = None
    total_volumes: list[msgspec.Raw] | None = None


def chart_points(body: bytes) -> pa.Table:
    """One point a moment, in the order of time: the arrays come from different stores, so each may lack points.

    Where one array has a moment twice, its first value that is not null is taken. What has no readable moment
    comes last.
    """
    chart = decode_json(body, _Chart)
    stamps: dict[int, bytes] = {}
    values: dict[int, dict[str, bytes]] = {}
    unplaced: list[tuple[dict[str, bytes], str]] = []
    for name, vendor_name in _COLUMNS.items():
        for element in getattr(chart, vendor_name) or []:
            pair = _tokens(element)
            micros = micros_of(pair[0], 1_000) if len(pair) == 2 else None
            if micros is None:
                unplaced.append(({name: pair[1]} if len(pair) == 2 else {}, text_of({vendor_name: bytes(element)})))
                continue
            stamps.setdefault(micros, pair[0])
            given = values.setdefault(micros, {})
            if given.get(vendor_name, b"null") == b"null":
                given[vendor_name] = pair[1]
    gathered = Gathered()
    for micros in sorted(values):
        given = values[micros]
        found = {name: given.get(vendor_name) for name, vendor_name in _COLUMNS.items()}
        gathered.add(micros, found, partial(text_of, {"timestamp": stamps[micros], **given}))
    for tokens, text in unplaced:
        gathered.add(None, tokens, partial(str, text))
    return gathered.table()


def candle_points(body: bytes) -> pa.Table:
    """One point a candle `[ms, open, high, low, close]`: its close at the stamp, which is the candle's end.

    Open, high and low are a day's only where the candle before it ends a day earlier: the usual candle spans four
    days. An answer's first candle does not say how long it is.
    """
    placed, unplaced = [], []
    for element in decode_json(body, list[msgspec.Raw]):
        tokens = _tokens(element)
        micros = micros_of(tokens[0], 1_000) if len(tokens) == 5 else None
        if micros is None:
            unplaced.append(element)
        else:
            placed.append((micros, tokens, element))
    gathered = Gathered()
    for begins, (micros, tokens, element) in _after_each_other(sorted(placed, key=lambda candle: candle[0])):
        given: Mapping[str, bytes] = dict(
            zip(("open_usd", "high_usd", "low_usd", "close_usd"), tokens[1:], strict=True)
        )
        if begins != micros - _DAY:
            given = {"close_usd": tokens[4]}
        gathered.add(micros, given, partial(text_of, {"ohlc": bytes(element)}))
    for element in unplaced:
        gathered.add(None, {}, partial(text_of, {"ohlc": bytes(element)}))
    return gathered.table()


_Candle = tuple[int, list[bytes], msgspec.Raw]


def _after_each_other(candles: list[_Candle]) -> Iterator[tuple[int | None, _Candle]]:
    """Each candle with the end of the one before it; a candle given twice has the same one before it."""
    before = end = None
    for candle in candles:
        if candle[0] != end:
            before, end = end, candle[0]
        yield before, candle


def _tokens(element: msgspec.Raw) -> list[bytes]:
    """The elements of a JSON array; none where it is something else."""
    try:
        return [bytes(token) for token in decode_json(bytes(element), list[msgspec.Raw])]
    except NotJsonError:
        return []
