"""Landing a list of coins: what a vendor says there is, or what a file of ours or of people's says."""

from __future__ import annotations

from datetime import date, datetime

import pyarrow as pa

from crypto_platform.lake.asking import Asking, HttpFactory, Progress
from crypto_platform.lake.lake import Lake
from crypto_platform.lake.landed import About, Landed, landed_before, put_raw
from crypto_platform.sources.base import Source
from crypto_platform.tables import RAW_COINS, Partition


def land_coins(
    lake: Lake, source: Source, make_http: HttpFactory, batch_id: str, day: date, progress: Progress = lambda *_: None
) -> Landed:
    """Ask a vendor for its whole list; its raw object is there afterwards, whichever try wrote it."""
    partition = Partition(day.isoformat())
    if landed := landed_before(lake, RAW_COINS, source.name, partition, batch_id):
        return landed
    answers = []
    with Asking(lake.answers(source.name, partition.key, batch_id), make_http) as ask:
        for page, answer in enumerate(source.coins(ask), start=1):
            answers.append(answer)
            progress(page, None)
    coins = source.coin_list(answers)
    about = About("coins", batch_id, ask.pages, ask.first_at, ask.last_at, day, day)
    landed = land_list(lake, source.name, coins, about, min(answer.fetched_at for answer in answers))
    return Landed(landed.source, about, landed.objects, landed.rows, ask.asked)


def land_list(lake: Lake, source: str, coins: pa.Table, about: About, fetched_at: datetime) -> Landed:
    """Write a list that is at hand, in the columns of `coin_lists.SCHEMA`."""
    count = coins.num_rows
    day = about.first_day or fetched_at.date()
    columns = {name: coins.column(name) for name in coins.column_names} | {
        "source": pa.repeat(pa.scalar(source), count),
        "batch_id": pa.repeat(pa.scalar(about.batch_id), count),
        "list_date": pa.repeat(pa.scalar(day, pa.date32()), count),
        "fetched_at": pa.repeat(pa.scalar(fetched_at, pa.timestamp("us", "UTC")), count),
    }
    schema = RAW_COINS.arrow_schema
    rows = pa.table([columns[name] for name in schema.names], schema=schema).sort_by("source_asset_id")
    partition = Partition(day.isoformat())
    with lake.scratch() as folder:
        key = put_raw(lake, RAW_COINS, source, partition, about, rows, folder)
    return Landed(source, about, ((partition, key),), count)
