"""What the lake holds of one partition now, and which of its rows a warehouse lacks that holds an earlier version."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from crypto_platform.lake import INPUTS, Lake
from crypto_platform.tables import BRONZE_MARKETS, RAW_SNAPSHOTS, Partition, Table

if TYPE_CHECKING:
    from crypto_platform.warehouse import Publication

_TELL_WHAT_CAME = {BRONZE_MARKETS.name}
"""Tables whose rows each come whole from the batch they name, and whose keys never go while batches only come: all that
batches change are the rows that name them."""


@dataclass(frozen=True)
class Added:
    """A partition's object before and after the rows of some batches were added to it."""

    onto_sha256: str
    sha256: str
    batches: frozenset[str]


@dataclass(frozen=True)
class Held:
    """The objects of a partition, with their digests."""

    table: Table
    partition: Partition
    objects: dict[str, str]
    rows: int
    bytes: int
    told: str | None
    """What the last of the objects says it was made of."""

    @classmethod
    def of(cls, lake: Lake, table: Table, source: str | None, partition: Partition) -> Held:
        objects = {key: lake.store.sha256(key) or "" for key in sorted(lake.slice(table, source, [partition]).objects)}
        rows, told = 0, None
        for key in objects:
            with lake.open_parquet(key) as file:
                rows += file.metadata.num_rows
            told = lake.footer(key).get(INPUTS)
        return cls(table, partition, objects, rows, sum(lake.store.size(key) for key in objects), told)

    @property
    def content_sha256(self) -> str:
        return _digest(self.objects.values())

    @property
    def inputs(self) -> str | None:
        """What the warehouse's book shall say that the rows come from: of raw rows, their batches."""
        return " ".join(map(Lake.batch_of, self.objects)) if self.table is RAW_SNAPSHOTS else self.told

    def rows_since(
        self, lake: Lake, published: Publication | None, added: Added | None
    ) -> Iterator[pa.RecordBatch] | None:
        """The rows that a warehouse lacks which holds what its book says; None where that does not follow from it."""
        if published is None:
            return None
        if self.table is RAW_SNAPSHOTS:
            there = set((published.inputs or "").split())
            known = [key for key in self.objects if Lake.batch_of(key) in there]
            if len(known) < len(there) or _digest(self.objects[key] for key in known) != published.content_sha256:
                return None
            return lake.batches([key for key in self.objects if key not in known])
        if self.table.name not in _TELL_WHAT_CAME or added is None:
            return None
        if (added.onto_sha256, added.sha256) != (published.content_sha256, self.content_sha256):
            return None
        return _of_batches(lake.batches(self.objects), added.batches)


def _digest(digests: Iterable[str]) -> str:
    found = list(digests)
    return found[0] if len(found) == 1 else hashlib.sha256("".join(found).encode()).hexdigest()


def _of_batches(rows: Iterable[pa.RecordBatch], batches: Collection[str]) -> Iterator[pa.RecordBatch]:
    wanted = pa.array(sorted(batches), pa.string())
    for batch in rows:
        yield batch.filter(pc.is_in(batch.column("batch_id"), wanted))
