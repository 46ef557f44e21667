"""From the lake to the warehouse: publish the partitions whose objects are not yet the published ones."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from crypto_platform.held import Added, Held
from crypto_platform.lake import Lake
from crypto_platform.tables import (
    BRONZE_MARKETS,
    HISTORIC_PRICES,
    RAW_HISTORY,
    RAW_SNAPSHOTS,
    TABLES,
    Grain,
    Partition,
    Table,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from crypto_platform.warehouse import Connection, Published, Slot, Warehouse


@dataclass(frozen=True)
class Projected:
    """What publishing changed."""

    partitions: int = 0
    rows: int = 0
    written: int = 0
    deleted: int = 0

    def __add__(self, other: Projected) -> Projected:
        return Projected(
            self.partitions + other.partitions,
            self.rows + other.rows,
            self.written + other.written,
            self.deleted + other.deleted,
        )


class Projection:
    """Keeps a warehouse equal to a lake."""

    def __init__(self, lake: Lake, warehouse: Warehouse) -> None:
        self._lake = lake
        self._warehouse = warehouse

    def publish(
        self,
        table: Table,
        source: str | None,
        partitions: Collection[Partition],
        seconds: float | None = None,
        added: Added | None = None,
    ) -> Projected:
        """Bring these partitions up to date in one transaction; those that already are cost nothing.

        What is published is what the lake holds once the table is locked, whoever wrote it. Where the warehouse is
        known to hold an earlier version of a partition, only the rows that it lacks are sent.
        """
        from crypto_platform.warehouse import lock_table, publications, publish

        if table.warehouse is None:
            return Projected()
        with self._warehouse.connect() as connection, connection.transaction():
            lock_table(connection, table, source)
            known = {p.partition: p for p in publications(connection, table) if p.source == (source or "")}
            total, whole = Projected(), list[Held]()
            for partition in sorted(partitions):
                held, record = Held.of(self._lake, table, source, partition), known.get(partition.key)
                if record is not None and record.content_sha256 == held.content_sha256:
                    continue
                done = self._add(connection, source, held, held.rows_since(self._lake, record, added), seconds)
                if done is None:
                    whole.append(held)
                else:
                    total += Projected(1, done.rows, done.changed, done.deleted)
            if whole:
                rows = self._lake.batches(key for held in whole for key in held.objects)
                done = publish(connection, table, source, [_slot(held, seconds) for held in whole], rows)
                total += Projected(len(whole), done.rows, done.changed, done.deleted)
            return total

    def _add(
        self,
        connection: Connection,
        source: str | None,
        held: Held,
        rows: Iterable[pa.RecordBatch] | None,
        seconds: float | None,
    ) -> Published | None:
        """Send no more than what a partition lacks; nothing, where that does not make it complete."""
        from crypto_platform.warehouse import NotAddableError, publish

        if rows is None:
            return None
        try:
            return publish(connection, held.table, source, [_slot(held, seconds)], rows, adding=True)
        except NotAddableError:
            return None

    def _forget(self, table: Table, source: str | None) -> None:
        """Believe no record of what was published; the rows themselves are compared."""
        with self._warehouse.connect() as connection:
            connection.execute(
                "delete from ops.publications where table_name = %s and source = %s", (table.name, source or "")
            )

    def retire_staging(self, days: int, today: date) -> None:
        """Let go of raw snapshots that the warehouse need not mirror any longer; the lake keeps them."""
        from crypto_platform.warehouse import retire_staging

        with self._warehouse.connect() as connection:
            retire_staging(connection, days, today)

    def rebuild(self, table: Table, today: date, staging_days: int) -> Projected:
        """Publish all that the lake holds of a table."""
        total = Projected()
        for source in self._lake.sources(table) if table.per_source else [None]:
            partitions = self._lake.partitions(table, source)
            if table is RAW_SNAPSHOTS and partitions:
                oldest = (today - timedelta(days=staging_days)).isoformat()
                partitions = [partition for partition in partitions if partition.key >= oldest]
            self._forget(table, source)
            total += self.publish(table, source, partitions)
        return total


def _slot(held: Held, seconds: float | None) -> Slot:
    from crypto_platform.warehouse import Slot

    partition = held.partition
    return Slot(
        partition.key,
        partition.first_day,
        partition.end_day,
        held.rows,
        held.content_sha256,
        held.bytes,
        held.inputs,
        seconds,
    )


def projected_tables() -> list[Table]:
    """The tables that the warehouse mirrors."""
    return [table for table in TABLES.values() if table.warehouse]


DERIVED_FROM = {BRONZE_MARKETS.name: RAW_SNAPSHOTS, HISTORIC_PRICES.name: RAW_HISTORY}
"""The tables that are made of raw objects, and of which."""


def raw_digests(table: Table, objects: Iterable[str], partitions: Iterable[Partition]) -> dict[Partition, str]:
    """For each partition, a digest over the names of the raw objects it is made of; those never change."""
    mark = f"/{table.grain.value}="
    held: dict[str, list[str]] = {}
    for key in objects:
        held.setdefault(key.partition(mark)[2].partition("/")[0], []).append(key)
    digests = {}
    for partition in partitions:
        of_it = [*held.get(partition.key, ())]
        if table.grain is Grain.MONTH and partition.end_day:
            of_it += held.get(table.grain.key_of(partition.end_day), ())
        digests[partition] = hashlib.sha256("\n".join(sorted(of_it)).encode()).hexdigest()
    return digests


def note_inputs(connection: Connection, table: Table, source: str, digests: Mapping[Partition, str]) -> None:
    """Remember what published partitions were made of."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "update ops.publications set inputs = %s where table_name = %s and source = %s and partition = %s"
            " and inputs is distinct from %s",
            [(digest, table.name, source, each.key, digest) for each, digest in digests.items()],
        )


