"""The transformations of `sql/` on small rows made by hand: how the other tests ask them, and what holds for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from crypto_platform.engine import DuckDBEngine, Query
from crypto_platform.tables import (
    BRONZE_MARKETS,
    CROSSWALK,
    HISTORIC_PRICES,
    HISTORIC_QUARANTINE,
    QUARANTINE,
    RAW_HISTORY,
    RAW_SNAPSHOTS,
    SILVER_DAILY_METRICS,
    UNIFIED_PRICES,
    Partition,
    Table,
)

Row = Mapping[str, Any]
TODAY = date(2026, 11, 21)


@contextmanager
def far_from_utc() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection whose own time zone is New York's: whoever forgets to set UTC gets other days."""
    with _DATABASE.cursor() as connection:
        connection.execute("set TimeZone = 'America/New_York'")
        yield connection


_DATABASE = duckdb.connect(":memory:", config={"threads": 2})
ENGINE = DuckDBEngine(far_from_utc)


def at(text: str) -> datetime:
    """A moment in UTC: `2026-11-21 12:00`, or a time of today's."""
    return datetime.fromisoformat(text if " " in text else f"{TODAY}T{text}").replace(tzinfo=UTC)


def rows_of(table: Table, rows: Sequence[Row], **defaults: Any) -> pa.Table:
    return pa.Table.from_pylist([defaults | dict(row) for row in rows], schema=table.arrow_schema)


def derive(table: Table, rows: Query | pa.Table, *partitions: str) -> list[dict[str, Any]]:
    """The rows of some partitions of a table as its query gives them."""
    with ENGINE.stream(rows, table, [Partition(key) for key in partitions]) as batches:
        return [{name: row[name] for name in table.column_names} for row in batches.read_all().to_pylist()]


def snapshot(payload: str, **values: Any) -> dict[str, Any]:
    """One raw row of today's, fetched at noon."""
    row = {"source": "coingecko", "batch_id": "b1", "page": 1, "position": 0, "snapshot_date": TODAY}
    return row | {"fetched_at": at("12:00"), "payload": payload} | values


def judged(raw: Sequence[Row]) -> Query:
    raw_snapshots = rows_of(RAW_SNAPSHOTS, raw)
    return Query("judged_snapshots", snapshot_fields=Query("coingecko", raw_snapshots=raw_snapshots))


def bronze(raw: Sequence[Row], day: date = TODAY) -> list[dict[str, Any]]:
    query = Query("bronze_markets", adds_to="earlier_markets", by_key=True, judged_snapshots=judged(raw))
    return derive(BRONZE_MARKETS, query, day.isoformat())


def quarantine(raw: Sequence[Row], day: date = TODAY) -> list[dict[str, Any]]:
    query = Query("quarantine", adds_to="earlier_quarantine", judged_snapshots=judged(raw))
    return derive(QUARANTINE, query, day.isoformat())


def silver(markets: Sequence[Row], *days: str) -> list[dict[str, Any]]:
    query = Query("silver_daily_metrics", bronze_markets=rows_of(BRONZE_MARKETS, markets))
    return derive(SILVER_DAILY_METRICS, query, *(days or [TODAY.isoformat()]))


def judged_history(raw: Sequence[Row], midnight_ends_day: bool) -> Query:
    points = rows_of(RAW_HISTORY, raw)
    return Query("judged_history", raw_history=points, parameters={"midnight_ends_day": int(midnight_ends_day)})


def historic(raw: Sequence[Row], *months: str, midnight_ends_day: bool = False) -> list[dict[str, Any]]:
    query = Query(
        "historic_prices",
        judged_history=judged_history(raw, midnight_ends_day),
        parameters={"settling_hours": 4.0},
    )
    return derive(HISTORIC_PRICES, query, *(months or ["2026-11"]))


def historic_quarantine(raw: Sequence[Row], *months: str) -> list[dict[str, Any]]:
    query = Query("historic_quarantine", judged_history=judged_history(raw, midnight_ends_day=False))
    return derive(HISTORIC_QUARANTINE, query, *(months or ["2026-11"]))


def gold(
    historic_rows: Sequence[Row] = (),
    silver_rows: Sequence[Row] = (),
    crosswalk: Sequence[Row] = (),
    order: Sequence[str] = ("yahoo", "coingecko"),
) -> list[dict[str, Any]]:
    closes = Query(
        "observed_closes",
        historic_prices=rows_of(HISTORIC_PRICES, historic_rows),
        silver_daily_metrics=rows_of(SILVER_DAILY_METRICS, silver_rows),
        crosswalk=rows_of(CROSSWALK, crosswalk),
    )
    places = pa.table({"source": list(order), "place": list(range(len(order)))})
    return derive(UNIFIED_PRICES, Query("unified_prices", observed_closes=closes, source_order=places), "2026-11")


@pytest.mark.parametrize("made", [bronze, quarantine, silver, historic, historic_quarantine, gold])
def test_of_nothing_comes_nothing(made: Any) -> None:
    assert made([]) == []


def test_only_the_partitions_asked_for_come_in_the_order_of_their_keys() -> None:
    rows = [
        {"last_updated": at(f"{day} 10:00"), "source_asset_id": coin, "price_usd": 1.0, "snapshot_date": TODAY,
         "source": "coingecko"}
        for coin in ("b", "a") for day in ("2026-11-21", "2026-11-19", "2026-11-20")
    ]  # fmt: skip
    days = [(str(row["metric_date"]), row["source_asset_id"]) for row in silver(rows, "2026-11-21", "2026-11-20")]
    assert days == [("2026-11-20", "a"), ("2026-11-20", "b"), ("2026-11-21", "a"), ("2026-11-21", "b")]
