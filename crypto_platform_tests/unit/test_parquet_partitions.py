"""Writing partitions: the same rows give the same bytes, however the stream was sliced and what ran beside them."""

from __future__ import annotations

import hashlib
import itertools
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_platform.lake import LakeError, parquet
from crypto_platform.lake.parquet import PARTITION, ParquetFile, write_partitions

SCHEMA = pa.schema(
    {
        "name": pa.string(),
        "price": pa.float64(),
        "rank": pa.int32(),
        "at": pa.timestamp("us", tz="UTC"),
        "reasons": pa.list_(pa.string()),
    }
)
STREAMED = pa.schema([pa.field(PARTITION, pa.string()), *SCHEMA])
DAYS = [f"2026-11-{day:02d}" for day in range(1, 6)]

texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
rows = st.fixed_dictionaries(
    {
        PARTITION: st.sampled_from(DAYS),
        "name": texts,
        "price": st.none() | st.floats(),
        "rank": st.none() | st.integers(-(2**31), 2**31 - 1),
        "at": st.none() | st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
        "reasons": st.none() | st.lists(texts, max_size=3),
    }
)


@pytest.fixture(autouse=True, scope="module")
def _small_row_groups() -> Iterator[None]:
    """Groups of seven rows, so that a few dozen rows fill several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "ROWS_PER_GROUP", 7)
        yield


def sliced(table: pa.Table, cuts: Sequence[int]) -> list[pa.RecordBatch]:
    """The table as record batches that begin at these rows."""
    bounds = [0, *sorted(min(cut, table.num_rows) for cut in cuts), table.num_rows]
    return [
        batch
        for start, end in itertools.pairwise(bounds)
        for batch in table.slice(start, end - start).combine_chunks().to_batches()
    ]


def written(batches: Sequence[pa.RecordBatch], wanted: Sequence[str]) -> dict[str, str]:
    """The digest of each partition's file."""
    with tempfile.TemporaryDirectory() as folder:
        return {each.partition: each.sha256 for each in write_partitions(batches, SCHEMA, wanted, Path(folder))}


def in_order(given_rows: Sequence[dict[str, object]]) -> pa.Table:
    ordered = sorted(given_rows, key=lambda row: str(row[PARTITION]))
    return pa.Table.from_pylist(ordered, schema=STREAMED)


@settings(deadline=None)
@given(st.lists(rows, max_size=60), st.lists(st.integers(0, 60), max_size=9), st.lists(st.integers(0, 60), max_size=9))
def test_the_same_rows_in_other_batches_give_the_same_bytes(
    given_rows: list[dict[str, object]], cuts: list[int], others: list[int]
) -> None:
    table = in_order(given_rows)
    assert written(sliced(table, cuts), DAYS) == written(sliced(table, others), DAYS)


@settings(deadline=None)
@given(st.lists(rows, max_size=60), st.lists(st.integers(0, 60), max_size=5))
def test_a_partition_alone_has_the_bytes_it_has_in_a_range(
    given_rows: list[dict[str, object]], cuts: list[int]
) -> None:
    alone: dict[str, str] = {}
    for day in DAYS:
        table = in_order([row for row in given_rows if row[PARTITION] == day])
        alone |= written(sliced(table, cuts), [day])
    assert written(sliced(in_order(given_rows), cuts), DAYS) == alone


@settings(deadline=None, max_examples=25)
@given(st.lists(rows, max_size=40))
def test_every_row_is_read_back_from_its_partition(given_rows: list[dict[str, object]]) -> None:
    table = in_order(given_rows)
    with tempfile.TemporaryDirectory() as folder:
        files = list(write_partitions(sliced(table, [3, 20]), SCHEMA, DAYS, Path(folder)))
        assert sorted(each.partition for each in files) == DAYS
        read = [(each.partition, row) for each in sorted(files, key=lambda f: f.partition)
                for row in pq.read_table(each.path).to_pylist()]  # fmt: skip
        assert [each.rows for each in files] == [pq.read_metadata(each.path).num_rows for each in files]
    expected = [(row.pop(PARTITION), row) for row in table.to_pylist()]
    assert repr(read) == repr(expected)  # repr, because NaN differs from itself


def test_a_wanted_partition_without_rows_gets_an_empty_file_of_the_schema(tmp_path: Path) -> None:
    (only,) = write_partitions([], SCHEMA, ["2026-11-01"], tmp_path)
    assert (only.partition, only.rows) == ("2026-11-01", 0)
    assert pq.read_table(only.path).to_pydict() == {name: [] for name in SCHEMA.names}


@pytest.mark.parametrize(
    ("days", "wanted"),
    [(["2026-11-01", "2026-11-02", "2026-11-01"], DAYS[:2]), (["2026-11-01", "2026-11-03"], DAYS[:2])],
    ids=["a partition that comes back", "a partition that nobody wants"],
)
def test_a_stream_that_is_not_sorted_into_the_wanted_partitions_is_noticed(days: list[str], wanted: list[str]) -> None:
    table = pa.Table.from_pylist([{PARTITION: day} for day in days], schema=STREAMED)
    with pytest.raises((KeyError, LakeError), match=days[-1]):
        written(table.to_batches(), wanted)


def test_groups_are_full_but_for_the_last(tmp_path: Path) -> None:
    file = ParquetFile(tmp_path / "raw.parquet", SCHEMA)
    table = pa.Table.from_pylist([{"rank": number} for number in range(24)], schema=SCHEMA)
    for batch in sliced(table, [1, 2, 3, 17]):
        file.write(batch)
    file.close()
    with pq.ParquetFile(file.path) as read:
        groups = [read.metadata.row_group(number).num_rows for number in range(read.num_row_groups)]
        assert read.read().column("rank").to_pylist() == list(range(24))
    assert groups == [7, 7, 7, 3]
    assert file.rows == 24


def test_the_footer_says_which_batch_it_is(tmp_path: Path) -> None:
    file = ParquetFile(tmp_path / "raw.parquet", SCHEMA, {"batch_id": "b1", "answers": "3"})
    file.close()
    assert pq.read_metadata(file.path).metadata == {b"batch_id": b"b1", b"answers": b"3"}


def test_a_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    (only,) = write_partitions([], SCHEMA, ["2026-11-01"], tmp_path)
    assert only.sha256 == hashlib.sha256(only.path.read_bytes()).hexdigest()
