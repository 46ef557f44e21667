"""Promotion: candidates are audited together, a bad one keeps its old object, an interrupted stream changes nothing."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crypto_platform.lake import Lake, LakeError
from crypto_platform.lake.parquet import PARTITION, Candidate
from crypto_platform.tables import CROSSWALK, SILVER_DAILY_METRICS, UNIFIED_PRICES, WHOLE, Partition

DAYS = [Partition("2026-11-20"), Partition("2026-11-21"), Partition("2026-11-22")]
SCHEMA = SILVER_DAILY_METRICS.arrow_schema.insert(0, pa.field(PARTITION, pa.string()))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", tmp_path / "tmp")


def stream(closes: dict[str, float]) -> Iterator[pa.RecordBatch]:
    """One coin with one close on each of these days."""
    for key, close in sorted(closes.items()):
        noon = datetime.fromisoformat(f"{key}T12:00:00").replace(tzinfo=UTC)
        values = dict.fromkeys(("open_usd", "high_usd", "low_usd", "close_usd"), close)
        row = {"metric_date": date.fromisoformat(key), "source": "coingecko", "source_asset_id": "bitcoin",
               "snapshots": 1, "first_seen": noon, "last_updated": noon, **values}  # fmt: skip
        yield pa.RecordBatch.from_pylist([{PARTITION: key, **row}], schema=SCHEMA)


def passes(_: Sequence[Candidate]) -> dict[str, tuple[str, ...]]:
    return {}


def contents(lake: Lake) -> dict[str, bytes]:
    return {key: lake.store.read(key) for key in lake.store.keys("")}


def closes(lake: Lake) -> dict[str, list[float]]:
    return {
        partition.key: [
            row["close_usd"]
            for key in lake.slice(SILVER_DAILY_METRICS, "coingecko", [partition]).objects
            for row in pq.read_table(lake.store.path(key)).to_pylist()
        ]
        for partition in lake.partitions(SILVER_DAILY_METRICS, "coingecko")
    }


def test_a_candidate_that_breaks_a_rule_keeps_the_old_object_while_the_others_go_through(lake: Lake) -> None:
    old = {day.key: 1.0 for day in DAYS}
    lake.replace_partitions(SILVER_DAILY_METRICS, "coingecko", DAYS, stream(old), passes)
    new = {day.key: 2.0 for day in DAYS}
    promotions, rejections = lake.replace_partitions(
        SILVER_DAILY_METRICS, "coingecko", DAYS, stream(new), lambda _: {"2026-11-21": ("No close is 2.",)}
    )
    assert closes(lake) == {"2026-11-20": [2.0], "2026-11-21": [1.0], "2026-11-22": [2.0]}
    assert [(each.partition.key, each.changed) for each in promotions] == [("2026-11-20", True), ("2026-11-22", True)]
    assert [(each.partition.key, each.reasons) for each in rejections] == [("2026-11-21", ("No close is 2.",))]


def test_a_bad_candidate_for_a_partition_without_an_object_leaves_it_without(lake: Lake) -> None:
    lake.replace_partitions(
        SILVER_DAILY_METRICS, "coingecko", DAYS[:1], stream({"2026-11-20": 1.0}), lambda _: {"2026-11-20": ("No.",)}
    )
    assert lake.store.keys("") == []


def test_the_audit_sees_every_finished_candidate_and_nothing_is_replaced_before(lake: Lake) -> None:
    seen: dict[str, list[float]] = {}

    def audit(candidates: Sequence[Candidate]) -> dict[str, tuple[str, ...]]:
        seen.update({each.partition: pq.read_table(each.path)["close_usd"].to_pylist() for each in candidates})
        assert lake.store.keys("") == []
        return {}

    lake.replace_partitions(SILVER_DAILY_METRICS, "coingecko", DAYS, stream({"2026-11-21": 5.0}), audit)
    assert seen == {"2026-11-20": [], "2026-11-21": [5.0], "2026-11-22": []}
    assert lake.partitions(SILVER_DAILY_METRICS, "coingecko") == DAYS


@pytest.mark.parametrize("where", ["in the stream", "in the audit"])
def test_an_interruption_leaves_everything_as_it_was_and_no_scratch(lake: Lake, tmp_path: Path, where: str) -> None:
    lake.replace_partitions(SILVER_DAILY_METRICS, "coingecko", DAYS, stream({day.key: 1.0 for day in DAYS}), passes)
    before = contents(lake)

    def breaking() -> Iterator[pa.RecordBatch]:
        yield from stream({day.key: 2.0 for day in DAYS[:2]})
        if where == "in the stream":
            raise ConnectionResetError("the engine went away")

    def audit(_: Sequence[Candidate]) -> dict[str, tuple[str, ...]]:
        raise ConnectionResetError("the engine went away")

    with pytest.raises(ConnectionResetError, match="the engine went away"):
        lake.replace_partitions(SILVER_DAILY_METRICS, "coingecko", DAYS, breaking(), audit)
    assert contents(lake) == before
    assert list((tmp_path / "tmp").iterdir()) == []


def test_an_equal_candidate_is_left_alone(lake: Lake) -> None:
    for expected in (True, False):
        promotions, _ = lake.replace_partitions(
            SILVER_DAILY_METRICS, "coingecko", DAYS[:1], stream({"2026-11-20": 1.0}), passes
        )
        assert [each.changed for each in promotions] == [expected]
        assert [each.sha256 for each in promotions] == [lake.store.sha256(each.key) for each in promotions]
        assert [(each.rows, each.bytes) for each in promotions] == [(1, lake.store.size(promotions[0].key))]


def test_what_lies_where_is_plain_hive_partitioning(lake: Lake) -> None:
    day, month = Partition("2026-11-21"), Partition("2026-11")
    assert lake.object_key(SILVER_DAILY_METRICS, "coingecko", day) == (
        "silver_daily_metrics/source=coingecko/date=2026-11-21/data.parquet"
    )
    assert lake.object_key(UNIFIED_PRICES, None, month) == "unified_prices/month=2026-11/data.parquet"
    assert lake.object_key(CROSSWALK, None, WHOLE) == "crosswalk/data.parquet"
    with pytest.raises(LakeError, match="kept by source; name one"):
        lake.slice(SILVER_DAILY_METRICS)


def test_a_lake_of_one_world_cannot_be_opened_as_the_other(lake: Lake) -> None:
    lake.open("live")
    lake.open("live")
    with pytest.raises(LakeError, match=r"holds live data and was opened as sandbox; set CRYPTO_UPSTREAM=live"):
        lake.open("sandbox")


def test_a_lake_in_the_place_of_a_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(LakeError, match=r"cannot be written \(.*\); make room or rights there"):
        Lake(tmp_path / "file", tmp_path / "tmp").open("live")
    with pytest.raises(LakeError, match="No temporary folder can be made"), Lake(tmp_path, tmp_path / "file").scratch():
        pass


def test_a_table_belongs_to_one_at_a_time_and_others_do_not_wait_for_it(lake: Lake) -> None:
    order: list[str] = []

    def second() -> None:
        with lake.exclusive(SILVER_DAILY_METRICS, "coingecko"):
            order.append("second")

    with lake.exclusive(SILVER_DAILY_METRICS, "coingecko"):
        waiting = threading.Thread(target=second)
        waiting.start()
        with lake.exclusive(SILVER_DAILY_METRICS, "yahoo"):
            order.append("another source")
        waiting.join(0.2)
        order.append("first")
    waiting.join(10)
    assert order == ["another source", "first", "second"]


def test_a_slice_asked_for_again_has_what_came_meanwhile(lake: Lake) -> None:
    days = [Partition("2026-11-19"), Partition("2026-11-20")]
    before = lake.slice(SILVER_DAILY_METRICS, "coingecko", days)
    lake.replace_partitions(
        SILVER_DAILY_METRICS, "coingecko", days[:1], stream({"2026-11-19": 1.0}), lambda _candidates: {}
    )
    assert before.objects == ()
    assert len(lake.again(before).objects) == 1


def test_the_scratch_of_a_killed_process_is_swept_and_that_of_a_living_one_is_not(lake: Lake, tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    for number in (dead.pid, os.getpid()):
        (tmp_path / "tmp" / f"{number}-left").mkdir(parents=True)
    lake.open("live")
    assert [folder.name for folder in (tmp_path / "tmp").iterdir()] == [f"{os.getpid()}-left"]
