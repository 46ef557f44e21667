"""What was believed and until when: rows are opened and closed, never rewritten. Knows no rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from crypto_platform.identity.editions import Listed
from crypto_platform.identity.register import Key
from crypto_platform.tables import CROSSWALK

GENESIS = (date(2009, 1, 3) - date(1970, 1, 1)).days
"""The day the first block was mined: no coin has a price before it."""


class Mapping(NamedTuple):
    """Which asset a coin is, and why; `since` is after `GENESIS` where an earlier id of the source was it before."""

    asset_id: str
    method: str
    evidence: str | None = None
    since: int = GENESIS


class Span(NamedTuple):
    """A time in which a vendor's id was in use, and what it stood for."""

    start: int
    end: int | None
    mapping: Mapping

    @property
    def first_day(self) -> int:
        return max(self.start, self.mapping.since)


@dataclass(slots=True)
class _Row:
    key: Key
    known_from: int
    span: Span
    told: Listed | None
    """What the row has its symbol and its name from."""
    known_to: int | None = None


class Knowledge:
    """The crosswalk as it grows."""

    def __init__(self) -> None:
        self._open: dict[Key, list[_Row]] = {}
        self._closed: list[_Row] = []

    def write(self, at: int, key: Key, spans: list[Span], told_of: Callable[[Key, Mapping], Listed | None]) -> None:
        """From now on these spans are believed of the id; what is believed already is left as it stands."""
        rows = self._open.get(key)
        if rows is None:
            self._open[key] = [_Row(key, at, span, told_of(key, span.mapping)) for span in spans]
            return
        kept = [row for row in rows if row.span in spans]
        for row in rows:
            if row not in kept:
                row.known_to = at
                self._closed.append(row)
        known = [row.span for row in kept]
        opened = [_Row(key, at, span, told_of(key, span.mapping)) for span in spans if span not in known]
        self._open[key] = kept + opened

    def retell(self, key: Key, told_of: Callable[[Key, Mapping], Listed | None]) -> None:
        """Symbol and name only describe, so the rows that stand follow them."""
        for row in self._open.get(key, ()):
            row.told = told_of(key, row.span.mapping) or row.told

    def table(self) -> pa.Table:
        rows = self._closed + [row for rows in self._open.values() for row in rows]
        spans = [row.span for row in rows]
        columns: dict[str, list[object]] = {
            "source": [row.key[0] for row in rows],
            "source_asset_id": [row.key[1] for row in rows],
            "valid_from": [span.first_day for span in spans],
            "known_from": [row.known_from for row in rows],
            "valid_to": [span.end for span in spans],
            "known_to": [row.known_to for row in rows],
            "asset_id": [span.mapping.asset_id for span in spans],
            "symbol": [row.told.symbol if row.told else None for row in rows],
            "name": [row.told.name if row.told else None for row in rows],
            "method": [span.mapping.method for span in spans],
            "evidence": [span.mapping.evidence for span in spans],
        }
        schema = CROSSWALK.arrow_schema
        stored = {"date32[day]": pa.int32(), "timestamp[us, tz=UTC]": pa.int64()}
        arrays = [
            pa.array(columns[field.name], stored.get(str(field.type), field.type)).cast(field.type) for field in schema
        ]
        table = pa.Table.from_arrays(arrays, schema=schema)
        return table.take(pc.sort_indices(table, sort_keys=[(name, "ascending") for name in CROSSWALK.key]))
