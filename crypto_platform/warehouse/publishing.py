"""From a stream of rows to a table: whole partitions, in one transaction, touching only what differs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from crypto_platform.tables import Table
from crypto_platform.warehouse.connections import Connection
from crypto_platform.warehouse.errors import NotAddableError, WarehouseError, WarehouseUnavailableError, first_line
from crypto_platform.warehouse.landing import LANDING, copy_in, create_landing, landed, stored_columns
from crypto_platform.warehouse.publications import Slot, record

_WORTH_ANALYZING = 10_000
_SHARE_WORTH_ANALYZING = 0.1


@dataclass(frozen=True)
class Published:
    """What a publication did: rows that came, rows that were new or different, rows that are no longer there."""

    rows: int
    changed: int
    deleted: int


def publish(
    connection: Connection,
    table: Table,
    source: str | None,
    slots: Sequence[Slot],
    batches: Iterable[pa.RecordBatch],
    *,
    adding: bool = False,
) -> Published:
    """Make the table's rows of exactly these partitions equal the stream; all of it or nothing.

    `source` is given where the table is published per source. The partitions need not adjoin. With `adding` the stream
    has no more than the rows that the partitions lack; if they are not complete with them, NotAddableError is raised.
    """
    publication = _Publication(connection, table, source, slots)
    try:
        with connection.transaction():
            published = publication.add(batches) if adding else publication.replace(batches)
    except psycopg.OperationalError as error:
        raise WarehouseUnavailableError(publication.refusal(first_line(error))) from error
    except (psycopg.errors.UniqueViolation, psycopg.errors.CardinalityViolation) as error:
        raise WarehouseError(publication.refusal("a key occurs twice in what came")) from error
    except psycopg.Error as error:
        raise WarehouseError(publication.refusal(first_line(error))) from error
    if published.changed >= max(_WORTH_ANALYZING, publication.rows_known() * _SHARE_WORTH_ANALYZING):
        connection.execute(sql.SQL("analyze {}").format(publication.target))
    return published


def lock_table(connection: Connection, table: Table, source: str | None) -> None:
    """Keep everyone else from publishing to a table (of a source) until the transaction ends."""
    connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"{table.name}/{source or ''}",))


class _Publication:
    def __init__(self, connection: Connection, table: Table, source: str | None, slots: Sequence[Slot]) -> None:
        if table.warehouse is None:
            raise ValueError(f"{table.name} has no table in the warehouse.")
        if table.per_source != (source is not None):
            raise ValueError(f"{table.name} is published {'per source' if table.per_source else 'for all sources'}.")
        if not slots:
            raise ValueError(f"No partitions of {table.name} were named.")
        self._connection = connection
        self._table = table
        self._source = source
        self._slots = slots
        self.target = sql.Identifier(*table.warehouse.split("."))
        self._scope, self._bound = _scope(table, source, slots)

    def refusal(self, reason: str) -> str:
        of_source = f" of {self._source}" if self._source else ""
        return f"Nothing of {self._table.name}{of_source} was published: {reason}."

    @property
    def _promised(self) -> int:
        return sum(slot.rows for slot in self._slots)

    def replace(self, batches: Iterable[pa.RecordBatch]) -> Published:
        """All rows of the partitions came; what else they have goes."""
        rows = self._land(batches)
        if rows != self._promised:
            raise WarehouseError(self.refusal(f"{self._promised:,} rows were promised and {rows:,} came"))
        changed = self._merge() if self._present() else self._insert()
        held = self._count()
        deleted = self._delete_gone() if held > rows else 0
        if held - deleted != rows:
            raise WarehouseError(self.refusal("a key occurs twice in what came, or a row lies outside its partitions"))
        self._finish()
        return Published(rows, changed, deleted)

    def add(self, batches: Iterable[pa.RecordBatch]) -> Published:
        """The rows that the partitions lack came; with them they are complete."""
        rows = self._land(batches)
        changed = self._upsert()
        held = self._count()
        if held != self._promised:
            raise NotAddableError(self.refusal(f"{self._promised:,} rows were promised and {held:,} are there"))
        self._finish()
        return Published(rows, changed, 0)

    def rows_known(self) -> int:
        """About how many rows the table had when it was last looked at."""
        name = self.target.as_string(self._connection)
        known = self._connection.execute("select reltuples from pg_class where oid = %s::regclass", (name,)).fetchone()
        return int(known[0]) if known else 0

    def _land(self, batches: Iterable[pa.RecordBatch]) -> int:
        lock_table(self._connection, self._table, self._source)
        create_landing(self._connection, self._table)
        return copy_in(self._connection, self._table, LANDING, batches)

    def _finish(self) -> None:
        record(self._connection, self._table, self._source, self._slots)
        self._connection.execute(sql.SQL("drop table {}").format(LANDING))

    def _present(self) -> bool:
        return bool(self._ask("select exists (select from {target} as stored where {scope})"))

    def _count(self) -> int:
        return int(self._ask("select count(*) from {target} as stored where {scope}"))

    def _insert(self) -> int:
        return self._do("insert into {target} ({columns}) select {columns} from {landed} as incoming", bound=())

    def _merge(self) -> int:
        """Joining first leaves equal rows untouched; ON CONFLICT alone would lock, and so write, each of them."""
        self._connection.execute(sql.SQL("analyze {}").format(LANDING))
        return self._do(
            """
            insert into {target} ({columns})
            select {incoming_columns}
            from {landed} as incoming
            left join {target} as stored on {same_key}
            where stored.{first_key} is null or ({stored_values}) is distinct from ({incoming_values})
            on conflict ({key}) do update set {assignments}
            """,
            bound=(),
        )

    def _upsert(self) -> int:
        """For rows of which hardly any is there yet: nothing but their own keys is looked at."""
        return self._do(
            """
            insert into {target} as stored ({columns})
            select {columns} from {landed} as incoming
            on conflict ({key}) do update set {assignments}
            where ({stored_values}) is distinct from ({excluded_values})
            """,
            bound=(),
        )

    def _delete_gone(self) -> int:
        return self._do(
            "delete from {target} as stored"
            " where {scope} and not exists (select from {landing} as incoming where {same_key})"
        )

    def _ask(self, statement: str) -> Any:
        return self._connection.execute(self._spell(statement), self._bound).fetchall()[0][0]

    def _do(self, statement: str, bound: tuple[object, ...] | None = None) -> int:
        return self._connection.execute(self._spell(statement), self._bound if bound is None else bound).rowcount

    def _spell(self, statement: str) -> sql.Composed:
        columns = stored_columns(self._table)
        key = self._table.key
        values = [name for name in columns if name not in key]

        def listed(template: str, names: Sequence[str], between: str = ", ") -> sql.Composed:
            return sql.SQL(between).join(sql.SQL(template).format(sql.Identifier(name)) for name in names)

        return sql.SQL(statement).format(
            target=self.target,
            landing=LANDING,
            landed=landed(self._connection, self._table),
            scope=self._scope,
            columns=listed("{0}", columns),
            incoming_columns=listed("incoming.{0}", columns),
            key=listed("{0}", key),
            first_key=sql.Identifier(key[0]),
            same_key=listed("stored.{0} = incoming.{0}", key, " and "),
            stored_values=listed("stored.{0}", values),
            incoming_values=listed("incoming.{0}", values),
            excluded_values=listed("excluded.{0}", values),
            assignments=listed("{0} = excluded.{0}", values),
        )


def _scope(table: Table, source: str | None, slots: Sequence[Slot]) -> tuple[sql.Composable, tuple[object, ...]]:
    """Which rows of the shared table are these partitions', and the values to bind."""
    conditions: list[sql.Composable] = []
    bound: list[object] = []
    for name, value in (*table.owned, *((("source", source),) if source is not None else ())):
        conditions.append(sql.SQL("stored.{} = %s").format(sql.Identifier(name)))
        bound.append(value)
    if table.partition_column is not None:
        days = [(slot.first_day, slot.end_day) for slot in slots]
        spans = [(first, end) for first, end in days if first is not None and end is not None]
        if len(spans) != len(days):
            raise ValueError(f"{table.name} is cut by {table.partition_column}, and a partition names no days.")
        conditions.append(
            sql.SQL("stored.{0} >= %s and stored.{0} < %s and stored.{0} <@ %s::datemultirange").format(
                sql.Identifier(table.partition_column)
            )
        )
        bound += [min(first for first, _ in spans), max(end for _, end in spans), _multirange(spans)]
    return sql.SQL(" and ").join(conditions or [sql.SQL("true")]), tuple(bound)


def _multirange(spans: Sequence[tuple[date, date]]) -> str:
    return "{" + ",".join(f"[{first},{end})" for first, end in spans) + "}"
