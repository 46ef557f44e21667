"""The reports and the status: what people ask of the data again and again, answered by SQL over the lake."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from click.testing import CliRunner
from pipelines import NOW, Market, Pipeline

from crypto_platform.cli.main import main
from crypto_platform.cli.report import reports
from crypto_platform.cli.standing import standing
from crypto_platform.engine import Query
from crypto_platform.sandbox.faults import Rule
from crypto_platform.tables import DROPPED_FILES, FILE_QUARANTINE, RAW_COINS, RAW_HISTORY
from crypto_platform.warehouse import Batch
from crypto_platform.warehouse.batches import save


def answer(pipeline: Pipeline, name: str) -> list[dict[str, object]]:
    return reports()[name].rows(pipeline.platform)


def test_the_reports_are_listed_with_a_sentence_each() -> None:
    done = CliRunner().invoke(main, ["report"])
    assert done.exit_code == 0
    lines = done.stdout.splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(reports())
    assert all(line.rstrip().endswith(".") for line in lines)


def test_a_report_that_is_none_is_refused_with_the_names_of_those_there_are() -> None:
    done = CliRunner().invoke(main, ["report", "nothing"])
    assert done.exit_code == 1
    assert "There is no report 'nothing'; the reports are unmapped, ambiguous-tickers" in " ".join(done.stderr.split())


@pytest.mark.parametrize("name", list(reports()))
def test_an_empty_lake_has_nothing_to_report(pipeline: Pipeline, name: str) -> None:
    assert answer(pipeline, name) == []


def test_coins_that_no_evidence_joins_are_unmapped_the_largest_first(pipeline: Pipeline) -> None:
    pipeline.snapshot()
    pipeline.coins("coingecko", "coinpaprika")
    rows = answer(pipeline, "unmapped")
    joined = {
        row["source_asset_id"]
        for row in pipeline.asked("from crosswalk where source = 'coingecko' and method <> 'alone'")
    }
    listed = {row["source_asset_id"] for row in pipeline.asked("from silver_daily_metrics")}
    assert "bitcoin" in joined
    assert {row["source_asset_id"] for row in rows} == listed - joined
    caps = [row["market_cap_usd"] or 0 for row in rows]
    assert caps == sorted(caps, key=float, reverse=True)  # type: ignore[arg-type]


def test_a_ticker_that_several_active_coins_share_is_ambiguous(pipeline: Pipeline) -> None:
    pipeline.coins("coingecko")
    rows = answer(pipeline, "ambiguous-tickers")
    sharing = pipeline.asked(
        "select lower(trim(symbol)) as symbol, count(*) as coins from raw_coins "
        "where source = 'coingecko' and symbol <> '' group by 1 having count(*) > 1"
    )
    assert {(row["symbol"], row["coins"]) for row in rows} == {(row["symbol"], row["coins"]) for row in sharing}
    (btc,) = [row for row in rows if row["symbol"] == "btc"]
    assert "bitcoin" in btc["first_ids"]  # type: ignore[operator]


def test_only_the_active_coins_of_a_sources_newest_list_share_a_ticker(pipeline: Pipeline) -> None:
    def listed(
        source: str, hour: int, coin: str, symbol: str, name: str, active: bool | None = True
    ) -> dict[str, object]:
        at = NOW.replace(hour=hour)
        return {
            "source": source, "batch_id": f"{source}-{hour}", "source_asset_id": coin, "list_date": at.date(),
            "symbol": symbol, "name": name, "is_active": active, "known_as": [], "fetched_at": at,
        }  # fmt: skip

    lists = [
        listed("coingecko", 1, "gone", "new", "Gone"),
        listed("coingecko", 2, "one", "btc", "Bitcoin"),
        listed("coingecko", 2, "two", "BTC ", "Wrapped Bitcoin", None),
        listed("coingecko", 2, "dead", "btc", "Dead", active=False),
        listed("coingecko", 2, "new", "new", "New"),
        listed("coinpaprika", 2, "three", "new", "New"),
        listed("curated", 2, "four", "dup", "Dup"),
        listed("curated", 2, "five", "dup", "Dup"),
    ]
    rows = pa.Table.from_pylist(lists, schema=RAW_COINS.arrow_schema)
    answers = pipeline.platform.engine.read(Query("ambiguous_tickers", raw_coins=rows)).to_pylist()
    assert answers == [
        {"source": "coingecko", "symbol": "btc", "coins": 2, "stand_ins": 1, "first_ids": ["one", "two"]}
    ]


def test_an_id_that_the_vendor_lists_no_more_has_ended(pipeline: Pipeline, market: Market) -> None:
    market.set_clock(datetime(2026, 5, 20, 12, tzinfo=UTC))
    pipeline.coins("coingecko")
    assert answer(pipeline, "ended-mappings") == []
    market.set_clock(NOW)
    pipeline.coins("coingecko")
    (row, *_) = answer(pipeline, "ended-mappings")
    assert (row["ended_on"], row["source"]) == (date(2026, 5, 20), "coingecko")


def test_a_close_that_was_told_differently_later_is_restated(pipeline: Pipeline, market: Market) -> None:
    """The simulated Yahoo restates two closes of a hundred within five days."""
    for day in (10, 11, 12, 18):
        market.set_clock(datetime(2026, 11, day, 12, tzinfo=UTC))
        pipeline.history("2026-11", tags={"crypto/coins": COINS})
    rows = answer(pipeline, "restated-closes")
    told = {
        (row["source_asset_id"], row["bar_date"]): row["closes"]
        for row in pipeline.asked(
            "select source_asset_id, cast(observed_at as date) as bar_date, "
            "list(close_usd order by fetched_at) as closes from raw_history "
            "where observed_at = date_trunc('day', observed_at) and fetched_at::date > observed_at::date"
            " and close_usd is not null group by 1, 2 having count(distinct close_usd) > 1"
        )
    }
    assert told
    assert {(row["source_asset_id"], row["bar_date"]) for row in rows} == set(told)
    for row in rows:
        closes = told[row["source_asset_id"], row["bar_date"]]
        assert (row["first_close_usd"], row["latest_close_usd"]) == (closes[0], closes[-1])
        assert row["change_pct"] == pytest.approx(100 * (closes[-1] / closes[0] - 1))
    changes = [abs(row["change_pct"]) for row in rows]  # type: ignore[arg-type]
    assert changes == sorted(changes, reverse=True)


COINS = "BTC-USD ETH-USD USDT-USD XRP-USD BNB-USD SOL-USD USDC-USD DOGE-USD ADA-USD TRX-USD"


def test_batches_are_told_with_what_ended_them(pipeline: Pipeline, market: Market) -> None:
    pipeline.snapshot()
    market.set_clock(NOW + timedelta(minutes=30))
    market.fails(Rule("500", "coingecko"))
    with pytest.raises(Exception, match="500"):
        pipeline.snapshot()
    failed, landed = answer(pipeline, "batches")
    assert (failed["status"], landed["status"]) == ("failure", "success")
    assert "500" in str(failed["error"])
    assert landed["error"] is None


def test_files_are_told_with_the_reason_why_nobody_could_read_them(pipeline: Pipeline) -> None:
    pipeline.drop("noise.csv", "this,is\nno,table of prices\n")
    pipeline.runner.run([(DROPPED_FILES, None), (FILE_QUARANTINE, None)])
    (row,) = answer(pipeline, "files")
    assert (row["file"], row["status"]) == ("noise.csv", "quarantined")
    assert row["reason"]
    told = standing(pipeline.platform)
    assert [each["file"] for each in told["quarantined_files"]] == ["noise.csv"]
    assert [(each["table"], each["newest_partition"]) for each in told["quarantine"]] == [("file_quarantine", "all")]


def test_the_status_tells_of_every_source_how_its_last_batches_went(pipeline: Pipeline, market: Market) -> None:
    pipeline.snapshot()
    market.set_clock(NOW + timedelta(minutes=30))
    market.fails(Rule("500", "coingecko"))
    with pytest.raises(Exception, match="500"):
        pipeline.snapshot()
    told = standing(pipeline.platform)
    (coingecko,) = [row for row in told["sources"] if row["source"] == "coingecko"]
    assert (coingecko["kind"], coingecko["status"]) == ("snapshot", "failure")
    assert (coingecko["batches"], coingecko["failures"]) == (2, 1)
    assert coingecko["last_success_at"] < coingecko["last_failure_at"]
    assert "500" in coingecko["last_error"]
    assert {row["source"]: row["spent"] for row in told["budgets"]} == {"coingecko": 2, "coinpaprika": 0, "yahoo": 0}
    (quarantine,) = told["quarantine"]
    assert (quarantine["source"], quarantine["newest_partition"]) == ("coingecko", "2026-11-20")
    assert sum(quarantine["reasons"].values()) >= quarantine["rows"]
    assert told["unmapped"]["coins"] == len(answer(pipeline, "unmapped"))


def test_a_batch_whose_process_is_gone_shows_as_failed(pipeline: Pipeline) -> None:
    with pipeline.platform.warehouse.connect() as connection:
        save(
            connection,
            Batch("yahoo", "11111111-1111-4111-8111-111111111111", "history", "running", NOW, process="1 1.5"),
        )
    told = standing(pipeline.platform)
    (yahoo,) = [row for row in told["sources"] if row["source"] == "yahoo"]
    assert (yahoo["status"], yahoo["last_error"]) == ("failure", "Its process ended without a word.")


def test_raw_data_that_nothing_was_made_of_waits(filled: Pipeline) -> None:
    assert standing(filled.platform)["raw_to_derive"] == []
    filled.run(RAW_HISTORY, "yahoo", "2026-11")
    (waiting,) = standing(filled.platform)["raw_to_derive"]
    assert waiting == {"table": "historic_prices", "source": "yahoo", "partitions": ["2026-10", "2026-11"]}
    assert standing(filled.platform)["gold_to_refresh"] == []
