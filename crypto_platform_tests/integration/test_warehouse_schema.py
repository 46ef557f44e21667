"""The warehouse's schema: what the registry says, applied once, readable and no more by the reader."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from crypto_platform.settings import load_settings
from crypto_platform.shipped import shipped_path
from crypto_platform.tables import BRONZE_MARKETS, SILVER_DAILY_METRICS, TABLES, UNIFIED_VIEW, Table, Type
from crypto_platform.warehouse import (
    Connection,
    Warehouse,
    WarehouseError,
    WarehouseUnavailableError,
    enter_world,
    migrate,
    open_warehouse,
    world_of,
)

MIRRORED = [table for table in TABLES.values() if table.warehouse]


def columns_of(connection: Connection, relation: str) -> list[tuple[str, str, bool]]:
    """Name, type and NOT NULL of each column, in order."""
    return connection.execute(
        "select attname, format_type(atttypid, atttypmod), attnotnull from pg_attribute"
        " where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum",
        (relation,),
    ).fetchall()


@pytest.mark.parametrize("table", MIRRORED, ids=lambda table: table.name)
def test_the_tables_are_those_of_the_registry(warehouse: Warehouse, table: Table) -> None:
    expected: list[tuple[str, str, bool]] = []
    for column in table.columns:
        payload = column.type is Type.JSON  # nullable, with a text beside it for what jsonb refuses
        expected.append(
            (column.name, column.type.postgres, not payload and (column.required or column.name in table.key))
        )
        if payload:
            expected.append((f"{column.name}_text", "text", False))
    assert table.warehouse
    with warehouse.connect() as connection:
        assert columns_of(connection, table.warehouse) == expected
        key = connection.execute(
            "select array_agg(attname::text order by place) from pg_constraint"
            " cross join unnest(conkey) with ordinality as keys (number, place)"
            " join pg_attribute on attrelid = conrelid and attnum = keys.number"
            " where conrelid = %s::regclass and contype = 'p'",
            (table.warehouse,),
        ).fetchone()
    assert key == (list(table.key),)


def test_the_unified_view_has_the_columns_of_the_registry(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        found = [(name, type_) for name, type_, _ in columns_of(connection, "gold.unified_view")]
    assert found == [(column.name, column.type.postgres) for column in UNIFIED_VIEW.columns]


@pytest.mark.parametrize("vendor", ["coingecko", "coinpaprika"])
def test_a_vendors_views_have_the_columns_of_the_registry(warehouse: Warehouse, vendor: str) -> None:
    views = {f"bronze.{vendor}_markets": BRONZE_MARKETS, f"silver.{vendor}_daily_metrics": SILVER_DAILY_METRICS}
    with warehouse.connect() as connection:
        for view, table in views.items():
            found = [(name, type_) for name, type_, _ in columns_of(connection, view)]
            assert found == [(column.name, column.type.postgres) for column in table.columns]


def test_each_vendor_has_a_view_of_what_it_staged(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        connection.execute("""
            insert into staging.raw_snapshots (source, batch_id, page, position, snapshot_date, fetched_at, payload)
            select source, 'b', 1, 0, '2026-11-21', now(), jsonb_build_object('id', 'coin-of-' || source)
            from unnest('{coingecko, coinpaprika, csv}'::text[]) as source
        """)
        for vendor in ("coingecko", "coinpaprika", "csv"):
            view = f"staging.raw_{vendor}"
            assert columns_of(connection, view) == columns_of(connection, "staging.raw_coingecko")
            rows = connection.execute(f"select batch_uuid, coin_id from {view}".encode()).fetchall()
            assert rows == [("b", f"coin-of-{vendor}")]


def test_a_vendors_views_show_its_own_rows_alone(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        connection.execute("""
            insert into bronze.markets (source, snapshot_date, source_asset_id, last_updated, last_updated_missing,
                price_usd, fetched_at, batch_id, page, position)
            select source, day, 'coin', '2026-05-01 23:59Z', false, 1, now(), 'b', 1, 0
            from unnest('{coingecko, coinpaprika}'::text[]) as source
            cross join unnest('{2026-05-01, 2026-05-02}'::date[]) as day
        """)
        connection.execute("""
            insert into silver.daily_metrics (metric_date, source, source_asset_id, open_usd, high_usd, low_usd,
                close_usd, snapshots, first_seen, last_updated)
            select '2026-05-01', source, 'coin', 1, 1, 1, 1, 1, now(), now()
            from unnest('{coingecko, coinpaprika}'::text[]) as source
        """)
        for view in ("bronze.coinpaprika_markets", "silver.coinpaprika_daily_metrics"):
            assert connection.execute(f"select source from {view}".encode()).fetchall() == [("coinpaprika",)]


def test_every_partition_column_is_a_date() -> None:
    for table in MIRRORED:
        types = {column.name: column.type for column in table.columns}
        assert table.partition_column is None or types[table.partition_column] is Type.DATE


@pytest.fixture
def unmigrated(warehouse: Warehouse) -> Warehouse:
    with warehouse.connect() as connection:
        connection.execute("drop view public.unified_crypto_data")
        connection.execute("drop schema staging, bronze, silver, gold, identity, ops cascade")
    return warehouse


def test_processes_that_migrate_at_once_apply_each_migration_once(unmigrated: Warehouse) -> None:
    with ThreadPoolExecutor(4) as threads:
        applied = list(threads.map(lambda _: migrate(unmigrated), range(4)))
    names = [path.stem for path in sorted(shipped_path("sql/warehouse").glob("0*.sql"))]
    assert sorted(name for one in applied for name in one) == names
    assert migrate(unmigrated) == []


def test_beliefs_that_began_on_a_day_begin_at_its_midnight(unmigrated: Warehouse, tmp_path: Path) -> None:
    folder = tmp_path / "sql"
    folder.mkdir()
    for path in shipped_path("sql/warehouse").glob("000[1-4]_*.sql"):
        shutil.copy(path, folder)
    with unmigrated.connect() as connection:
        connection.execute("create schema ops")
        connection.execute("grant usage on schema ops to crypto_reader")  # as if it had been let in before
        migrate(unmigrated, folder)
        connection.execute("create view public.built_on_it as select asset_id from gold.unified_view")
        connection.execute("""
            insert into identity.crosswalk
                (source, source_asset_id, valid_from, known_from, known_to, asset_id, method)
            values ('yahoo', 'BTC-USD', '2014-01-01', '2026-01-01', '2026-02-01', 'btc', 'curated'),
                   ('yahoo', 'BTC-USD', '2014-01-01', '2026-02-01', null, 'bitcoin', 'curated')
        """)
        connection.execute("""
            insert into silver.historic_prices
                (bar_date, source, source_asset_id, as_of, close_usd, provisional, revisions, fetched_at, batch_id)
            values ('2020-01-31', 'yahoo', 'BTC-USD', '2020-02-01', 5, false, 1, now(), 'b')
        """)
        migrate(unmigrated)
        found = connection.execute("select known_from, known_to from identity.crosswalk order by 1").fetchall()
        january, february = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
        assert found == [(january, february), (february, None)]
        assert connection.execute("select asset_id from public.built_on_it").fetchall() == [("bitcoin",)]
    with unmigrated.reader() as reader:
        assert reader.execute("select count(*) from checkpoints").fetchone() == (0,)


def test_a_failing_migration_leaves_nothing_and_says_why(warehouse: Warehouse, tmp_path: Path) -> None:
    folder = shutil.copytree(shipped_path("sql/warehouse"), tmp_path / "sql")
    (folder / f"{len(list(folder.glob('0*.sql'))) + 1:04d}_bad.sql").write_text(
        "create table gold.half (id int); select * from nowhere;"
    )
    with pytest.raises(WarehouseError, match="_bad failed and was taken back: relation"):
        migrate(warehouse, folder)
    with warehouse.connect() as connection:
        assert connection.execute("select to_regclass('gold.half')").fetchone() == (None,)


def test_a_changed_migration_is_refused(warehouse: Warehouse, tmp_path: Path) -> None:
    folder = shutil.copytree(shipped_path("sql/warehouse"), tmp_path / "sql")
    with (folder / "0001_schemas.sql").open("a") as file:
        file.write("-- improved\n")
    with pytest.raises(WarehouseError, match="0001_schemas was changed after it was applied"):
        migrate(warehouse, folder)


def test_a_warehouse_newer_than_the_code_is_refused(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        connection.execute("insert into ops.migrations (number, name, sha256) values (999, 'later', '')")
    with pytest.raises(WarehouseError, match="update crypto-platform"):
        migrate(warehouse)


def test_the_reader_reads_everything_and_writes_nothing(warehouse: Warehouse) -> None:
    with warehouse.connect() as writer:
        writer.execute("create table gold.added_later (id integer)")
    with warehouse.reader() as reader:
        for relation in [
            *(table.warehouse for table in MIRRORED),
            "gold.unified_view",
            "gold.added_later",
            "ops.world",
            "ops.batches",
            "ops.rate_budgets",
            "staging.raw_coinpaprika",
            "staging.raw_csv",
            "bronze.coinpaprika_markets",
            "silver.coinpaprika_daily_metrics",
            "unified_crypto_data",
            "checkpoints",
        ]:
            assert reader.execute(f"select count(*) from {relation}").fetchone() == (0,)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            reader.execute("delete from gold.unified_prices")
        reader.execute("set default_transaction_read_only = off")
        for attempt in ("delete from gold.unified_prices", "create table public.mine (id int)", "create schema mine"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(attempt)


def test_live_data_and_sandbox_data_do_not_meet(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        assert world_of(connection) is None
        enter_world(connection, "live")
        enter_world(connection, "live")
        with pytest.raises(WarehouseError, match="holds live data and was opened as sandbox"):
            enter_world(connection, "sandbox")
        assert world_of(connection) == "live"


@pytest.mark.parametrize(
    "url",
    [
        "postgres://someone:p%40ss@db.example:6543/prices?sslmode=require",
        "postgresql+psycopg2://someone:p%40ss@db.example:6543/prices?sslmode=require",
        "postgresql+asyncpg://someone:p@ss@db.example:6543/prices?ssl=require",
        "postgresql://db.example:6543?sslmode=require",
    ],
)
def test_a_url_is_understood_in_any_spelling_and_filled_from_the_settings(url: str) -> None:
    settings = load_settings(
        warehouse=url,
        postgres_user="someone",
        postgres_password="p@ss",  # noqa: S106
        postgres_db="prices",
        _env_file=None,
    )
    with open_warehouse(settings) as opened:
        expected = "someone:p%40ss@db.example:6543/{}?sslmode=require"
        assert opened.writer_url == "postgresql://" + expected.format("prices")
        assert opened.dagster_url == "postgresql+psycopg2://" + expected.format("dagster")
        assert "p@ss" not in repr(opened)


@pytest.mark.parametrize("url", ["postgresql://u:s3cret@127.0.0.1:1/x", "postgresql://u:s3cret@127.0.0.1/x?bad=s3cret"])
def test_an_unreachable_warehouse_is_one_sentence_without_the_password(url: str) -> None:
    opened = open_warehouse(load_settings(warehouse=url, _env_file=None))
    with pytest.raises(WarehouseUnavailableError, match=r"^The warehouse at 127\.0\.0\.1.*\.$") as refused:
        opened.connect()
    assert "s3cret" not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("url", ["mysql://u:s3cret@h/x", "postgresql://u:s3cret@h:port/x"])
def test_a_url_that_is_none_is_one_sentence_without_the_password(url: str) -> None:
    with pytest.raises(WarehouseError, match="CRYPTO_WAREHOUSE cannot be used") as refused:
        open_warehouse(load_settings(warehouse=url, _env_file=None))
    assert "s3cret" not in str(refused.value)


def test_the_unified_view_maps_by_the_life_of_an_id_and_shows_a_repeated_observation_once(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        connection.execute("""
            insert into identity.crosswalk
                (source, source_asset_id, valid_from, valid_to, known_from, known_to, asset_id, symbol, method)
            values ('yahoo', 'UNI-USD', '2014-01-01', '2020-01-31', '2026-01-01', null, 'universe', 'UNI', 'curated'),
                   ('yahoo', 'UNI-USD', '2020-02-01', null, '2026-01-01', '2026-02-01', 'once', 'X', 'curated'),
                   ('yahoo', 'UNI-USD', '2020-02-01', null, '2026-02-01', null, 'uniswap', 'UNI', 'curated')
        """)
        connection.execute("""
            insert into silver.historic_prices
                (bar_date, source, source_asset_id, as_of, close_usd, provisional, revisions, fetched_at, batch_id)
            select day, 'yahoo', 'UNI-USD', day + interval '1 day', 5, false, 1, now(), 'b'
            from (values (date '2020-01-31'), (date '2020-02-01')) as days (day)
        """)
        connection.execute("""
            insert into bronze.markets (source, snapshot_date, source_asset_id, last_updated, last_updated_missing,
                symbol, price_usd, fetched_at, batch_id, page, position)
            select 'coingecko', day, 'new', '2026-05-01 23:59', false, 'new', price, now(), 'b', 1, 0
            from (values (date '2026-05-02', 2), (date '2026-05-01', 1)) as days (day, price)
        """)
        found = connection.execute(
            "select asset_id, symbol, price_usd, origin, resolution from gold.unified_view order by observed_at"
        ).fetchall()
    assert found == [
        ("universe", "UNI", 5.0, "historic", "1d"),
        ("uniswap", "UNI", 5.0, "historic", "1d"),
        ("coingecko:new", "new", 1.0, "live", "snapshot"),
    ]
