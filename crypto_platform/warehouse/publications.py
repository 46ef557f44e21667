"""The warehouse's book of itself: which partition was published when, from which lake object, and of which world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from psycopg import sql
from psycopg.rows import class_row

from crypto_platform.settings import World
from crypto_platform.tables import RAW_SNAPSHOTS, Table
from crypto_platform.warehouse.connections import Connection
from crypto_platform.warehouse.errors import WarehouseError


@dataclass(frozen=True)
class Slot:
    """One partition of a table to be published: its days, and the lake object its rows come from."""

    key: str
    first_day: date | None
    end_day: date | None
    rows: int
    content_sha256: str
    bytes: int
    inputs: str | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Publication:
    """One published partition; `source` is empty for a table that knows no single source."""

    table_name: str
    source: str
    partition: str
    rows: int
    content_sha256: str
    bytes: int
    inputs: str | None
    seconds: float | None
    published_at: datetime


def record(connection: Connection, table: Table, source: str | None, slots: Sequence[Slot]) -> None:
    """Write the publications' records; within the transaction that wrote their rows."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """
            insert into ops.publications
                (table_name, source, partition, rows, content_sha256, bytes, inputs, seconds, published_at)
            values (%s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp())
            on conflict (table_name, source, partition) do update set
                rows = excluded.rows,
                content_sha256 = excluded.content_sha256,
                bytes = excluded.bytes,
                inputs = excluded.inputs,
                seconds = excluded.seconds,
                published_at = excluded.published_at
            """,
            [(table.name, source or "", s.key, s.rows, s.content_sha256, s.bytes, s.inputs, s.seconds) for s in slots],
        )


def publications(connection: Connection, table: Table | None = None) -> list[Publication]:
    """What the warehouse holds: of one table, or of all."""
    with connection.cursor(row_factory=class_row(Publication)) as cursor:
        cursor.execute(
            """
            select table_name, source, partition, rows, content_sha256, bytes, inputs, seconds, published_at
            from ops.publications
            where %(name)s::text is null or table_name = %(name)s
            order by table_name, source, partition
            """,
            {"name": table.name if table else None},
        )
        return cursor.fetchall()


def retire_staging(connection: Connection, keep_days: int, today: date) -> int:
    """Forget staged snapshots older than `keep_days`, and that they were published; the lake keeps them. The rows."""
    first_kept = today - timedelta(days=keep_days)
    with connection.transaction():
        rows = connection.execute("delete from staging.raw_snapshots where snapshot_date < %s", (first_kept,)).rowcount
        connection.execute(
            "delete from ops.publications where table_name = %s and partition::date < %s",
            (RAW_SNAPSHOTS.name, first_kept),
        )
    return rows


def checksum(connection: Connection, relation: str) -> tuple[int, str]:
    """A table's or view's rows and a sum over all their values, whatever their order: equal where the rows are."""
    rows = connection.execute(
        sql.SQL(
            "select count(*), coalesce(sum(hash_record_extended(whole_row, 0)), 0)::text from {} as whole_row"
        ).format(sql.Identifier(*relation.split(".")))
    )
    count, total = rows.fetchall()[0]
    return count, total


def world_of(connection: Connection) -> str | None:
    """`live`, `sandbox`, or None for a warehouse that has not been entered yet."""
    row = connection.execute("select world from ops.world").fetchone()
    return str(row[0]) if row else None


def enter_world(connection: Connection, world: World) -> None:
    """Mark the warehouse as one of this world; one that already belongs to the other is refused."""
    connection.execute("insert into ops.world (world) values (%s) on conflict do nothing", (world,))
    if (found := world_of(connection)) != world:
        raise WarehouseError(
            f"This warehouse holds {found} data and was opened as {world}; "
            "set CRYPTO_UPSTREAM accordingly, or choose another CRYPTO_WAREHOUSE or CRYPTO_HOME."
        )
