"""The commands about the stores: migrate, rebuild-warehouse, query, export."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crypto_platform.cli.console import bar, fail, flat, out, plain, print_json, sentences, table
from crypto_platform.cli.session import open_platform, require_stores
from crypto_platform.home import open_home
from crypto_platform.settings import load_settings
from crypto_platform.tables import RAW_SNAPSHOTS, TABLES, UNIFIED_VIEW, table_named

if TYPE_CHECKING:
    import pyarrow as pa

    from crypto_platform.engine import Query
    from crypto_platform.lake import LakeSlice
    from crypto_platform.platform import Platform

_SHOWN_ROWS = 1_000


@click.command()
@sentences
def migrate() -> None:
    """Bring the warehouse's schema up to date."""
    from crypto_platform.warehouse import migrate as apply
    from crypto_platform.warehouse import open_warehouse

    with open_platform() as platform:
        open_home(platform.settings)
        with open_warehouse(platform.settings) as warehouse:
            applied = apply(warehouse)
    out.print("\n".join(f"Applied {name}" for name in applied) or "The schema is up to date.")


@click.command("rebuild-warehouse")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@sentences
def rebuild_warehouse(as_json: bool) -> None:
    """Project the whole lake into the warehouse; rows that are there and right are left alone."""
    from crypto_platform.projection import Projection, projected_tables

    require_stores(load_settings())
    tables = projected_tables()
    rows = []
    with open_platform() as platform, bar("Projecting", len(tables), quiet=as_json) as told:
        today = _last_day(platform)
        projection = Projection(platform.lake, platform.warehouse)
        for done, each in enumerate(tables, start=1):
            projected = projection.rebuild(each, today, platform.settings.staging_days)
            rows.append([each.name, projected.partitions, projected.rows, projected.written, projected.deleted])
            told(done, None)
        platform.ledger.rebuild()
    if as_json:
        print_json([dict(zip(("table", "partitions", "rows", "written", "deleted"), row, strict=True)) for row in rows])
    else:
        table("Projected", ["table", "partitions", "rows", "written", "deleted"], rows)


def _last_day(platform: Platform) -> date:
    """The last day that snapshots were landed on, which is what staging's days are counted back from."""
    days = [
        p.first_day
        for source in platform.lake.sources(RAW_SNAPSHOTS)
        for p in platform.lake.partitions(RAW_SNAPSHOTS, source)
    ]
    return max((day for day in days if day), default=date.max)


def relations(platform: Platform) -> dict[str, LakeSlice | Query]:
    """Every table as the lake holds it now, under its own name."""
    from crypto_platform.engine import Query

    found: dict[str, LakeSlice | Query] = {
        name: platform.lake.whole(each) for name, each in TABLES.items() if each is not UNIFIED_VIEW
    }
    return {**found, UNIFIED_VIEW.name: Query(UNIFIED_VIEW.name)}


@contextmanager
def asked(platform: Platform, sql: str) -> Iterator[pa.RecordBatchReader]:
    with platform.engine.ask(sql, relations(platform), platform.lake.store.uri("")) as batches:
        yield batches


@click.command()
@click.argument("sql")
@click.option("--json", "as_json", is_flag=True, help="Print an array of row objects.")
@click.option("--limit", default=_SHOWN_ROWS, show_default=True, help="Rows shown in the table; JSON has all.")
@sentences
def query(sql: str, as_json: bool, limit: int) -> None:
    """Run one SELECT over the lake. The tables are raw_snapshots, bronze_markets, unified_prices, …

    \b
    crypto-platform query "select metric_date, close_usd from unified_prices where asset_id = 'bitcoin'"
    """
    require_stores(load_settings())
    with open_platform() as platform, asked(platform, sql) as batches:
        names = batches.schema.names
        if as_json:
            _stream_json(batches)
            return
        rows: list[list[object]] = []
        more = False
        for batch in batches:
            rows += (
                [list(row.values()) for row in batch.to_pylist()]
                if len(set(names)) == len(names)
                else _by_position(batch)
            )
            if len(rows) > limit:
                more = True
                break
    table(None, names, rows[:limit])
    if more:
        out.print(f"Only the first {limit:,} rows; use --limit, --json, or `crypto-platform export`.", style="yellow")


