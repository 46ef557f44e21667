"""A reading of files that breaks off in its middle: the next one ends as if nothing had been."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta

import pyarrow as pa
import pytest
from dropped import CLOSES, YAHOO, drop_all, read, statuses
from pipelines import NOW, Market, Pipeline, own_pipelines

from crypto_platform.lake import Lake
from crypto_platform.lake.files import Starts, land_files
from crypto_platform.runner import RunFailedError
from crypto_platform.sandbox.server import RunningSandbox
from crypto_platform.tables import CROSSWALK, DROPPED_FILES, FILE_QUARANTINE, WHOLE
from crypto_platform.warehouse import Warehouse

LEDGER = (
    "select source, batch_id, kind, status, started_at, finished_at, rows, tries, error from ops.batches order by 2"
)


def look(pipeline: Pipeline) -> None:
    pipeline.runner.run([(DROPPED_FILES, None), (FILE_QUARANTINE, None)])


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, shared_server: Warehouse, running_market: RunningSandbox
) -> Iterator[Pipeline]:
    """All files were read in peace."""
    with own_pipelines(tmp_path_factory.mktemp("peace"), shared_server, running_market) as opener:
        pipeline = opener()
        drop_all(pipeline)
        look(pipeline)
        yield pipeline


def files_of(pipeline: Pipeline) -> dict[str, dict[str, object]]:
    return {row["file"]: row for row in pipeline.asked("from dropped_files")}


@pytest.mark.parametrize(
    ("blocked", "begun"),
    [
        ("raw_history/source=csv/month=2026-11", "Binance_SOLUSDT_d.csv"),
        ("raw_snapshots/source=csv/date=2026-11-18", "market.csv"),
        ("raw_coins/source=csv", "BTC-USD.csv"),
        ("dropped_files", "sub/kaggle.csv"),
        ("file_quarantine", "sub/kaggle.csv"),
    ],
)
def test_a_reading_that_was_broken_off_is_ended_as_it_was_begun(
    pipeline: Pipeline, market: Market, undisturbed: Pipeline, blocked: str, begun: str
) -> None:
    drop_all(pipeline)
    place = pipeline.lake.store.path(blocked)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.touch()  # a file where a folder has to be: nothing can be written there
    with pytest.raises(RunFailedError):
        look(pipeline)
    place.unlink()
    market.set_clock(NOW + timedelta(hours=3))
    look(pipeline)
    files, in_peace = files_of(pipeline), files_of(undisturbed)
    kept = {name: row for name, row in files.items() if row["read_at"] == NOW}
    assert begun in kept
    assert kept == {name: in_peace[name] for name in kept}
    assert {name: row | {"read_at": NOW} for name, row in files.items()} == in_peace, "the others were only read later"
    batches = {str(row["batch_id"]) for row in kept.values()}
    objects, wanted = pipeline.objects(), undisturbed.objects()
    assert objects.keys() == wanted.keys()
    raw = [key for key in wanted if any(batch in key for batch in batches)]
    assert {key: objects[key] for key in raw} == {key: wanted[key] for key in raw}
    if kept.keys() == files.keys():
        assert (objects, pipeline.rows(LEDGER)) == (wanted, undisturbed.rows(LEDGER))


GOLD = "select distinct asset_id from unified_prices"


@pytest.mark.parametrize("has_crosswalk", [False, True])
def test_what_a_reading_did_not_come_to_is_done_by_the_next(pipeline: Pipeline, *, has_crosswalk: bool) -> None:
    pipeline.drop("BTC-USD.csv", YAHOO)
    look(pipeline)
    pipeline.runner.catch_up("csv")
    if has_crosswalk:
        pipeline.run(CROSSWALK)
    read(pipeline)
    assert pipeline.asked(GOLD) == [{"asset_id": "bitcoin"}]


def test_days_that_fail_keep_no_other_from_gold(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    catch_up = pipeline.runner.catch_up

    def fails_at_the_end(source: str) -> None:
        catch_up(source)
        raise RunFailedError("A day broke a rule.")

    monkeypatch.setattr(pipeline.runner, "catch_up", fails_at_the_end)
    pipeline.drop("BTC-USD.csv", YAHOO)
    with pytest.raises(RunFailedError, match=r"^A day broke a rule\.$"):
        read(pipeline)
    assert pipeline.asked(GOLD) == [{"asset_id": "bitcoin"}]


def test_an_odd_file_holds_up_no_other(pipeline: Pipeline) -> None:
    folder = pipeline.lake.store.path("drop")
    pipeline.drop(".hidden/ETH-USD.csv", YAHOO.replace("9", "8"))
    pipeline.drop("BTC-USD.csv", YAHOO)
    (folder / "gone.csv").symlink_to(folder / "nowhere.csv")
    os.mkfifo(folder / "pipe.csv")
    with open(os.fsencode(folder) + b"/SOL-USD.\xff.csv", "w") as file:  # noqa: PTH123 - a name that is not UTF-8
        file.write(CLOSES)
    read(pipeline)
    assert statuses(pipeline) == {"BTC-USD.csv": "read", r"SOL-USD.\xff.csv": "read"}
    (folder / "gone.csv").unlink()
    pipeline.drop("gone.csv", CLOSES.replace("0.41", "0.44"))
    look(pipeline)
    assert statuses(pipeline)["gone.csv"] == "quarantined", "it is there now, and names no coin"


def test_a_reading_that_ends_late_takes_nothing_from_one_that_was_quicker(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(lake: Lake, now: datetime, starts: Starts) -> pa.Table:
        slow = land_files(lake, now, starts)
        pipeline.drop("coins.csv", "file,coin\npi.csv,solana\n")
        pipeline.drop("BTC-USD.csv", YAHOO)
        quick = land_files(lake, now, starts)
        with pipeline.platform.engine.stream(quick, DROPPED_FILES, [WHOLE]) as batches:
            lake.replace_partitions(DROPPED_FILES, None, [WHOLE], batches, lambda _: {})
        return slow

    monkeypatch.setattr("crypto_platform.assets.files.land_files", overtaken)
    pipeline.drop("pi.csv", CLOSES)
    look(pipeline)
    assert statuses(pipeline) == {"pi.csv": "read", "BTC-USD.csv": "read"}
