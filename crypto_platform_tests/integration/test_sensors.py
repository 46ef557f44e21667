"""Sensors and schedules: they ask for what is due, for no more than that, and once."""

from __future__ import annotations

import os
from datetime import date, timedelta

import dagster as dg
import pyarrow.parquet as pq
import pytest
from dropped import CLOSES, FILES, SNAPSHOTS, YAHOO, statuses
from pipelines import NOW, Market, Pipeline
from ticks import Daemon, months_of

from crypto_platform.tables import CROSSWALK, RAW_HISTORY, RAW_SNAPSHOTS, Partition


@pytest.fixture
def daemon(pipeline: Pipeline) -> Daemon:
    return Daemon(pipeline)


def settled(daemon: Daemon) -> list[dg.RunRequest]:
    """What is asked for once the drop folder looks the same twice."""
    return daemon.look("read_files") or daemon.look("read_files")


def test_files_are_read_once_for_each_change_of_the_folder(daemon: Daemon) -> None:
    pipeline = daemon.pipeline
    assert len(settled(daemon)) == 1
    assert daemon.look("read_files") == []
    pipeline.drop("BTC-USD.csv", YAHOO)
    (asked,) = settled(daemon)
    assert (asked.job_name, daemon.look("read_files")) == ("files", [])
    assert daemon.run(asked)
    assert statuses(pipeline) == {"BTC-USD.csv": "read"}
    assert daemon.look("read_files") == [], "reading changes nothing in the folder"
    pipeline.drop("sol.csv", CLOSES)
    pipeline.drop("coins.csv", "file,coin\nsol.csv,two words\n")
    (asked,) = settled(daemon)
    assert not daemon.run(asked)
    assert daemon.look("read_files") == [], "it would fail again"
    pipeline.drop("coins.csv", "file,coin\nsol.csv,solana\n")
    (asked,) = settled(daemon)
    assert daemon.run(asked)
    assert statuses(pipeline) == {"BTC-USD.csv": "read", "sol.csv": "read"}


def test_a_file_is_not_read_while_it_is_being_copied(daemon: Daemon) -> None:
    folder = daemon.pipeline.lake.store.path("drop")
    folder.mkdir()
    for end in (20, 60, len(YAHOO)):
        (folder / "BTC-USD.csv").write_text(YAHOO[:end])
        assert daemon.look("read_files") == [], "it changed since the last look"
    (asked,) = daemon.look("read_files")
    assert daemon.run(asked)
    assert daemon.pipeline.asked("select rows from dropped_files") == [{"rows": 4}]


def test_a_reading_that_failed_is_asked_for_again_after_a_while(daemon: Daemon, market: Market) -> None:
    pipeline = daemon.pipeline
    pipeline.drop("BTC-USD.csv", YAHOO)
    blocked = pipeline.lake.store.path("dropped_files")
    blocked.touch()  # a file where a folder has to be: nothing can be written there
    (asked,) = settled(daemon)
    assert not daemon.run(asked)
    market.set_clock(NOW + timedelta(minutes=9))
    assert daemon.look("read_files") == []
    market.set_clock(NOW + timedelta(minutes=10))
    (asked,) = daemon.look("read_files")
    assert daemon.look("read_files") == []
    blocked.unlink()
    assert daemon.run(asked)
    market.set_clock(NOW + timedelta(hours=1))
    assert daemon.look("read_files") == []
    assert statuses(pipeline) == {"BTC-USD.csv": "read"}


def test_odd_files_do_not_stop_the_sensor(daemon: Daemon) -> None:
    folder = daemon.pipeline.lake.store.path("drop")
    folder.mkdir()
    (folder / "gone.csv").symlink_to(folder / "nowhere.csv")
    (folder / os.fsdecode(b"\xff.csv")).write_text(YAHOO)
    (asked,) = settled(daemon)
    assert daemon.run(asked)
    assert statuses(daemon.pipeline) == {r"\xff.csv": "quarantined"}
    (folder / ".hidden").mkdir()
    (folder / ".hidden/BTC-USD.csv").write_text(YAHOO)
    assert settled(daemon) == []


def test_a_change_while_files_are_read_is_seen_to_afterwards(daemon: Daemon) -> None:
    running = daemon.begin("files")
    daemon.pipeline.drop("BTC-USD.csv", YAHOO)
    assert settled(daemon) == []
    daemon.pipeline.instance.report_run_failed(running, "It was killed.")
    assert [asked.job_name for asked in daemon.look("read_files")] == ["files"]


def test_what_was_landed_and_not_made_use_of_is_asked_for_once(daemon: Daemon) -> None:
    pipeline = daemon.pipeline
    assert daemon.look("catch_up") == []
    pipeline.drop("SOL-USD.csv", FILES["Binance_SOLUSDT_d.csv"])
    pipeline.drop("market.csv", SNAPSHOTS)
    (asked,) = settled(daemon)
    assert daemon.run(asked)
    pipeline.runner.run([(RAW_SNAPSHOTS, "coingecko")], [pipeline.today])
    due = {(each.job_name, *months_of(each)): each for each in daemon.look("catch_up")}
    assert set(due) == {
        ("close_day_coingecko", "2026-11-20", "2026-11-20"),
        ("close_day_csv", "2026-11-16", "2026-11-18"),
        ("derive_history_csv", "2026-10", "2026-11"),
    }
    assert daemon.look("catch_up") == [], "each has its key"
    assert all(daemon.run(each) for each in due.values())
    daemon.tried.clear()
    assert daemon.look("catch_up") == [], "everything was made use of"
    assert pipeline.asked("select count(*) as n from historic_prices") == [{"n": 3}]
    assert pipeline.asked("select distinct source from silver_daily_metrics order by 1") == [
        {"source": "coingecko"},
        {"source": "csv"},
    ]


