"""Several sources side by side: one that is down holds up no other, and what it owes comes with the next run."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path

import dagster as dg
import pytest
from command_line import commands_on
from pipelines import NOW, Market, OpenPipeline, Pipeline, at_home

from crypto_platform.runner import RunFailedError
from crypto_platform.sandbox.faults import Rule
from crypto_platform.sources import SOURCES
from crypto_platform.sources.base import BarDate
from crypto_platform.tables import CROSSWALK, FROM_HISTORY, RAW_SNAPSHOTS, UNIFIED_PRICES, Partition

SNAPSHOTS = ("coingecko", "coinpaprika")
HISTORIES = ("coingecko", "coinpaprika", "yahoo")
DATED_ALIKE = "unified_prices sources_date_their_bars_alike"


def together(pipeline: Pipeline) -> dict[str, RunFailedError]:
    """A snapshot of each source, all at once."""
    return pipeline.runner.together({name: partial(pipeline.snapshot_of, name) for name in SNAPSHOTS})


def gold(pipeline: Pipeline) -> None:
    pipeline.run(CROSSWALK)
    pipeline.runner.refresh_gold()


def test_a_vendor_that_is_down_holds_up_no_other_and_owes_nothing_afterwards(
    open_pipeline: OpenPipeline, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    with at_home(open_pipeline(vendors={"coingecko": {"top": 550}}), monkeypatch) as pipeline:
        one_is_down_for_a_while(pipeline, market)


def one_is_down_for_a_while(pipeline: Pipeline, market: Market) -> None:
    market.fails(Rule(kind="503", vendor="coingecko", path="*[?&]page=[23]*"))
    failed = together(pipeline)
    assert list(failed) == ["coingecko"]
    assert str(failed["coingecko"]).startswith("coingecko answered 503 Service Unavailable to ")
    assert pipeline.asked("select distinct source from silver_daily_metrics") == [{"source": "coinpaprika"}]
    gold(pipeline)
    book = "select source, status, tries, pages, asked, rows > 0 from ops.batches order by started_at, source"
    assert pipeline.rows(book) == [
        ("coingecko", "failure", 1, 1, 0, False),
        ("coinpaprika", "success", 1, 1, 1, True),
    ]

    market.fails()
    market.forget()
    market.set_clock(NOW + timedelta(minutes=6))
    assert together(pipeline) == {}
    gold(pipeline)
    assert market.requests("coingecko") == [("/coins/markets", "200", 2)], "its first page was there"
    assert pipeline.rows(book) == [
        ("coingecko", "success", 2, 3, 2, True),
        ("coinpaprika", "success", 1, 1, 1, True),
        ("coinpaprika", "success", 1, 1, 1, True),
    ]
    counted = pipeline.asked("select source, count(distinct page) as pages from raw_snapshots group by all order by 1")
    assert [tuple(row.values()) for row in counted] == [("coingecko", 3), ("coinpaprika", 1)]
    for table in ("bronze.markets", "silver.daily_metrics"):
        assert pipeline.rows(f"select distinct source from {table} order by 1") == [("coingecko",), ("coinpaprika",)]
    known = pipeline.rows("select count(*) filter (where sources = 2), count(*) from gold.unified_prices")
    assert known[0][0] > 200
    assert pipeline.runner.catch_up("coingecko") == pipeline.runner.catch_up("coinpaprika") == []


def test_the_command_names_the_vendor_that_failed_and_has_done_the_others(
    pipeline: Pipeline, market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    market.fails(Rule(kind="503", vendor="coinpaprika"))
    with commands_on(pipeline, market, tmp_path, monkeypatch) as command_line:
        done = command_line("snapshot", "--json")
        assert done.exit_code == 1
        told = " ".join(done.stderr.split())
        assert "Error: coinpaprika failed: coinpaprika answered 503 Service Unavailable to " in told
        assert '"source": "coingecko"' in done.stdout
        assert '"source": "coinpaprika"' not in done.stdout
        assert pipeline.count(RAW_SNAPSHOTS) == 40
        market.fails()
        rows = command_line.json("snapshot", "--source", "coinpaprika", "--json")
    assert {(row["source"], row["partition"]) for row in rows} == {("coinpaprika", "2026-11-20")}


def test_a_run_that_begins_waits_for_nobody_who_writes_to_a_log(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else two runs in one process end by waiting for each other."""
    writing = logging.StreamHandler()
    with at_home(pipeline, monkeypatch) as at_once, ThreadPoolExecutor(1) as threads:
        writing.acquire()
        try:
            threads.submit(at_once.run, CROSSWALK).result(timeout=60)
        finally:
            writing.release()


