"""Landing a batch: ask a vendor, keep every answer, and write the raw object that makes the batch count.

A batch that is tried again under the same id asks only for the answers it does not have yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, urlsplit

import pyarrow as pa
import pyarrow.compute as pc

from crypto_platform.lake.answers import AnswerLog
from crypto_platform.lake.lake import Lake
from crypto_platform.lake.parquet import ParquetFile
from crypto_platform.lake.store import LakeError
from crypto_platform.sources.base import Source
from crypto_platform.sources.http import Answer, Http
from crypto_platform.tables import RAW_HISTORY, RAW_SNAPSHOTS, Partition

Progress = Callable[[int, int | None], None]
"""Told after each answer: how many are done, of how many (None while nobody knows)."""

_SPILL_ROWS = 200_000

_ONE_DAY = timedelta(days=1)

HttpFactory = Callable[[Callable[[Answer, str], None]], Http]
"""Makes a source's client, given what to do with the answers it refuses."""


@dataclass(frozen=True)
class Landed:
    """A batch whose raw objects are all there."""

    source: str
    batch_id: str
    partitions: tuple[Partition, ...]
    answers: int
    asked: int
    rows: int
    unknown: tuple[str, ...] = field(default=())


class _Asking:
    """Answers from the kept ones where the batch has them, else from the vendor, kept before they are used."""

    def __init__(self, log: AnswerLog, make_http: HttpFactory) -> None:
        self._log = log
        self._http = make_http(lambda answer, reason: log.keep_refused(self._page, answer, reason))
        self._kept = set(log.pages())
        self._page = 0
        self.answers = 0
        self.asked = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def __call__(self, page: int, path: str, params: Mapping[str, str]) -> Answer:
        self._page = page
        if page in self._kept:
            answer = self._log.read(page)
            _refuse_other_question(answer, path, params, self._log.key(page))
        else:
            answer = self._http.get(path, params)
            self._log.keep(page, answer)
            self.asked += 1
        self.answers += 1
        return answer


def _refuse_other_question(answer: Answer, path: str, params: Mapping[str, str], key: str) -> None:
    """A batch that goes on must be the one that began: its kept answers were given to the same questions."""
    asked = urlsplit(answer.url)
    if not asked.path.endswith(path) or dict(parse_qsl(asked.query, keep_blank_values=True)) != dict(params):
        raise LakeError(
            f"The kept answer {key} was given to another question ({answer.url}) than the batch asks now; "
            "land this as a batch of its own, by a new run or under another name."
        )


def land_snapshot(
    lake: Lake, source: Source, make_http: HttpFactory, batch_id: str, day: date, progress: Progress = lambda *_: None
) -> Landed:
    """Take one live snapshot; its raw object is there afterwards, whether this try or an earlier one wrote it."""
    partition = Partition(day.isoformat())
    key = lake.raw_key(RAW_SNAPSHOTS, source.name, partition, batch_id)
    if lake.store.exists(key):
        with lake.open_parquet(key) as landed:
            answers = int((landed.metadata.metadata or {}).get(b"answers", b"0"))
            return Landed(source.name, batch_id, (partition,), answers, 0, landed.metadata.num_rows)
    tables = []
    with _Asking(lake.answers(source.name, partition.key, batch_id), make_http) as ask:
        for page, answer in enumerate(source.snapshot(ask), start=1):
            tables.append(_snapshot_rows(source, answer, batch_id, page, day))
            progress(page, None)
    rows = pa.concat_tables(tables) if tables else RAW_SNAPSHOTS.arrow_schema.empty_table()
    with lake.scratch() as folder:
        file = ParquetFile(folder / "raw.parquet", rows.schema, {"batch_id": batch_id, "answers": str(ask.answers)})
        for batch in rows.to_batches():
            file.write(batch)
        file.close()
        lake.store.put_file_if_absent(key, file.path)
    return Landed(source.name, batch_id, (partition,), ask.answers, ask.asked, rows.num_rows)


