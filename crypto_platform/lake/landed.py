"""What a landed batch is, and how its raw objects are written: each whole or not at all, telling of the batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Literal

import pyarrow as pa

from crypto_platform.lake.lake import Lake
from crypto_platform.lake.parquet import ParquetFile
from crypto_platform.tables import RAW_COINS, RAW_HISTORY, RAW_SNAPSHOTS, Partition, Table

Kind = Literal["snapshot", "history", "coins", "files"]

KINDS: dict[Kind, Table] = {"snapshot": RAW_SNAPSHOTS, "history": RAW_HISTORY, "coins": RAW_COINS}
"""The raw table in which each kind of a vendor's batch lands."""


@dataclass(frozen=True)
class About:
    """A batch's circumstances, as far as what was kept of it tells them."""

    kind: Kind
    batch_id: str
    pages: int
    started_at: datetime | None = None
    """When the first answer arrived."""
    finished_at: datetime | None = None
    """When the last answer arrived."""
    first_day: date | None = None
    last_day: date | None = None

    def footer(self) -> dict[str, str]:
        said = {
            "kind": self.kind,
            "batch_id": self.batch_id,
            "pages": str(self.pages),
            "started_at": self.started_at and self.started_at.isoformat(),
            "finished_at": self.finished_at and self.finished_at.isoformat(),
            "first_day": self.first_day and self.first_day.isoformat(),
            "last_day": self.last_day and self.last_day.isoformat(),
        }
        return {name: value for name, value in said.items() if value}

    @classmethod
    def of_footer(cls, footer: Mapping[bytes, bytes]) -> About:
        said = {name.decode(): value.decode() for name, value in footer.items()}

        def moment(name: str) -> datetime | None:
            return datetime.fromisoformat(said[name]) if name in said else None

        def day(name: str) -> date | None:
            return date.fromisoformat(said[name]) if name in said else None

        return cls(
            kind=said["kind"],  # type: ignore[arg-type]
            batch_id=said["batch_id"],
            pages=int(said["pages"]),
            started_at=moment("started_at"),
            finished_at=moment("finished_at"),
            first_day=day("first_day"),
            last_day=day("last_day"),
        )


@dataclass(frozen=True)
class Landed:
    """A batch whose raw objects are all there."""

    source: str
    about: About
    objects: tuple[tuple[Partition, str], ...]
    rows: int
    asked: int = 0
    """Requests made in this try; the other pages had been kept before."""
    unknown: tuple[str, ...] = field(default=())
    """Coins that the vendor does not know."""


def put_raw(
    lake: Lake, table: Table, source: str, partition: Partition, about: About, rows: pa.Table, folder: Path
) -> str:
    """Write one raw object unless it is there; its key."""
    key = lake.raw_key(table, source, partition, about.batch_id)
    put_raw_rows(lake, table, key, rows.to_batches(), lambda: about, folder)
    return key


def put_raw_rows(
    lake: Lake, table: Table, key: str, rows: Iterable[pa.RecordBatch], about: Callable[[], About], folder: Path
) -> int:
    """Write one raw object, unless it is there, of rows that come bit by bit; how many they were.

    What there is to tell of the batch is asked for when all have come.
    """
    file = ParquetFile(folder / "raw.parquet", table.arrow_schema)
    for batch in rows:
        file.write(batch)
    file.close(about().footer())
    lake.store.put_file_if_absent(key, file.path)
    file.path.unlink()
    return file.rows


def landed_before(lake: Lake, table: Table, source: str, partition: Partition, batch_id: str) -> Landed | None:
    """A batch of one object that an earlier try has landed."""
    key = lake.raw_key(table, source, partition, batch_id)
    if not lake.store.exists(key):
        return None
    about, rows = read_about(lake, [key])
    return Landed(source, about, ((partition, key),), rows)


def read_about(lake: Lake, keys: Iterable[str]) -> tuple[About, int]:
    """What a batch's raw objects tell of it, and their rows together."""
    about, rows = None, 0
    for key in keys:
        with lake.open_parquet(key) as file:
            about = About.of_footer(file.metadata.metadata)
            rows += file.metadata.num_rows
    if about is None:
        raise ValueError("A batch without objects has not landed.")
    return about, rows
