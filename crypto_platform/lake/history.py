"""Landing history: one request a coin for any range, then one raw object a month; months are independent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from crypto_platform.lake.asking import Asking, HttpFactory, Progress
from crypto_platform.lake.lake import Lake
from crypto_platform.lake.landed import About, Landed, put_raw
from crypto_platform.sources.base import Source
from crypto_platform.sources.http import Answer
from crypto_platform.tables import RAW_HISTORY, Partition

_SPILL_ROWS = 200_000
_ONE_DAY = timedelta(days=1)


def land_history(
    lake: Lake,
    source: Source,
    make_http: HttpFactory,
    batch_id: str,
    day: date,
    coins: Sequence[str],
    days: tuple[date, date],
    progress: Progress = lambda *_: None,
) -> Landed:
    """Ask once per coin for all the days, then write one raw object for each month of them; `day` is today.

    A batch that began yesterday goes on with what it kept then.
    """
    first, last = days
    unknown: list[str] = []

    def points(ask: Asking) -> Iterator[pa.Table]:
        for page, coin in enumerate(coins, start=1):
            answer = source.history(ask, page, coin, first, last)
            if answer.status == 404:
                unknown.append(coin)
            else:
                yield _history_rows(source, answer, coin, batch_id, page)
            progress(page, len(coins))

    began_yesterday = lake.answers(source.name, (day - _ONE_DAY).isoformat(), batch_id)
    log = began_yesterday if began_yesterday.pages() else lake.answers(source.name, day.isoformat(), batch_id)
    with lake.scratch() as folder, Asking(log, make_http) as ask:
        spilled = spill_by_month(points(ask), folder)
        about = About("history", batch_id, ask.pages, ask.first_at, ask.last_at, first, last)
        objects, rows = put_months(lake, source.name, about, spilled, folder, months_of(first, last))
    return Landed(source.name, about, objects, rows, ask.asked, tuple(unknown))


def months_of(first: date, last: date) -> list[str]:
    """The months that the days from first to last touch."""
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return [f"{number // 12:04d}-{number % 12 + 1:02d}" for number in numbers]


def put_months(
    lake: Lake, source: str, about: About, spilled: dict[str, Path], folder: Path, months: Iterable[str] = ()
) -> tuple[tuple[tuple[Partition, str], ...], int]:
    """One sorted raw object for each month that has points or is named; the objects and their rows together.

    The named months come last: where they are all there, so is whatever came beside them.
    """
    objects, total, named = [], 0, set(months)
    for month in (*sorted(spilled.keys() - named), *sorted(named)):
        rows = RAW_HISTORY.arrow_schema.empty_table()
        if month in spilled:
            with pa.ipc.open_stream(spilled[month]) as stream:
                rows = stream.read_all()
            rows = rows.sort_by(
                [(name, "ascending") for name in ("source_asset_id", "observed_at", "page", "position")]
            )
        partition = Partition(month)
        objects.append((partition, put_raw(lake, RAW_HISTORY, source, partition, about, rows, folder)))
        total += rows.num_rows
    return tuple(objects), total


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


def spill_by_month(tables: Iterable[pa.Table], folder: Path) -> dict[str, Path]:
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