def _snapshot_rows(source: Source, answer: Answer, batch_id: str, page: int, day: date) -> pa.Table:
    slices = source.snapshot_rows(answer.body)
    count = len(slices)
    return pa.table(
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


def land_history(
    lake: Lake,
    source: Source,
    make_http: HttpFactory,
    batch_id: str,
    day: date,
    coins: Sequence[str],
    months: Sequence[Partition],
    progress: Progress = lambda *_: None,
) -> Landed:
    """Ask once per coin for all the months, then write one raw object a month; `day` is today.

    A batch that began yesterday goes on with what it kept then.
    """
    first = min(month.first_day for month in months if month.first_day)
    end = max(month.end_day for month in months if month.end_day)
    unknown: list[str] = []

    def points(ask: _Asking) -> Iterator[pa.Table]:
        for page, coin in enumerate(coins, start=1):
            answer = source.history(ask, page, coin, first, date.fromordinal(end.toordinal() - 1))
            if answer.status == 404:
                unknown.append(coin)
            else:
                yield _history_rows(source, answer, coin, batch_id, page)
            progress(page, len(coins))

    began_yesterday = lake.answers(source.name, (day - _ONE_DAY).isoformat(), batch_id)
    log = began_yesterday if began_yesterday.pages() else lake.answers(source.name, day.isoformat(), batch_id)
    with lake.scratch() as folder, _Asking(log, make_http) as ask:
        spilled = _spill_by_month(points(ask), folder)
        rows = 0
        for month in {*spilled, *(month.key for month in months)}:
            rows += _write_month(lake, source.name, Partition(month), batch_id, spilled.get(month), folder)
    return Landed(source.name, batch_id, tuple(sorted(months)), ask.answers, ask.asked, rows, tuple(unknown))


def _history_rows(source: Source, answer: Answer, coin: str, batch_id: str, page: int) -> pa.Table:
    points = source.history_points(answer.body)
    count = points.num_rows
    fetched = pa.scalar(answer.fetched_at, pa.timestamp("us", "UTC"))
    columns = {name: points.column(name) for name in points.column_names} | {
        "source": pa.repeat(pa.scalar(source.name), count),
        "source_asset_id": pa.repeat(pa.scalar(coin), count),
        "batch_id": pa.repeat(pa.scalar(batch_id), count),
        "page": pa.repeat(pa.scalar(page, pa.int32()), count),
        "fetched_at": pa.repeat(fetched, count),
        # A point whose time cannot be read is kept under the time it came; its payload says what was there.
        "observed_at": pc.coalesce(points.column("observed_at"), fetched),
    }
    schema = RAW_HISTORY.arrow_schema
    return pa.table([columns[name] for name in schema.names], schema=schema)


def _spill_by_month(tables: Iterable[pa.Table], folder: Path) -> dict[str, Path]:
    """Sort the points of many coins into one file a month, holding only a bounded number of rows at a time."""
    paths: dict[str, Path] = {}
    writers: dict[str, pa.ipc.RecordBatchStreamWriter] = {}
    with ExitStack() as open_files:

        def flush(waiting: list[pa.Table]) -> None:
            rows = pa.concat_tables(waiting)
            times = rows.column("observed_at")
            months = pc.add(pc.multiply(pc.year(times), 12), pc.subtract(pc.month(times), 1))
            order = pc.sort_indices(months)
            rows, months = rows.take(order), months.take(order)
            encoded = pc.run_end_encode(months.combine_chunks())
            start = 0
            for number, end in zip(encoded.values.to_pylist(), encoded.run_ends.to_pylist(), strict=True):
                key = f"{number // 12:04d}-{number % 12 + 1:02d}"
                if key not in writers:
                    paths[key] = folder / f"{key}.arrows"
                    writers[key] = open_files.enter_context(pa.ipc.new_stream(paths[key], rows.schema))
                writers[key].write_table(rows.slice(start, end - start))
                start = end

        waiting: list[pa.Table] = []
        for table in tables:
            waiting.append(table)
            if sum(held.num_rows for held in waiting) >= _SPILL_ROWS:
                flush(waiting)
                waiting = []
        if waiting:
            flush(waiting)
    return paths


def _write_month(lake: Lake, source: str, month: Partition, batch_id: str, spilled: Path | None, folder: Path) -> int:
    """One month's raw object, sorted; returns its rows."""
    schema = RAW_HISTORY.arrow_schema
    rows = schema.empty_table()
    if spilled:
        with pa.ipc.open_stream(spilled) as stream:
            rows = stream.read_all()
        rows = rows.sort_by([(name, "ascending") for name in ("source_asset_id", "observed_at", "page", "position")])
    file = ParquetFile(folder / f"{month.key}.parquet", schema, {"batch_id": batch_id})
    for batch in rows.to_batches():
        file.write(batch)
    file.close()
    lake.store.put_file_if_absent(lake.raw_key(RAW_HISTORY, source, month, batch_id), file.path)
    file.path.unlink()
    return int(rows.num_rows)
