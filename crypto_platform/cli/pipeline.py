"""The commands that bring data in now and through again: snapshot, drop, replay."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crypto_platform.cli.console import bar, bars, err, fail, out, print_json, sentences, table
from crypto_platform.cli.session import open_runner, require_stores
from crypto_platform.settings import load_settings
from crypto_platform.sources import Gives, asked, fed_by_files, having, source_named
from crypto_platform.tables import (
    ASSETS,
    CROSSWALK,
    DROPPED_FILES,
    FILE_QUARANTINE,
    FROM_HISTORY,
    FROM_SNAPSHOTS,
    RAW_HISTORY,
    RAW_SNAPSHOTS,
    UNIFIED_PRICES,
    Partition,
    Table,
)

if TYPE_CHECKING:
    from crypto_platform.runner import Runner

DAY = click.DateTime(["%Y-%m-%d"])


def chosen(source: str | None, kind: Gives) -> list[str]:
    """The named source, if it can be asked for that kind of data, or all that can."""
    sources = asked(kind)
    if source is None:
        return sources
    source_named(source)
    if source not in sources:
        fail(f"{source} is not asked for {kind}; these are: {', '.join(sources)}.")
    return [source]


@click.command()
@click.option("--source", help="Only this source; by default all that give snapshots.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@sentences
def snapshot(source: str | None, as_json: bool) -> None:
    """Take one live snapshot of every source now, all at once, through to silver.

    A source that fails holds up no other; what it had given is kept, and the next snapshot goes on from there.
    """
    sources = chosen(source, "snapshots")
    done: list[dict[str, Any]] = []
    with open_runner(vendors=True) as runner:
        today = Partition(runner.platform.clock().date().isoformat())
        with bars({name: f"Snapshot of {name}" for name in sources}, quiet=as_json) as told:
            runner.platform.progress = told
            failed = runner.together({name: partial(take_snapshot, runner, name, today) for name in sources})
        done += [
            {"table": t.name, "source": name, "partition": today.key, "rows": rows_in(runner, t, name, today)}
            for name in sources
            if name not in failed
            for t in (RAW_SNAPSHOTS, *FROM_SNAPSHOTS)
        ]
    if as_json:
        print_json(done)
    elif done:
        table(
            "In the lake now, of the whole day",
            ["table", "source", "partition", "rows"],
            [list(row.values()) for row in done],
        )
    if failed:
        fail("\n".join(f"{name} failed: {error}" for name, error in failed.items()))


def take_snapshot(runner: Runner, source: str, today: Partition, **tags: str) -> None:
    """One live snapshot of a source, through to silver."""
    runner.run([(each, source) for each in (RAW_SNAPSHOTS, *FROM_SNAPSHOTS)], [today], tags=tags)


def rows_in(runner: Runner, wanted: Table, source: str | None, partition: Partition) -> int:
    lake = runner.platform.lake
    total = 0
    for key in lake.slice(wanted, source, [partition]).objects:
        with lake.open_parquet(key) as file:
            total += file.metadata.num_rows
    return total


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--coin", help="The coin these files are of, where neither their rows nor their names say: an asset id.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@sentences
def drop(files: tuple[Path, ...], coin: str | None, as_json: bool) -> None:
    """Copy CSV FILES into the drop folder and read everything there that is new, through to gold.

    Without FILES, read what lies in the folder: `drop/` in the lake.
    """
    from crypto_platform.lake.drop import drop_files, files_known

    with open_runner(vendors=True) as runner:
        lake = runner.platform.lake
        asked = drop_files(lake, files, coin)
        with bar("Reading files", None, quiet=as_json):
            read_files(runner)
        known = {row["sha256"]: {**row, "read_at": row["read_at"].isoformat()} for row in files_known(lake)}
    rows = [known[sha256] for sha256 in asked.values()] if asked else list(known.values())
    if as_json:
        print_json(rows)
    else:
        _show_files(rows, lake.store.uri("drop"))
    for name, sha256 in asked.items():
        if (first := known[sha256]["file"]) != name:
            err.print(f"{name} has the very bytes of {first}, which was dropped before; it counts once.", markup=False)
    unread = [known[sha256] for sha256 in asked.values() if known[sha256]["status"] == "quarantined"]
    if unread:
        fail("\n".join(f"{row['file']} was not read: {row['reason']}" for row in unread))


def _show_files(rows: list[dict[str, Any]], folder: str) -> None:
    shown = ("file", "status", "format", "coin", "rows", "landed", "rejected", "first_day", "last_day")
    table("Files", list(shown), [[row[name] for name in shown] for row in rows])
    for row in rows:
        if row["reason"]:
            out.print(f"{row['file']}: {row['reason']}", style="yellow", markup=False, soft_wrap=True)
    if any(row["rejected"] for row in rows):
        out.print("Rejected lines, each with its reason, are in the table file_quarantine.", style="dim")
    if not rows:
        out.print(f"The drop folder is empty: {folder}")


def read_files(runner: Runner) -> None:
    """What is new in the drop folder, through to gold; of what an earlier reading left undone, too."""
    from crypto_platform.evidence import crosswalk_is_current
    from crypto_platform.runner import RunFailedError

    runner.run([(DROPPED_FILES, None), (FILE_QUARANTINE, None)])
    failed: list[RunFailedError] = []
    for source in fed_by_files():
        try:
            runner.catch_up(source)
        except RunFailedError as error:
            failed.append(error)
    if not crosswalk_is_current(runner.platform.lake, runner.platform.settings.crosswalk_file):
        runner.run([(CROSSWALK, None)])
    runner.refresh_gold()
    if failed:
        raise RunFailedError(" ".join(map(str, failed)))


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
        rows = [
            {"table": each.name, "source": name, "rows": sum(rows_in(runner, each, name, p) for p in partitions)}
            for assets, partitions in stages
            for each, name in assets
            if partitions
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
    lake = runner.platform.lake
    for raw, derived, sources in (
        (RAW_SNAPSHOTS, FROM_SNAPSHOTS, having("snapshots")),
        (RAW_HISTORY, FROM_HISTORY, having("history")),
    ):
        for source in sources:
            landed = [p for p in lake.partitions(raw, source) if _touches(p, low, high)]
            if batch:
                landed = [p for p in landed if lake.store.exists(lake.raw_key(raw, source, p, batch))]
            span = _span(runner, raw, landed) if landed else []
            if not span:
                continue
            months |= {p.key[:7] for p in span}
            told = [raw] if source in fed_by_files() else []
            stages.append(([(each, source) for each in (*told, *derived)], span))
    if len(stages) == 1:
        return []
    stages.append(([(UNIFIED_PRICES, None)], _span(runner, UNIFIED_PRICES, [Partition(m) for m in sorted(months)])))
    stages.append(([(ASSETS, None)], []))
    return stages


def _span(runner: Runner, wanted: Table, partitions: Sequence[Partition]) -> list[Partition]:
    """The stretch from the first of some partitions to the last, and one more at each end: rows reach over midnight."""
    definition = runner.calendar.of(wanted)
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