def outdated(lake: Lake, connection: Connection, table: Table, source: str) -> dict[str, str]:
    """The partitions that have raw objects they were not made of, with the digest of what they should be made of."""
    raw = lake.slice(DERIVED_FROM[table.name], source)
    noted: dict[str, str] = dict(
        connection.execute(
            "select partition, inputs from ops.publications where table_name = %s and source = %s", (table.name, source)
        ).fetchall()
    )
    digests = raw_digests(table, raw.objects, raw.partitions)
    return {each.key: digest for each, digest in digests.items() if noted.get(each.key) != digest}


def input_hashes(connection: Connection, objects: Collection[str] | None = None) -> dict[str, str]:
    """For each month that has inputs, what its gold would be made of: a digest over what is published of them.

    A month whose inputs are all empty counts only while it has gold that they once made. Where the lake's objects are
    named, one that is not among them does not count: it came after they were listed.
    """
    rows = connection.execute(
        """
        with crosswalk as (
            select coalesce(max(content_sha256), '') as digest from ops.publications where table_name = 'crosswalk'
        )
        select left(partition, 7) as month,
               md5(string_agg(concat_ws(' ', table_name, source, partition, content_sha256), ','
                              order by table_name, source, partition) || crosswalk.digest)
        from ops.publications, crosswalk
        where table_name in ('historic_prices', 'silver_daily_metrics')
            and (%(objects)s::text[] is null or concat(
                table_name, '/source=', source, '/', case length(partition) when 7 then 'month=' else 'date=' end,
                partition, '/data.parquet'
            ) = any(%(objects)s))
        group by 1, crosswalk.digest
        having sum(rows) > 0 or left(partition, 7) in (
            select made.partition from ops.publications as made
            where made.table_name = 'unified_prices' and made.rows > 0
        )
        """,
        {"objects": None if objects is None else list(objects)},
    ).fetchall()
    return dict(rows)


def months_to_refresh(connection: Connection) -> list[str]:
    """The months whose inputs are no longer those their published gold was made of."""
    made_of: dict[str, str] = dict(
        connection.execute(
            "select partition, inputs from ops.publications where table_name = 'unified_prices'"
        ).fetchall()
    )
    return sorted(month for month, digest in input_hashes(connection).items() if made_of.get(month) != digest)
