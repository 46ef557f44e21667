"""What goes wrong on the way: one sentence, nothing half-done, and a retry that goes on where the last try stopped."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq
import pytest
from pipelines import NOW, Market, OpenPipeline, Pipeline

from crypto_platform.assets.raw import batch_id_for
from crypto_platform.cli.session import in_sandbox
from crypto_platform.home import HomeError
from crypto_platform.lake import LakeError
from crypto_platform.lake.answers import unpack
from crypto_platform.platform import Platform
from crypto_platform.runner import RunFailedError
from crypto_platform.sandbox.faults import Rule
from crypto_platform.settings import load_settings
from crypto_platform.tables import HISTORIC_PRICES, RAW_HISTORY, RAW_SNAPSHOTS, Partition
from crypto_platform.warehouse import WarehouseError

MONTHS = ["2026-08", "2026-09", "2026-10"]


def spoil(file: Path, **values: object) -> None:
    """Rewrite a raw object with some values in its first row changed."""
    table = pq.read_table(file)
    rows = table.to_pylist()
    rows[0] |= values
    pq.write_table(type(table).from_pylist(rows, schema=table.schema), file)


@pytest.mark.parametrize("kind", ["500", "503", "429", "html", "429_in_200"])
def test_a_vendor_that_is_down_fails_in_a_sentence_and_its_words_are_kept(
    pipeline: Pipeline, market: Market, kind: str
) -> None:
    market.fails(Rule(kind=kind))  # type: ignore[arg-type]
    with pytest.raises(RunFailedError, match=r"^coingecko .*\.$") as caught:
        pipeline.snapshot()
    assert "\n" not in str(caught.value)
    assert pipeline.objects() == {}
    (kept,) = pipeline.answers("coingecko")
    status = "200" if kind in {"html", "429_in_200"} else kind
    assert re.search(rf"/0001\.20261120T123000\d*Z\.{status}\.zst$", kept)
    assert unpack(pipeline.lake.store.read(kept), kept).body


@pytest.mark.parametrize("kind", ["reset", "cut", "truncated"])
def test_a_connection_that_breaks_fails_in_a_sentence_and_lands_nothing(
    pipeline: Pipeline, market: Market, kind: str
) -> None:
    market.fails(Rule(kind=kind))  # type: ignore[arg-type]
    with pytest.raises(RunFailedError, match=r"^coingecko "):
        pipeline.snapshot()
    assert pipeline.objects() == {}


def test_a_vendor_that_stumbles_is_asked_again_within_the_batch(open_pipeline: OpenPipeline, market: Market) -> None:
    pipeline = open_pipeline(max_retries=2, max_retry_delay=0.01, initial_retry_delay=0.01)
    market.fails(Rule(kind="500", times=1))
    pipeline.snapshot()
    assert pipeline.count(RAW_SNAPSHOTS) == 40
    assert len(pipeline.answers("coingecko")) == 2


def test_a_batch_that_died_at_its_second_page_goes_on_there(open_pipeline: OpenPipeline, market: Market) -> None:
    pipeline = open_pipeline(vendors={"coingecko": {"top": 550}})
    market.fails(Rule(kind="500", path="*[?&]page=2*"))
    with pytest.raises(RunFailedError):
        pipeline.snapshot(**{"crypto/batch": "one"})
    assert pipeline.objects() == {}
    market.fails()
    market.forget()
    market.set_clock(NOW + timedelta(minutes=1))
    pipeline.snapshot(**{"crypto/batch": "one"})
    assert market.requests("coingecko") == [("/coins/markets", "200", 2)]
    pages = pipeline.asked(
        "select page, count(*) as rows, min(fetched_at) as at from raw_snapshots group by page order by 1"
    )
    assert [row["page"] for row in pages] == [1, 2, 3]
    assert sum(row["rows"] for row in pages) >= 550
    assert [row["at"] - NOW for row in pages] == [timedelta(0), timedelta(minutes=1), timedelta(minutes=1)]
    assert {row["batch_id"] for row in pipeline.asked("from raw_snapshots")} == {batch_id_for("one")}


def test_a_batch_that_has_landed_is_not_taken_again(pipeline: Pipeline, market: Market) -> None:
    pipeline.snapshot(**{"crypto/batch": "one"})
    before, written = pipeline.objects(), pipeline.written()
    market.forget()
    market.set_clock(NOW + timedelta(minutes=20))
    pipeline.snapshot(**{"crypto/batch": "one"})
    assert market.requests("coingecko") == []
    assert (pipeline.objects(), pipeline.written()) == (before, written)


def test_a_retry_of_history_writes_the_missing_months_with_the_same_bytes(pipeline: Pipeline, market: Market) -> None:
    tags = {"crypto/batch": "one"}
    pipeline.history(*MONTHS, tags=tags)
    before = pipeline.objects()
    for month in MONTHS[1:]:
        pipeline.lake.store.delete(pipeline.lake.raw_key(RAW_HISTORY, "yahoo", Partition(month), batch_id_for("one")))
    market.forget()
    pipeline.history(*MONTHS, tags=tags)
    assert market.requests("yahoo") == []
    assert pipeline.objects() == before


def test_history_that_died_at_one_coin_asks_only_for_the_rest(pipeline: Pipeline, market: Market) -> None:
    market.fails(Rule(kind="500", vendor="yahoo", path="*ETH-USD*"))
    with pytest.raises(RunFailedError):
        pipeline.history(*MONTHS, tags={"crypto/batch": "one"})
    assert pipeline.objects() == {}
    market.fails()
    market.forget()
    pipeline.history(*MONTHS, tags={"crypto/batch": "one"})
    asked = [path.rpartition("/")[2] for path, _, _ in market.requests("yahoo")]
    assert sorted(asked) == ["ETH-USD", "USDT-USD"]


def test_history_retried_after_midnight_asks_only_for_the_rest(pipeline: Pipeline, market: Market) -> None:
    market.set_clock(NOW.replace(hour=23, minute=59))
    market.fails(Rule(kind="500", vendor="yahoo", path="*USDT-USD*"))
    with pytest.raises(RunFailedError):
        pipeline.history(*MONTHS, tags={"crypto/batch": "one"})
    market.fails()
    market.forget()
    market.set_clock(NOW.replace(day=21, hour=0, minute=1))
    pipeline.history(*MONTHS, tags={"crypto/batch": "one"})
    assert [path.rpartition("/")[2] for path, _, _ in market.requests("yahoo")] == ["USDT-USD"]


def test_a_symbol_the_vendor_does_not_know_is_reported_and_fails_nothing(
    open_pipeline: OpenPipeline, tmp_path: Path
) -> None:
    pipeline = open_pipeline()
    file = tmp_path / "with-a-stranger.csv"
    head, *lines = (pipeline.platform.settings.crosswalk_file or Path()).read_text().splitlines()
    file.write_text("\n".join([head, "nobody,nob,Nobody,nobody,,NOB1234-USD", *lines]))
    pipeline = open_pipeline()
    pipeline.platform.settings = pipeline.platform.settings.model_copy(update={"crosswalk_file": file})
    pipeline.history("2026-10")
    known = pipeline.asked("select distinct source_asset_id as coin from raw_history order by 1")
    assert [row["coin"] for row in known] == ["BTC-USD", "ETH-USD"]
    (run,) = pipeline.instance.get_run_records(limit=1)
    logged = pipeline.instance.all_logs(run.dagster_run.run_id)
    assert any(event.user_message == "yahoo does not know NOB1234-USD" for event in logged)
    assert len(pipeline.answers("yahoo")) == 3, "the 404 is kept like every answer"


def test_a_month_that_breaks_a_rule_keeps_its_old_object_while_the_others_go_through(pipeline: Pipeline) -> None:
    pipeline.history(*MONTHS)
    before, rows = pipeline.objects(), pipeline.rows("select * from silver.historic_prices order by 1, 2, 3")
    for month in ("2026-09", "2026-10"):
        (key,) = pipeline.lake.slice(RAW_HISTORY, "yahoo", [Partition(month)]).objects
        spoil(pipeline.lake.store.path(key), close_usd=float("nan") if month == "2026-09" else 77.0)
    with pytest.raises(
        RunFailedError,
        match=r"^historic_prices/yahoo: 1 of 3 partitions break their rules and keep their old version: "
        r"2026-09 \(Every close is a finite number above 0\.\)$",
    ):
        pipeline.run(HISTORIC_PRICES, "yahoo", *MONTHS)
    changed = {key for key, digest in pipeline.derived().items() if before[key] != digest}
    assert changed == {"historic_prices/source=yahoo/month=2026-10/data.parquet"}
    now = pipeline.rows("select * from silver.historic_prices order by 1, 2, 3")
    assert sum(old != new for old, new in zip(rows, now, strict=True)) == 1
    made = pipeline.instance.get_materialized_partitions(dg.AssetKey(["historic_prices", "yahoo"]))
    assert made == set(MONTHS)
    assert list((pipeline.platform.home / "tmp").glob("tmp*")) == []


@pytest.mark.parametrize("where", ["home", "lake", "warehouse"])
def test_stores_of_the_other_world_are_refused(open_pipeline: OpenPipeline, market: Market, where: str) -> None:
    pipeline = open_pipeline()
    pipeline.snapshot()
    before = pipeline.objects()
    settings = pipeline.platform.settings
    other = {"home": settings.home.with_name("other"), "warehouse": "postgresql://nobody@/nowhere", "lake": None}
    kept = {
        "home": {"home": settings.home},
        "lake": {"lake": settings.lake_root},
        "warehouse": {"warehouse": settings.warehouse},
    }
    live = load_settings(**(other | kept[where] | {"upstream": "live", "_env_file": None}))
    errors = {"home": HomeError, "lake": LakeError, "warehouse": WarehouseError}
    with pytest.raises(errors[where], match=r"holds sandbox data and was opened as live; set CRYPTO_UPSTREAM"), Platform(live) as opened:  # fmt: skip  # noqa: E501
        assert opened.lake if where == "lake" else opened.warehouse
    assert pipeline.objects() == before


def test_a_live_home_is_not_opened_as_a_sandbox(tmp_path: Path, market: Market) -> None:
    live = load_settings(home=tmp_path, upstream="live", _env_file=None)
    with Platform(live) as opened:
        assert opened.lake.store.keys("") == ["_world"]
    settings = live.model_copy(update={"upstream": "sandbox"})
    with pytest.raises(HomeError, match="holds live data and was opened as sandbox"):
        Platform(in_sandbox(settings, market.url))
