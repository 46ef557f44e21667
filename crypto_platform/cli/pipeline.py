"""The commands that bring data in and through: snapshot, backfill, replay."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

import click

from crypto_platform.cli.console import bar, fail, out, print_json, sentences, table
from crypto_platform.cli.session import open_runner, require_stores
from crypto_platform.settings import load_settings
from crypto_platform.tables import (
    BRONZE_MARKETS,
    CROSSWALK,
    HISTORIC_PRICES,
    HISTORIC_QUARANTINE,
    QUARANTINE,
    RAW_HISTORY,
    RAW_SNAPSHOTS,
    SILVER_DAILY_METRICS,
    UNIFIED_PRICES,
    UNIFIED_VIEW,
    Grain,
    Partition,
    Table,
    table_named,
)

if TYPE_CHECKING:
    from crypto_platform.runner import Runner

DAY = click.DateTime(["%Y-%m-%d"])
FROM_SNAPSHOTS = (BRONZE_MARKETS, QUARANTINE, SILVER_DAILY_METRICS)
FROM_HISTORY = (HISTORIC_PRICES, HISTORIC_QUARANTINE)


def sources_of(kind: str) -> list[str]:
    """The sources that give `snapshots` or `history`."""
    from crypto_platform.sources import SOURCES

    return [name for name, source in SOURCES.items() if getattr(source, f"has_{kind}")]


def chosen(source: str | None, kind: str) -> list[str]:
    """The named source, if it gives that kind of data, or all that do."""
    from crypto_platform.sources import source_named

    sources = sources_of(kind)
    if source is None:
        return sources
    source_named(source)
    if source not in sources:
        fail(f"{source} gives no {kind}; these do: {', '.join(sources)}.")
    return [source]


@click.command()
@click.option("--source", help="Only this source; by default all that give snapshots.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@sentences
def snapshot(source: str | None, as_json: bool) -> None:
    """Take one live snapshot now, through to silver."""
    done = []
    with open_runner(vendors=True) as runner:
        for name in chosen(source, "snapshots"):
            today = Partition(runner.platform.clock().date().isoformat())
            with bar(f"Snapshot of {name}", None, quiet=as_json) as told:
                runner.platform.progress = told
                assets = [(t, name) for t in (RAW_SNAPSHOTS, *FROM_SNAPSHOTS)]
                runner.run(assets, [today])
            done += [
                {"table": t.name, "source": name, "partition": today.key, "rows": rows_in(runner, t, name, today)}
                for t in (RAW_SNAPSHOTS, *FROM_SNAPSHOTS)
            ]
    if as_json:
        print_json(done)
    else:
        table("Landed", ["table", "source", "partition", "rows"], [list(row.values()) for row in done])


def rows_in(runner: Runner, wanted: Table, source: str | None, partition: Partition) -> int:
    lake = runner.platform.lake
    total = 0
    for key in lake.slice(wanted, source, [partition]).objects:
        with lake.open_parquet(key) as file:
            total += file.metadata.num_rows
    return total


@click.command()
@click.argument("table_name", metavar="TABLE")
@click.option("--source", help="Only this source; by default all that have the table.")
@click.option("--from", "first", type=DAY, required=True, help="First day (UTC), as YYYY-MM-DD.")
@click.option("--to", "last", type=DAY, required=True, help="Last day (UTC), as YYYY-MM-DD.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@sentences
def backfill(table_name: str, source: str | None, first: datetime, last: datetime, as_json: bool) -> None:
    """Materialise the partitions of TABLE from one day to another, in one run for each source.

    Naming historic_prices asks the vendor for history first; naming raw_history does only that.
    """
    wanted = table_named(table_name)
    if wanted is UNIFIED_VIEW or wanted.grain is Grain.NONE:
        fail(f"{table_name} has no partitions to backfill.")
    if wanted is RAW_SNAPSHOTS:
        fail(
            "A live snapshot can only be taken now: use `crypto-platform snapshot`; for past days backfill raw_history."
        )
    if first > last:
        fail(f"--from {first.date()} is after --to {last.date()}; swap them.")
    asks_vendor = wanted in (RAW_HISTORY, *FROM_HISTORY)
    assets = (RAW_HISTORY, *FROM_HISTORY) if wanted in FROM_HISTORY else (wanted,)
    with open_runner(vendors=asks_vendor) as runner:
        partitions = _existing(runner, wanted, first.date(), last.date())
        kind = "history" if asks_vendor else "snapshots"
        names: list[str | None] = [*chosen(source, kind)] if wanted.per_source else [None]
        if not wanted.per_source:
            runner.run([(CROSSWALK, None)])
        for name in names:
            with bar(f"{table_name} {name or ''}".strip(), None, quiet=as_json) as told:
                runner.platform.progress = told
                runner.run([(each, name) for each in assets], partitions)
        _tell(runner, [(each, name) for each in assets for name in names], partitions, as_json)


def _existing(runner: Runner, wanted: Table, first: date, last: date) -> list[Partition]:
    from crypto_platform.partitions import Calendar

    settings = runner.platform.settings
    calendar = Calendar(settings.snapshot_start, settings.history_start)
    definition = calendar.of(wanted)
    keys = definition.get_partition_keys() if definition else []
    low, high = (wanted.grain.key_of(day) for day in (first, last))
    if low < keys[0] or high > keys[-1]:
        fail(
            f"{wanted.name} has partitions from {keys[0]} to {keys[-1]}, and {first} to {last} reaches outside; "
            "choose days within, or set CRYPTO_HISTORY_START or CRYPTO_SNAPSHOT_START."
        )
    return calendar.between(wanted, first, last)


def _tell(
    runner: Runner, assets: Sequence[tuple[Table, str | None]], partitions: Sequence[Partition], as_json: bool
) -> None:
    rows = []
    for each, name in assets:
        counted = sum(rows_in(runner, each, name, partition) for partition in partitions)
        rows.append({"table": each.name, "source": name, "partitions": len(partitions), "rows": counted})
    checks = runner.checks
    if as_json:
        told = {"passed": checks.passed, "warned": checks.warned, "failed": checks.failed}
        print_json({"tables": rows, "checks": told})
        return
    table("In the lake now", ["table", "source", "partitions", "rows"], [list(row.values()) for row in rows])
    out.print(f"Checks: {checks.passed} passed, {checks.warned} warned, {checks.failed} failed")


@click.command()
@click.option("--from", "first", type=DAY, help="First day (UTC); by default the first there is.")
@click.option("--to", "last", type=DAY, help="Last day (UTC); by default the last there is.")
@click.option("--batch", help="Only the partitions that this batch landed in.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@sentences
def replay(first: datetime | None, last: datetime | None, batch: str | None, as_json: bool) -> None:
    """Recompute everything after raw, from the answers as they were kept; equal inputs change nothing."""
    if first and last and first > last:
        fail(f"--from {first.date()} is after --to {last.date()}; swap them.")
    if batch and not _is_uuid(batch):
        fail(f"{batch!r} is no batch id; batch ids are in the column batch_id of every table.")
    require_stores(load_settings())
    low = first.date() if first else date.min
    high = last.date() if last else date.max
    with open_runner() as runner:
        stages = replay_stages(runner, low, high, batch)
        if not stages:
            fail("Nothing was landed in that time, so there is nothing to replay.")
        with bar("Replay", len(stages), quiet=as_json) as told:
            for done, (assets, partitions) in enumerate(stages, start=1):
                runner.run(assets, partitions)
                told(done, None)
        assets = [(each, name) for tables, _ in stages for each, name in tables if each is not CROSSWALK]
        rows = [
            {
                "table": each.name,
                "source": name,
                "rows": sum(
                    rows_in(runner, each, name, partition) for partition in runner.platform.lake.partitions(each, name)
                ),
            }
            for each, name in assets
        ]
    if as_json:
        print_json(rows)
    else:
        table("Replayed", ["table", "source", "rows"], [list(row.values()) for row in rows])


Stage = tuple[list[tuple[Table, str | None]], list[Partition]]


def replay_stages(runner: Runner, low: date, high: date, batch: str | None = None) -> list[Stage]:
    """What to run, in order, to recompute everything after the raw partitions that touch these days."""
    stages: list[Stage] = [([(CROSSWALK, None)], [])]
    months: set[str] = set()
    for raw, derived, kind in (
        (RAW_SNAPSHOTS, FROM_SNAPSHOTS, "snapshots"),
        (RAW_HISTORY, FROM_HISTORY, "history"),
    ):
        for source in sources_of(kind):
            landed = [p for p in runner.platform.lake.partitions(raw, source) if _touches(p, low, high)]
            if batch:
                landed = [
                    p
                    for p in landed
                    if runner.platform.lake.store.exists(runner.platform.lake.raw_key(raw, source, p, batch))
                ]
            span = _span(runner, raw, landed) if landed else []
            if not span:
                continue
            months |= {p.key[:7] for p in span}
            stages.append(([(each, source) for each in derived], span))
    if len(stages) == 1:
        return []
    stages.append(([(UNIFIED_PRICES, None)], _span(runner, UNIFIED_PRICES, [Partition(m) for m in sorted(months)])))
    return stages


def _span(runner: Runner, wanted: Table, partitions: Sequence[Partition]) -> list[Partition]:
    """The stretch from the first of some partitions to the last, and one more at each end: rows reach over midnight."""
    from crypto_platform.partitions import Calendar

    settings = runner.platform.settings
    definition = Calendar(settings.snapshot_start, settings.history_start).of(wanted)
    keys = definition.get_partition_keys() if definition else []
    inside = [place for place, key in enumerate(keys) if partitions[0].key <= key <= partitions[-1].key]
    return [Partition(key) for key in keys[max(inside[0] - 1, 0) : inside[-1] + 2]] if inside else []


def _touches(partition: Partition, low: date, high: date) -> bool:
    first, end = partition.first_day, partition.end_day
    return first is not None and end is not None and first <= high and end > low


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
