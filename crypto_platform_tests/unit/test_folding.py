"""Adding to what stands: batches that come one by one, in any order, give the bytes that all of them give at once."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_sql_rows import ENGINE, TODAY, Row, at, rows_of, snapshot

from crypto_platform.engine import EngineError, Making, Query, making
from crypto_platform.lake import MADE_OF, Lake
from crypto_platform.lake.landed import About, put_raw
from crypto_platform.tables import BRONZE_MARKETS, QUARANTINE, RAW_SNAPSHOTS, Partition, Table

DAY = Partition(TODAY.isoformat())
ADDED = {BRONZE_MARKETS: "earlier_markets", QUARANTINE: "earlier_quarantine"}


@contextmanager
def new_lake() -> Iterator[Lake]:
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder) / "lake", Path(folder) / "tmp")
        lake.open("sandbox")
        yield lake


def land(lake: Lake, batch_id: str, rows: Sequence[Row], day: Partition = DAY) -> None:
    with lake.scratch() as folder:
        about = About("snapshot", batch_id, 1)
        put_raw(lake, RAW_SNAPSHOTS, "coingecko", day, about, rows_of(RAW_SNAPSHOTS, rows), folder)


def query_of(lake: Lake, table: Table, *days: Partition) -> Query:
    raw = lake.slice(RAW_SNAPSHOTS, "coingecko", days)
    judged = Query("judged_snapshots", snapshot_fields=Query("coingecko", raw_snapshots=raw))
    return Query(table.name, adds_to=ADDED[table], by_key=table is BRONZE_MARKETS, judged_snapshots=judged)


def plan(lake: Lake, table: Table, *days: Partition, code: str | None = None) -> Making:
    query = query_of(lake, table, *days)
    return making(lake, code or ENGINE.code_of(query, table), table, "coingecko", days, query)


def make(lake: Lake, table: Table, *days: Partition) -> Making:
    """Make partitions as the IO manager does."""
    days = days or (DAY,)
    made = plan(lake, table, *days)
    with ENGINE.stream(made.rows, table, days) as batches:
        lake.replace_partitions(table, "coingecko", days, batches, lambda _candidates: {}, made.footers)
    return made


def made_object(lake: Lake, table: Table, day: Partition = DAY) -> bytes:
    return lake.store.read(lake.object_key(table, "coingecko", day))


def row(batch: str, coin: str = "bitcoin", price: object = 1, minute: int = 0, **values: Any) -> dict[str, Any]:
    payload = json.dumps({"id": coin, "current_price": price, "last_updated": f"{TODAY}T11:00:00Z"})
    return snapshot(payload, batch_id=batch, fetched_at=at("12:00") + timedelta(minutes=minute), **values)


coins = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["bitcoin", "ethereum", "solana"]),
        "current_price": st.sampled_from([1, 2, 2.5, 0, None, "x"]),
        "last_updated": st.sampled_from(
            [f"{TODAY}T11:00:00Z", f"{TODAY}T11:00:00.000Z", f"{TODAY}T11:30:00Z", "2026-11-01T00:00:00Z", None]
        ),
    }
).map(json.dumps)
batches = st.lists(
    st.tuples(st.integers(0, 2), st.lists(st.lists(coins, max_size=4), max_size=3)), min_size=1, max_size=5
)
"""Batches with the minute of their fetch, which several may share; each has pages of rows."""


@settings(deadline=None, max_examples=20)
@given(batches, st.randoms(use_true_random=False), st.sets(st.integers(0, 4)))
def test_batches_added_in_any_order_and_any_steps_give_the_bytes_of_all_at_once(
    given: list[tuple[int, list[list[str]]]], random: Any, made_after: set[int]
) -> None:
    landed = [
        (
            f"b{number}",
            [
                snapshot(payload, batch_id=f"b{number}", page=page, position=position,
                         fetched_at=at("12:00") + timedelta(minutes=minute))
                for page, rows in enumerate(pages, start=1) for position, payload in enumerate(rows)
            ],
        )
        for number, (minute, pages) in enumerate(given)
    ]  # fmt: skip
    with new_lake() as at_once, new_lake() as in_steps:
        for batch_id, rows in landed:
            land(at_once, batch_id, rows)
        random.shuffle(landed)
        for table in ADDED:
            assert make(at_once, table).onto_sha256 is None
        make(in_steps, BRONZE_MARKETS)  # of nothing at all
        for number, (batch_id, rows) in enumerate(landed):
            land(in_steps, batch_id, rows)
            if number in made_after:
                for table in ADDED:
                    make(in_steps, table)
        for table in ADDED:
            make(in_steps, table)
            assert made_object(in_steps, table) == made_object(at_once, table)


def test_only_what_came_since_is_read_and_added() -> None:
    with new_lake() as lake:
        land(lake, "b1", [row("b1"), row("b1", "zombie", 0, position=1)])
        for table in ADDED:
            make(lake, table)
        land(lake, "b2", [row("b2", minute=9), row("b2", "zombie", 0, minute=9, position=1)])
        for table, rows in ((BRONZE_MARKETS, 1), (QUARANTINE, 1)):
            earlier = lake.store.sha256(lake.object_key(table, "coingecko", DAY))
            made = make(lake, table)
            assert isinstance(made.rows, Query)
            assert [Lake.batch_of(key) for part in made.rows.slices() for key in part.objects] == ["b2", "data"]
            assert (made.onto_sha256, {Lake.batch_of(key) for key in made.new}) == (earlier, {"b2"})
            with lake.open_parquet(lake.object_key(table, "coingecko", DAY)) as file:
                (kept,) = file.read().to_pylist()
            assert kept["batch_id"] == "b1"
            assert file.metadata.num_rows == rows
        assert kept["occurrences"] == 2


def test_a_batch_that_was_fetched_earlier_and_comes_late_takes_the_place_of_the_later_one() -> None:
    with new_lake() as lake:
        land(lake, "b2", [row("b2", price=2, minute=9), row("b2", "zombie", 0, minute=9, position=1)])
        for table in ADDED:
            make(lake, table)
        land(lake, "b1", [row("b1", price=1), row("b1", "zombie", 0, position=1)])
        for table in ADDED:
            assert make(lake, table).onto_sha256
            with lake.open_parquet(lake.object_key(table, "coingecko", DAY)) as file:
                assert file.read(["batch_id"]).column(0).to_pylist() == ["b1"]


def test_a_run_with_nothing_new_makes_everything_again() -> None:
    with new_lake() as lake:
        land(lake, "b1", [row("b1")])
        make(lake, BRONZE_MARKETS)
        before = made_object(lake, BRONZE_MARKETS)
        assert make(lake, BRONZE_MARKETS).onto_sha256 is None
        assert made_object(lake, BRONZE_MARKETS) == before


def test_a_range_a_raw_object_that_is_gone_and_other_code_make_everything_again() -> None:
    other = Partition("2026-11-20")
    with new_lake() as lake:
        land(lake, "b1", [row("b1")])
        make(lake, BRONZE_MARKETS)
        land(lake, "b2", [row("b2")])
        assert plan(lake, BRONZE_MARKETS, DAY).onto_sha256
        assert plan(lake, BRONZE_MARKETS, other, DAY).onto_sha256 is None
        assert plan(lake, BRONZE_MARKETS, DAY, code="other").onto_sha256 is None
        lake.store.delete(lake.raw_key(RAW_SNAPSHOTS, "coingecko", DAY, "b1"))
        assert plan(lake, BRONZE_MARKETS, DAY).onto_sha256 is None


@pytest.mark.parametrize("content", [None, b"", b"no Parquet"], ids=["missing", "empty", "unreadable"])
def test_an_object_that_cannot_be_read_is_not_added_to(content: bytes | None) -> None:
    with new_lake() as lake:
        land(lake, "b1", [row("b1")])
        make(lake, BRONZE_MARKETS)
        whole = made_object(lake, BRONZE_MARKETS)
        key = lake.object_key(BRONZE_MARKETS, "coingecko", DAY)
        lake.store.delete(key)
        if content is not None:
            lake.store.put_if_absent(key, content)
        make(lake, BRONZE_MARKETS)
        assert made_object(lake, BRONZE_MARKETS) == whole


def test_each_partition_of_a_range_says_what_it_alone_was_made_of() -> None:
    other = Partition("2026-11-20")
    with new_lake() as lake:
        land(lake, "b1", [row("b1")])
        land(lake, "b0", [row("b0", snapshot_date=other.first_day)], other)
        make(lake, BRONZE_MARKETS, other, DAY)
        told = {
            day: json.loads(lake.footer(lake.object_key(BRONZE_MARKETS, "coingecko", day))[MADE_OF])
            for day in (other, DAY)
        }
        assert {day: [Lake.batch_of(key) for key in made["objects"]] for day, made in told.items()} == {
            other: ["b0"], DAY: ["b1"],
        }  # fmt: skip
        in_range = made_object(lake, BRONZE_MARKETS)
        lake.store.delete(lake.object_key(BRONZE_MARKETS, "coingecko", DAY))
        make(lake, BRONZE_MARKETS)
        assert made_object(lake, BRONZE_MARKETS) == in_range


def test_a_batch_over_several_days_gives_each_of_them_what_it_gives_that_day_alone() -> None:
    other = Partition("2026-11-20")
    with new_lake() as lake:
        land(lake, "b1", [row("b1")])
        land(lake, "b1", [row("b1", snapshot_date=other.first_day)], other)
        for day in (other, DAY):
            make(lake, BRONZE_MARKETS, day)
        alone = [made_object(lake, BRONZE_MARKETS, day) for day in (other, DAY)]
        make(lake, BRONZE_MARKETS, other, DAY)
        assert [made_object(lake, BRONZE_MARKETS, day) for day in (other, DAY)] == alone


def test_the_code_is_the_sql_what_lies_inside_it_the_values_and_the_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    from crypto_platform.engine import query as texts

    def code() -> str:
        inner = Query("judged_snapshots", snapshot_fields=Query("coingecko"), parameters={"value": value})
        return ENGINE.code_of(Query("bronze_markets", adds_to="earlier_markets", judged_snapshots=inner), table)

    value, table = 1, BRONZE_MARKETS
    seen = [code()]
    assert code() == seen[0]
    value = 2
    seen.append(code())
    table = QUARANTINE
    seen.append(code())
    for name in ("bronze_markets", "judged_snapshots", "coingecko"):
        files = texts._sql_files()
        monkeypatch.setattr(texts, "_sql_files", lambda files=files, name=name: {**files, name: "select 1"})
        seen.append(code())
    assert len(set(seen)) == 6


def test_a_query_that_does_not_say_so_cannot_be_added_to_what_it_gave() -> None:
    with pytest.raises(EngineError, match="silver_daily_metrics cannot be added to rows that it gave before"):
        Query("silver_daily_metrics").onto(rows_of(BRONZE_MARKETS, []), ())
