"""The shape in which every source gives its daily points, and how odd values in them are kept. No vendor's format."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

VALUES = ("open_usd", "high_usd", "low_usd", "close_usd", "volume_usd", "market_cap_usd")

_TYPES: dict[str, pa.DataType] = {
    "position": pa.int32(),
    "observed_at": pa.timestamp("us", tz="UTC"),
    **dict.fromkeys(VALUES, pa.float64()),
    "payload": pa.string(),
}
SCHEMA = pa.schema(_TYPES)

# The years 1 to 9999: what a calendar date can hold.
FIRST_SECOND = -62_135_596_800
LAST_SECOND = 253_402_300_799

_NUMBER = b"-0123456789"


def table_of(seconds: Sequence[int], values: Mapping[str, Sequence[float | None]]) -> pa.Table:
    """Points that hold nothing but numbers and nulls; a column may be shorter than `seconds`, or absent."""
    micros = pc.multiply(pa.array(seconds, pa.int64()), 1_000_000)
    return _table(micros, values, pa.nulls(len(seconds), pa.string()))


def table_of_tokens(
    stamp: str, seconds: Sequence[bytes], columns: Mapping[str, tuple[str, Sequence[bytes]]]
) -> pa.Table:
    """Points from their JSON tokens; `columns` gives each value's name at the vendor and its tokens.

    There are as many points as the longest column has; what cannot be read is null, with the tokens as payload.
    """
    count = max([len(seconds), *(len(tokens) for _, tokens in columns.values())])
    micros: list[int | None] = []
    values: dict[str, list[float | None]] = {name: [] for name in columns}
    payloads: list[str | None] = []
    for position in range(count):
        moment = _micros(_at(seconds, position))
        odd = moment is None
        micros.append(moment)
        for name, (_, tokens) in columns.items():
            token = _at(tokens, position)
            number = _number(token)
            odd |= number is None and token not in {None, b"null"}
            values[name].append(number)
        payloads.append(_payload(stamp, seconds, columns, position) if odd else None)
    return _table(pa.array(micros, pa.int64()), values, pa.array(payloads, pa.string()))


def _table(micros: pa.Array[Any], values: Mapping[str, Sequence[float | None]], payloads: pa.Array[Any]) -> pa.Table:
    count = len(micros)
    columns: list[pa.Array[Any]] = [pa.array(range(count), pa.int32()), micros.cast(_TYPES["observed_at"])]
    for name in VALUES:
        given = values.get(name, ())
        column = pa.array(given, pa.float64())
        missing = count - len(column)
        columns.append(pa.concat_arrays([column, pa.nulls(missing, pa.float64())]) if missing else column)
    return pa.table([*columns, payloads], schema=SCHEMA)


def _at(tokens: Sequence[bytes], position: int) -> bytes | None:
    return tokens[position] if position < len(tokens) else None


def _number(token: bytes | None) -> float | None:
    if token is None or token[:1] not in _NUMBER:
        return None
    number = float(token)
    return number if math.isfinite(number) else None


def _micros(token: bytes | None) -> int | None:
    number = _number(token)
    if number is None or not FIRST_SECOND <= number <= LAST_SECOND:
        return None
    whole = math.floor(number)
    return whole * 1_000_000 + round((number - whole) * 1_000_000)


def _payload(
    stamp: str, seconds: Sequence[bytes], columns: Mapping[str, tuple[str, Sequence[bytes]]], position: int
) -> str:
    parts = [(stamp, _at(seconds, position))]
    parts += [(vendor_name, _at(tokens, position)) for vendor_name, tokens in columns.values()]
    return "{" + ",".join(f'"{name}":{token.decode()}' for name, token in parts if token is not None) + "}"
