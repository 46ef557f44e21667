"""Merging two streams by key: the same as putting all rows together, whatever the batches they come in."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from crypto_platform.engine.merging import merged

SCHEMA = pa.schema([("coin", pa.string()), ("minute", pa.int32()), ("told", pa.string())])
keys = st.tuples(st.sampled_from(["a", "b", "é", "\U0001f600", "￿"]), st.integers(0, 6))
sides = st.sets(keys, max_size=25)


def table(keys: set[tuple[str, int]], told: str) -> pa.Table:
    rows = [{"coin": coin, "minute": minute, "told": told} for coin, minute in sorted(keys)]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def cut(rows: pa.Table, size: int) -> Iterator[pa.RecordBatch]:
    yield from rows.combine_chunks().to_batches(max_chunksize=size)


@given(sides, sides, st.integers(1, 8))
def test_merged_rows_are_in_order_and_a_change_takes_the_place_of_what_stood(
    standing: set[tuple[str, int]], changes: set[tuple[str, int]], size: int
) -> None:
    batches = list(merged(cut(table(standing, "stood"), size), table(changes, "new"), ["coin", "minute"]))
    rows = pa.Table.from_batches(batches, SCHEMA).to_pylist()
    assert [(row["coin"], row["minute"]) for row in rows] == sorted(standing | changes)
    assert {(row["coin"], row["minute"]) for row in rows if row["told"] == "new"} == changes
