"""A batch that ended too early is gone on with by the next run, which asks for nothing again while it is young."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from command_line import environment_of
from pipelines import NOW, Market, OpenPipeline, Pipeline

from crypto_platform.runner import RunFailedError
from crypto_platform.sandbox.faults import Rule
from crypto_platform.tables import RAW_SNAPSHOTS

PAGES = {"coingecko": {"top": 550}}
BOOK = "select status, tries, pages, error from ops.batches order by started_at"


def kill_at_its_third_page(pipeline: Pipeline, market: Market, folder: Path) -> None:
    """`crypto-platform snapshot` in a process of its own, which gets two pages and SIGKILL."""
    market.fails(Rule(kind="timeout", path="*[?&]page=3*"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CRYPTO_")}
    environment |= environment_of(pipeline, market) | {"CRYPTO_COINGECKO_TOP": "550"}
    command = [sys.executable, "-m", "crypto_platform.cli", "snapshot", "--source", "coingecko"]
    with subprocess.Popen(command, env=environment, cwd=folder, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 60
        while ("/coins/markets", "timeout", 1) not in market.requests("coingecko"):
            assert time.monotonic() < deadline, "the third page was never asked for"
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    assert market.requests("coingecko") == [("/coins/markets", "200", 2), ("/coins/markets", "timeout", 1)]
    market.fails()
    market.forget()


def test_the_pages_of_a_killed_batch_are_not_asked_for_again(
    open_pipeline: OpenPipeline, market: Market, tmp_path: Path
) -> None:
    pipeline = open_pipeline(vendors=PAGES)
    kill_at_its_third_page(pipeline, market, tmp_path)
    assert pipeline.rows(BOOK) == [("running", 1, 0, None)]
    market.set_clock(NOW + timedelta(minutes=14))
    pipeline.snapshot()
    assert market.requests("coingecko") == [("/coins/markets", "200", 1)]
    assert pipeline.count(RAW_SNAPSHOTS) >= 550
    times = pipeline.asked("select distinct fetched_at as at from raw_snapshots order by 1")
    assert [row["at"] for row in times] == [NOW, NOW + timedelta(minutes=14)]
    assert pipeline.rows(BOOK) == [("success", 2, 3, None)]


def test_a_batch_that_is_old_is_left_and_it_is_as_old_as_its_first_try(
    open_pipeline: OpenPipeline, market: Market
) -> None:
    pipeline = open_pipeline(vendors=PAGES)
    market.fails(Rule(kind="500", path="*[?&]page=2*"))
    for minutes in (0, 10, 20):
        market.set_clock(NOW + timedelta(minutes=minutes))
        with pytest.raises(RunFailedError):
            pipeline.snapshot()
    assert [row[:3] for row in pipeline.rows(BOOK)] == [("failure", 2, 1), ("failure", 1, 1)]
    assert market.requests("coingecko") == [("/coins/markets", "200", 2), ("/coins/markets", "500", 3)]


def test_a_batch_that_asked_something_else_is_not_gone_on_with(open_pipeline: OpenPipeline, market: Market) -> None:
    market.fails(Rule(kind="500", path="*[?&]page=2*"))
    with pytest.raises(RunFailedError):
        open_pipeline(vendors=PAGES).snapshot()
    market.fails()
    market.forget()
    open_pipeline(vendors={"coingecko": {"top": 300}}).snapshot()
    assert market.requests("coingecko") == [("/coins/markets", "200", 2)]


def test_history_goes_on_where_it_stopped_without_being_told_a_name(pipeline: Pipeline, market: Market) -> None:
    market.fails(Rule(kind="503", path="*/ethereum/*"))
    with pytest.raises(RunFailedError, match=r"^coingecko answered 503"):
        pipeline.history_of("coingecko", "2026-10")
    market.fails()
    market.forget()
    market.set_clock(NOW + timedelta(hours=5))
    pipeline.history_of("coingecko", "2026-10")
    assert [path.split("/")[2] for path, _, _ in market.requests("coingecko")] == ["ethereum", "tether"]
    assert pipeline.rows(BOOK) == [("success", 2, 3, None)]
    market.forget()
    pipeline.history_of("coingecko", "2026-10")
    assert len(market.requests("coingecko")) == 3, "what has landed is asked for anew"