def test_sources_agree_on_what_a_day_is_and_one_that_does_not_is_found(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    months = [Partition("2026-10"), Partition("2026-11")]
    for source in HISTORIES:
        pipeline.history_of(source, "2026-10", "2026-11")
    pipeline.run(CROSSWALK)
    pipeline.runner.run([(UNIFIED_PRICES, None)], months)
    differences = pipeline.asked("""
        select one.source, other.source as other, count(*) > 100 as many,
            median(abs(one.close_usd - other.close_usd) / least(one.close_usd, other.close_usd)) * 100 < 0.5 as alike
        from historic_prices one join crosswalk a on (a.source, a.source_asset_id) = (one.source, one.source_asset_id)
        join crosswalk b on a.asset_id = b.asset_id join historic_prices other
            on (b.source, b.source_asset_id) = (other.source, other.source_asset_id) and other.bar_date = one.bar_date
        where one.source < other.source and not one.provisional and not other.provisional group by all order by all
    """)
    assert [tuple(row.values()) for row in differences] == [
        (one, other, True, True) for one in HISTORIES for other in HISTORIES if one < other
    ]
    assert DATED_ALIKE not in pipeline.runner.checks.findings
    for source in HISTORIES:
        declared = SOURCES[source].day_of
        other = BarDate.SAME_DAY if declared is BarDate.PREVIOUS_DAY else BarDate.PREVIOUS_DAY
        for day_of in (other, declared):
            monkeypatch.setattr(SOURCES[source], "day_of", day_of)
            pipeline.runner.run([(table, source) for table in FROM_HISTORY], months)
            pipeline.runner.checks.findings.clear()
            pipeline.runner.run([(UNIFIED_PRICES, None)], months)
            found = pipeline.runner.checks.findings.get(DATED_ALIKE, 0)
            assert found == (0 if day_of is declared else 4), f"{source} against two others, in each month"


def test_points_outside_the_months_asked_for_are_told_of_and_made_use_of(pipeline: Pipeline) -> None:
    pipeline.history_of("coingecko", "2026-11")
    landed = pipeline.instance.get_materialized_partitions(dg.AssetKey(["raw_history", "coingecko"]))
    assert landed == {"2026-08", "2026-09", "2026-10", "2026-11"}, "daily points are given for 92 days at least"
    derived = "select distinct strftime(bar_date, '%Y-%m') as month from historic_prices order by 1"
    assert [row["month"] for row in pipeline.asked(derived)] == ["2026-11"]
    ((_, months),) = pipeline.runner.catch_up("coingecko")
    assert [month.key for month in months] == ["2026-08", "2026-09", "2026-10"]
    assert [row["month"] for row in pipeline.asked(derived)] == ["2026-08", "2026-09", "2026-10", "2026-11"]
    gaps = pipeline.asked("select bar_date - lag(bar_date) over (order by bar_date) as step from historic_prices where source_asset_id = 'bitcoin'")  # fmt: skip  # noqa: E501
    assert {row["step"] for row in gaps} == {None, 1}, "no day is lost between two months"
    assert pipeline.runner.catch_up("coingecko") == []
