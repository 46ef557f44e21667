"""The engine: values are bound, answers typed and in UTC, rules find their offenders, a query is confined."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_sql_rows import ENGINE, at, derive, judged_history, rows_of

from crypto_platform.engine import DuckDBEngine, EngineError, Query, rules_of
from crypto_platform.engine.query import _sql_files
from crypto_platform.tables import (
    BRONZE_MARKETS,
    HISTORIC_PRICES,
    RAW_HISTORY,
    SILVER_DAILY_METRICS,
    TABLES,
    UNIFIED_PRICES,
    Partition,
)

CHOSEN = [table for table in TABLES.values() if table.key]


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A folder like a lake, with secrets beside it."""
    folder = tmp_path / "lake"
    folder.mkdir()
    pq.write_table(pa.table({"price": [1.0, 2.0]}), folder / "prices.parquet")
    for secret in (tmp_path / "secret.csv", tmp_path / "lake-of-somebody-else.csv"):
        secret.write_text("word\nopen sesame\n")
    (folder / "way-out.csv").symlink_to(tmp_path / "secret.csv")
    return folder


@contextmanager
def confinable() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database of its own, since confinement is a whole database's; its time zone is New York's."""
    with duckdb.connect(":memory:", config={"threads": 2}) as connection:
        connection.execute("set TimeZone = 'America/New_York'")
        yield connection


def ask(sql: str, lake: Path, **relations: Any) -> list[dict[str, Any]]:
    with DuckDBEngine(confinable).ask(sql, relations, str(lake)) as batches:
        rows: list[dict[str, Any]] = batches.read_all().to_pylist()
    return rows


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('{lake}/../secret.csv')",
        "select * from read_text('{parent}/secret.csv')",
        "select * from read_blob('{lake}/way-out.csv')",
        "select * from '{parent}/secret.csv'",
        "select * from read_csv('{parent}/lake-of-somebody-else.csv')",
        "select * from glob('{parent}/*')",
        "select * from glob('/etc/*')",
        "select * from read_csv('http://127.0.0.1:9/x.csv')",
        "copy (select 1) to '{lake}/new.csv'",
        "copy (select 1) to '{parent}/new.csv'",
        "attach '{lake}/new.db'",
        "attach '{parent}/new.db' as other",
        "set threads = 1",
        "set enable_external_access = true",
        "reset lock_configuration",
        "pragma enable_external_access",
        "install httpfs",
        "load httpfs",
        "create table mine as select 1",
        "create or replace temp view prices as select 7",
        "drop view prices",
        "insert into prices values (1)",
        "export database '{lake}/out'",
        "call pragma_version()",
        "select 1; select 2",
        "select 1; drop view prices",
        "",
        ";",
        "-- nothing",
        "selec 1",
        "select",
        "select * from no_such_table",
        "select no_such_column from prices",
        "select 'x'::int",
    ],
)
def test_a_query_that_would_do_more_than_read_the_lake_is_refused_in_a_sentence(lake: Path, sql: str) -> None:
    before = {path: path.read_bytes() for path in lake.parent.rglob("*") if path.is_file()}
    prices = [str(lake / "prices.parquet")]
    with pytest.raises(EngineError, match=r"^The query (must be one SELECT statement|could not be run: )") as caught:
        ask(sql.format(lake=lake, parent=lake.parent), lake, prices=prices)
    assert "\n" not in str(caught.value)
    assert "open sesame" not in str(caught.value)
    assert {path: path.read_bytes() for path in lake.parent.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("select sum(price) as total from prices", [{"total": 3.0}]),
        ("from prices order by price desc limit 1", [{"price": 2.0}]),
        ("select max(price) as top from read_parquet('{lake}/*.parquet')", [{"top": 2.0}]),
        ("with few as (select 1 as one) select one from few where one > 1", []),
        ("select 1 as one;  -- and a comment", [{"one": 1}]),
    ],
)
def test_a_query_may_read_the_named_relations_and_the_lake(lake: Path, sql: str, rows: list[dict[str, Any]]) -> None:
    assert ask(sql.format(lake=lake), lake, prices=[str(lake / "prices.parquet")]) == rows


def test_the_variables_of_the_program_are_no_tables(lake: Path) -> None:
    secret = pa.table({"word": ["open sesame"]})
    assert secret.num_rows
    with pytest.raises(EngineError, match="secret does not exist"):
        ask("select * from secret", lake)


LATE = "select cast(case when i < 900000 then '1' else 'x' end as int) as number from range(1000000) as t(i)"


def test_a_query_that_breaks_after_its_first_rows_says_so_in_a_sentence(lake: Path) -> None:
    with pytest.raises(EngineError, match=r"^The query could not be run: Conversion Error"):
        ask(LATE, lake)


@pytest.mark.parametrize("how", ["asked", "checked"])
def test_a_file_that_is_no_parquet_is_told_of_in_a_sentence(lake: Path, how: str) -> None:
    broken = lake / "broken.parquet"
    broken.write_bytes(b"PAR1 and then nothing")
    given = {"bronze_markets": [str(broken)]}
    with pytest.raises(EngineError, match=r"broken\.parquet"):
        _ = ask("select 1", lake, **given) if how == "asked" else ENGINE.findings(BRONZE_MARKETS, (), given)


def test_a_day_is_a_day_in_utc_wherever_the_machine_stands(lake: Path) -> None:
    """The engine of these tests is handed connections that live in New York."""
    (row,) = ask(
        "select cast(timestamptz '2026-11-21 00:30:00+00' as date) as day, current_setting('TimeZone') as zone", lake
    )
    assert row == {"day": date(2026, 11, 21), "zone": "UTC"}
    late = {"source": "coingecko", "source_asset_id": "a", "snapshot_date": date(2026, 11, 21), "price_usd": 1.0}
    markets = rows_of(BRONZE_MARKETS, [late | {"last_updated": at("2026-11-21 00:30")}])
    query = Query("silver_daily_metrics", bronze_markets=markets)
    assert [row["metric_date"] for row in derive(SILVER_DAILY_METRICS, query, "2026-11-20", "2026-11-21")] == [
        date(2026, 11, 21)
    ]


@pytest.mark.parametrize("table", CHOSEN, ids=lambda table: table.name)
def test_rows_come_in_the_types_of_the_registry(table: Any) -> None:
    partition = Partition({"date": "2026-11-21", "month": "2026-11", "all": "all"}[table.grain.value])
    with ENGINE.stream(table.arrow_schema.empty_table(), table, [partition]) as batches:
        assert [(field.name, field.type) for field in batches.schema][1:] == [
            (column.name, column.type.arrow) for column in table.columns
        ]


@pytest.mark.parametrize("nasty", ["0); drop table raw_history; --", "0 or 1=1", "x' or '1'='1"])
def test_a_parameter_is_a_value_and_never_sql(nasty: str) -> None:
    point = {"source": "yahoo", "source_asset_id": "a", "observed_at": at("2026-11-05 00:00"), "close_usd": 1.0,
             "fetched_at": at("2026-11-07 00:00"), "batch_id": "b", "page": 1, "position": 0}  # fmt: skip
    judged = Query("judged_history", raw_history=rows_of(RAW_HISTORY, [point]), parameters={"midnight_ends_day": nasty})
    history = Query("historic_prices", judged_history=judged, parameters={"settling_hours": 4.0})
    with pytest.raises(EngineError, match=r"^historic_prices could not be run: .*Could not convert string") as caught:
        derive(HISTORIC_PRICES, history, "2026-11")
    assert nasty in str(caught.value)


def test_a_partition_s_key_is_a_value_and_never_sql() -> None:
    rows = rows_of(SILVER_DAILY_METRICS, [{"metric_date": date(2026, 11, 21), "source": "s", "source_asset_id": "a"}])
    assert derive(SILVER_DAILY_METRICS, rows, "2026-11-20') or ('1'='1") == []


def test_no_value_can_be_formatted_into_a_transformation() -> None:
    for name, sql in _sql_files().items():
        assert "{}" not in sql, name
        assert "%s" not in sql, name


def test_parameters_of_inner_queries_reach_the_sql() -> None:
    inner = judged_history([], midnight_ends_day=True)
    outer = Query("historic_prices", judged_history=inner, parameters={"settling_hours": 4.0})
    assert outer.parameters == {"midnight_ends_day": 1, "settling_hours": 4.0}


def test_a_query_without_its_file_says_so() -> None:
    with pytest.raises(EngineError, match=r"No file no_such_table\.sql is under sql/"):
        derive(RAW_HISTORY, Query("no_such_table"), "2026-11")


# Rules


def prices(**values: Any) -> dict[str, Any]:
    row = {"metric_date": date(2026, 11, 21), "asset_id": "bitcoin", "close_usd": 1.0, "source": "yahoo",
           "origin": "historic", "is_final": True, "sources": 1, "as_of": at("2026-11-22 00:00")}  # fmt: skip
    return row | values


def broken_rules(table: Any, rows: list[dict[str, Any]]) -> dict[str, tuple[int, tuple[str, ...]]]:
    others = {name: rows_of(TABLES[name], []) for rule in rules_of(table) for name in rule.tables}
    findings = ENGINE.findings(table, rules_of(table), others | {table.name: rows_of(table, rows)})
    return {finding.rule.name: (finding.rows, finding.partitions) for finding in findings if finding.rows}


def test_rows_that_keep_every_rule_are_found_by_none() -> None:
    assert broken_rules(UNIFIED_PRICES, [prices(), prices(asset_id="ethereum")]) == {}


@pytest.mark.parametrize(
    ("rows", "rule", "found"),
    [
        ([prices(), prices()], "key_is_unique", (1, ("2026-11",))),
        ([prices(close_usd=None)], "required_columns_are_filled", (1, ("2026-11",))),
        ([prices(close_usd=0.0), prices(close_usd=-1.0, metric_date=date(2026, 10, 1))],
         "prices_are_positive", (2, ("2026-10", "2026-11"))),
        ([prices(close_usd=float("nan"))], "prices_are_positive", (1, ("2026-11",))),
        ([prices(close_usd=float("inf"))], "prices_are_positive", (1, ("2026-11",))),
    ],
)  # fmt: skip
def test_a_broken_rule_names_its_rows_and_their_partitions(
    rows: list[dict[str, Any]], rule: str, found: tuple[int, tuple[str, ...]]
) -> None:
    assert broken_rules(UNIFIED_PRICES, rows)[rule] == found


def test_the_first_offenders_are_shown() -> None:
    rows = [prices(close_usd=-1.0, asset_id=f"coin-{number}") for number in range(9)]
    (finding,) = ENGINE.findings(
        UNIFIED_PRICES,
        [rule for rule in rules_of(UNIFIED_PRICES) if rule.name == "prices_are_positive"],
        {"unified_prices": rows_of(UNIFIED_PRICES, rows)},
    )
    assert finding.rows == 9
    assert [row["asset_id"] for row in finding.first] == [f"coin-{number}" for number in range(5)]


@pytest.mark.parametrize("table", CHOSEN, ids=lambda table: table.name)
def test_every_rule_runs_and_finds_nothing_where_there_is_nothing(table: Any) -> None:
    assert all(rule.tables for rule in rules_of(table))
    assert broken_rules(table, []) == {}
    assert all(rule.sentence.endswith(".") for rule in rules_of(table))
