"""A reading of files that breaks off in its middle: the next one ends as if nothing had been."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from dropped import drop_all
from pipelines import NOW, Market, Pipeline, own_pipelines

from crypto_platform.runner import RunFailedError
from crypto_platform.sandbox.server import RunningSandbox
from crypto_platform.tables import DROPPED_FILES, FILE_QUARANTINE
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
