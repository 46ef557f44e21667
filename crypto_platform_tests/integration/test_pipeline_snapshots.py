"""Live snapshots on the simulated market, from the vendor's answers to gold, with every row accounted for."""

from __future__ import annotations

import json
from datetime import timedelta

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pipelines import NOW, Market, OpenPipeline, Pipeline

from crypto_platform.definitions import build_definitions
from crypto_platform.runner import RunFailedError
from crypto_platform.tables import (
    BRONZE_MARKETS,
    CROSSWALK,
    QUARANTINE,
    RAW_SNAPSHOTS,
    SILVER_DAILY_METRICS,
    UNIFIED_PRICES,
)

ACCOUNTED = """
    select (select count(*) from raw_snapshots) as raw,
           (select count(*) from bronze_markets) as bronze,
           (select coalesce(sum(occurrences), 0)::bigint from quarantine) as rejected,
           (select count(*) from raw_snapshots as raw
            where not exists (from bronze_markets as kept where kept.batch_id = raw.batch_id
                              and kept.page = raw.page and kept.position = raw.position)
              and not exists (from quarantine as rejected where rejected.payload = raw.payload)) as duplicates
"""


def test_the_hourly_job_brings_a_snapshot_through_to_silver(pipeline: Pipeline) -> None:
    job = build_definitions(pipeline.platform).resolve_job_def("snapshot_coingecko")
    done = job.execute_in_process(instance=pipeline.instance, partition_key="2026-11-20")
    assert done.success
    assert pipeline.count(RAW_SNAPSHOTS) == 40
    assert pipeline.rows("select count(*) from staging.raw_coingecko") == [(40,)]
    assert pipeline.rows("select count(*) from silver.coingecko_daily_metrics where metric_date = '2026-11-20'") == [
        (len(pipeline.asked("select * from silver_daily_metrics where metric_date = '2026-11-20'")),)
    ]
    evaluations = done.get_asset_check_evaluations()
    assert {each.check_name for each in evaluations if each.severity is dg.AssetCheckSeverity.ERROR} >= {
        "key_is_unique"
    }
    assert [
        each.check_name for each in evaluations if not each.passed and each.severity is dg.AssetCheckSeverity.ERROR
    ] == []


def test_every_row_of_several_snapshots_is_accounted_for_in_both_stores(
    open_pipeline: OpenPipeline, market: Market
) -> None:
    pipeline = open_pipeline(vendors={"coingecko": {"top": 250}})
    for hours in (2, 1, 1, 0):
        market.set_clock(NOW - timedelta(hours=hours))
        pipeline.snapshot()
    (counts,) = pipeline.asked(ACCOUNTED)
    assert counts["raw"] == 1_000
    assert counts["raw"] == counts["bronze"] + counts["rejected"] + counts["duplicates"]
    assert min(counts.values()) > 0, "the market brings rows of every kind"
    assert pipeline.rows(
        "select (select count(*) from staging.raw_snapshots), (select count(*) from bronze.markets), "
        "(select sum(occurrences) from ops.quarantine)"
    ) == [(counts["raw"], counts["bronze"], counts["rejected"])]
    day = "2026-11-20"
    pipeline.run(CROSSWALK)
    pipeline.run(UNIFIED_PRICES, None, "2026-11")
    in_lake = pipeline.asked(f"select count(*) as n from silver_daily_metrics where metric_date = '{day}'")[0]["n"]
    gold = pipeline.rows(
        f"select count(*), count(distinct asset_id) from gold.unified_prices where metric_date = '{day}'"
    )
    assert gold == [(in_lake, in_lake)]
    for table in (BRONZE_MARKETS, QUARANTINE, SILVER_DAILY_METRICS, UNIFIED_PRICES):
        published = f"select coalesce(sum(rows), 0)::bigint from ops.publications where table_name = '{table.name}'"
        assert pipeline.rows(published) == [(pipeline.count(table),)]


def test_the_answers_are_the_bytes_that_the_rows_were_cut_from(pipeline: Pipeline) -> None:
    pipeline.snapshot()
    (key,) = pipeline.answers("coingecko")
    batch_id = key.split("/")[-2]
    body = pipeline.lake.answers("coingecko", "2026-11-20", batch_id).read(1).body
    payloads = [row["payload"].encode() for row in pipeline.asked("from raw_snapshots order by position")]
    assert b"[" + b",".join(payloads) + b"]" == body


@pytest.mark.parametrize("days", [1, 200])
def test_a_past_day_cannot_be_snapshotted_and_the_sentence_says_what_can(
    pipeline: Pipeline, market: Market, days: int
) -> None:
    past = (NOW - timedelta(days=days)).date()
    with pytest.raises(
        RunFailedError,
        match=f"^A live snapshot can only be taken now, for 2026-11-20, not for {past}; for past days backfill raw_h",
    ):
        pipeline.run(RAW_SNAPSHOTS, "coingecko", past.isoformat())
    with pytest.raises(RunFailedError, match="not for 2026-11-19 to 2026-11-20"):
        pipeline.run(RAW_SNAPSHOTS, "coingecko", "2026-11-19", "2026-11-20")
    assert market.requests("coingecko") == []
    assert pipeline.objects() == {}


def test_a_row_that_a_batch_brings_after_midnight_is_of_the_new_day(pipeline: Pipeline, market: Market) -> None:
    market.set_clock(NOW.replace(day=19, hour=23, minute=59))
    pipeline.snapshot()
    (key,) = pipeline.lake.store.keys("raw_snapshots")
    file = pipeline.lake.store.path(key)
    table = pq.read_table(file)
    (raw,) = [row for row in table.to_pylist() if json.loads(row["payload"])["id"] == "bitcoin"]
    late = json.dumps(json.loads(raw["payload"]) | {"last_updated": "2026-11-20T00:00:07Z"})
    raw |= {"payload": late, "fetched_at": NOW.replace(hour=0, minute=0, second=9)}
    pq.write_table(pa.Table.from_pylist([raw], schema=table.schema), file)
    for each in (BRONZE_MARKETS, QUARANTINE, SILVER_DAILY_METRICS):
        pipeline.run(each, "coingecko", "2026-11-19", "2026-11-20")
    assert pipeline.count(QUARANTINE) == 0
    days = pipeline.asked("select metric_date, source_asset_id, snapshots from silver_daily_metrics")
    assert [(str(day["metric_date"]), day["source_asset_id"], day["snapshots"]) for day in days] == [
        ("2026-11-20", "bitcoin", 1)
    ]


def test_a_row_repeated_after_midnight_stays_with_its_own_day_once_that_is_closed(
    pipeline: Pipeline, market: Market
) -> None:
    market.set_clock(NOW.replace(hour=23, minute=59))
    pipeline.snapshot()
    before = pipeline.asked("select * from silver_daily_metrics where metric_date = '2026-11-20' order by all")
    market.set_clock(NOW.replace(day=21, hour=0, minute=1))
    pipeline.snapshot()
    pipeline.run(SILVER_DAILY_METRICS, "coingecko", "2026-11-20")
    after = pipeline.asked("select * from silver_daily_metrics where metric_date = '2026-11-20' order by all")
    assert {row["source_asset_id"] for row in before} <= {row["source_asset_id"] for row in after}
    assert all(row["last_updated"].date().isoformat() == "2026-11-20" for row in after)
    days = {row["metric_date"].isoformat() for row in pipeline.asked("from silver_daily_metrics")}
    assert days == {"2026-11-20", "2026-11-21"}
