"""`report`: questions that people ask of the data again and again, each one SQL file in `sql/reports`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from crypto_platform.cli.console import fail, out, print_json, sentences, table
from crypto_platform.cli.session import open_platform, require_stores
from crypto_platform.settings import SettingsError, load_settings
from crypto_platform.shipped import shipped_path
from crypto_platform.sources.base import BarDate
from crypto_platform.tables import CROSSWALK, DROPPED_FILES, RAW_COINS, RAW_HISTORY, SILVER_DAILY_METRICS, Table

if TYPE_CHECKING:
    from crypto_platform.platform import Platform

Rows = list[dict[str, Any]]

_SHOWN_ROWS = 50
_NEWEST = 3
"""Partitions of a source that are looked at for its newest rows; the last of them may be empty."""


@dataclass(frozen=True)
class Report:
    """A question with a name; its sentence says what one row of the answer is."""

    name: str
    sentence: str
    rows: Callable[[Platform], Rows]


def reports() -> dict[str, Report]:
    """All reports, by the names that people give them."""
    found = {
        "unmapped": unmapped,
        "ambiguous-tickers": lambda platform: _read(platform, "ambiguous_tickers", RAW_COINS),
        "ended-mappings": lambda platform: _read(platform, "ended_mappings", CROSSWALK),
        "restated-closes": _restated_closes,
        "files": lambda platform: _read(platform, "files", DROPPED_FILES),
    }
    all_of_them = {name: Report(name, _sentence(name), rows) for name, rows in found.items()}
    sentence = "One row per batch that was asked for or dropped, the newest first: how it went, and what ended it."
    return all_of_them | {"batches": Report("batches", sentence, _batches)}


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print an array of row objects.")
@click.option("--limit", type=click.IntRange(min=1), help="Rows; by default 50 in the table, and all in JSON.")
@sentences
def report(name: str | None, as_json: bool, limit: int | None) -> None:
    """Answer one of the questions that come up again and again; without NAME, list them.

    unmapped: coins that no evidence joins to another source. ambiguous-tickers: tickers that several coins share.
    ended-mappings: ids that a vendor lists no more. restated-closes: bars whose close a vendor changed afterwards.
    batches: what was asked for and how it went. files: what was dropped and what became of it.
    """
    known = reports()
    if name is None:
        rows = [{"report": each.name, "answers": each.sentence} for each in known.values()]
    elif name in known:
        require_stores(load_settings())
        with open_platform() as platform:
            rows = known[name].rows(platform)
    else:
        fail(f"There is no report {name!r}; the reports are {', '.join(known)}.")
    if as_json:
        print_json(rows[:limit])
        return
    shown = rows[: limit or _SHOWN_ROWS]
    if not rows:
        out.print("Nothing to report.")
        return
    table(None, list(rows[0]), [[_shown(value) for value in row.values()] for row in shown])
    if len(shown) < len(rows):
        out.print(f"{len(shown):,} of {len(rows):,} rows; use --limit or --json for more.", style="yellow")


def _sentence(name: str) -> str:
    """The comment at the head of the report's SQL."""
    lines = shipped_path(f"sql/reports/{name.replace('-', '_')}.sql").read_text().splitlines()
    head = []
    for line in lines:
        if not line.startswith("-- "):
            break
        head.append(line.removeprefix("-- "))
    return " ".join(head)


def _read(platform: Platform, name: str, *tables: Table) -> Rows:
    from crypto_platform.engine import Query

    slices: dict[str, Any] = {each.name: platform.lake.whole(each) for each in tables}
    rows: Rows = platform.engine.read(Query(name, **slices)).to_pylist()
    return rows


def unmapped(platform: Platform) -> Rows:
    """The coins of the newest snapshots that no evidence joins to another source, the largest first."""
    from crypto_platform.engine import Query
    from crypto_platform.lake import LakeSlice

    lake = platform.lake
    newest = LakeSlice(SILVER_DAILY_METRICS, (), (), (), ())
    for source in lake.sources(SILVER_DAILY_METRICS):
        newest += lake.slice(SILVER_DAILY_METRICS, source, lake.partitions(SILVER_DAILY_METRICS, source)[-_NEWEST:])
    query = Query("unmapped", silver_daily_metrics=newest, crosswalk=lake.slice(CROSSWALK))
    rows: Rows = platform.engine.read(query).to_pylist()
    return rows


def _restated_closes(platform: Platform) -> Rows:
    """Source by source, for each dates its bars in its own way."""
    from crypto_platform.engine import Query

    lake = platform.lake
    rows: Rows = []
    for source in lake.sources(RAW_HISTORY):
        ends_day = platform.source(source).day_of is BarDate.PREVIOUS_DAY
        judged = Query(
            "judged_history",
            raw_history=lake.slice(RAW_HISTORY, source),
            parameters={"midnight_ends_day": int(ends_day)},
        )
        query = Query("restated_closes", judged_history=judged, crosswalk=lake.slice(CROSSWALK))
        rows += platform.engine.read(query).to_pylist()
    return sorted(rows, key=lambda row: -abs(row["change_pct"]))


def _batches(platform: Platform) -> Rows:
    from crypto_platform.warehouse.batches import batches

    end_gone_batches(platform)
    with platform.warehouse.connect() as connection:
        rows = [asdict(batch) for batch in batches(connection)]
    last = ("error", "process")
    return [{name: row[name] for name in (*(n for n in row if n not in last), "error")} for row in rows]


def end_gone_batches(platform: Platform) -> None:
    """Write down as failed what a killed process left; where the market's time is not to be had, by the machine's."""
    from crypto_platform.clock import ClockError, system_clock
    from crypto_platform.ledger import Ledger

    try:
        platform.clock()
        clock = platform.clock
    except (SettingsError, ClockError):
        clock = system_clock
    Ledger(platform.lake, platform.warehouse, clock).end_gone()


def _shown(value: object) -> object:
    """A value as a cell of a table can show it."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if hasattr(value, "hour"):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return value
