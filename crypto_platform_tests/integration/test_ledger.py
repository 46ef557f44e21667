"""The book of batches: how each went, made again from the lake row for row; and what vendors were asked."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from command_line import commands_on
from dropped import CLOSES, YAHOO
from pipelines import NOW, Market, OpenPipeline, Pipeline

from crypto_platform.ledger import Question
from crypto_platform.run_process import this_process
from crypto_platform.runner import RunFailedError
from crypto_platform.sandbox.faults import Rule
from crypto_platform.tables import DROPPED_FILES, FILE_QUARANTINE, RAW_SNAPSHOTS
from crypto_platform.warehouse.batches import Batch, save

ROWS = """
    select source, batch_id, kind, status, started_at, finished_at, seconds, first_day, last_day,
        pages, rows, tries, error
    from ops.batches order by started_at, source, batch_id
"""
SHORT = "select source, kind, status, pages, asked, rows > 0, tries from ops.batches order by started_at, source, kind"


def book_of_all_kinds(pipeline: Pipeline, market: Market) -> None:
    """Successes and failures of every kind, a second try, a dropped file that is read late, and one killed batch."""
    pipeline.coins("coingecko")
    pipeline.snapshot_of("coinpaprika")
    market.set_clock(NOW + timedelta(minutes=1))
    market.fails(Rule(kind="503", vendor="yahoo", path="*ETH*"), Rule(kind="500", vendor="coingecko"))
    with pytest.raises(RunFailedError):
        pipeline.snapshot()
    with pytest.raises(RunFailedError):
        pipeline.history("2026-10")
    market.fails()
    market.set_clock(NOW + timedelta(minutes=2))
    pipeline.history("2026-10")
    market.set_clock(NOW + timedelta(minutes=3))
    for name in ("waits.csv", "never.csv"):
        pipeline.drop(name, CLOSES if name == "waits.csv" else YAHOO)
    for said in ("file,coin\n", "file,coin\nwaits.csv,bitcoin\n"):
        pipeline.drop("coins.csv", said)
        pipeline.runner.run([(DROPPED_FILES, None), (FILE_QUARANTINE, None)])
    market.set_clock(NOW + timedelta(minutes=4))
    gone = Batch("coinpaprika", "0199-killed", "snapshot", "running", NOW + timedelta(minutes=4), process="1 1.5")
    with pipeline.platform.warehouse.connect() as connection:
        save(connection, gone)
    pipeline.platform.ledger.end_gone()


def test_the_book_is_made_again_from_the_lake_row_for_row(
    pipeline: Pipeline, market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book_of_all_kinds(pipeline, market)
    assert sorted(pipeline.rows(SHORT)) == sorted(
        [
            ("coingecko", "coins", "success", 1, 1, True, 1),
            ("coinpaprika", "snapshot", "success", 1, 1, True, 1),
            ("coingecko", "snapshot", "failure", 0, 0, False, 1),
            ("yahoo", "history", "success", 3, 2, True, 2),
            ("csv", "files", "failure", 1, 0, False, 1),
            ("csv", "files", "success", 1, 0, True, 1),
            ("coinpaprika", "snapshot", "failure", 0, 0, False, 1),
        ]
    )
    before, checkpoints = pipeline.rows(ROWS), pipeline.rows("select * from checkpoints order by source, kind")
    with commands_on(pipeline, market, tmp_path, monkeypatch) as command_line:
        assert command_line("rebuild-warehouse").exit_code == 0
    assert pipeline.rows(ROWS) == before
    assert pipeline.rows("select * from checkpoints order by source, kind") == checkpoints
    with pipeline.platform.warehouse.connect() as connection:
        connection.execute("truncate ops.batches")
    pipeline.platform.ledger.rebuild()
    assert pipeline.rows(ROWS) == before


def test_checkpoints_tell_where_each_source_stands(pipeline: Pipeline, market: Market) -> None:
    pipeline.snapshot()
    market.set_clock(NOW + timedelta(hours=1))
    market.fails(Rule(kind="503", vendor="coingecko"))
    with pytest.raises(RunFailedError) as caught:
        pipeline.snapshot()
    (row,) = pipeline.rows(
        "select status, last_success_at, last_failure_at, batches, failures, last_error from checkpoints"
    )
    assert row[:5] == ("failure", NOW, NOW + timedelta(hours=1), 2, 1)
    assert str(caught.value).startswith(row[5]), "the sentence of the vendor, without our advice"


def test_a_batch_runs_while_it_runs_and_another_process_does_not_end_it(pipeline: Pipeline) -> None:
    question = Question("coingecko", "snapshot", NOW.date(), NOW.date(), "00000000")
    ledger = pipeline.platform.ledger
    seen: list[tuple[object, ...]] = []

    def land() -> None:
        ledger.end_gone()
        seen.extend(pipeline.rows("select status, process, finished_at from ops.batches"))
        assert ledger.to_resume(question, timedelta(days=1)) is None, "somebody is still at it"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ledger.keep(question, "0199-00000000", land)  # type: ignore[arg-type]
    assert seen == [("running", this_process(), None)]
    assert pipeline.rows("select status, error from ops.batches") == [("failure", "KeyboardInterrupt")]
    assert ledger.to_resume(question, timedelta(days=1)) == "0199-00000000"


def test_every_request_is_counted_also_those_that_failed(open_pipeline: OpenPipeline, market: Market) -> None:
    pipeline = open_pipeline(max_retries=2, max_retry_delay=0.01, initial_retry_delay=0.01)
    market.fails(Rule(kind="500", times=1))
    pipeline.snapshot()
    pipeline.history("2026-10")
    asked = {name: sum(count for _, _, count in market.requests(name)) for name in ("coingecko", "yahoo")}
    assert {spent.source: spent.calls for spent in pipeline.platform.budgets.all()} == asked
    assert asked == {"coingecko": 2, "yahoo": 3}


def test_a_month_that_is_used_up_stops_its_vendor_in_a_sentence_and_no_other(
    open_pipeline: OpenPipeline, market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = open_pipeline(vendors={"coingecko": {"top": 40, "per_month": 1}})
    pipeline.snapshot()
    market.forget()
    monkeypatch.setenv("CRYPTO_COINGECKO_PER_MONTH", "1")
    with commands_on(pipeline, market, tmp_path, monkeypatch) as command_line:
        monkeypatch.setenv("CRYPTO_COINGECKO_PER_MONTH", "1")
        done = command_line("snapshot")
    assert done.exit_code == 1
    told = " ".join(done.stderr.split())
    assert "Error: coingecko failed: coingecko's budget of 1 calls for " in told
    assert "is used up; it starts anew on " in told
    assert "or raise CRYPTO_COINGECKO_PER_MONTH." in told
    assert market.requests("coingecko") == [], "the vendor was not even asked"
    assert market.requests("coinpaprika") == [("/tickers", "200", 1)]
    assert pipeline.asked(
        "select source, count(distinct batch_id) as n from raw_snapshots group by all order by 1"
    ) == [
        {"source": "coingecko", "n": 1},
        {"source": "coinpaprika", "n": 1},
    ]
    assert pipeline.count(RAW_SNAPSHOTS) > 40


def test_a_batch_whose_process_died_after_its_raw_object_was_there_has_succeeded(pipeline: Pipeline) -> None:
    pipeline.snapshot()
    before = pipeline.rows(ROWS)
    with pipeline.platform.warehouse.connect() as connection:
        connection.execute("update ops.batches set status = 'running', process = '999999 1.0', finished_at = null")
    pipeline.platform.ledger.end_gone()
    assert pipeline.rows(ROWS) == before
