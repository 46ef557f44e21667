"""The shape in which every source gives its daily points, and how odd values in them are kept. No vendor's format."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

VALUES = ("open_usd", "high_usd", "low_usd", "close_usd", "volume_usd", "market_cap_usd")

_TYPES: dict[str, pa.DataType] = {
    "position": pa.int32(),
    "observed_at": pa.timestamp("us", tz="UTC"),
    **dict.fromkeys(VALUES, pa.float64()),
    "unfinished": pa.bool_(),
    "payload": pa.string(),
}
SCHEMA = pa.schema(_TYPES)

# The years 1 to 9999: what a calendar date can hold.
FIRST_SECOND = -62_135_596_800
LAST_SECOND = 253_402_300_799

_NUMBER = b"-0123456789"
_MISSING = {None, b"null"}


def table_of(seconds: Sequence[int], values: Mapping[str, Sequence[float | None]]) -> pa.Table:
    """Points that hold nothing but numbers and nulls; a column may be shorter than `seconds`, or absent."""
    count = len(seconds)
    micros = pc.multiply(pa.array(seconds, pa.int64()), 1_000_000)
    columns: list[pa.Array[Any]] = [pa.array(range(count), pa.int32()), micros.cast(_TYPES["observed_at"])]
    for name in VALUES:
        given = values.get(name, ())
        column = pa.array(given, pa.float64())
        missing = count - len(column)
        columns.append(pa.concat_arrays([column, pa.nulls(missing, pa.float64())]) if missing else column)
    return pa.table([*columns, pa.nulls(count, pa.bool_()), pa.nulls(count, pa.string())], schema=SCHEMA)


def table_of_tokens(
    stamp: str, seconds: Sequence[bytes], columns: Mapping[str, tuple[str, Sequence[bytes]]]
) -> pa.Table:
    """Points from their JSON tokens; `columns` gives each value's name at the vendor and its tokens.

    There are as many points as the longest column has; what cannot be read is null, with the tokens as payload.
    """
    gathered = Gathered()
    for position in range(max([len(seconds), *(len(tokens) for _, tokens in columns.values())])):
        moment = _at(seconds, position)
        tokens = {name: (vendor_name, _at(given, position)) for name, (vendor_name, given) in columns.items()}
        gathered.add(
            micros_of(moment, 1),
            {name: token for name, (_, token) in tokens.items()},
            partial(text_of, {stamp: moment} | dict(tokens.values())),
        )
    return gathered.table()


class Gathered:
    """Points put together one by one, each from the JSON tokens of its values."""

    def __init__(self) -> None:
        self._columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}

    def add(
        self,
        micros: int | None,
        tokens: Mapping[str, bytes | None],
        text: Callable[[], str],
        *,
        unfinished: bool | None = None,
        odd: bool = False,
    ) -> None:
        """One more point; `text` becomes its payload if it is odd: something in it is neither number nor null."""
        columns = self._columns
        odd |= micros is None
        for name in VALUES:
            token = tokens.get(name)
            number = number_of(token)
            odd |= number is None and token not in _MISSING
            columns[name].append(number)
        columns["position"].append(len(columns["position"]))
        columns["observed_at"].append(micros)
        columns["unfinished"].append(unfinished)
        columns["payload"].append(text() if odd else None)

    def table(self) -> pa.Table:
        return pa.table(self._columns, schema=SCHEMA)


def number_of(token: bytes | None) -> float | None:
    """The finite number that a JSON token writes, if it is one."""
    if token is None or token[:1] not in _NUMBER:
        return None
    number = float(token)
    return number if math.isfinite(number) else None


def micros_of(token: bytes | None, per_second: int) -> int | None:
    """Microseconds since 1970 from a JSON number of seconds, or of parts of a second."""
    number = number_of(token)
    if number is None or not FIRST_SECOND * per_second <= number <= LAST_SECOND * per_second:
        return None
    whole = math.floor(number)
    unit = 1_000_000 // per_second
    return whole * unit + round((number - whole) * unit)


def text_of(tokens: Mapping[str, bytes | None]) -> str:
    """A JSON object of the tokens as they came; what is None was not there."""
    return "{" + ",".join(f'"{name}":{token.decode()}' for name, token in tokens.items() if token is not None) + "}"


def _at(tokens: Sequence[bytes], position: int) -> bytes | None:
    return tokens[position] if position < len(tokens) else None
