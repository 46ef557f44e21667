"""Snapshot after snapshot of one day: each costs its own rows, and leaves what making everything anew would leave."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pipelines import NOW, Market, OpenPipeline, Pipeline

from crypto_platform.projection import Projection, projected_tables
from crypto_platform.tables import FROM_SNAPSHOTS, QUARANTINE, RAW_SNAPSHOTS, Table
from crypto_platform.warehouse import landing, publishing

DAY = "2026-11-20"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The rows that were sent to the warehouse since it was last cleared, by table."""
    rows: dict[str, int] = {}
    real = landing.copy_in

    def counted(connection: Any, table: Table, into: Any, batches: Iterable[pa.RecordBatch]) -> int:
        came = real(connection, table, into, batches)
        rows[table.name] = rows.get(table.name, 0) + came
        return came

    monkeypatch.setattr(publishing, "copy_in", counted)
    return rows


def hours(pipeline: Pipeline, market: Market, *hours: int) -> None:
    for hour in hours:
        market.set_clock(NOW.replace(hour=hour))
        pipeline.snapshot()


def rebuilt(pipeline: Pipeline) -> int:
    """Compare every row of the warehouse with the lake; how many were not as there."""
    projection = Projection(pipeline.lake, pipeline.platform.warehouse)
    done = [projection.rebuild(table, NOW.date(), 30) for table in projected_tables()]
    return sum(each.written + each.deleted for each in done)


def made_anew(pipeline: Pipeline) -> dict[str, str]:
    """The derived objects after they were lost and made again from all raw objects at once."""
    for key in pipeline.derived():
        pipeline.lake.store.delete(key)
    for table in FROM_SNAPSHOTS:
        pipeline.run(table, "coingecko", DAY)
    return pipeline.derived()


def test_each_snapshot_of_a_day_sends_its_own_rows_and_leaves_the_earlier_ones_alone(
    pipeline: Pipeline, market: Market, sent: dict[str, int]
) -> None:
    hours(pipeline, market, 8, 9, 10)
    versions = "select batch_id, page, position, xmin::text from {} order by 1, 2, 3"
    before = {table: pipeline.rows(versions.format(table)) for table in ("staging.raw_snapshots", "bronze.markets")}
    market.set_clock(NOW)
    sent.clear()
    pipeline.snapshot()
    (batch,) = {row[0] for row in pipeline.rows(versions.format("staging.raw_snapshots"))} - {
        row[0] for row in before["staging.raw_snapshots"]
    }
    for table, rows in before.items():
        now = pipeline.rows(versions.format(table))
        assert [row for row in now if row[0] != batch] == rows
    new = pipeline.rows(f"select count(*) from bronze.markets where batch_id = '{batch}'")[0][0]
    assert 0 < new <= 40
    assert (sent["raw_snapshots"], sent["bronze_markets"]) == (40, new)


def test_snapshot_after_snapshot_leaves_what_all_at_once_would(open_pipeline: OpenPipeline, market: Market) -> None:
    pipeline = open_pipeline(vendors={"coingecko": {"top": 250}})
    hours(pipeline, market, 8, 8, 9, 10, 12)
    in_steps = pipeline.derived()
    assert pipeline.count(QUARANTINE) > 0
    assert rebuilt(pipeline) == 0
    assert made_anew(pipeline) == in_steps
    assert rebuilt(pipeline) == 0


def test_a_batch_that_was_fetched_earlier_and_comes_late_is_published_where_it_wins(
    pipeline: Pipeline, market: Market, sent: dict[str, int]
) -> None:
    hours(pipeline, market, 8, 10)
    (first, _) = pipeline.lake.store.keys(f"raw_snapshots/source=coingecko/date={DAY}")
    rows = pq.read_table(pipeline.lake.store.path(first))
    earlier = pc.subtract(rows.column("fetched_at"), timedelta(minutes=5))
    rows = rows.set_column(rows.schema.get_field_index("fetched_at"), "fetched_at", earlier)
    batch = pa.repeat(pa.scalar("late"), rows.num_rows)
    rows = rows.set_column(rows.schema.get_field_index("batch_id"), "batch_id", batch)
    pq.write_table(rows, pipeline.lake.store.path(first).with_name("late.parquet"))
    sent.clear()
    for table in FROM_SNAPSHOTS:
        pipeline.run(table, "coingecko", DAY)
    won = pipeline.rows("select count(*) from bronze.markets where batch_id = 'late'")[0][0]
    assert (sent["bronze_markets"], won) == (won, len(pipeline.asked("from bronze_markets where batch_id = 'late'")))
    assert won > 0
    in_steps = pipeline.derived()
    hours(pipeline, market, 12)  # which stages the late one too
    assert pipeline.rows("select count(*) from staging.raw_snapshots where batch_id = 'late'") == [(40,)]
    assert rebuilt(pipeline) == 0
    assert made_anew(pipeline).keys() == in_steps.keys()
    assert rebuilt(pipeline) == 0


