"""Landing a live snapshot: the market as it is now, every row as it came."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pyarrow as pa

from crypto_platform.lake.asking import Asking, HttpFactory, Progress
from crypto_platform.lake.lake import Lake
from crypto_platform.lake.landed import About, Landed, landed_before, put_raw_rows
from crypto_platform.sources.base import Source
from crypto_platform.sources.http import Answer
from crypto_platform.tables import RAW_SNAPSHOTS, Partition


def land_snapshot(
    lake: Lake, source: Source, make_http: HttpFactory, batch_id: str, day: date, progress: Progress = lambda *_: None
) -> Landed:
    """Take one live snapshot; its raw object is there afterwards, whether this try or an earlier one wrote it."""
    partition = Partition(day.isoformat())
    if landed := landed_before(lake, RAW_SNAPSHOTS, source.name, partition, batch_id):
        return landed
    with lake.scratch() as folder, Asking(lake.answers(source.name, partition.key, batch_id), make_http) as ask:

        def pages() -> Iterator[pa.RecordBatch]:
            for page, answer in enumerate(source.snapshot(ask), start=1):
                yield _rows(source, answer, batch_id, page, day)
                progress(page, None)

        def about() -> About:
            return About("snapshot", batch_id, ask.pages, ask.first_at, ask.last_at, day, day)

        key = lake.raw_key(RAW_SNAPSHOTS, source.name, partition, batch_id)
        rows = put_raw_rows(lake, RAW_SNAPSHOTS, key, pages(), about, folder)
        return Landed(source.name, about(), ((partition, key),), rows, ask.asked)


def _rows(source: Source, answer: Answer, batch_id: str, page: int, day: date) -> pa.RecordBatch:
    slices = source.snapshot_rows(answer.body)
    count = len(slices)
    return pa.record_batch(
        [
            pa.repeat(pa.scalar(source.name), count),
            pa.repeat(pa.scalar(batch_id), count),
            pa.repeat(pa.scalar(page, pa.int32()), count),
            pa.array(range(count), pa.int32()),
            pa.repeat(pa.scalar(day, pa.date32()), count),
            pa.repeat(pa.scalar(answer.fetched_at, pa.timestamp("us", "UTC")), count),
            pa.array((raw.decode() for raw in slices), pa.string()),
        ],
        schema=RAW_SNAPSHOTS.arrow_schema,
    )
