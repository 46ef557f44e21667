"""A stream of Arrow batches into a temporary table, by binary COPY; and how landed text becomes what tables hold."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc
from pgpq import ArrowToPostgresBinaryEncoder
from psycopg import sql

from crypto_platform.tables import Table, Type
from crypto_platform.warehouse.connections import Connection

LANDING = sql.Identifier("pg_temp", "landing")
_ROWS_AT_ONCE = 16_384
_PG_INPUT_IS_VALID = 160_000

# jsonb refuses some texts that are valid JSON, and nesting too deep for the stack is an error that cannot be asked for.
_NESTED = "(octet_length({0}) > 2000 and length({0}) - length(translate({0}, '[{{', '')) > 1000)"
_FITS = "not " + _NESTED + " and pg_input_is_valid({0}, 'jsonb')"
_SURELY_FITS = (
    "not " + _NESTED + " and octet_length({0}) < 100000"
    r" and {0} ~ '^\s*[\[{{]' and {0} !~ '\\u(0000|[dD][89a-fA-F])' and {0} !~ '[0-9][eE][-+]?[0-9]{{3}}'"
)


def create_landing(connection: Connection, table: Table) -> None:
    """An empty temporary table with the table's columns; it goes with the transaction."""
    columns = [
        sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(_landed_type(column.type)))
        for column in table.columns
    ]
    connection.execute(
        sql.SQL("create temporary table {} ({}) on commit drop").format(LANDING, sql.SQL(", ").join(columns))
    )


def _landed_type(type_: Type) -> str:
    return "text" if type_ is Type.JSON else type_.postgres


def copy_in(connection: Connection, table: Table, into: sql.Identifier, batches: Iterable[pa.RecordBatch]) -> int:
    """COPY the batches, as many rows at a time as keep memory flat; the number of rows."""
    encoder = ArrowToPostgresBinaryEncoder(table.arrow_schema)
    names = sql.SQL(", ").join(map(sql.Identifier, table.column_names))
    statement = sql.SQL("copy {} ({}) from stdin (format binary)").format(into, names)
    rows = 0
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(encoder.write_header())
        for batch in batches:
            fitting = batch.select(list(table.column_names)).cast(table.arrow_schema)
            for start in range(0, fitting.num_rows, _ROWS_AT_ONCE):
                copy.write(encoder.write_batch(_without_nul(fitting.slice(start, _ROWS_AT_ONCE))))
            rows += batch.num_rows
        copy.write(encoder.finish())
    return rows


def _without_nul(batch: pa.RecordBatch) -> pa.RecordBatch:
    """PostgreSQL's text has no U+0000, and one would fail the whole COPY: U+FFFD stands for it."""
    for index, field in enumerate(batch.schema):
        column = batch.column(index)
        if pa.types.is_string(field.type) and _has_nul(column):
            batch = batch.set_column(index, field, pc.replace_substring(column, "\0", "\ufffd"))
        elif pa.types.is_list(field.type) and _has_nul(column.flatten()):
            cleaned = [row and [text and text.replace("\0", "\ufffd") for text in row] for row in column.to_pylist()]
            batch = batch.set_column(index, field, pa.array(cleaned, field.type))
    return batch


def _has_nul(texts: pa.Array) -> bool:
    """Looks at the bytes themselves, a whole column at once; texts beside the slice may cause a false alarm."""
    data = texts.buffers()[2]
    return data is not None and b"\0" in memoryview(data).tobytes()


def landed(connection: Connection, table: Table) -> sql.Composable:
    """What the landed rows look like in the table: a payload as jsonb, or as text where jsonb refuses it."""
    payloads = [column.name for column in table.columns if column.type is Type.JSON]
    if not payloads:
        return LANDING
    asks = connection.info.server_version >= _PG_INPUT_IS_VALID
    columns: list[sql.Composable] = [sql.Identifier(name) for name in table.column_names if name not in payloads]
    tests: list[sql.Composable] = []
    for name in payloads:
        payload, fits, text = (sql.Identifier(name + suffix) for suffix in ("", "_fits", "_text"))
        tests.append(sql.SQL("{} as {}").format(sql.SQL(_FITS if asks else _SURELY_FITS).format(payload), fits))
        columns.append(sql.SQL("case when {} then {}::jsonb end as {}").format(fits, payload, payload))
        columns.append(sql.SQL("case when not {} then {} end as {}").format(fits, payload, text))
    # `offset 0` keeps the planner from asking each test twice.
    return sql.SQL("(select {} from (select *, {} from {} offset 0) as tested offset 0)").format(
        sql.SQL(", ").join(columns), sql.SQL(", ").join(tests), LANDING
    )


def stored_columns(table: Table) -> list[str]:
    """The table's columns in the warehouse: those of the registry, and a text beside every payload."""
    return [
        name
        for column in table.columns
        for name in ((column.name, f"{column.name}_text") if column.type is Type.JSON else (column.name,))
    ]