def _by_position(batch: pa.RecordBatch) -> list[list[object]]:
    return [list(row) for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)]


def _finite(value: object) -> object:
    """JSON knows no NaN and no infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _stream_json(batches: pa.RecordBatchReader) -> None:
    """An array of row objects, a batch at a time."""
    separator = "["
    for batch in batches:
        for row in batch.to_pylist():
            told = {name: _finite(value) for name, value in row.items()}
            sys.stdout.write(separator + "\n " + json.dumps(told, default=plain, ensure_ascii=False))
            separator = ","
    sys.stdout.write("[]\n" if separator == "[" else "\n]\n")


@click.command()
@click.argument("table_name", metavar="TABLE")
@click.option(
    "--to", "file", type=click.Path(dir_okay=False, path_type=Path), required=True, help="FILE.csv, .parquet or .sqlite"
)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@sentences
def export(table_name: str, file: Path, force: bool) -> None:
    """Write a whole table of the lake to a file; the file appears when it is complete."""
    table_named(table_name)
    require_stores(load_settings())
    writers = {".csv": _write_csv, ".parquet": _write_parquet, ".sqlite": _write_sqlite}
    if file.suffix not in writers:
        fail(f"{file.name} does not say in what form; name it .csv, .parquet or .sqlite.")
    if file.exists() and not force:
        fail(f"{file} is there already; choose another name, or say --force.")
    if not file.absolute().parent.is_dir():
        fail(f"The folder {file.absolute().parent} does not exist; make it first.")
    partial = file.with_name(f".{file.name}.part")
    partial.unlink(missing_ok=True)
    try:
        with (
            open_platform() as platform,
            asked(platform, f'from "{table_name}"') as batches,
            bar(f"Exporting {table_name}", None) as told,
        ):
            rows = writers[file.suffix](_counted(batches, told), batches.schema, partial, table_name)
        partial.replace(file)
    except OSError as error:
        fail(f"{file} could not be written ({error.strerror}); nothing was changed.")
    finally:
        partial.unlink(missing_ok=True)
    out.print(f"{rows:,} rows of {table_name} are in {file}.")


def _counted(batches: pa.RecordBatchReader, told: object) -> Iterator[pa.RecordBatch]:
    done = 0
    for batch in batches:
        done += batch.num_rows
        told(done, None)  # type: ignore[operator]
        yield batch


def _write_csv(batches: Iterator[pa.RecordBatch], schema: pa.Schema, file: Path, _table: str) -> int:
    rows = 0
    with file.open("w", newline="", encoding="utf-8") as target:
        writer = csv.writer(target)
        writer.writerow(schema.names)
        for batch in batches:
            for row in batch.to_pylist():
                writer.writerow([flat(value) for value in row.values()])
            rows += batch.num_rows
    return rows


def _write_parquet(batches: Iterator[pa.RecordBatch], schema: pa.Schema, file: Path, _table: str) -> int:
    import pyarrow.parquet as pq

    rows = 0
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def _write_sqlite(batches: Iterator[pa.RecordBatch], schema: pa.Schema, file: Path, table_name: str) -> int:
    import sqlite3

    spelled = {"double": "REAL", "int32": "INTEGER", "int64": "INTEGER", "bool": "INTEGER"}
    columns = ", ".join(f'"{field.name}" {spelled.get(str(field.type), "TEXT")}' for field in schema)
    marks = ", ".join("?" * len(schema))
    rows = 0
    connection = sqlite3.connect(file)
    try:
        with connection:
            connection.execute(f'create table "{table_name}" ({columns})')
            for batch in batches:
                values = ([flat(value) for value in row.values()] for row in batch.to_pylist())
                connection.executemany(f'insert into "{table_name}" values ({marks})', values)  # noqa: S608
                rows += batch.num_rows
    finally:
        connection.close()
    return rows