def test_what_is_being_landed_is_waited_for(daemon: Daemon) -> None:
    daemon.pipeline.runner.run([(RAW_SNAPSHOTS, "coingecko")], [daemon.pipeline.today])
    running = daemon.begin("snapshot_coingecko")
    assert daemon.look("catch_up") == []
    daemon.pipeline.instance.report_run_failed(running, "It was killed.")
    assert [each.job_name for each in daemon.look("catch_up")] == ["close_day_coingecko"]


def test_content_that_fails_is_tried_once_and_other_content_again(daemon: Daemon, market: Market) -> None:
    pipeline = daemon.pipeline
    pipeline.runner.run([(RAW_HISTORY, "yahoo")], [Partition("2026-10")])
    (key,) = pipeline.lake.slice(RAW_HISTORY, "yahoo", [Partition("2026-10")]).objects
    sound = pipeline.lake.store.read(key)
    table = pq.read_table(pipeline.lake.store.path(key))
    rows = table.to_pylist()
    rows[0]["close_usd"] = float("nan")
    pq.write_table(type(table).from_pylist(rows, schema=table.schema), pipeline.lake.store.path(key))
    (asked,) = daemon.look("catch_up")
    assert not daemon.run(asked)
    assert daemon.look("catch_up") == []
    pipeline.lake.store.path(key).write_bytes(sound)
    market.set_clock(NOW + timedelta(hours=1))
    pipeline.runner.run([(RAW_HISTORY, "yahoo")], [Partition("2026-10")])
    (asked,) = daemon.look("catch_up")
    assert (asked.job_name, months_of(asked)) == ("derive_history_yahoo", ("2026-10", "2026-10"))
    assert daemon.run(asked)
    daemon.tried.clear()
    assert daemon.look("catch_up") == []


def test_gold_is_asked_for_where_its_inputs_changed_and_not_while_it_is_made(daemon: Daemon) -> None:
    pipeline = daemon.pipeline
    assert daemon.look("refresh_gold") == []
    pipeline.run(CROSSWALK)
    pipeline.history("2026-09", "2026-10")
    pipeline.snapshot()
    running = daemon.begin("gold")
    assert daemon.look("refresh_gold") == []
    pipeline.instance.report_run_failed(running, "It was killed.")
    (asked,) = daemon.look("refresh_gold")
    assert months_of(asked) == ("2026-09", "2026-11")
    assert daemon.run(asked)
    assert daemon.look("refresh_gold") == []


def test_the_daily_close_asks_as_far_back_as_the_vendor_gives_days(daemon: Daemon) -> None:
    asked = {source: months_of(daemon.tick(f"daily_close_{source}_history")) for source in ("coingecko", "yahoo")}
    assert asked["yahoo"] == ("2026-11", "2026-11"), "seven days"
    first, last = asked["coingecko"]
    assert NOW.date() - date.fromisoformat(f"{first}-01") >= timedelta(days=92)
    assert last == "2026-11"
    assert daemon.run(daemon.tick("daily_close_coingecko_history"))
    (days,) = daemon.pipeline.asked("select count(distinct bar_date) as n from historic_prices")
    assert days["n"] >= 92
    assert daemon.look("catch_up") == []


@pytest.mark.parametrize("source", ["coingecko", "coinpaprika"])
def test_lists_of_coins_are_asked_for_every_day(daemon: Daemon, market: Market, source: str) -> None:
    asked = daemon.tick(f"coins_{source}")
    assert (asked.job_name, asked.partition_key) == (f"coins_{source}", "2026-11-20")
    assert daemon.repository.get_schedule_def(f"coins_{source}").cron_schedule == "30 3 * * *"
    assert daemon.run(asked)
    assert len(market.requests(source)) > 0
    market.set_clock(NOW + timedelta(days=1))
    assert daemon.tick(f"coins_{source}").partition_key == "2026-11-21"
    (identity,) = daemon.look("refresh_identity")
    assert daemon.run(identity)
    assert daemon.look("refresh_identity") == []
    known = f"select count(*) > 400 as many from crosswalk where source = '{source}'"
    assert daemon.pipeline.asked(known) == [{"many": True}]


def test_a_snapshot_is_taken_of_today_and_yesterday_is_closed(daemon: Daemon, market: Market) -> None:
    market.set_clock(NOW.replace(hour=23, minute=59))
    assert daemon.run(daemon.tick("snapshot_coingecko"))
    market.set_clock(NOW.replace(day=21, hour=0, minute=1))
    assert daemon.run(daemon.tick("snapshot_coingecko"))
    closing = daemon.tick("daily_close_coingecko_snapshots")
    assert (closing.job_name, closing.partition_key) == ("close_day_coingecko", "2026-11-20")
    late = "select sum(snapshots) from silver.daily_metrics where metric_date = '2026-11-20'"
    before = daemon.pipeline.rows(late)[0][0]
    assert daemon.run(closing)
    assert daemon.pipeline.rows(late)[0][0] > before, "rows of yesterday came after midnight"
