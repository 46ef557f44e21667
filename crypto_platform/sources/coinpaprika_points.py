"""CoinPaprika's arrays of points, read object by object: ticks of `/tickers`, bars of `/coins`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pyarrow as pa

from crypto_platform.sources.points import FIRST_SECOND, LAST_SECOND, Gathered
from crypto_platform.sources.slices import NotJsonError, decode_json, object_slices

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ABSENT = msgspec.Raw()
_LAST_SECOND = 86_399_000_000
_DAY = 86_400_000_000


class _Tick(msgspec.Struct):
    timestamp: msgspec.Raw = _ABSENT
    price: msgspec.Raw = _ABSENT
    volume_24h: msgspec.Raw = _ABSENT
    market_cap: msgspec.Raw = _ABSENT


class _Bar(msgspec.Struct):
    time_open: msgspec.Raw = _ABSENT
    time_close: msgspec.Raw = _ABSENT
    open: msgspec.Raw = _ABSENT
    high: msgspec.Raw = _ABSENT
    low: msgspec.Raw = _ABSENT
    close: msgspec.Raw = _ABSENT
    volume: msgspec.Raw = _ABSENT
    market_cap: msgspec.Raw = _ABSENT


def points_of(body: bytes) -> pa.Table:
    """Every element of the array as a point, whether a tick or a bar; an odd one keeps its own text."""
    gathered = Gathered()
    for piece in object_slices(body):
        if piece[:1] != b"{":
            gathered.add(None, {}, piece.decode)
            continue
        bar = decode_json(piece, _Bar)
        if bytes(bar.time_open):
            _add_bar(gathered, bar, piece)
        else:
            _add_tick(gathered, decode_json(piece, _Tick), piece)
    return gathered.table()


def _add_tick(gathered: Gathered, tick: _Tick, piece: bytes) -> None:
    tokens = {"close_usd": tick.price, "volume_usd": tick.volume_24h, "market_cap_usd": tick.market_cap}
    gathered.add(_micros(tick.timestamp), _given(tokens), piece.decode)


def _add_bar(gathered: Gathered, bar: _Bar, piece: bytes) -> None:
    tokens = {
        "open_usd": bar.open,
        "high_usd": bar.high,
        "low_usd": bar.low,
        "close_usd": bar.close,
        "volume_usd": bar.volume,
        "market_cap_usd": bar.market_cap,
    }
    opens, closes = _micros(bar.time_open), _micros(bar.time_close)
    # A bar that is not over closes at the moment of asking, a finished one at 23:59:59 of its day.
    partial = opens is not None and closes is not None and closes < opens // _DAY * _DAY + _LAST_SECOND
    gathered.add(
        opens,
        _given(tokens),
        piece.decode,
        unfinished=partial or None,
        odd=closes is None and _is_there(bar.time_close),
    )


def _given(tokens: dict[str, msgspec.Raw]) -> dict[str, bytes]:
    """The tokens but for those that are missing, as the empty string is."""
    return {name: bytes(token) for name, token in tokens.items() if _is_there(token)}


def _is_there(token: msgspec.Raw) -> bool:
    return bytes(token) not in {b"", b'""', b"null"}


def _micros(token: msgspec.Raw) -> int | None:
    """Microseconds since 1970 from a JSON string of an ISO moment; in UTC where it has no offset."""
    if not bytes(token):
        return None
    try:
        moment = datetime.fromisoformat(decode_json(bytes(token), str))
    except (NotJsonError, ValueError):
        return None
    micros = ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)
    return micros if FIRST_SECOND * 1_000_000 <= micros <= LAST_SECOND * 1_000_000 else None
