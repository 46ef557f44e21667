"""Promises about doing it again: history, replays and a rebuilt warehouse come out as they were, to the byte."""

from __future__ import annotations

from datetime import timedelta

from pipelines import MONTHS, NOW, Market, OpenPipeline, Pipeline, replay

from crypto_platform.projection import Projection, input_hashes, months_to_refresh, projected_tables
from crypto_platform.tables import CROSSWALK, RAW_SNAPSHOTS, SILVER_DAILY_METRICS, UNIFIED_PRICES, Partition


def test_a_replay_changes_no_byte_of_the_lake_and_no_row_of_the_warehouse(filled: Pipeline, market: Market) -> None:
    assert {key.split("/")[0] for key in filled.derived()} == {
        "bronze_markets", "quarantine", "silver_daily_metrics", "universe", "historic_prices", "historic_quarantine",
        "crosswalk", "unified_prices", "assets",
    }  # fmt: skip
    before, sums, written = filled.objects(), filled.checksums(), filled.written()
    market.forget()
    market.set_clock(NOW + timedelta(hours=7))
    replay(filled)
    assert filled.objects() == before
    assert filled.checksums() == sums
    assert filled.written() == written, "not one row was even touched"
    assert market.requests("coingecko") == market.requests("yahoo") == []


def test_derived_objects_that_were_lost_come_back_with_the_same_bytes(filled: Pipeline) -> None:
    before, sums = filled.objects(), filled.checksums()
    for key in filled.derived():
        filled.lake.store.delete(key)
    replay(filled)
    assert filled.objects() == before
    assert filled.checksums() == sums


def test_history_asked_for_again_brings_nothing_new(filled: Pipeline, market: Market) -> None:
    before, sums, written = filled.derived(), filled.checksums(), filled.written()
    raw = len(filled.objects()) - len(before)
    filled.history(*MONTHS)
    replay(filled)
    assert filled.derived() == before
    assert (filled.checksums(), filled.written()) == (sums, written)
    assert len(filled.objects()) - len(before) == raw + len(MONTHS), "the answers were kept all the same"


def test_a_partition_alone_is_the_one_of_the_range(filled: Pipeline) -> None:
    before = filled.objects()
    filled.run(SILVER_DAILY_METRICS, "coingecko", "2026-11-19")
    filled.run(UNIFIED_PRICES, None, "2026-10")
    assert filled.objects() == before


def test_a_warehouse_that_was_dropped_is_rebuilt_row_for_row(filled: Pipeline, open_filled: OpenPipeline) -> None:
    sums = filled.checksums()
    views = {view: filled.rows(f"select count(*) from {view}") for view in ("gold.unified_view", "unified_crypto_data")}
    with filled.platform.warehouse.connect() as connection:
        connection.execute("drop schema staging, bronze, silver, gold, identity, ops cascade")
    again = open_filled()
    assert {rows for rows, _ in again.checksums().values()} == {0}
    projection = Projection(again.lake, again.platform.warehouse)
    for table in projected_tables():
        projection.rebuild(table, NOW.date(), 30)
    assert again.checksums() == sums
    assert {view: again.rows(f"select count(*) from {view}") for view in views} == views
    done = [projection.rebuild(table, NOW.date(), 30) for table in projected_tables()]
    assert sum(each.written + each.deleted for each in done) == 0


def test_a_rebuild_believes_the_tables_and_not_its_own_records(filled: Pipeline) -> None:
    sums = filled.checksums()
    with filled.platform.warehouse.connect() as connection:
        connection.execute("truncate gold.unified_prices")
        connection.execute("update bronze.markets set price_usd = price_usd + 1")
    projection = Projection(filled.lake, filled.platform.warehouse)
    for table in projected_tables():
        projection.rebuild(table, NOW.date(), 30)
    assert filled.checksums() == sums


def test_a_rebuilt_warehouse_stages_the_days_that_the_pipeline_keeps(
    open_pipeline: OpenPipeline, market: Market
) -> None:
    pipeline = open_pipeline(staging_days=3)
    for age in (4, 3, 2, 0):
        market.set_clock(NOW - timedelta(days=age))
        pipeline.snapshot()
    staged = "select distinct snapshot_date::text from staging.raw_snapshots order by 1"
    kept = pipeline.rows(staged)
    assert ("2026-11-16",) not in kept
    with pipeline.platform.warehouse.connect() as connection:
        connection.execute("drop schema staging, bronze, silver, gold, identity, ops cascade")
    again = open_pipeline(staging_days=3)
    Projection(again.lake, again.platform.warehouse).rebuild(RAW_SNAPSHOTS, NOW.date(), 3)
    assert again.rows(staged) == kept


def test_a_rebuilt_warehouse_asks_for_no_gold(filled: Pipeline, open_filled: OpenPipeline) -> None:
    with filled.platform.warehouse.connect() as connection:
        connection.execute("drop schema staging, bronze, silver, gold, identity, ops cascade")
    again = open_filled()
    for table in projected_tables():
        Projection(again.lake, again.platform.warehouse).rebuild(table, NOW.date(), 30)
    with again.platform.warehouse.connect() as connection:
        assert months_to_refresh(connection) == []


def test_gold_is_asked_for_only_where_its_inputs_changed(filled: Pipeline, market: Market) -> None:
    with filled.platform.warehouse.connect() as connection:
        assert sorted(input_hashes(connection)) == MONTHS
        assert months_to_refresh(connection) == []
    market.set_clock(NOW + timedelta(hours=2))
    filled.snapshot()
    with filled.platform.warehouse.connect() as connection:
        assert months_to_refresh(connection) == ["2026-11"]
    filled.run(UNIFIED_PRICES, None, "2026-11")
    with filled.platform.warehouse.connect() as connection:
        assert months_to_refresh(connection) == []


def test_silver_is_the_same_whatever_day_is_replayed_first(filled: Pipeline) -> None:
    before = filled.objects()
    days = [Partition(day) for day in ("2026-11-19", "2026-11-20")]
    for day in [*reversed(days), *days]:
        filled.run(SILVER_DAILY_METRICS, "coingecko", day.key)
    assert filled.objects() == before


def test_the_crosswalk_alone_is_rewritten_to_the_same_bytes(filled: Pipeline) -> None:
    before, written = filled.objects(), filled.written()
    filled.run(CROSSWALK)
    assert (filled.objects(), filled.written()) == (before, written)
