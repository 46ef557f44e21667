"""Publishing: whole partitions, all or nothing, touching only what differs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from crypto_platform.tables import (
    CROSSWALK,
    HISTORIC_PRICES,
    HISTORIC_QUARANTINE,
    QUARANTINE,
    RAW_SNAPSHOTS,
    Partition,
    Table,
)
from crypto_platform.warehouse import (
    Connection,
    NotAddableError,
    Published,
    Slot,
    Warehouse,
    WarehouseError,
    checksum,
    landing,
    publications,
    publish,
    retire_staging,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def connection(warehouse: Warehouse) -> Iterator[Connection]:
    with warehouse.connect() as opened:
        yield opened


def slots(rows: int, *keys: str) -> list[Slot]:
    """One slot per partition; `rows` is the whole stream's, noted at the first."""
    found = [Partition(key) for key in keys]
    return [
        Slot(each.key, each.first_day, each.end_day, rows if each == found[0] else 0, f"sha-{each.key}", 10)
        for each in found
    ]


def batches(table: Table, rows: Sequence[dict[str, Any]], size: int = 7) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(rows), size):
        yield pa.RecordBatch.from_pylist(list(rows[start : start + size]), schema=table.arrow_schema)


def bar(day: date, coin: str = "BTC-USD", source: str = "yahoo", close: float | None = 1.5) -> dict[str, Any]:
    return {
        "bar_date": day,
        "source": source,
        "source_asset_id": coin,
        "as_of": datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1),
        "close_usd": close,
        "provisional": False,
        "revisions": 1,
        "fetched_at": NOON,
        "batch_id": "b1",
    }


def month(key: str, coins: Sequence[str] = ("BTC-USD", "ETH-USD"), **values: Any) -> list[dict[str, Any]]:
    first, end = Partition(key).first_day, Partition(key).end_day
    assert first
    assert end
    return [bar(first + timedelta(days=n), coin, **values) for n in range((end - first).days) for coin in coins]


def send(connection: Connection, rows: list[dict[str, Any]], *keys: str, source: str = "yahoo") -> Published:
    return publish(connection, HISTORIC_PRICES, source, slots(len(rows), *keys), batches(HISTORIC_PRICES, rows))


def test_a_replay_changes_no_row_and_writes_none(connection: Connection) -> None:
    rows = month("2024-01") + month("2024-02")
    assert send(connection, rows, "2024-01", "2024-02") == Published(120, 120, 0)
    versions = "select sum(xmin::text::bigint), sum(xmax::text::bigint) from silver.historic_prices"
    before = connection.execute(versions).fetchone()
    assert send(connection, list(reversed(rows)), "2024-02", "2024-01") == Published(120, 0, 0)
    assert connection.execute(versions).fetchone() == before


def test_a_change_an_addition_and_a_removal_are_each_counted(connection: Connection) -> None:
    rows = month("2024-01")
    send(connection, rows, "2024-01")
    changed = [{**rows[0], "close_usd": 99.0}, *rows[1:-3], bar(date(2024, 1, 31), "NEW-USD")]
    assert send(connection, changed, "2024-01") == Published(len(changed), 2, 3)
    stored = connection.execute("select bar_date, source_asset_id, close_usd from silver.historic_prices").fetchall()
    assert sorted(stored) == sorted((row["bar_date"], row["source_asset_id"], row["close_usd"]) for row in changed)


def test_partitions_and_sources_beside_the_named_ones_are_left_alone(connection: Connection) -> None:
    for key in ("2024-01", "2024-02", "2024-03", "2024-04"):
        send(connection, month(key), key)
    send(connection, month("2024-01", source="coingecko"), "2024-01", source="coingecko")
    replaced = month("2024-01", ["BTC-USD"]) + month("2024-03", ["BTC-USD"])
    assert send(connection, replaced, "2024-01", "2024-03") == Published(62, 0, 62)
    counts = "select source, to_char(bar_date, 'MM'), count(*) from silver.historic_prices group by 1, 2 order by 1, 2"
    assert connection.execute(counts).fetchall() == [
        ("coingecko", "01", 62), ("yahoo", "01", 31), ("yahoo", "02", 58), ("yahoo", "03", 31), ("yahoo", "04", 60),
    ]  # fmt: skip


def add(connection: Connection, rows: list[dict[str, Any]], total: int, key: str) -> Published:
    return publish(connection, HISTORIC_PRICES, "yahoo", slots(total, key), batches(HISTORIC_PRICES, rows), adding=True)


