"""What became of a file: its rows in the shapes that are landed, and the lines that could not be read, with reasons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from crypto_platform.sources import points

Kind = Literal["snapshots", "history"]


HISTORY_SCHEMA = pa.schema([pa.field("source_asset_id", pa.string()), *points.SCHEMA])
SNAPSHOT_SCHEMA = pa.schema({"position": pa.int32(), "snapshot_date": pa.date32(), "payload": pa.string()})


class UnreadableFileError(ValueError):
    """A file that cannot be used as a whole; the sentence says why and what to do."""


@dataclass(frozen=True)
class Rejected:
    """One line that is not landed."""

    line: int
    source_asset_id: str | None
    reasons: tuple[str, ...]
    text: str
    """A JSON object that holds the line's number and the line as it came."""


@dataclass(frozen=True)
class Reading:
    """A file that was read. Every line of data is either a row or rejected."""

    kind: Kind
    format: str
    coin: str | None
    """The coin all rows are of, where the rows themselves do not say."""
    rows: pa.Table
    """In the columns of HISTORY_SCHEMA or SNAPSHOT_SCHEMA; `position` is the line's number, from 1."""
    coins: pa.Table
    """In the columns of `coin_lists.SCHEMA`, each id once."""
    rejected: tuple[Rejected, ...]
    lines: int


class Faults:
    """Why rows are rejected, by their place among the lines of data."""

    def __init__(self) -> None:
        self._reasons: dict[int, list[str]] = {}

    def __contains__(self, row: int) -> bool:
        return row in self._reasons

    def add(self, row: int, reason: str) -> None:
        self._reasons.setdefault(row, []).append(reason)

    @property
    def rows(self) -> list[int]:
        return sorted(self._reasons)

    def kept(self, count: int) -> npt.NDArray[np.int64]:
        """The places of the rows that have no fault."""
        kept = np.ones(count, np.bool_)
        kept[self.rows] = False
        return np.flatnonzero(kept)

    def of(self, row: int) -> tuple[str, ...]:
        return tuple(self._reasons[row])
