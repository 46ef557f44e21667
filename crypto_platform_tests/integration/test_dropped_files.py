"""Dropped files through the whole pipeline: every line is somewhere, under the right coin, and none is read twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from dropped import FILES, YAHOO, drop_all, read, statuses
from pipelines import NOW, Market, Pipeline, own_pipelines, replay

from crypto_platform.lake.answers import unpack
from crypto_platform.sandbox.server import RunningSandbox
from crypto_platform.tables import BRONZE_MARKETS, HISTORIC_PRICES, QUARANTINE, SILVER_DAILY_METRICS
from crypto_platform.warehouse import Warehouse


@pytest.fixture(scope="module")
def all_read(
    tmp_path_factory: pytest.TempPathFactory, shared_server: Warehouse, running_market: RunningSandbox
) -> Iterator[Pipeline]:
    """Everything in the drop folder was read; the tests only look."""
    with own_pipelines(tmp_path_factory.mktemp("files"), shared_server, running_market) as opener:
        pipeline = opener()
        drop_all(pipeline)
        read(pipeline)
        yield pipeline


def test_each_file_is_known_for_what_it_is(all_read: Pipeline) -> None:
    rows = all_read.asked("select file, status, kind, format, coin, rows, landed, rejected from dropped_files")
    assert {row.pop("file"): tuple(row.values()) for row in rows} == {
        "BTC-USD.csv": ("read", "history", "yahoo", "yahoo:BTC-USD", 4, 4, 0),
        "prices.csv": ("read", "history", "yahoo", "yahoo:ETH-USD", 3, 3, 0),
        "sub/kaggle.csv": ("read", "history", "coinmarketcap", None, 4, 3, 1),
        "Binance_SOLUSDT_d.csv": ("read", "history", "cryptodatadownload", "solana", 3, 3, 0),
        "doge.csv": ("read", "history", "close-only", "dogecoin", 4, 4, 0),
        "market.csv": ("read", "snapshots", "snapshot", None, 8, 6, 2),
        "ETH-USD hourly.csv": ("quarantined", None, None, None, 0, 0, 0),
        "notes.csv": ("quarantined", None, None, None, 0, 0, 0),
        "pi.csv": ("quarantined", None, None, None, 0, 0, 0),
    }
    assert sorted(all_read.rows("select * from ops.dropped_files"), key=repr) == sorted(
        (tuple(row.values()) for row in all_read.asked("from dropped_files")), key=repr
    )


def test_every_line_of_a_file_is_landed_or_rejected(all_read: Pipeline) -> None:
    files = all_read.asked("""
        with raw as (select batch_id from raw_history union all by name select batch_id from raw_snapshots)
        select file, rows, (select count(*) from raw where raw.batch_id = dropped_files.batch_id) as landed,
            (select count(*) from file_quarantine as line where line.batch_id = dropped_files.batch_id) as rejected
        from dropped_files where status = 'read'
    """)
    assert len(files) == 6
    for row in files:
        assert row["rows"] == row["landed"] + row["rejected"], row
        above = {"prices.csv": 3, "Binance_SOLUSDT_d.csv": 2}.get(row["file"], 1)
        assert row["rows"] == len(FILES[row["file"]].splitlines()) - above


def test_every_raw_row_is_in_bronze_or_in_a_quarantine_or_comes_twice(all_read: Pipeline) -> None:
    (snapshots,) = all_read.asked("""
        select (select count(*) from raw_snapshots) as raw, (select count(*) from bronze_markets) as bronze,
            (select sum(occurrences) from quarantine)::int as quarantined
    """)
    assert snapshots == {"raw": 6, "bronze": 4, "quarantined": 1}, "and one line is there twice"
    (points,) = all_read.asked("""
        select (select count(*) from raw_history) as raw, (select count(*) from historic_prices) as bars,
            (select sum(occurrences) from historic_quarantine)::int as quarantined,
            (select count(*) from raw_history where close_usd is null) as gaps
    """)
    assert points == {"raw": 17, "bars": 15, "quarantined": 1, "gaps": 1}


def test_a_file_tells_of_a_coin_at_many_moments_and_on_many_days(all_read: Pipeline) -> None:
    silver = all_read.asked(
        "select metric_date::varchar as day, source_asset_id as coin, open_usd, close_usd, snapshots"
        " from silver_daily_metrics order by all"
    )
    assert [tuple(row.values()) for row in silver] == [
        ("2026-11-16", "bitcoin", 92_000, 92_500, 2),
        ("2026-11-16", "my-own-coin", 0.5, 0.5, 1),
        ("2026-11-18", "bitcoin", 93_000, 93_000, 1),
    ]


def test_a_day_of_a_file_made_alone_is_the_one_made_with_the_others(all_read: Pipeline) -> None:
    before = all_read.objects()
    for table in (BRONZE_MARKETS, QUARANTINE, SILVER_DAILY_METRICS):
        all_read.run(table, "csv", "2026-11-18")
    all_read.run(HISTORIC_PRICES, "csv", "2026-10")
    assert all_read.objects() == before


def test_gold_has_every_file_under_its_coin(all_read: Pipeline) -> None:
    rows = all_read.asked("""
        with told as (select *, concat(strftime(metric_date, '%m-%d'), ' ', close_usd) as day from unified_prices)
        select asset_id, string_agg(day, ', ' order by metric_date) as days from told group by asset_id
    """)
    assert {row["asset_id"]: row["days"] for row in rows} == {
        "bitcoin": "10-01 91800.25, 10-02 92000.0, 10-04 92900.0, 11-16 92500.0, 11-18 93000.0",
        "ethereum": "10-01 3150.5, 10-02 3180.0, 10-03 3170.0",
        "solana": "10-30 158.0, 10-31 160.0, 11-01 160.5",
        "dogecoin": "10-20 0.41, 10-21 0.42, 10-23 0.43",
        "csv:cmc:Solana:SOL": "10-13 152.5, 10-14 158.0",
        "csv:cmc:XRP:XRP": "10-13 2.18",
        "csv:my-own-coin": "11-16 0.5",
    }, "a name and a ticker alone are no evidence"
    named = all_read.asked("select symbol, name, sources from assets where asset_id in ('bitcoin', 'csv:my-own-coin')")
    assert sorted(map(tuple, (row.values() for row in named))) == [
        ("btc", "Bitcoin", ["coingecko", "coinpaprika", "csv", "yahoo"]),
        ("mine", "My Own Coin", ["csv"]),
    ]


def test_the_newest_day_of_a_file_is_provisional_and_never_final(all_read: Pipeline) -> None:
    rows = all_read.asked("""
        select source_asset_id as coin, bar_date::varchar as day from historic_prices
        where provisional or as_of < bar_date::timestamptz + interval 1 day order by all
    """)
    unfinished = [("dogecoin", "2026-10-23"), ("solana", "2026-11-01"), ("yahoo:BTC-USD", "2026-10-04")]
    unfinished += [("yahoo:ETH-USD", "2026-10-03")]
    assert [tuple(row.values()) for row in rows] == unfinished
    final = all_read.asked("select count(*) as n from unified_prices where is_final and origin = 'historic'")
    assert final == [{"n": 15 - len(unfinished)}]


def test_what_could_not_be_read_is_shown_with_its_line_and_its_reason(all_read: Pipeline) -> None:
    shown = all_read.rows("""
        select file, position, reasons[1] from ops.quarantine
        join ops.dropped_files using (batch_id) where table_name = 'dropped_files' order by file, position
    """)
    assert [(file, line, reason[:60]) for file, line, reason in shown] == [
        ("ETH-USD hourly.csv", 0, shown[0][2][:60]),
        ("market.csv", 8, "2025-12-31 is before 2026-01-01, the first day that is kept"),
        ("market.csv", 9, "last_updated is not a time: 'soon'"),
        ("notes.csv", 0, "notes.csv has a header that is not known: to do, when. docs/"),
        ("pi.csv", 0, "pi.csv names no coin; name the file after a Yahoo symbol suc"),
        ("sub/kaggle.csv", 5, "date is not a time: '99/10/2026'"),
    ]
    assert "hour" in shown[0][2]
    whole = all_read.rows("select file, reason from ops.dropped_files where status = 'quarantined' order by file")
    assert whole == [(file, reason) for file, line, reason in shown if line == 0]
    rejected = "select table_name, reasons from ops.quarantine where table_name <> 'dropped_files' order by 1"
    assert all_read.rows(rejected) == [
        ("bronze_markets", ["zombie: price is 0"]),
        ("historic_prices", ["zombie: close is not above 0"]),
    ]


def test_the_files_are_kept_as_they_came(all_read: Pipeline) -> None:
    keys = [key for key in all_read.answers("csv") if key.endswith(".zst")]
    kept = {unpack(all_read.lake.store.read(key), key).body for key in keys}
    assert kept == {content.encode() for content in FILES.values()}


def test_reading_again_changes_no_byte_and_no_row(all_read: Pipeline, market: Market) -> None:
    before, written, ledger = all_read.objects(), all_read.written(), all_read.rows("select * from ops.batches")
    market.set_clock(NOW + timedelta(hours=9))
    read(all_read)
    all_read.drop("the same under another name.csv", YAHOO)
    read(all_read)
    assert (all_read.objects(), all_read.written()) == (before, written)
    replay(all_read)
    now = all_read.objects()
    # Days and months around are made with the others, and are empty; gold says of what it was made, so of them too.
    same = [key for key in before if not key.startswith("unified_prices")]
    assert {key: now[key] for key in same} == {key: before[key] for key in same}
    assert all_read.written() == written
    assert sorted(all_read.rows("select * from ops.batches"), key=repr) == sorted(ledger, key=repr)
    assert "the same under another name.csv" not in statuses(all_read)


def test_an_unfinished_day_is_taken_until_a_longer_file_has_it_finished(pipeline: Pipeline, market: Market) -> None:
    day = "select close_usd, provisional, revisions from historic_prices where bar_date = '2026-10-04'"
    pipeline.drop("BTC-USD.csv", YAHOO)
    read(pipeline)
    assert [tuple(row.values()) for row in pipeline.asked(day)] == [(92_900.0, True, 1)]
    market.set_clock(NOW + timedelta(hours=1))
    pipeline.drop("BTC-USD.csv", YAHOO.replace("92900,92900", "92750,92750") + "2026-10-05,92750,1e5,9e4,95000,1,2\n")
    read(pipeline)
    assert [tuple(row.values()) for row in pipeline.asked(day)] == [(92_750.0, False, 2)]
    assert pipeline.asked("select count(*) as files from dropped_files") == [{"files": 2}]
    final = "select strftime(max(metric_date), '%m-%d') as day from unified_prices where is_final"
    assert pipeline.asked(final) == [{"day": "10-04"}]