def test_rows_that_are_added_make_a_partition_complete_and_leave_the_others_alone(connection: Connection) -> None:
    rows = month("2024-01")
    send(connection, rows[:50], "2024-01")
    versions = "select xmin::text, ctid::text from silver.historic_prices order by bar_date, source_asset_id limit 49"
    before = connection.execute(versions).fetchall()
    new = [{**rows[49], "close_usd": 99.0}, *rows[50:]]
    assert add(connection, new, 62, "2024-01") == Published(13, 13, 0)
    assert connection.execute(versions).fetchall() == before
    assert [(each.rows, each.content_sha256) for each in publications(connection)] == [(62, "sha-2024-01")]
    assert send(connection, [*rows[:49], *new], "2024-01") == Published(62, 0, 0)


@pytest.mark.parametrize("total", [61, 63])
def test_an_addition_that_does_not_make_a_partition_complete_changes_nothing(
    connection: Connection, total: int
) -> None:
    rows = month("2024-01")
    send(connection, rows[:50], "2024-01")
    before = checksum(connection, "silver.historic_prices"), publications(connection)
    with pytest.raises(NotAddableError, match=f"{total} rows were promised and 62 are there"):
        add(connection, rows[50:], total, "2024-01")
    with pytest.raises(NotAddableError, match="51 rows were promised and 50 are there"):
        add(connection, [bar(date(2024, 2, 1))], 51, "2024-01")
    assert (checksum(connection, "silver.historic_prices"), publications(connection)) == before
    assert add(connection, rows[50:], 62, "2024-01") == Published(12, 12, 0)


def test_an_emptied_partition_loses_its_rows(connection: Connection) -> None:
    send(connection, month("2024-01"), "2024-01")
    assert send(connection, [], "2024-01") == Published(0, 0, 62)


def test_a_stream_that_breaks_midway_leaves_everything_as_it_was(connection: Connection) -> None:
    send(connection, month("2024-01"), "2024-01")
    before = checksum(connection, "silver.historic_prices"), publications(connection)

    def breaking() -> Iterator[pa.RecordBatch]:
        yield from batches(HISTORIC_PRICES, month("2024-01", close=7.0)[:40])
        raise ConnectionResetError("the lake went away")

    with pytest.raises(ConnectionResetError, match="the lake went away"):
        publish(connection, HISTORIC_PRICES, "yahoo", slots(62, "2024-01"), breaking())
    assert (checksum(connection, "silver.historic_prices"), publications(connection)) == before
    send(connection, month("2024-01", close=7.0), "2024-01")  # the connection is still good


@pytest.mark.parametrize("held", [False, True], ids=["into nothing", "over rows"])
@pytest.mark.parametrize(
    ("rows", "promised", "sentence"),
    [
        ([bar(date(2024, 1, 1)), bar(date(2024, 1, 1))], 2, "a key occurs twice"),
        ([bar(date(2024, 1, 1)), bar(date(2024, 2, 1))], 2, "a row lies outside its partitions"),
        ([bar(date(2024, 1, 1), source="coingecko")], 1, "a row lies outside its partitions"),
        ([bar(date(2024, 1, 1), close=None)], 1, "null value in column"),
        ([bar(date(2024, 1, 1))], 5, "5 rows were promised and 1 came"),
    ],
)
def test_a_stream_that_is_not_what_it_should_be_is_refused(
    connection: Connection, rows: list[dict[str, Any]], promised: int, sentence: str, held: bool
) -> None:
    if held:
        send(connection, month("2024-01"), "2024-01")
    before = checksum(connection, "silver.historic_prices")
    with pytest.raises(WarehouseError, match=f"^Nothing of historic_prices of yahoo was published: .*{sentence}"):
        publish(connection, HISTORIC_PRICES, "yahoo", slots(promised, "2024-01"), batches(HISTORIC_PRICES, rows))
    assert checksum(connection, "silver.historic_prices") == before


def test_values_arrive_as_they_were(connection: Connection) -> None:
    values = [1e-12, 4e17, float("nan"), float("inf"), 0.1 + 0.2, -0.0]
    rows = [bar(date(2024, 1, 1 + n), coin="a\0b – ü", close=value) for n, value in enumerate(values)]
    send(connection, rows, "2024-01")
    stored = connection.execute(
        "select close_usd, source_asset_id, as_of from silver.historic_prices order by bar_date"
    ).fetchall()
    assert [repr(close) for close, _, _ in stored] == [repr(value) for value in values]
    assert {coin for _, coin, _ in stored} == {"a\ufffdb – ü"}
    assert stored[0][2] == rows[0]["as_of"]
    assert send(connection, rows, "2024-01").changed == 0


REFUSED = [
    r'{"name": "a\u0000b"}',
    r'{"name": "\ud83d"}',
    '{"price": 1e400000}',
    "not json at all",
    '{"nested": ' + "[" * 90_000 + "]" * 90_000 + "}",
]
TAKEN = ['{"id": "bitcoin", "price": 1.10}', r'{"name": "\ud83d\ude00"}', '{"price": 1e300}']