@pytest.mark.parametrize(
    "harm",
    [
        "delete from bronze.markets where position = 3",
        "delete from staging.raw_snapshots where position = 3",
        "with other as (update bronze.markets set price_usd = price_usd + 1) "
        "update ops.publications set content_sha256 = 'other' where table_name = 'bronze_markets'",
        "with other as (update staging.raw_snapshots set payload = '{}') "
        "update ops.publications set content_sha256 = 'other' where table_name = 'raw_snapshots'",
        "update ops.publications set inputs = null where table_name = 'raw_snapshots'",
        "delete from ops.publications",
    ],
)
def test_a_warehouse_that_does_not_hold_what_its_book_says_gets_the_whole_day(
    pipeline: Pipeline, market: Market, harm: str
) -> None:
    hours(pipeline, market, 8, 9)
    with pipeline.platform.warehouse.connect() as connection:
        connection.execute(harm.encode())
    hours(pipeline, market, 10)
    assert rebuilt(pipeline) == 0


def test_a_batch_that_was_landed_and_not_staged_is_staged_with_the_next(
    pipeline: Pipeline, market: Market, sent: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    hours(pipeline, market, 8)
    with monkeypatch.context() as broken:
        broken.setattr(Projection, "publish", lambda *_args, **_named: 1 / 0)
        with pytest.raises(Exception, match="division by zero"):
            hours(pipeline, market, 9)
    sent.clear()
    hours(pipeline, market, 10)
    assert sent["raw_snapshots"] == 80
    assert pipeline.rows("select count(*) from staging.raw_snapshots") == [(120,)]
    assert rebuilt(pipeline) == 0


def test_a_batch_after_another_change_of_the_sql_is_not_mixed_with_what_the_old_sql_made(
    pipeline: Pipeline, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crypto_platform.engine import query as texts

    hours(pipeline, market, 8)
    files = dict(texts._sql_files())
    files["coingecko"] = files["coingecko"].replace("coin.name as name", "upper(coin.name) as name")
    monkeypatch.setattr(texts, "_sql_files", lambda: files)
    hours(pipeline, market, 9)
    names = {row["name"] for row in pipeline.asked("select name from bronze_markets")}
    assert names == {name.upper() for name in names}
    assert rebuilt(pipeline) == 0


def test_a_replay_of_a_day_sends_nothing(pipeline: Pipeline, market: Market, sent: dict[str, int]) -> None:
    hours(pipeline, market, 8, 9)
    before, written = pipeline.objects(), pipeline.written()
    sent.clear()
    for table in FROM_SNAPSHOTS:
        pipeline.run(table, "coingecko", DAY)
    assert (pipeline.objects(), pipeline.written(), sent) == (before, written, {})


def test_rows_that_no_object_of_the_lake_holds_go_when_the_warehouse_is_rebuilt(
    pipeline: Pipeline, market: Market
) -> None:
    hours(pipeline, market, 8, 9)
    keys = pipeline.lake.slice(RAW_SNAPSHOTS, "coingecko").objects
    pipeline.lake.store.delete(keys[0])
    Projection(pipeline.lake, pipeline.platform.warehouse).rebuild(RAW_SNAPSHOTS, NOW.date(), 30)
    kept = pipeline.lake.batch_of(keys[1])
    assert pipeline.rows("select distinct batch_id from staging.raw_snapshots") == [(kept,)]
