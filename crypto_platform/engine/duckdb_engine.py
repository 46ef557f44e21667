"""The embedded engine: DuckDB over the lake's Parquet, within a memory limit, spilling to the home's scratch folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import duckdb
import pyarrow as pa

from crypto_platform.engine.merging import merged
from crypto_platform.engine.query import EngineError, Query
from crypto_platform.engine.rules import Rule
from crypto_platform.lake import LakeSlice
from crypto_platform.shipped import shipped_path
from crypto_platform.tables import Partition, Table

Connect = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]
Relation: TypeAlias = "LakeSlice | Query | pa.Table | Sequence[str]"
"""What a table's name stands for: part of the lake, a query, rows at hand, or the paths of Parquet files."""

_ROWS_PER_BATCH = 8_192
_SHOWN_OFFENDERS = 5


@dataclass(frozen=True)
class Finding:
    """How many rows break a rule, in which partitions, and the first of them."""

    rule: Rule
    rows: int
    partitions: tuple[str, ...]
    first: tuple[dict[str, object], ...]


class DuckDBEngine:
    """Runs queries on a connection of its own each; nothing is kept between two of them."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    @staticmethod
    def code_of(query: Query, table: Table) -> str:
        """A digest of all that decides on the rows of a table's partition, but for the inputs."""
        columns = [(column.name, column.type.name) for column in table.columns]
        shared = shipped_path("sql/functions.sql").read_text()
        told = (query.code, shared, table.name, table.partition_column, columns, table.sort_order, duckdb.__version__)
        return hashlib.sha256(repr(told).encode()).hexdigest()

    @contextmanager
    def stream(
        self, rows: Query | pa.Table, table: Table, partitions: Sequence[Partition]
    ) -> Iterator[pa.RecordBatchReader]:
        """The rows of some partitions of a table as a query gives them, typed and sorted by partition and key."""
        with self._session() as connection, _sentences(table.name):
            earlier = rows.adds_to if isinstance(rows, Query) and rows.adds_to in rows.inputs else None
            if isinstance(rows, Query) and rows.adds_to and not earlier:
                connection.register(rows.adds_to, table.arrow_schema.empty_table())
            _bind_result(connection, rows)
            if table.partition_column:
                key = f"strftime({table.partition_column}, '{table.grain.strftime}')"
                connection.register("_wanted", pa.table({"key": [partition.key for partition in partitions]}))
                wanted = "where _partition in (select key from _wanted)"
            else:
                key, wanted = "'all'", ""
            columns = ", ".join(f"cast({c.name} as {c.type.duckdb}) as {c.name}" for c in table.columns)
            order = f"order by {', '.join(table.sort_order)}" if table.sort_order else ""
            sql = f"select {key} as _partition, {columns} from _result {wanted} {order}"  # noqa: S608
            if not (earlier and isinstance(rows, Query) and rows.by_key):
                yield connection.sql(sql).to_arrow_reader(_ROWS_PER_BATCH)
                return
            changes = connection.sql(sql).to_arrow_table()
            standing = connection.sql(f"select {key} as _partition, {columns} from {earlier}")  # noqa: S608
            batches = merged(standing.to_arrow_reader(_ROWS_PER_BATCH), changes, table.sort_order)
            yield pa.RecordBatchReader.from_batches(changes.schema, batches)

    def read(self, query: Query) -> pa.Table:
        """All rows of a query, in its own order; for answers that are known to be small."""
        with self._session() as connection, _sentences(query.name):
            _bind_result(connection, query)
            return connection.sql("from _result").to_arrow_table()

    def findings(self, table: Table, rules: Sequence[Rule], relations: Mapping[str, Relation]) -> list[Finding]:
        """Run rules over what their table names stand for."""
        with self._session() as connection:
            _bind_all(connection, relations, f"The checks of {table.name}")
            return [self._finding(connection, table, rule) for rule in rules]

    @staticmethod
    def _finding(connection: duckdb.DuckDBPyConnection, table: Table, rule: Rule) -> Finding:
        column = table.partition_column
        key = f"strftime({column}, '{table.grain.strftime}')" if column else "'all'"
        with _sentences(f"{rule.table}__{rule.name}"):
            connection.execute(f"create or replace temp table _broken as {rule.sql}")
            counted = connection.execute(
                f"select coalesce({key}, '?') as key, count(*) from _broken group by 1 order by 1"  # noqa: S608
            ).fetchall()
            first: list[dict[str, object]] = []
            if counted:
                shown = connection.execute(f"from _broken order by all limit {_SHOWN_OFFENDERS}")
                names = [column[0] for column in shown.description or ()]
                first = [dict(zip(names, row, strict=True)) for row in shown.fetchall()]
        return Finding(rule, sum(rows for _, rows in counted), tuple(key for key, _ in counted), tuple(first))

    @contextmanager
    def ask(self, sql: str, relations: Mapping[str, Relation], confined_to: str) -> Iterator[pa.RecordBatchReader]:
        """A person's own query over named relations: it may read those and the lake's folder, and change nothing."""
        with self._session() as connection:
            _bind_all(connection, relations, "The query")
            connection.execute("set allowed_directories = $1", [[confined_to]])
            connection.execute("set enable_external_access = false")
            connection.execute("set lock_configuration = true")
            with _sentences("The query"):
                statements = connection.extract_statements(sql)
                if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                    raise EngineError("The query must be one SELECT statement; the lake is changed by assets alone.")
                yield connection.sql(statements[0].query).to_arrow_reader(_ROWS_PER_BATCH)

    @contextmanager
    def _session(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(shipped_path("sql/functions.sql").read_text())
            yield connection


def _bind_all(connection: duckdb.DuckDBPyConnection, relations: Mapping[str, Relation], what: str) -> None:
    with _sentences(what):
        for name, relation in relations.items():
            _bind(connection, name, relation)


def _bind_result(connection: duckdb.DuckDBPyConnection, rows: Query | pa.Table) -> None:
    """Make `_result` mean the rows that are asked for."""
    if isinstance(rows, Query) and rows.parameters:
        connection.register("parameters", pa.table({name: [value] for name, value in rows.parameters.items()}))
    _bind(connection, "_result", rows)


def _bind(connection: duckdb.DuckDBPyConnection, name: str, relation: Relation) -> None:
    """Make a name mean a relation on this connection; the names inside a query are bound before it."""
    if isinstance(relation, Query):
        for inner, given in relation.inputs.items():
            _bind(connection, inner, given)
        connection.execute(f"create or replace temp view {name} as {relation.sql}")
    elif isinstance(relation, pa.Table):
        connection.register(name, relation)
    elif isinstance(relation, LakeSlice):
        _bind_files(connection, name, relation.uris, relation.table.arrow_schema.empty_table())
    else:
        _bind_files(connection, name, relation, None)


def _bind_files(connection: duckdb.DuckDBPyConnection, name: str, files: Sequence[str], empty: pa.Table | None) -> None:
    if files:
        connection.read_parquet(list(files), hive_partitioning=False).create_view(name)
    else:
        connection.register(name, empty)


@contextmanager
def _sentences(what: str) -> Iterator[None]:
    """DuckDB's errors as one sentence, also those that come through Arrow while rows stream."""
    try:
        yield
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's own, from whoever takes the rows
        first = str(error).split("\n\n")[0].replace("\n", " ")
        raise EngineError(f"{what} could not be run: {first}") from error