def snapshot(position: int, payload: str, day: date = date(2026, 11, 21)) -> dict[str, Any]:
    return {
        "source": "coingecko",
        "batch_id": f"b-{day}",
        "page": 1,
        "position": position,
        "snapshot_date": day,
        "fetched_at": NOON,
        "payload": payload,
    }


def test_a_payload_that_jsonb_refuses_is_kept_as_text(connection: Connection) -> None:
    rows = [snapshot(n, payload) for n, payload in enumerate(TAKEN + REFUSED)]
    for changed in (len(rows), 0):
        sent = slots(len(rows), "2026-11-21")
        assert publish(connection, RAW_SNAPSHOTS, "coingecko", sent, batches(RAW_SNAPSHOTS, rows)).changed == changed
    stored = connection.execute(
        "select payload::text, payload_text from staging.raw_snapshots order by position"
    ).fetchall()
    assert [text for _, text in stored] == [None] * len(TAKEN) + REFUSED
    assert [json is None for json, _ in stored] == [False] * len(TAKEN) + [True] * len(REFUSED)
    assert connection.execute("select coin_id from staging.raw_coingecko where position = 0").fetchone() == ("bitcoin",)


def test_an_older_server_keeps_every_doubtful_payload_as_text(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "_PG_INPUT_IS_VALID", 999_999)
    rows = [snapshot(n, payload) for n, payload in enumerate([TAKEN[0], *REFUSED])]
    publish(connection, RAW_SNAPSHOTS, "coingecko", slots(len(rows), "2026-11-21"), batches(RAW_SNAPSHOTS, rows))
    stored = connection.execute("select payload_text from staging.raw_snapshots order by position").fetchall()
    assert stored == [(None,), *((text,) for text in REFUSED)]


def rejected(table_name: str, day: date) -> dict[str, Any]:
    return {
        "source": "yahoo",
        "snapshot_date": day,
        "table_name": table_name,
        "batch_id": "b",
        "page": 1,
        "position": 0,
        "reasons": ["price is 0", 'it says "no\0ne"'],
        "occurrences": 2,
        "fetched_at": NOON,
    }


def test_two_tables_that_share_one_leave_each_others_rows_alone(connection: Connection) -> None:
    day = date(2026, 11, 21)
    for table, name, key in (
        (QUARANTINE, "bronze_markets", "2026-11-21"),
        (HISTORIC_QUARANTINE, "historic_prices", "2026-11"),
    ):
        publish(connection, table, "yahoo", slots(1, key), batches(table, [rejected(name, day)]))
    publish(connection, HISTORIC_QUARANTINE, "yahoo", slots(0, "2026-11"), [])
    assert connection.execute("select table_name, reasons from ops.quarantine").fetchall() == [
        ("bronze_markets", ["price is 0", 'it says "no\ufffdne"'])
    ]


def test_a_table_without_partitions_is_replaced_as_a_whole(connection: Connection) -> None:
    def mapping(coin: str) -> dict[str, Any]:
        return {"source": "s", "source_asset_id": coin, "valid_from": date(1, 1, 1), "known_from": NOON,
                "asset_id": coin, "method": "m"}  # fmt: skip

    for coins, expected in ((["a", "b"], Published(2, 2, 0)), (["b", "c"], Published(2, 1, 1))):
        rows = [mapping(coin) for coin in coins]
        assert publish(connection, CROSSWALK, None, slots(2, "all"), batches(CROSSWALK, rows)) == expected


def test_every_partition_is_recorded_with_its_object(connection: Connection) -> None:
    rows = month("2024-01")
    send(connection, rows, "2024-01", "2024-02")
    first, second = publications(connection, HISTORIC_PRICES)
    assert (first.source, first.partition, first.rows, first.content_sha256) == ("yahoo", "2024-01", 62, "sha-2024-01")
    assert (second.partition, second.rows) == ("2024-02", 0)
    assert publications(connection, CROSSWALK) == []


def test_old_snapshots_are_retired_with_their_records(connection: Connection) -> None:
    today = date(2026, 11, 21)
    for age in (31, 30, 0):
        day = today - timedelta(days=age)
        rows = [snapshot(0, "{}", day)]
        publish(connection, RAW_SNAPSHOTS, "coingecko", slots(1, day.isoformat()), batches(RAW_SNAPSHOTS, rows))
    assert retire_staging(connection, 30, today) == 1
    assert [each.partition for each in publications(connection)] == ["2026-10-22", "2026-11-21"]


def test_a_checksum_knows_the_rows_and_not_their_order(connection: Connection) -> None:
    rows = month("2024-01")
    send(connection, rows, "2024-01")
    before = checksum(connection, "silver.historic_prices")
    connection.execute("delete from silver.historic_prices")
    send(connection, rows[::-1], "2024-01")
    assert checksum(connection, "silver.historic_prices") == before
    send(connection, [{**rows[0], "close_usd": 1.5000000001}, *rows[1:]], "2024-01")
    assert checksum(connection, "silver.historic_prices") != before
